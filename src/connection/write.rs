//! A response that takes more than one turn, and what comes after it.

use std::ops::ControlFlow::{Break, Continue};

use log::{debug, warn};

use super::{
    Connection, Fate, Step,
    desk::Desk,
    note,
    output::{Flow, WriteError},
    state::State,
    transport::Transport,
};
use crate::observe::close_reason::CloseReason;

/// Bytes that a transport takes only if its peer reads: several times what it
/// takes before it is blocked the first time. Fewer may lie in the buffers of both
/// kernels, unread.
const PROVEN_BYTES: usize = 1 << 20;

impl<T: Transport> Connection<T> {
    /// [`State::Writing`].
    pub(super) fn write(&mut self, desk: &mut Desk) -> Step {
        let State::Writing(writing) = &mut self.state else {
            return Continue(());
        };
        let before = desk.budget.bytes;
        let flow = writing
            .output
            .write_to(&mut self.transport, &mut desk.budget.bytes);
        let sent = before - desk.budget.bytes;
        let fast_enough = writing.progress(sent, desk.now, &desk.timeouts, desk.limits.rate_min);
        self.count_sent(sent, desk);
        let reason = match flow {
            Ok(Flow::Done) => return self.written(desk),
            Ok(_) if !fast_enough => {
                self.transport.reset_on_close();
                CloseReason::TooSlow
            }
            Ok(Flow::Blocked) if self.trusts_reader() => return Continue(()),
            Ok(Flow::Blocked) => return Break(Fate::Writing),
            Ok(Flow::Paused) => return Break(Fate::Turn),
            Err(error) => self.write_failed(&error, desk),
        };
        Break(Fate::Closed(reason))
    }

    /// Whether the transport, blocked, can be tried again at once: its peer has
    /// just been found to read, so that no more than is usual need be kept from
    /// the kernel. Happens once a connection, if ever.
    pub(super) fn trusts_reader(&mut self) -> bool {
        if self.is_reader || self.taken < PROVEN_BYTES {
            return false;
        }
        self.is_reader = true;
        self.transport.lift_unsent_bound();
        true
    }

    /// All of [`State::Writing`] is sent.
    fn written(&mut self, desk: &mut Desk) -> Step {
        let since = desk.now;
        let state = std::mem::replace(&mut self.state, State::Idle { since });
        let State::Writing(writing) = state else {
            return Continue(());
        };
        if let Some(unfinished) = writing.unfinished {
            note::finished(&mut self.identity, desk, *unfinished);
        }
        self.follow(writing.then, writing.unparsed, true, since, desk)
    }

    /// The reason for a close that a failed write is, behind which nothing can be
    /// said any more; the system's words go to the log alone.
    pub(super) fn write_failed(&self, error: &WriteError, desk: &mut Desk) -> CloseReason {
        desk.output.clear();
        let id = self.identity.id;
        match error {
            WriteError::Transport(error) => {
                debug!("connection {id}: cannot write: {error}");
                CloseReason::Reset
            }
            WriteError::FileChanged => CloseReason::FileChanged,
            WriteError::File(error) => {
                warn!("connection {id}: cannot read a file: {error}");
                CloseReason::FileFailed
            }
        }
    }

    /// Notes that the response under way will not be finished, for `reason`.
    pub(super) fn abandon(&mut self, reason: CloseReason, desk: &mut Desk) {
        if let State::Writing(writing) = &mut self.state {
            let left = writing.output.left();
            if let Some(mut unfinished) = writing.unfinished.take() {
                unfinished.note = unfinished.note.cut_short(reason, left);
                note::finished(&mut self.identity, desk, *unfinished);
            }
        }
    }
}
