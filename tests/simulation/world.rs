//! A seeded run of many connections, as a worker runs them, over a scripted
//! poll and a clock that the run steps.
//!
//! `STDHTTPD_SIMULATION_STEPS` sets how many steps are run in all;
//! `STDHTTPD_SIMULATION_SEED` replays one seed.

mod client;

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    time::Duration,
};

use stdhttpd::{
    config::Config,
    connection::{Connection, Fate, Hint, desk::Desk, state::State},
    observe::close_reason::CloseReason,
};

use self::client::Client;
use crate::{
    random::Random,
    run::{self, Outcome},
    script::Script,
    site::{self, Ground},
    streams::{self, Stream},
};

/// Steps run where nobody says how many.
const STEPS: u64 = 400_000;

/// Steps of one seed, after which its world comes to its end.
const SEED_STEPS: u64 = 6_000;

/// Connections open at once.
const OPEN_MAX: usize = 120;

/// The time between two looks at the deadlines, as a worker has it.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// A site with a configuration of its own, and what each stream comes to there.
struct Land {
    ground: Ground,
    catalogue: Vec<(Stream, Rc<Outcome>)>,
}

/// One connection, and what its worker knows of it.
struct Slot {
    connection: Connection<Script>,
    client: Client,
    watches_writes: bool,
    is_queued: bool,
    fate: Fate,
}

struct World<'l> {
    land: &'l Land,
    random: Random,
    desk: Desk,
    input: Vec<u8>,
    slots: Vec<Option<Slot>>,
    ready: VecDeque<usize>,
    sweep_at: std::time::Instant,
    opened: u64,
    closed: u64,
    steps: u64,
}

fn lands() -> Vec<Land> {
    let changes: [fn(&mut Config); 4] = [
        |_| {},
        |config| config.timeouts.keep_alive = Duration::ZERO,
        |config| config.limits.requests_max = 3,
        |config| {
            config.limits.body_bytes_max = 10;
            config.limits.rate_min = 0;
            config.site.cache_bytes_max = 0;
        },
    ];
    let land = |change| {
        let ground = Ground::new(change);
        let mut desk = ground.desk();
        let of = |stream: Stream| {
            let outcome = Rc::new(run::whole(&mut desk, &stream));
            (stream, outcome)
        };
        let catalogue = streams::all().into_iter().map(of).collect();
        Land { ground, catalogue }
    };
    changes.into_iter().map(land).collect()
}

