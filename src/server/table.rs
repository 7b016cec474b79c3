//! A worker's connections, found by descriptor, with the idle ones in the
//! order in which they fell idle.

use std::net::TcpStream;

use crate::connection::Connection;

/// A place in the table. It is used again once its connection is gone.
pub type Place = u32;

const NOWHERE: Place = Place::MAX;

/// Places beyond which an emptied table gives its memory back.
const KEPT_PLACES_MAX: usize = 256;

/// One connection and what its worker knows of it.
#[derive(Debug)]
pub struct Slot {
    /// The connection.
    pub connection: Connection<TcpStream>,
    /// Its descriptor, which is its token in the poll.
    pub descriptor: usize,
    /// Whether the poll tells when it can be written to.
    pub watches_writes: bool,
    /// Whether it stands in the worker's ready queue.
    pub is_queued: bool,
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
pub struct Table {
    /// By descriptor: its place.
    places: Vec<Place>,
    slots: Vec<Option<Slot>>,
    free: Vec<Place>,
    open: usize,
    idle: usize,
    longest_idle: Place,
    shortest_idle: Place,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            places: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            open: 0,
            idle: 0,
            longest_idle: NOWHERE,
            shortest_idle: NOWHERE,
        }
    }
}

impl Table {
    /// The number of connections.
    pub fn open(&self) -> usize {
        self.open
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
    pub fn insert(&mut self, descriptor: usize, connection: Connection<TcpStream>) -> Place {
        let slot = Slot {
            connection,
            descriptor,
            watches_writes: false,
            is_queued: false,
            idle: None,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = Some(slot);
                place
            }
            None => {
                self.slots.push(Some(slot));
                (self.slots.len() - 1) as Place
            }
        };
        if self.places.len() <= descriptor {
            self.places.resize(descriptor + 1, NOWHERE);
        }
        self.places[descriptor] = place;
        self.open += 1;
        place
    }

    /// The place of a descriptor's connection.
    pub fn find(&self, descriptor: usize) -> Option<Place> {
        let place = *self.places.get(descriptor)?;
        (place != NOWHERE).then_some(place)
    }

    /// The connection at a place.
    pub fn get_mut(&mut self, place: Place) -> Option<&mut Slot> {
        self.slots.get_mut(place as usize)?.as_mut()
    }

    /// Removes a connection. Dropping it closes it.
    pub fn remove(&mut self, place: Place) -> Option<Slot> {
        self.set_idle(place, false);
        let slot = self.slots.get_mut(place as usize)?.take()?;
        self.places[slot.descriptor] = NOWHERE;
        self.open -= 1;
        if self.open == 0 && self.slots.len() > KEPT_PLACES_MAX {
            *self = Table::default();
        } else {
            self.free.push(place);
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

    fn link(&mut self, place: Place, change: impl FnOnce(&mut Links)) {
        if let Some(links) = self.get_mut(place).and_then(|slot| slot.idle.as_mut()) {
            change(links);
        }
    }
}
