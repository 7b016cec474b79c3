//! Answering a request from the response cache, without the steps that others need.
//!
//! Functions marked `#[cold]` or `#[inline(never)]`, in other files too, are not on its
//! way. Inlined, they would come between the lines of code that are, of which a system
//! call leaves few in the processor's cache.

use std::{
    io::IoSlice,
    ops::ControlFlow::{Break, Continue},
};

use super::{
    Budget, Connection, Next, Step,
    accounting::{self, ResponseRecord},
    context::Context,
    response_cache::Hit,
    state::{State, Then},
    transport::Transport,
};

impl<T: Transport> Connection<T> {
    /// Does what [`Connection::advance_received`] does, for `head`, which is all that
    /// was received and was found in the response cache.
    pub fn advance_hit(
        &mut self,
        hit: &Hit,
        head: &[u8],
        input: &mut [u8],
        cx: &mut Context,
    ) -> Next {
        cx.budget = Budget::new(cx.share_bytes);
        match (self.answer_hit(hit, head, cx), &self.state) {
            (None, _) => self.advance_received(Continue(head), input, cx),
            (Some(Break(next)), _) => next,
            (Some(Continue(())), State::Idle { .. }) if !self.readable => Next::Readable,
            (Some(Continue(())), _) => self.run_steps(input, cx),
        }
    }

    /// Sends the stored response from where it lies. `None` if there is none, or the
    /// transport accepts nothing: nothing has happened then.
    fn answer_hit(&mut self, hit: &Hit, head: &[u8], cx: &mut Context) -> Option<Step> {
        let summary = &hit.summary;
        let (persistence, close) = self.persistence(summary.persistence, false, cx);
        let (response, queued) = cx.response_cache.stored(hit, persistence, &cx.common)?;
        let is_last = close.is_some();
        let sent = self.transport.write(&[IoSlice::new(response)], is_last);
        let sent = sent.ok()?;
        if sent < response.len() {
            cx.output.push_response(response);
            cx.output.advance(sent);
            cx.output.is_last = is_last;
        }
        cx.view.count_hit();
        if let Some(story) = &mut self.identity.story {
            story.first_byte(cx.now);
        }
        self.count_request(cx);
        self.count_sent(sent, cx);
        cx.counters.response(queued.status, self.identity.requests);
        let record = ResponseRecord {
            queued,
            close,
            received: cx.now,
        };
        let logged = || summary.logged(head);
        if !cx.output.is_empty() {
            let pending = accounting::defer(&self.identity, cx, logged, record);
            let then = close.map_or(Then::Request, Then::Close);
            self.keep_unsent(Vec::new(), then, pending, cx);
            return Some(Continue(()));
        }
        accounting::response_sent(&mut self.identity, cx, logged, record);
        if let Some(reason) = close {
            return Some(self.end(reason, true, cx));
        }
        self.state = State::answered(cx.now);
        Some(Continue(()))
    }
}