fn number_from(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn thousands_of_connections() {
    let lands = lands();
    let run = |seed: u64| {
        let land = &lands[seed as usize % lands.len()];
        let world = World::new(land, seed);
        let ran = catch_unwind(AssertUnwindSafe(|| world.run()));
        ran.unwrap_or_else(|panic| {
            eprintln!(
                "seed {seed} failed; to replay it:\n  STDHTTPD_SIMULATION_SEED={seed} \
                 cargo test --test simulation thousands_of_connections"
            );
            resume_unwind(panic)
        })
    };
    if let Some(seed) = number_from("STDHTTPD_SIMULATION_SEED") {
        run(seed);
        return;
    }
    let wanted = number_from("STDHTTPD_SIMULATION_STEPS").unwrap_or(STEPS);
    let (mut steps, mut connections, mut seed) = (0, 0, 0);
    while steps < wanted {
        let (more_steps, more_connections) = run(seed);
        steps += more_steps;
        connections += more_connections;
        seed += 1;
    }
    println!("{seed} seeds, {connections} connections, {steps} steps");
}

impl<'l> World<'l> {
    fn new(land: &'l Land, seed: u64) -> World<'l> {
        let desk = land.ground.desk();
        World {
            land,
            random: Random::new(seed),
            input: vec![0; desk.input_bytes()],
            sweep_at: desk.now,
            desk,
            slots: Vec::new(),
            ready: VecDeque::new(),
            opened: 0,
            closed: 0,
            steps: 0,
        }
    }

    /// Runs to the end of the world: the steps and connections it had.
    fn run(mut self) -> (u64, u64) {
        let descriptors = self.land.ground.descriptors();
        while self.steps < SEED_STEPS {
            self.happen();
        }
        if self.random.once_in(2) {
            self.drain();
        }
        self.outlast();
        assert_eq!(self.opened, self.closed, "connections leaked");
        assert_eq!(self.desk.counters.accepted.get(), self.opened);
        let counted = CloseReason::ALL
            .iter()
            .map(|&reason| self.desk.counters.closed_by(reason));
        assert_eq!(counted.sum::<u64>(), self.closed, "closes counted");
        assert!(
            self.land.ground.descriptors() <= descriptors,
            "files leaked"
        );
        (self.steps, self.opened)
    }

    /// Something happens somewhere.
    fn happen(&mut self) {
        self.steps += 1;
        match self.random.below(100) {
            0..=9 => self.open(),
            10..=64 => self.with_client(|client, random| client.act(random)),
            65..=96 => self.turn(Duration::from_micros(1 + self.steps % 5_000)),
            97 => self.turn(Duration::from_millis(150)),
            98 if self.random.once_in(20) => self.evict(),
            99 if self.random.once_in(30) => {
                let jump = [1, 3, 12, 29, 31, 80, 3_000][self.random.below(7) as usize];
                self.turn(Duration::from_secs(jump));
            }
            _ => {
                // An event that means nothing.
                let place = self.random.below(self.slots.len() as u64) as usize;
                let hint = Hint {
                    readable: true,
                    writable: true,
                    read_closed: false,
                };
                self.step(place, hint);
            }
        }
    }

    fn with_client(&mut self, act: impl FnOnce(&mut Client, &mut Random)) {
        let place = self.random.below(self.slots.len() as u64) as usize;
        if let Some(Some(slot)) = self.slots.get_mut(place) {
            act(&mut slot.client, &mut self.random);
        }
    }

    fn open(&mut self) {
        let free = self.slots.iter().position(Option::is_none);
        let place = match free {
            Some(place) => place,
            None if self.slots.len() == OPEN_MAX => return,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        let catalogue = &self.land.catalogue;
        let (stream, outcome) = loop {
            let chosen = &catalogue[self.random.below(catalogue.len() as u64) as usize];
            // Much data is not much of a test.
            if !chosen.0.is_long || self.random.once_in(10) {
                break chosen;
            }
        };
        let client = Client::new(stream, Rc::clone(outcome), &mut self.random);
        self.opened += 1;
        self.desk.counters.accepted.add(1);
        self.slots[place] = Some(Slot {
            connection: site::connect(client.wire(), self.opened, self.desk.now),
            client,
            watches_writes: false,
            is_queued: false,
            fate: Fate::Reading,
        });
    }

    /// A turn of the poll, `later`.
    fn turn(&mut self, later: Duration) {
        let now = self.desk.now + later;
        site::set_clock(&mut self.desk, now);
        for place in 0..self.slots.len() {
            let event = match &mut self.slots[place] {
                Some(slot) => slot.client.wire().borrow_mut().event(slot.watches_writes),
                None => None,
            };
            if let Some(hint) = event {
                self.step(place, hint);
            }
        }
        for _ in 0..self.ready.len() {
            let Some(place) = self.ready.pop_front() else {
                break;
            };
            if let Some(slot) = &mut self.slots[place]
                && slot.is_queued
            {
                slot.is_queued = false;
                let hint = Hint {
                    writable: true,
                    ..Hint::default()
                };
                self.step(place, hint);
            }
        }
        if self.desk.now >= self.sweep_at {
            self.sweep();
        }
    }

    fn step(&mut self, place: usize, hint: Hint) {
        let Some(Some(slot)) = self.slots.get_mut(place) else {
            return;
        };
        self.steps += 1;
        let fate = slot
            .connection
            .advance(hint, &mut self.input, &mut self.desk);
        self.settle(place, fate);
    }

    /// Does what a worker does with a fate, and checks what must hold.
    fn settle(&mut self, place: usize, fate: Fate) {
        assert!(self.desk.output.is_empty(), "output left on the desk");
        let Some(Some(slot)) = self.slots.get_mut(place) else {
            return;
        };
        slot.fate = fate;
        slot.client.read();
        slot.client
            .check(&slot.connection, fate, slot.is_queued, &self.desk);
        match fate {
            Fate::Closed(reason) => self.close(place, reason),
            Fate::Turn if !slot.is_queued => {
                slot.is_queued = true;
                self.ready.push_back(place);
            }
            Fate::Writing if !slot.watches_writes => {
                slot.watches_writes = true;
                let hint = slot.client.wire().borrow().level(true);
                if hint.writable {
                    self.step(place, hint);
                }
            }
            Fate::Turn | Fate::Writing | Fate::Reading | Fate::Starved => {}
        }
    }

    fn close(&mut self, place: usize, reason: CloseReason) {
        let Some(mut slot) = self.slots[place].take() else {
            return;
        };
        slot.connection.closed(reason, &mut self.desk);
        drop(slot.connection);
        slot.client.check_end(reason);
        self.closed += 1;
    }

    fn sweep(&mut self) {
        self.sweep_at = self.desk.now + SWEEP_INTERVAL;
        for place in 0..self.slots.len() {
            let Some(slot) = &mut self.slots[place] else {
                continue;
            };
            if slot.connection.state().deadline(&self.desk.timeouts) <= self.desk.now {
                self.steps += 1;
                slot.client.expires(&slot.connection);
                let fate = slot.connection.expire(&mut self.desk);
                self.settle(place, fate);
            }
        }
    }

    fn evict(&mut self) {
        let is_idle = |slot: &Option<Slot>| {
            let connection = slot.as_ref().map(|slot| slot.connection.state());
            matches!(connection, Some(State::Idle { .. }))
        };
        if let Some(place) = self.slots.iter().position(is_idle) {
            self.close(place, CloseReason::Evicted);
        }
    }

    fn drain(&mut self) {
        self.desk.draining = true;
        for place in 0..self.slots.len() {
            if let Some(slot) = &mut self.slots[place] {
                slot.client.drains();
            }
            let hint = Hint {
                readable: true,
                ..Hint::default()
            };
            self.step(place, hint);
            let Some(slot) = &mut self.slots[place] else {
                continue;
            };
            match slot.connection.drain() {
                Some(reason) => self.close(place, reason),
                None => {
                    let is_owed = match slot.connection.state() {
                        State::Idle { .. } => false,
                        State::ReadingHead(reading) => reading.input.is_empty(),
                        _ => true,
                    };
                    assert!(
                        is_owed,
                        "{}: kept by a server that stops",
                        slot.client.name()
                    );
                }
            }
        }
    }

    /// Nobody does anything any more, and the clock goes on: all must end.
    fn outlast(&mut self) {
        // A head, its body, a response and its close each have a deadline.
        for _ in 0..8 {
            self.turn(Duration::from_secs(100));
            self.turn(SWEEP_INTERVAL);
            while !self.ready.is_empty() {
                self.turn(Duration::ZERO);
            }
        }
        let left = self.slots.iter().flatten();
        let left: Vec<_> = left
            .map(|slot| (slot.client.name(), slot.connection.state().name()))
            .collect();
        assert!(left.is_empty(), "still there: {left:?}");
    }
}
