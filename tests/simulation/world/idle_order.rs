//! Invariants of the idle order: it contains exactly the idle connections, in the order in which
//! they became idle. Its first connection is evicted first, unless another client has been silent
//! for longer.

use stdhttpd::{
    config::Moment,
    connection::{Connection, state::State},
    observe::close_reason::CloseReason,
    server::table::Table,
};

use super::driver::End;
use crate::script::Script;

/// The idle connections at the last check, the longest idle first.
#[derive(Default)]
pub struct IdleOrder(Vec<Idle>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Idle {
    id: u64,
    since: Moment,
}

impl IdleOrder {
    /// The longest idle connection, and the time since when it is idle.
    pub fn longest(&self) -> Option<(Moment, u64)> {
        self.0.first().map(|idle| (idle.since, idle.id))
    }

    /// Checks the changes since the last call, including `ends`: connections that are still idle
    /// keep their order, and new ones come after them.
    pub fn check(&mut self, table: &Table<Connection<Script>>, ends: &[End]) {
        let now: Vec<Idle> = table
            .idle_keys()
            .take(table.open() + 1)
            .map(|key| idle(table, key))
            .collect();
        assert_eq!(now.len(), table.idle(), "wrong number of idle connections");
        let mut before = self.0.iter();
        let still = now
            .iter()
            .take_while(|idle| before.any(|other| other == *idle))
            .count();
        for fallen in &now[still..] {
            assert!(
                !self.0.contains(fallen),
                "{fallen:?}: idle, but not in its place"
            );
        }
        assert!(
            now.is_sorted_by_key(|idle| idle.since),
            "not in the order in which they became idle"
        );
        let first_still = now[..still].first();
        let first_still = first_still.and_then(|first| self.0.iter().position(|i| i == first));
        let is_evicted = |end: &&End| end.reason == CloseReason::Evicted && end.was_unused;
        for end in ends.iter().filter(is_evicted) {
            let evicted = self.0.iter().position(|idle| idle.id == end.id);
            let is_longest = match (evicted, first_still) {
                (_, None) => true,
                (Some(evicted), Some(first)) => evicted < first,
                (None, Some(first)) => {
                    let before = |since| since < self.0[first].since;
                    end.silent_since.is_some_and(before)
                }
            };
            assert!(
                is_longest,
                "evicted before a connection that was idle for longer: {end:?}"
            );
        }
        self.0 = now;
    }
}

fn idle(table: &Table<Connection<Script>>, key: u32) -> Idle {
    let connection = &table.get(key).expect("an idle connection").connection;
    match connection.state() {
        State::Idle { since } => Idle {
            id: connection.identity().id,
            since: *since,
        },
        busy => panic!("{} in the idle order", busy.name()),
    }
}
