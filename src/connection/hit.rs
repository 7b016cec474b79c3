//! Answering a request from the response cache, without the steps that others need.

use std::{io::IoSlice, ops::ControlFlow::Continue};

use super::{
    Budget, Connection, Next,
    accounting::{self, ResponseRecord},
    context::Context,
    response_cache::Hit,
    state::{State, Then},
    transport::Transport,
};
use crate::http::persistence::Persistence;

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
        if self.answer_hit(hit, head, cx).is_none() {
            return self.advance_received(Continue(head.len()), head, input, cx);
        }
        match self.state {
            State::Idle { .. } if !self.readable => Next::Readable,
            _ => self.run_steps(input, cx),
        }
    }

    /// Sends the stored response from where it lies. `None` if there is none that
    /// may be sent, or the transport accepts nothing: nothing has happened then.
    fn answer_hit(&mut self, hit: &Hit, head: &[u8], cx: &mut Context) -> Option<()> {
        let summary = &hit.summary;
        if self.persistence(summary.version, summary.connection, false, cx) != Persistence::Keep {
            return None;
        }
        let (response, queued) = cx.response_cache.stored(hit, &cx.common)?;
        let sent = (self.transport.write(&[IoSlice::new(response)], false)).ok()?;
        if sent < response.len() {
            cx.output.push_response(response);
            cx.output.advance(sent);
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
            close: None,
            received: cx.now,
        };
        let logged = || summary.logged(head);
        self.state = if cx.output.is_empty() {
            accounting::response_sent(&mut self.identity, cx, logged, record);
            State::answered(cx.now)
        } else {
            let pending = accounting::defer(&self.identity, cx, logged, record);
            let unsent = cx.output.take_rest();
            State::write_cut_short(unsent, Vec::new(), Then::Request, pending, cx.now)
        };
        Some(())
    }
}
