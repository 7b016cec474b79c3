//! One world: a worker, its clients, and random events.

use std::{collections::HashMap, time::Duration};

use stdhttpd::{
    config::Moment,
    connection::{Identity, Readiness},
    observe::counters::{Count, Totals},
    server::scheduler::{Accepted, SWEEP_INTERVAL, Scheduler},
};

use super::{
    Land,
    client::Client,
    driver::{NoDescriptors, ScriptedDriver, take_arrivals},
    idle_order::IdleOrder,
};
use crate::{random::Random, script::Script, site};

/// The number of events in one world before its end.
const WORLD_EVENTS: u64 = 6_000;

/// A world and its worker.
pub struct World<'l> {
    land: &'l Land,
    random: Random,
    pub(super) scheduler: Scheduler<Script, ScriptedDriver>,
    /// Indexed by token.
    pub(super) clients: Vec<Option<Client>>,
    /// The token for each connection number.
    pub(super) tokens: HashMap<u64, usize>,
    pub(super) idle_order: IdleOrder,
    open_max: usize,
    /// The share of events that are new connections, in percent.
    crowding: u64,
    pub(super) no_descriptors: Option<NoDescriptors>,
    /// When the next sweep is due.
    sweep_at: Moment,
    pub(super) drained_at: Option<Moment>,
    /// Tokens of connections whose input was read but may not have been answered yet.
    received: Vec<usize>,
    pub(super) sum: Sum,
}

/// Counts of what happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    pub steps: u64,
    pub connections: u64,
    pub closed: u64,
    pub evicted: u64,
    pub starved: u64,
    pub drained: u64,
    pub open_max: usize,
}

impl Sum {
    pub fn add(&mut self, other: &Sum) {
        self.steps += other.steps;
        self.connections += other.connections;
        self.closed += other.closed;
        self.evicted += other.evicted;
        self.starved += other.starved;
        self.drained += other.drained;
        self.open_max = self.open_max.max(other.open_max);
    }
}

