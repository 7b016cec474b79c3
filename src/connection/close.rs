//! Closing a connection so that the client reads its last response (RFC 9112
//! section 9.6).

use std::ops::ControlFlow::{Break, Continue};

use log::debug;

use super::{
    Connection, Next, Step, accounting, context::Context, state::State, transport::Transport,
};
use crate::{config::Moment, observe::close_reason::CloseReason};

impl<T: Transport> Connection<T> {
    /// The last response is sent. `clean`: no input is left unprocessed. A client
    /// that asked for the close sends nothing more, so the socket can be closed at
    /// once. Any other may still be sending; the kernel would answer that with a
    /// reset, which can destroy the response. So shut our side and linger.
    pub(super) fn end(&mut self, reason: CloseReason, clean: bool, cx: &Context) -> Step {
        let nothing_to_come = clean && !self.readable && reason == CloseReason::ClientAsked;
        if nothing_to_come || self.transport.shutdown_write().is_err() {
            return Break(Next::Closed(reason));
        }
        self.state = State::write_side_shut(reason, cx.now);
        Continue(())
    }

    /// [`State::Lingering`].
    pub(super) fn linger(&mut self, input: &mut [u8], cx: &mut Context) -> Step {
        let State::Lingering { reason, .. } = self.state else {
            return Continue(());
        };
        if self.readable && cx.budget.bytes == 0 {
            return Break(Next::NextTurn);
        }
        match self.receive(input) {
            Continue(count) => {
                cx.budget.bytes = cx.budget.bytes.saturating_sub(count);
                Continue(())
            }
            Break(Next::Closed(_)) => Break(Next::Closed(reason)),
            Break(next) => Break(next),
        }
    }

    /// Counts and logs the close, and a response that it leaves unfinished. Call it
    /// once, before dropping the connection.
    pub fn closed(&mut self, reason: CloseReason, cx: &mut Context) {
        if let State::Writing(writing) = &mut self.state
            && let Some(mut pending) = writing.pending.take()
        {
            pending.record = pending.record.cut_short(reason, writing.output.left());
            accounting::response_finished(&mut self.identity, cx, *pending);
        }
        cx.counters.closed(reason, self.identity.requests);
        if let Some(story) = self.identity.story.take() {
            cx.counters.record_story(story, reason, Moment::now());
        }
        let requests = self.identity.requests;
        debug!(
            "connection {}: closed first by the {} ({}) after {requests} request{}",
            self.identity.id,
            reason.first(),
            reason.name(),
            if requests == 1 { "" } else { "s" },
        );
    }
}
