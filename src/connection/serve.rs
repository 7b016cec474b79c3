//! Parsing and answering the requests received in one read. Small responses are
//! coalesced into one write.

use std::{
    mem::MaybeUninit,
    ops::ControlFlow::{self, Break, Continue},
};

use super::{
    Connection, Next, Step,
    accounting::{self, LoggedRequest, PendingRecord, ResponseRecord},
    body::Body,
    context::Context,
    output::{Flow, WriteError},
    respond::Queued,
    state::{State, Then},
    transport::Transport,
};
use crate::{
    config::Moment,
    files::Refusal,
    handler::{self, Answer, page::Page},
    http::{
        method::Method,
        persistence::Persistence,
        request::{self, Request},
    },
    observe::{close_reason::CloseReason, counters::Count},
};

/// Bytes of responses that are collected before they are sent.
pub const COALESCED_BYTES_MAX: usize = 64 << 10;

/// The outcome of one request.
enum Outcome {
    /// Incomplete: more input is needed.
    Partial,
    /// Answered, or to be continued by [`Batch::then`].
    Done,
    /// No descriptor is free for its file: to be parsed again later.
    Starved,
}

/// The requests of one read, and how far they have been answered.
pub(super) struct Batch<'i> {
    /// Input that has not been processed.
    pub rest: &'i [u8],
    /// When the first request in `rest` began.
    pub since: Moment,
    /// What follows once the queued output is sent.
    pub then: Then,
    /// Whether the transport has accepted all output so far.
    pub flow: Flow,
    /// The accounting of the last response, if part of it is unsent.
    pub pending: Option<Box<PendingRecord>>,
    /// When the request being answered was complete.
    pub received: Moment,
}

impl<'i> Batch<'i> {
    /// The batch of `input`, received `now`, before any request is answered.
    pub(super) fn begin(input: &'i [u8], now: Moment) -> Batch<'i> {
        Batch {
            rest: input,
            since: now,
            then: Then::Request,
            flow: Flow::Done,
            pending: None,
            received: now,
        }
    }
}

impl<T: Transport> Connection<T> {
    /// Answers the requests in `batch`, as far as output, budget and descriptors
    /// allow.
    pub(super) fn serve(&mut self, mut batch: Batch<'_>, cx: &mut Context) -> Step {
        let mut put_off = None;
        while !batch.rest.is_empty() && matches!(batch.then, Then::Request) {
            if batch.flow != Flow::Done || cx.budget.is_spent() {
                put_off = Some(Next::NextTurn);
                break;
            }
            let before = batch.rest.len();
            let outcome = self.answer(&mut batch, cx)?;
            let request_bytes = before - batch.rest.len();
            cx.budget.request_bytes = cx.budget.request_bytes.saturating_sub(request_bytes);
            match outcome {
                Outcome::Done => batch.since = cx.now,
                Outcome::Partial => break,
                Outcome::Starved => {
                    put_off = Some(Next::Descriptor);
                    break;
                }
            }
        }
        let step = self.finish_batch(batch, put_off.is_some(), cx);
        match (put_off, &self.state) {
            (Some(next), State::ReadingHead(_)) if step.is_continue() => Break(next),
            _ => step,
        }
    }

    /// Answers the first request in `batch`: from the response cache if its head
    /// is there, else by parsing it.
    fn answer(&mut self, batch: &mut Batch<'_>, cx: &mut Context) -> ControlFlow<Next, Outcome> {
        let Some(hit) = cx.response_cache.look_up(batch.rest, &cx.view, cx.turn) else {
            return self.parse_and_answer(batch, cx);
        };
        let (head, behind) = batch.rest.split_at(hit.summary.head_bytes);
        let (persistence, close) = self.persistence(hit.summary.persistence, false, cx);
        let Some(queued) = cx.queue_hit(&hit, persistence) else {
            return self.parse_and_answer(batch, cx);
        };
        batch.rest = behind;
        self.count_request(cx);
        let logged = || hit.summary.logged(head);
        self.finish_response(logged, queued, close, batch, cx)?;
        Continue(Outcome::Done)
    }

