//! Sending a response that takes more than one turn, and what follows it.

use std::ops::ControlFlow::{Break, Continue};

use log::{debug, warn};

use super::{
    Connection, Next, Step, accounting,
    context::Context,
    output::{Flow, WriteError},
    state::State,
    transport::Transport,
};
use crate::observe::close_reason::CloseReason;

/// Bytes that a transport accepts only if its peer reads: several times what it
/// accepts before it first blocks. Fewer may lie unread in the buffers of both
/// kernels.
const PROVEN_BYTES: usize = 1 << 20;

impl<T: Transport> Connection<T> {
    /// [`State::Writing`].
    pub(super) fn write(&mut self, cx: &mut Context) -> Step {
        let State::Writing(writing) = &mut self.state else {
            return Continue(());
        };
        let before = cx.budget.bytes;
        let flow = writing
            .output
            .write_to(&mut self.transport, &mut cx.budget.bytes);
        let sent = before - cx.budget.bytes;
        let fast_enough = writing.progress(
            sent,
            cx.now,
            &cx.timeouts,
            cx.limits.write_bytes_per_second_min,
        );
        self.count_sent(sent, cx);
        let reason = match flow {
            Ok(Flow::Done) => return self.written(cx),
            Ok(_) if !fast_enough => {
                self.transport.reset_on_close();
                CloseReason::TooSlow
            }
            Ok(Flow::Blocked) if self.lift_bound_if_proven() => return Continue(()),
            Ok(Flow::Blocked) => return Break(Next::Writable),
            Ok(Flow::Paused) => return Break(Next::NextTurn),
            Err(error) => self.write_failed(&error, cx),
        };
        Break(Next::Closed(reason))
    }

    /// Lifts the bound on unsent data (`TCP_NOTSENT_LOWAT`) once the peer has
    /// proved that it reads. Returns whether it did so, at most once per
    /// connection: the blocked write can then be retried at once.
    pub(super) fn lift_bound_if_proven(&mut self) -> bool {
        if self.bound_lifted || self.sent_bytes < PROVEN_BYTES {
            return false;
        }
        self.bound_lifted = true;
        self.transport.lift_unsent_bound();
        true
    }

    /// All output of [`State::Writing`] is sent.
    fn written(&mut self, cx: &mut Context) -> Step {
        let since = cx.now;
        let State::Writing(writing) = self.state.take(since) else {
            return Continue(());
        };
        if let Some(pending) = writing.pending {
            accounting::response_finished(&mut self.identity, cx, *pending);
        }
        self.after_write(writing.then, writing.unparsed, true, since, cx)
    }

    /// Maps a write error to a close reason and logs the system's message. Nothing
    /// more can be sent.
    pub(super) fn write_failed(&self, error: &WriteError, cx: &mut Context) -> CloseReason {
        cx.output.clear();
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
}
