//! A worker's connections, found by their token in the poll, with the idle ones
//! in the order in which they fell idle.

/// A place in the table. It is used again once its connection is gone.
pub type Place = u32;

const NOWHERE: Place = Place::MAX;

/// Places beyond which an emptied table gives its memory back.
const KEPT_PLACES_MAX: usize = 256;

/// What the poll tells of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// Nothing: it is not registered, and a short connection never is.
    Nothing,
    /// When it can be read from.
    Reads,
    /// When it can be read from or written to.
    ReadsAndWrites,
}

/// One connection and what its worker knows of it.
#[derive(Debug)]
pub struct Slot<C> {
    /// The connection.
    pub connection: C,
    /// Its token in the poll, which is its descriptor.
    pub token: usize,
    /// What the poll tells of it.
    pub watched: Watched,
    /// Whether it stands in the worker's ready queue.
    pub is_queued: bool,
    /// Whether it waits for a descriptor to be free.
    pub is_starved: bool,
    idle: Option<Links>,
}

#[derive(Clone, Copy, Debug)]
struct Links {
    longer: Place,
    shorter: Place,
}

/// The table. Finding, adding, removing, and moving a connection in or out of
/// the idle ones all take constant time.
#[derive(Debug)]
pub struct Table<C> {
    /// By token: its place.
    places: Vec<Place>,
    slots: Vec<Option<Slot<C>>>,
    free: Vec<Place>,
    idle: usize,
    longest_idle: Place,
    shortest_idle: Place,
}

impl<C> Default for Table<C> {
    fn default() -> Table<C> {
        Table {
            places: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            idle: 0,
            longest_idle: NOWHERE,
            shortest_idle: NOWHERE,
        }
    }
}

impl<C> Table<C> {
    /// The number of connections.
    pub fn open(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The number of idle ones.
    pub fn idle(&self) -> usize {
        self.idle
    }

    /// One more than the highest place in use.
    pub fn end(&self) -> Place {
        self.slots.len() as Place
    }

    /// Adds a connection.
    pub fn insert(&mut self, token: usize, connection: C) -> Place {
        let slot = Slot {
            connection,
            token,
            watched: Watched::Nothing,
            is_queued: false,
            is_starved: false,
            idle: None,
        };
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as Place
        });
        self.slots[place as usize] = Some(slot);
        if self.places.len() <= token {
            self.places.resize(token + 1, NOWHERE);
        }
        self.places[token] = place;
        place
    }

    /// The place of the connection with this token.
    pub fn find(&self, token: usize) -> Option<Place> {
        let place = *self.places.get(token)?;
        (place != NOWHERE).then_some(place)
    }

    /// The connection at a place.
    pub fn get(&self, place: Place) -> Option<&Slot<C>> {
        self.slots.get(place as usize)?.as_ref()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, place: Place) -> Option<&mut Slot<C>> {
        self.slots.get_mut(place as usize)?.as_mut()
    }

    /// Removes a connection. Dropping it closes it.
    pub fn remove(&mut self, place: Place) -> Option<Slot<C>> {
        self.set_idle(place, false);
        let slot = self.slots.get_mut(place as usize)?.take()?;
        self.places[slot.token] = NOWHERE;
        self.free.push(place);
        if self.open() == 0 && self.slots.len() > KEPT_PLACES_MAX {
            *self = Table::default();
        }
        Some(slot)
    }

    /// Says whether a connection is idle; the one that fell idle last goes
    /// behind all others.
    pub fn set_idle(&mut self, place: Place, is_idle: bool) {
        let behind = self.shortest_idle;
        let Some(slot) = self.get_mut(place) else {
            return;
        };
        match (slot.idle, is_idle) {
            (None, true) => {
                slot.idle = Some(Links {
                    longer: behind,
                    shorter: NOWHERE,
                });
                self.link(behind, |links| links.shorter = place);
                self.shortest_idle = place;
                if self.longest_idle == NOWHERE {
                    self.longest_idle = place;
                }
                self.idle += 1;
            }
            (Some(links), false) => {
                slot.idle = None;
                self.link(links.longer, |l| l.shorter = links.shorter);
                self.link(links.shorter, |l| l.longer = links.longer);
                if self.longest_idle == place {
                    self.longest_idle = links.shorter;
                }
                if self.shortest_idle == place {
                    self.shortest_idle = links.longer;
                }
                self.idle -= 1;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// The connection that has been idle the longest.
    pub fn longest_idle(&self) -> Option<Place> {
        (self.longest_idle != NOWHERE).then_some(self.longest_idle)
    }

    /// The idle connections, the longest idle first.
    pub fn idle_places(&self) -> impl Iterator<Item = Place> {
        std::iter::successors(self.longest_idle(), |place| {
            let links = self.get(*place)?.idle?;
            (links.shorter != NOWHERE).then_some(links.shorter)
        })
    }

    fn link(&mut self, place: Place, change: impl FnOnce(&mut Links)) {
        if let Some(links) = self.get_mut(place).and_then(|slot| slot.idle.as_mut()) {
            change(links);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKENS: usize = 6;

    proptest! {
        #[test]
        fn it_is_a_map_and_a_queue(steps in prop::collection::vec((0..TOKENS, 0..4), 0..100)) {
            let mut table = Table::default();
            let mut places = [None; TOKENS];
            let mut idle = Vec::new();
            let mut most = 0;
            for (token, step) in steps {
                match (places[token], step) {
                    (None, _) => places[token] = Some(table.insert(token, ())),
                    (Some(place), 0) => {
                        let slot = table.remove(place);
                        prop_assert_eq!(slot.map(|slot| slot.token), Some(token));
                        prop_assert!(table.remove(place).is_none());
                        places[token] = None;
                        idle.retain(|other| *other != place);
                    }
                    (Some(place), 1) => {
                        table.set_idle(place, false);
                        idle.retain(|other| *other != place);
                    }
                    (Some(place), _) => {
                        table.set_idle(place, true);
                        if !idle.contains(&place) {
                            idle.push(place);
                        }
                    }
                }
                let open = places.iter().flatten().count();
                most = most.max(open);
                prop_assert_eq!((table.open(), table.idle()), (open, idle.len()));
                prop_assert_eq!(table.end() as usize, most, "places are used again");
                prop_assert_eq!(table.longest_idle(), idle.first().copied());
                prop_assert!(table.idle_places().eq(idle.iter().copied()), "{idle:?}");
                for (token, place) in places.into_iter().enumerate() {
                    prop_assert_eq!(table.find(token), place);
                    let slot = place.and_then(|place| table.get(place));
                    prop_assert_eq!(slot.map(|slot| slot.token), place.map(|_| token));
                }
                prop_assert_eq!(table.find(TOKENS), None);
            }
        }
    }

    #[test]
    fn a_new_connection_is_neither_watched_nor_queued() {
        let mut table = Table::default();
        let place = table.insert(3, ());
        let slot = table.get(place).unwrap();
        assert_eq!(slot.watched, Watched::Nothing);
        assert!(!slot.is_queued && !slot.is_starved);
    }

    #[test]
    fn many_places_are_given_back_once_all_are_empty() {
        for (connections, left) in [(KEPT_PLACES_MAX, KEPT_PLACES_MAX), (KEPT_PLACES_MAX + 1, 0)] {
            let mut table = Table::default();
            for token in 0..connections {
                table.insert(token, ());
            }
            for place in (0..table.end()).rev() {
                assert_eq!(table.end() as usize, connections);
                table.remove(place);
            }
            assert_eq!((table.open(), table.end() as usize), (0, left));
        }
    }
}
