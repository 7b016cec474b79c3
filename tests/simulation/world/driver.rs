//! The driver of a scripted worker: the inbox of the acceptor, a poll and the other workers. It
//! records the events that they received.

use std::{
    cell::RefCell,
    io,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stdhttpd::{
    config::Moment,
    connection::{Connection, Readiness, state::State},
    observe::close_reason::CloseReason,
    server::{
        clients::Clients,
        scheduler::{Accepted, Driver, Scheduler},
        table::Interest,
    },
};

use crate::{
    random::Random,
    script::{Script, Wire},
};

/// The number of client addresses.
const ADDRESSES: u64 = 8;

/// The maximum number of connections per address.
const PER_ADDRESS_MAX: usize = 90;

/// The driver.
pub struct ScriptedDriver {
    /// Connections that the worker has not taken yet.
    pub inbox: Vec<Accepted<Script>>,
    /// The worker has been woken up for them.
    is_woken: bool,
    /// What is registered with the poll, by token.
    watched: Vec<Option<Seen>>,
    /// Tokens that may have events.
    active: Vec<usize>,
    /// Connections that have ended since the last check, in order.
    pub ends: Vec<End>,
    /// The poll has no memory for a registration.
    pub is_full: bool,
    /// Another worker requests a descriptor.
    pub asked: bool,
    /// The number of descriptors that this worker requested from the others.
    pub starved: u64,
    clients: Clients,
}

struct Seen {
    wire: Rc<RefCell<Wire>>,
    interest: Interest,
}

/// The end of a connection.
#[derive(Debug)]
pub struct End {
    /// The number of the connection.
    pub id: u64,
    /// The reason.
    pub reason: CloseReason,
    /// A complete request was waiting for its response.
    pub was_owed: bool,
    /// The connection was idle, or its client was silent.
    pub was_unused: bool,
    /// The time since which its client was silent.
    pub silent_since: Option<Moment>,
    /// The connection was marked for eviction.
    pub was_evicted: bool,
}

/// The address of the client with this number.
fn address(number: u64) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, (number % ADDRESSES) as u8).into()
}

impl ScriptedDriver {
    pub fn new() -> ScriptedDriver {
        ScriptedDriver {
            inbox: Vec::new(),
            is_woken: false,
            watched: Vec::new(),
            active: Vec::new(),
            ends: Vec::new(),
            is_full: false,
            asked: false,
            starved: 0,
            clients: Clients::new(PER_ADDRESS_MAX),
        }
    }

    /// Hands a connection over, unless its client has too many connections.
    pub fn hand_over(&mut self, mut accepted: Accepted<Script>, wire: &Rc<RefCell<Wire>>) -> bool {
        let peer = address(accepted.identity.id);
        if !self.clients.admit(peer) {
            return false;
        }
        accepted.identity.peer = Some((peer, 1).into());
        let token = accepted.token;
        if self.watched.len() <= token {
            self.watched.resize_with(token + 1, || None);
        }
        self.watched[token] = Some(Seen {
            wire: Rc::clone(wire),
            interest: Interest::None,
        });
        self.is_woken |= self.inbox.is_empty();
        self.inbox.push(accepted);
        true
    }

    /// Marks the client with this token as active: it may have an event.
    pub fn activate(&mut self, token: usize) {
        self.active.push(token);
    }

    /// The descriptor is closed: the poll forgets it.
    pub fn forget(&mut self, token: usize) {
        self.watched[token] = None;
    }

    /// Takes a pending wake-up for the inbox.
    pub fn take_wake(&mut self) -> bool {
        std::mem::take(&mut self.is_woken)
    }

    /// Whether the worker will check its inbox.
    pub fn wakes_for_inbox(&self) -> bool {
        self.is_woken || self.inbox.is_empty()
    }

    /// What the poll reports, in random order.
    pub fn poll(&mut self, random: &mut Random) -> Vec<(usize, Readiness)> {
        let mut active = std::mem::take(&mut self.active);
        let count = active.len();
        active.rotate_left(random.below(count as u64) as usize);
        let events = active.into_iter().filter_map(|token| {
            let seen = self.watched[token].as_ref()?;
            let writes = match seen.interest {
                Interest::None => return None,
                Interest::Readable => false,
                Interest::ReadableAndWritable => true,
            };
            let readiness = seen.wire.borrow_mut().event(writes)?;
            Some((token, readiness))
        });
        events.collect()
    }

    /// All connections are closed: each address may have its maximum again, but no more.
    pub fn check_end(&self) {
        for number in 0..ADDRESSES {
            let admitted = (0..=PER_ADDRESS_MAX).filter(|_| self.clients.admit(address(number)));
            assert_eq!(
                admitted.count(),
                PER_ADDRESS_MAX,
                "wrong number of clients per address"
            );
        }
    }
}

/// The worker takes the connections in its inbox.
pub fn take_arrivals(scheduler: &mut Scheduler<Script, ScriptedDriver>) {
    for accepted in std::mem::take(&mut scheduler.driver.inbox) {
        scheduler.adopt(accepted);
    }
}

impl Driver<Script> for ScriptedDriver {
    fn register(&mut self, token: usize, before: Interest, wanted: Interest) -> io::Result<()> {
        let Some(seen) = &mut self.watched[token] else {
            panic!("a closed descriptor is registered");
        };
        if self.is_full {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        assert_eq!(seen.interest, before, "different interest registered");
        assert!(wanted > before, "same interest registered twice");
        seen.interest = wanted;
        seen.wire
            .borrow_mut()
            .watch(wanted == Interest::ReadableAndWritable);
        self.active.push(token);
        Ok(())
    }

    fn closed(&mut self, connection: Connection<Script>, reason: CloseReason) {
        let state = connection.state();
        // Or it has sent its last response, which announced the close.
        let may_be_evicted = connection.is_unused() || matches!(state, State::Lingering { .. });
        assert!(
            (may_be_evicted && connection.is_evicted()) || reason != CloseReason::Evicted,
            "evicted while {}",
            state.name()
        );
        if let Some(peer) = connection.identity().peer {
            self.clients.leave(peer.ip());
        }
        self.ends.push(End {
            id: connection.identity().id,
            reason,
            was_owed: matches!(state, State::ReadingHead(reading) if reading.deferred),
            was_unused: connection.is_unused(),
            silent_since: connection.silent_since(),
            was_evicted: connection.is_evicted(),
        });
    }

    fn request_descriptor(&mut self) {
        self.starved += 1;
    }

    fn take_descriptor_request(&mut self) -> bool {
        std::mem::take(&mut self.asked)
    }
}

/// While this exists, the process cannot open any file.
pub struct NoDescriptors(Rlimit);

impl NoDescriptors {
    pub fn new() -> NoDescriptors {
        let limit = getrlimit(Resource::Nofile);
        let none = Rlimit {
            current: Some(0),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, none).expect("the limit is lowered");
        NoDescriptors(limit)
    }
}

impl Drop for NoDescriptors {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).expect("the limit is restored");
    }
}
