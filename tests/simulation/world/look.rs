//! Invariants, checked after every event in a world.

use std::time::Duration;

use stdhttpd::{
    connection::state::State, observe::close_reason::CloseReason, server::scheduler::SWEEP_INTERVAL,
};

use super::{driver::End, play::World};

/// How long a client with regular requests may be idle during a drain.
const IDLE_MAX: Duration = Duration::from_millis(100);

impl World<'_> {
    /// Checks the invariants after an event: each end was expected, and the idle order is correct.
    pub(super) fn look(&mut self) {
        let cx = &self.scheduler.cx;
        assert!(cx.output.is_empty(), "output left in the context");
        let ends = std::mem::take(&mut self.scheduler.driver.ends);
        self.idle_order.check(self.scheduler.table(), &ends);
        for end in &ends {
            self.bury(end);
        }
    }

    fn bury(&mut self, end: &End) {
        let token = self.tokens.remove(&end.id).expect("a connection ends once");
        self.scheduler.driver.forget(token);
        let mut client = self.clients[token].take().expect("a client");
        let shutdown = self.scheduler.cx.timeouts.shutdown;
        let now = self.scheduler.cx.now;
        if self.no_descriptors.is_some() {
            client.may_be_refused();
        }
        if end.was_evicted {
            client.leaves();
        }
        let by_force = self.drained_at.is_some_and(|at| now >= at + shutdown);
        assert!(
            !end.was_owed || by_force || end.reason != CloseReason::Draining,
            "{}: closed without a response",
            client.name()
        );
        client.check_end(end.reason, by_force);
        self.sum.closed += 1;
        self.sum.evicted += u64::from(end.reason == CloseReason::Evicted);
    }

    /// Checks the invariants of the connection with this token, if there is one.
    pub(super) fn look_at(&mut self, token: usize) {
        let table = self.scheduler.table();
        let Some(Some(client)) = self.clients.get_mut(token) else {
            assert_eq!(table.find(token), None, "a connection without a client");
            return;
        };
        let Some(slot) = table.find(token).and_then(|key| table.get(key)) else {
            let inbox = &self.scheduler.driver.inbox;
            let waits = inbox.iter().any(|accepted| accepted.token == token);
            assert!(waits, "{}: connection lost", client.name());
            return;
        };
        let id = slot.connection.identity().id;
        assert_eq!((slot.token, id), (token, client.id), "wrong connection");
        if std::mem::take(&mut client.wire().borrow_mut().is_touched) {
            if self.no_descriptors.is_some() {
                client.may_be_refused();
            }
            if slot.connection.is_evicted() {
                client.leaves();
            }
            client.read();
        }
        client.check(slot, &self.scheduler.cx);
    }

    /// Checks the invariants of all connections after a sweep.
    pub(super) fn look_at_all(&mut self) {
        let (mut idle, mut starved) = (0, 0);
        for token in 0..self.clients.len() {
            self.look_at(token);
        }
        let table = self.scheduler.table();
        let cx = &self.scheduler.cx;
        let mut ready = vec![false; table.end() as usize];
        for key in self.scheduler.ready() {
            // The table may have shrunk since, so that the key no longer exists.
            if let Some(is_ready) = ready.get_mut(key as usize) {
                *is_ready = true;
            }
        }
        let mut open = 0;
        for key in 0..table.end() {
            let Some(slot) = table.get(key) else {
                continue;
            };
            open += 1;
            let state = slot.connection.state();
            idle += usize::from(matches!(state, State::Idle { .. }));
            starved += u64::from(slot.is_starved);
            let is_retried = slot.is_queued || self.drained_at.is_some();
            assert!(is_retried || !slot.is_starved, "starved and not retried");
            assert!(
                !slot.is_queued || ready[key as usize],
                "queued, but not in the ready queue"
            );
            let deadline = state.deadline(&cx.timeouts).max(
                // Draining has shortened the deadlines.
                self.drained_at.unwrap_or(cx.now - SWEEP_INTERVAL * 2),
            );
            let is_late = deadline + SWEEP_INTERVAL <= cx.now;
            assert!(!is_late, "{} after its deadline", state.name());
        }
        let waiting = self.scheduler.driver.inbox.len();
        assert_eq!(table.open(), open, "wrong number of open connections");
        assert_eq!(table.idle(), idle, "wrong number of idle connections");
        assert_eq!(self.tokens.len(), open + waiting, "wrong number of clients");
        let is_woken = self.scheduler.driver.wakes_for_inbox();
        assert!(is_woken, "not woken up for the inbox");
        let is_ready = self.scheduler.ready().next().is_some();
        match self.scheduler.poll_timeout() {
            Some(timeout) if is_ready => assert_eq!(timeout, Duration::ZERO, "waits, though ready"),
            Some(timeout) => assert!(timeout <= SWEEP_INTERVAL, "waits for {timeout:?}"),
            None => assert_eq!(open, 0, "waits forever"),
        }
        if let Some(drained_at) = self.drained_at {
            let stops_at = drained_at + cx.timeouts.shutdown + SWEEP_INTERVAL;
            assert!(open == 0 || cx.now < stops_at, "not stopped in time");
            let longest = self.scheduler.longest_idle().map(|(since, _)| since);
            let is_closed_in_time = longest
                .is_none_or(|since| cx.now < since.max(drained_at) + IDLE_MAX + SWEEP_INTERVAL);
            assert!(is_closed_in_time, "an idle connection is not closed");
        }
        self.sum.starved += starved;
        self.sum.open_max = self.sum.open_max.max(open);
    }
}