    /// Parses the first request in `batch` and queues its response.
    fn parse_and_answer(
        &mut self,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> ControlFlow<Next, Outcome> {
        let mut fields = [const { MaybeUninit::uninit() }; request::HEADER_FIELDS_MAX];
        let request = match request::parse(batch.rest, &mut fields, &cx.limits.head) {
            Ok(Some(request)) => request,
            Ok(None) => return Continue(Outcome::Partial),
            Err(error) => {
                self.answer_error(error, batch.rest, batch, cx)?;
                return Continue(Outcome::Done);
            }
        };
        let (head, mut behind) = batch.rest.split_at(request.head_bytes);
        if let Some(mut body) = Body::begin(request.framing) {
            match body.take(behind, cx.limits.body_bytes_max) {
                Ok(Some(consumed)) => behind = &behind[consumed..],
                Ok(None) => {
                    batch.rest = &[];
                    self.await_body(&request, head, behind, body, batch, cx)?;
                    return Continue(Outcome::Done);
                }
                Err(error) => {
                    self.answer_error(error, head, batch, cx)?;
                    return Continue(Outcome::Done);
                }
            }
        }
        let answer = handler::answer(&request, cx.basis());
        if let Answer::NoDescriptor = answer {
            return Continue(Outcome::Starved);
        }
        batch.rest = behind;
        if let Answer::Listing(listing) = answer {
            batch.then = Then::Listing(head.into(), listing);
            return Continue(Outcome::Done);
        }
        if cx.trusted_proxies.is_empty() {
            cx.response_cache
                .record_miss(head, &request, &answer, &cx.view);
        }
        self.respond(&request, &answer, batch, cx)?;
        Continue(Outcome::Done)
    }

    /// Queues the response to a complete request, and sends it unless more can be
    /// coalesced with it.
    pub(super) fn respond(
        &mut self,
        request: &Request<'_>,
        answer: &Answer,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> Step {
        let refused = matches!(answer, Answer::Page(page) if page.refused);
        let (persistence, close) = self.persistence(request.persistence, refused, cx);
        self.count_request(cx);
        let queued = cx.queue(answer, persistence, request.method == Method::Head);
        cx.budget.responses = cx.budget.responses.saturating_sub(answer.parts());
        self.finish_response(|| LoggedRequest::from(request), queued, close, batch, cx)
    }

    /// Whether the connection persists after the response to the next request, whose
    /// client asks for `by_client`, and if not, why. If there are several reasons, the
    /// first one is given.
    pub(super) fn persistence(
        &self,
        by_client: Persistence,
        refused: bool,
        cx: &Context,
    ) -> (Persistence, Option<CloseReason>) {
        let reason = if refused {
            CloseReason::BadRequest
        } else if by_client == Persistence::Close {
            CloseReason::ClientAsked
        } else if cx.timeouts.keep_alive.is_zero() {
            CloseReason::KeepAliveOff
        } else if self.identity.requests + 1 == cx.limits.requests_max {
            CloseReason::MaxRequests
        } else if cx.draining {
            CloseReason::Draining
        } else if self.evicted {
            CloseReason::Evicted
        } else {
            return (by_client, None);
        };
        (Persistence::Close, Some(reason))
    }

    /// Counts a request that is being answered.
    pub(super) fn count_request(&mut self, cx: &mut Context) {
        self.identity.requests += 1;
        cx.budget.responses = cx.budget.responses.saturating_sub(1);
    }

    /// Sends the queued output if it is due, and does the accounting. `close` is
    /// set if this is the last response. `logged` is called only if it is recorded.
    pub(super) fn finish_response<'r>(
        &mut self,
        logged: impl FnOnce() -> LoggedRequest<'r>,
        queued: Queued,
        close: Option<CloseReason>,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> Step {
        if let Some(reason) = close {
            cx.output.is_last = true;
            batch.then = Then::Close(reason);
        }
        cx.counters.response(queued.status, self.identity.requests);
        let record = ResponseRecord {
            queued,
            close,
            received: batch.received,
        };
        let is_due = batch.rest.is_empty()
            || close.is_some()
            || cx.output.has_parts()
            || cx.output.left() >= COALESCED_BYTES_MAX as u64;
        if is_due && let Err(error) = self.flush(batch, cx) {
            let left = cx.output.left();
            let reason = self.write_failed(&error, cx);
            accounting::response_sent(
                &mut self.identity,
                cx,
                logged,
                record.cut_short(reason, left),
            );
            return Break(Next::Closed(reason));
        }
        if batch.flow == Flow::Done {
            accounting::response_sent(&mut self.identity, cx, logged, record);
        } else {
            batch.pending = accounting::defer(&self.identity, cx, logged, record);
        }
        Continue(())
    }

    /// Answers the request of a head that was kept until its body, or its listing,
    /// was complete.
    pub(super) fn answer_kept(
        &mut self,
        head: Box<[u8]>,
        listed: Option<Result<Page, Refusal>>,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> Step {
        let mut fields = [const { MaybeUninit::uninit() }; request::HEADER_FIELDS_MAX];
        // It was parsed before, so it is valid.
        let Ok(Some(request)) = request::parse(&head, &mut fields, &cx.limits.head) else {
            return Continue(());
        };
        let answer = match listed {
            Some(listed) => handler::answer_listed(&request, listed, cx.basis()),
            None => handler::answer(&request, cx.basis()),
        };
        if let Answer::Listing(listing) = answer {
            batch.then = Then::Listing(head, listing);
            return Continue(());
        }
        self.respond(&request, &answer, batch, cx)
    }

    /// Sends the queued output, unless the transport is known to be full.
    fn flush(&mut self, batch: &mut Batch<'_>, cx: &mut Context) -> Result<(), WriteError> {
        if batch.flow != Flow::Done || cx.output.is_empty() {
            return Ok(());
        }
        let before = cx.budget.bytes;
        let flow = cx
            .output
            .write_to(&mut self.transport, &mut cx.budget.bytes);
        self.count_sent(before - cx.budget.bytes, cx);
        batch.flow = flow?;
        Ok(())
    }

    /// Counts `bytes` that the transport accepted.
    pub(super) fn count_sent(&mut self, bytes: usize, cx: &mut Context) {
        self.sent_bytes = self.sent_bytes.saturating_add(bytes);
        cx.counters.add(Count::BytesSent, bytes as u64);
    }

    /// Sends what is queued once no further request can be answered. The unsent
    /// output and the unprocessed input become the connection's own.
    fn finish_batch(&mut self, mut batch: Batch<'_>, deferred: bool, cx: &mut Context) -> Step {
        if let Err(error) = self.flush(&mut batch, cx) {
            return Break(Next::Closed(self.write_failed(&error, cx)));
        }
        let rest = batch.rest.to_vec();
        if batch.flow == Flow::Done {
            return self.after_write(batch.then, rest, deferred, batch.since, cx);
        }
        self.keep_unsent(rest, batch.then, batch.pending, cx);
        match batch.flow {
            Flow::Paused => Break(Next::NextTurn),
            _ if self.lift_bound_if_proven() => Continue(()),
            _ => Break(Next::Writable),
        }
    }

    /// Keeps the output that the transport did not accept, to be sent later.
    #[cold]
    pub(super) fn keep_unsent(
        &mut self,
        rest: Vec<u8>,
        then: Then,
        pending: Option<Box<PendingRecord>>,
        cx: &mut Context,
    ) {
        let unsent = cx.output.take_rest();
        self.state = State::write_cut_short(unsent, rest, then, pending, cx.now);
    }

    /// Continues after all output is sent: see [`State::after_write`].
    pub(super) fn after_write(
        &mut self,
        then: Then,
        rest: Vec<u8>,
        deferred: bool,
        since: Moment,
        cx: &Context,
    ) -> Step {
        let clean = rest.is_empty();
        match State::after_write(then, rest, deferred, since, cx.now) {
            Continue(state) => self.state = state,
            Break(reason) => return self.end(reason, clean, cx),
        }
        Continue(())
    }
}

#[cfg(test)]
mod tests;