impl<'l> World<'l> {
    pub fn new(land: &'l Land, seed: u64) -> World<'l> {
        let mut random = Random::new(seed);
        let (open_max, crowding) =
            [(30, 10), (120, 10), (120, 10), (700, 35)][random.below(4) as usize];
        World {
            sweep_at: land.ground.started,
            land,
            random,
            scheduler: Scheduler::new(land.ground.context(), ScriptedDriver::new()),
            clients: Vec::new(),
            tokens: HashMap::new(),
            idle_order: IdleOrder::default(),
            open_max,
            crowding,
            no_descriptors: None,
            drained_at: None,
            received: Vec::new(),
            sum: Sum::default(),
        }
    }

    /// Runs until the world ends.
    pub fn run(mut self) -> Sum {
        let descriptors = self.land.ground.descriptors();
        let ends_twice = self.random.once_in(3);
        for event in 0..WORLD_EVENTS {
            self.random_event();
            if ends_twice && event == WORLD_EVENTS / 2 {
                self.outlast();
            }
        }
        if self.random.once_in(2) {
            self.drain();
        }
        self.outlast();
        let Sum {
            connections,
            closed,
            ..
        } = self.sum;
        assert_eq!(connections, closed, "connections leaked");
        let totals = Totals::new(&[self.scheduler.cx.counters.clone()], 0, 0);
        assert_eq!(totals[Count::Accepted], connections);
        let counted: u64 = totals.closed().iter().sum();
        assert_eq!(counted, closed, "wrong number of closes");
        self.scheduler.driver.check_end();
        let left = self.land.ground.descriptors();
        assert!(left <= descriptors, "files leaked");
        self.sum
    }

    /// Performs one random event.
    fn random_event(&mut self) {
        self.sum.steps += 1;
        let chance = self.random.below(100);
        if self.random.below(100) < self.crowding {
            self.open();
        }
        match chance {
            0..=59 => self.act(),
            60..=94 => self.turn(Duration::from_micros(1 + self.sum.steps % 5_000)),
            95 => self.turn(Duration::from_millis(150)),
            96 if self.random.once_in(10) => self.evict(),
            97 if self.random.once_in(30) => {
                let jump = [1, 3, 12, 29, 31, 80, 3_000][self.random.below(7) as usize];
                self.turn(Duration::from_secs(jump));
            }
            98 if self.random.once_in(4) => {
                self.no_descriptors = match self.no_descriptors.take() {
                    None if self.random.once_in(2) => Some(NoDescriptors::new()),
                    _ => None,
                };
            }
            99 if self.random.once_in(10) => self.scheduler.driver.asked = true,
            _ => {
                // A spurious event.
                let token = self.random.below(self.clients.len() as u64 + 1) as usize;
                let readiness = Readiness {
                    readable: self.random.once_in(2),
                    writable: self.random.once_in(2),
                    read_closed: self.random.once_in(2),
                };
                self.event(token, readiness);
            }
        }
    }

    /// A client performs an action.
    fn act(&mut self) {
        let token = self.random.below(self.clients.len() as u64) as usize;
        if let Some(Some(client)) = self.clients.get_mut(token) {
            client.act(&mut self.random);
            self.scheduler.driver.activate(token);
        }
    }

    /// A client connects. It gets the lowest free descriptor.
    fn open(&mut self) {
        if self.drained_at.is_some() {
            return;
        }
        let free = self.clients.iter().position(Option::is_none);
        let token = match free {
            Some(token) => token,
            // At the limit, evict a connection as the acceptor does.
            None if self.clients.len() == self.open_max => return self.evict(),
            None => {
                self.clients.push(None);
                self.clients.len() - 1
            }
        };
        let catalogue = &self.land.catalogue;
        let (stream, outcome) = loop {
            let chosen = &catalogue[self.random.below(catalogue.len() as u64) as usize];
            // Large responses make the test slow.
            if !chosen.0.is_long || self.random.once_in(10) {
                break chosen;
            }
        };
        let id = self.sum.connections + 1;
        let client = Client::new(id, stream, outcome, &mut self.random);
        let waited = match self.random.once_in(4) {
            true => Duration::from_secs(1),
            false => Duration::ZERO,
        };
        let accepted = Accepted {
            stream: Script::new(client.wire()),
            token,
            identity: Identity::new(id, None, self.scheduler.cx.now, waited),
        };
        if self.scheduler.driver.hand_over(accepted, client.wire()) {
            self.sum.connections += 1;
            self.tokens.insert(id, token);
            self.clients[token] = Some(client);
        }
    }

    /// A turn of the poll, after the time `later`.
    fn turn(&mut self, later: Duration) {
        let now = self.scheduler.cx.now + later;
        site::set_clock(&mut self.scheduler.cx, now);
        // The poll is about to take the events of these connections too.
        self.answer();
        let events = self.scheduler.driver.poll(&mut self.random);
        let count = events.len();
        let woken_at = match self.scheduler.driver.take_wake() {
            true => self.random.below(count as u64 + 1) as usize,
            false => usize::MAX,
        };
        for (at, (token, readiness)) in events.into_iter().enumerate() {
            if at == woken_at {
                self.take_arrivals();
            }
            self.event(token, readiness);
            // The acceptor does not wait for the worker, so an event may refer to an earlier
            // connection with the same descriptor.
            if self.random.once_in(50) {
                self.open();
            }
        }
        if woken_at == count {
            self.take_arrivals();
        }
        self.finish_turn();
    }

    fn take_arrivals(&mut self) {
        let inbox = &self.scheduler.driver.inbox;
        let arrivals: Vec<usize> = inbox.iter().map(|accepted| accepted.token).collect();
        self.sum.steps += arrivals.len() as u64;
        take_arrivals(&mut self.scheduler);
        self.received.extend(arrivals);
        self.look();
    }

    fn event(&mut self, token: usize, readiness: Readiness) {
        self.sum.steps += 1;
        self.scheduler.take_event(token, readiness);
        self.received.push(token);
        self.look();
        if self.random.once_in(3) {
            self.answer();
        }
    }

    /// Answers everything that has been received.
    pub(super) fn answer(&mut self) {
        self.scheduler.serve_received();
        self.look();
        for token in std::mem::take(&mut self.received) {
            self.look_at(token);
        }
    }

    fn finish_turn(&mut self) {
        let now = self.scheduler.cx.now;
        let sweeps = now >= self.sweep_at;
        if sweeps {
            self.sweep_at = now + SWEEP_INTERVAL;
            self.answer();
            self.expect_ends();
        }
        let table = self.scheduler.table();
        let ready = self.scheduler.ready();
        let ready = ready.filter_map(|key| table.get(key));
        let ready: Vec<usize> = ready.map(|slot| slot.token).collect();
        self.sum.steps += ready.len() as u64;
        self.scheduler.finish_turn();
        self.scheduler.count();
        self.look();
        self.received.extend(ready);
        for token in std::mem::take(&mut self.received) {
            self.look_at(token);
        }
        if sweeps {
            self.look_at_all();
        }
    }

    /// Informs the clients whose deadlines have passed.
    fn expect_ends(&mut self) {
        for (token, client) in self.clients.iter_mut().enumerate() {
            let table = self.scheduler.table();
            if let Some(client) = client
                && let Some(slot) = table.find(token).and_then(|key| table.get(key))
            {
                client.may_expire(&slot.connection, &self.scheduler.cx);
            }
        }
    }

    fn drain(&mut self) {
        let now = self.scheduler.cx.now;
        self.drained_at = Some(now);
        self.sweep_at = now;
        self.sum.drained += 1;
        self.take_arrivals();
        self.scheduler.drain();
        let clients = self.clients.iter_mut().flatten();
        clients.for_each(Client::leaves);
        self.look();
        for _ in 0..self.random.below(600) {
            let later = Duration::from_micros(self.random.below(20_000));
            match self.random.below(3) {
                0 => self.turn(later),
                _ => self.act(),
            }
        }
    }

    /// The clients stop acting while the clock advances: all connections must end.
    fn outlast(&mut self) {
        self.no_descriptors = None;
        // A head, its body, a response and its close each have a deadline.
        for _ in 0..8 {
            self.turn(Duration::from_secs(100));
            self.turn(SWEEP_INTERVAL);
            while self.scheduler.ready().next().is_some() {
                self.turn(Duration::ZERO);
            }
        }
        let table = self.scheduler.table();
        let left = (0..table.end()).filter_map(|key| table.get(key));
        let left: Vec<_> = left.map(|slot| slot.connection.state().name()).collect();
        assert!(left.is_empty(), "still open: {left:?}");
        assert_eq!(self.scheduler.is_done(), self.drained_at.is_some());
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        // Must happen before a failure is reported, because the report opens files.
        self.no_descriptors = None;
    }
}
