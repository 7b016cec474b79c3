//! A worker's connections, found by their token, with the idle ones in the order in
//! which they became idle.

/// The index of a slot. It is used again once the connection is gone.
pub type Key = u32;

const NOWHERE: Key = Key::MAX;

/// An emptied table with more slots than this gives its memory back.
const KEPT_SLOTS_MAX: usize = 256;

/// What the poll reports about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// Nothing: it is not registered, and a short connection never is.
    None,
    /// That it can be read.
    Readable,
    /// That it can be read or written.
    ReadableAndWritable,
}

/// A connection and its scheduling state.
#[derive(Debug)]
pub struct Slot<C> {
    /// The connection.
    pub connection: C,
    /// Its token in the poll: its descriptor.
    pub token: usize,
    /// What the poll reports about it.
    pub interest: Interest,
    /// Whether it is in the ready queue.
    pub is_queued: bool,
    /// Whether something was read from it that is not answered yet.
    pub is_received: bool,
    /// Whether it waits for a descriptor.
    pub is_starved: bool,
    idle: Option<Links>,
}

#[derive(Clone, Copy, Debug)]
struct Links {
    longer: Key,
    shorter: Key,
}

/// The table. Every operation takes constant time: find, insert, remove, and
/// moving a connection in or out of the idle order.
#[derive(Debug)]
pub struct Table<C> {
    /// By token: the key.
    keys: Vec<Key>,
    slots: Vec<Option<Slot<C>>>,
    free: Vec<Key>,
    idle: usize,
    longest_idle: Key,
    shortest_idle: Key,
}

impl<C> Default for Table<C> {
    fn default() -> Table<C> {
        Table {
            keys: Vec::new(),
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

    /// One more than the highest key, whether that is in use or free.
    pub fn end(&self) -> Key {
        self.slots.len() as Key
    }

    /// Adds a connection.
    pub fn insert(&mut self, token: usize, connection: C) -> Key {
        let slot = Slot {
            connection,
            token,
            interest: Interest::None,
            is_queued: false,
            is_received: false,
            is_starved: false,
            idle: None,
        };
        let key = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as Key
        });
        self.slots[key as usize] = Some(slot);
        if self.keys.len() <= token {
            self.keys.resize(token + 1, NOWHERE);
        }
        self.keys[token] = key;
        key
    }

    /// The key of the connection with this token.
    pub fn find(&self, token: usize) -> Option<Key> {
        let key = *self.keys.get(token)?;
        (key != NOWHERE).then_some(key)
    }

    /// The slot with this key.
    pub fn get(&self, key: Key) -> Option<&Slot<C>> {
        self.slots.get(key as usize)?.as_ref()
    }

    /// The same, mutable.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut Slot<C>> {
        self.slots.get_mut(key as usize)?.as_mut()
    }

    /// Removes a connection. Dropping it closes the socket.
    pub fn remove(&mut self, key: Key) -> Option<Slot<C>> {
        self.set_idle(key, false);
        let slot = self.slots.get_mut(key as usize)?.take()?;
        self.keys[slot.token] = NOWHERE;
        self.free.push(key);
        if self.open() == 0 && self.slots.len() > KEPT_SLOTS_MAX {
            *self = Table::default();
        }
        Some(slot)
    }

    /// Moves a connection in or out of the idle order. A new one goes to its end.
    pub fn set_idle(&mut self, key: Key, is_idle: bool) {
        let behind = self.shortest_idle;
        let Some(slot) = self.get_mut(key) else {
            return;
        };
        match (slot.idle, is_idle) {
            (None, true) => {
                slot.idle = Some(Links {
                    longer: behind,
                    shorter: NOWHERE,
                });
                self.link(behind, |links| links.shorter = key);
                self.shortest_idle = key;
                if self.longest_idle == NOWHERE {
                    self.longest_idle = key;
                }
                self.idle += 1;
            }
            (Some(links), false) => {
                slot.idle = None;
                self.link(links.longer, |l| l.shorter = links.shorter);
                self.link(links.shorter, |l| l.longer = links.longer);
                if self.longest_idle == key {
                    self.longest_idle = links.shorter;
                }
                if self.shortest_idle == key {
                    self.shortest_idle = links.longer;
                }
                self.idle -= 1;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// The longest idle connection.
    pub fn longest_idle(&self) -> Option<Key> {
        (self.longest_idle != NOWHERE).then_some(self.longest_idle)
    }

    /// The idle connections, the longest idle first.
    pub fn idle_keys(&self) -> impl Iterator<Item = Key> {
        std::iter::successors(self.longest_idle(), |key| {
            let links = self.get(*key)?.idle?;
            (links.shorter != NOWHERE).then_some(links.shorter)
        })
    }

    fn link(&mut self, key: Key, change: impl FnOnce(&mut Links)) {
        if let Some(links) = self.get_mut(key).and_then(|slot| slot.idle.as_mut()) {
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
        fn the_table_is_a_map_and_the_idle_order_a_queue(steps in prop::collection::vec((0..TOKENS, 0..4), 0..100)) {
            let mut table = Table::default();
            let mut keys = [None; TOKENS];
            let mut idle = Vec::new();
            let mut most = 0;
            for (token, step) in steps {
                match (keys[token], step) {
                    (None, _) => keys[token] = Some(table.insert(token, ())),
                    (Some(key), 0) => {
                        let slot = table.remove(key);
                        prop_assert_eq!(slot.map(|slot| slot.token), Some(token));
                        prop_assert!(table.remove(key).is_none());
                        keys[token] = None;
                        idle.retain(|other| *other != key);
                    }
                    (Some(key), 1) => {
                        table.set_idle(key, false);
                        idle.retain(|other| *other != key);
                    }
                    (Some(key), _) => {
                        table.set_idle(key, true);
                        if !idle.contains(&key) {
                            idle.push(key);
                        }
                    }
                }
                let open = keys.iter().flatten().count();
                most = most.max(open);
                prop_assert_eq!((table.open(), table.idle()), (open, idle.len()));
                prop_assert_eq!(table.end() as usize, most, "keys are used again");
                prop_assert_eq!(table.longest_idle(), idle.first().copied());
                prop_assert!(table.idle_keys().eq(idle.iter().copied()), "{idle:?}");
                for (token, key) in keys.into_iter().enumerate() {
                    prop_assert_eq!(table.find(token), key);
                    let slot = key.and_then(|key| table.get(key));
                    prop_assert_eq!(slot.map(|slot| slot.token), key.map(|_| token));
                }
                prop_assert_eq!(table.find(TOKENS), None);
            }
        }
    }

    #[test]
    fn many_slots_are_freed_once_all_are_empty() {
        for (connections, left) in [(KEPT_SLOTS_MAX, KEPT_SLOTS_MAX), (KEPT_SLOTS_MAX + 1, 0)] {
            let mut table = Table::default();
            for token in 0..connections {
                table.insert(token, ());
            }
            for key in (0..table.end()).rev() {
                assert_eq!(table.end() as usize, connections);
                table.remove(key);
            }
            assert_eq!((table.open(), table.end() as usize), (0, left));
        }
    }
}
