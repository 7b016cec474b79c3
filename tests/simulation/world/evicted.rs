//! An eviction, which makes room for a new connection.

use stdhttpd::{
    config::Moment,
    connection::state::State,
    observe::close_reason::CloseReason,
    server::scheduler::{LINGER_TIME_MIN, SILENT_TIME_MIN},
};

use super::play::World;

impl World<'_> {
    /// Evicts a connection, as for a newcomer at the limit: it must be the one that is idle, silent
    /// or lingering the longest.
    pub(super) fn evict(&mut self) {
        self.answer();
        let idle = self.idle_order.longest();
        let is_before_idle = |since| idle.is_none_or(|(idle_since, _)| since < idle_since);
        // If a connection is idle, spare ones count as they were at the last sweep.
        let swept = self.scheduler.longest_spare_since();
        let may_be_spare = idle.is_none() || swept.is_some_and(is_before_idle);
        let spare = self.longest_spare();
        let spare = spare.filter(|&(since, ..)| may_be_spare && is_before_idle(since));
        let idle = idle.map(|(since, id)| (since, id, CloseReason::Evicted));
        let expected = spare.or(idle).map(|(_, id, reason)| (id, reason));
        let longest = expected.map(|(id, _)| id);
        let token = longest.map(|id| self.tokens[&id]);
        let client = token.and_then(|token| self.clients[token].as_ref());
        // A request that has arrived is answered first.
        let has_asked = client.is_some_and(|client| client.wire().borrow().has_input());
        self.scheduler.evict();
        let ends = &self.scheduler.driver.ends;
        let evicted: Vec<_> = ends.iter().map(|end| (end.id, end.reason)).collect();
        if has_asked {
            assert!(
                evicted.iter().all(|(id, _)| Some(*id) == longest),
                "evicted"
            );
            let key = token.and_then(|token| self.scheduler.table().find(token));
            let slot = key.and_then(|key| self.scheduler.table().get(key));
            let is_unused = slot.is_some_and(|slot| slot.connection.is_unused());
            assert!(!is_unused, "an unused connection was not evicted");
        } else {
            assert_eq!(
                evicted,
                Vec::from_iter(expected),
                "wrong connection evicted"
            );
        }
        self.look();
    }

    /// The connection that has been silent or lingering for the longest time, if for long enough,
    /// and the reason for which it would be closed.
    fn longest_spare(&self) -> Option<(Moment, u64, CloseReason)> {
        let table = self.scheduler.table();
        let spare = |key| {
            let connection = &table.get(key)?.connection;
            let (since, time_min, reason) = match connection.state() {
                State::Lingering { since, reason } => (*since, LINGER_TIME_MIN, *reason),
                _ => (
                    connection.silent_since()?,
                    SILENT_TIME_MIN,
                    CloseReason::Evicted,
                ),
            };
            let is_long = since + time_min <= self.scheduler.cx.now;
            is_long.then_some((since, key, connection.identity().id, reason))
        };
        let longest = (0..table.end())
            .filter_map(spare)
            .min_by_key(|&(since, key, ..)| (since, key));
        longest.map(|(since, _, id, reason)| (since, id, reason))
    }
}
