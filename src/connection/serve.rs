//! Input to answers: what one read brought is judged request by request, and
//! the answers go out together.

use std::{
    mem::MaybeUninit,
    ops::ControlFlow::{self, Break, Continue},
    time::Instant,
};

use super::{
    Connection, Next, Step,
    accounting::{self, LoggedRequest, PendingRecord, ResponseRecord},
    body::Body,
    context::{Context, SEND_COST_BYTES},
    output::{Flow, WriteError},
    respond::Queued,
    state::{ReadingDirectory, State, Then, Writing},
    transport::Transport,
};
use crate::{
    files::Refusal,
    handler::{self, Answer, page::Page},
    http::{
        persistence::{self, Circumstances, Persistence},
        request::{self, Asked},
    },
    observe::{close_reason::CloseReason, counters::Count},
};

/// Bytes of responses that are collected before they are sent together.
pub const COALESCED_BYTES_MAX: usize = 64 << 10;

/// What one request came to.
enum Outcome {
    /// Incomplete: more has to come.
    Partial,
    /// Done with, or what follows it is decided: [`Batch::then`].
    Done,
    /// There is no descriptor for its file: to be judged again.
    Starved,
}

/// How far the requests of one read have come.
pub(super) struct Batch<'i> {
    /// What is not done with of the input.
    pub rest: &'i [u8],
    /// When the request at its begin began.
    pub since: Instant,
    /// What follows what is queued.
    pub then: Then,
    /// Whether the transport took all that was queued so far.
    pub flow: Flow,
    /// The last response, when it was not all sent.
    pub pending: Option<Box<PendingRecord>>,
    /// When the request to be answered was whole.
    pub received: Instant,
}

impl<'i> Batch<'i> {
    /// The begin: no request of `input`, which came `now`, is answered yet.
    pub(super) fn begin(input: &'i [u8], now: Instant) -> Batch<'i> {
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
    /// Serves the requests that lie in the rest of `progress`.
    pub(super) fn serve(&mut self, mut batch: Batch<'_>, cx: &mut Context) -> Step {
        let mut put_off = None;
        while !batch.rest.is_empty() && matches!(batch.then, Then::Request) {
            if batch.flow != Flow::Done || cx.budget.is_spent() {
                put_off = Some(Next::NextTurn);
                break;
            }
            let before = batch.rest.len();
            let judged = self.answer(&mut batch, cx)?;
            let request_bytes = before - batch.rest.len();
            cx.budget.request_bytes = cx.budget.request_bytes.saturating_sub(request_bytes);
            match judged {
                Outcome::Done => batch.since = cx.now,
                Outcome::Partial => break,
                Outcome::Starved => {
                    put_off = Some(Next::Descriptor);
                    break;
                }
            }
        }
        let step = self.settle(batch, put_off.is_some(), cx);
        match (put_off, &self.state) {
            (Some(next), State::ReadingHead(_)) if step.is_continue() => Break(next),
            _ => step,
        }
    }

    /// Answers the request at the begin of the rest: at once where the same bytes
    /// came before, else once they are judged.
    fn answer(&mut self, batch: &mut Batch<'_>, cx: &mut Context) -> ControlFlow<Next, Outcome> {
        let Some(hit) = cx.response_cache.look_up(batch.rest, &cx.view, cx.turn) else {
            return self.parse_and_answer(batch, cx);
        };
        let (head, behind) = batch.rest.split_at(hit.summary.head_bytes);
        batch.rest = behind;
        let asked = hit.summary.asked(head);
        let persistence = self.begin_response(&asked, false, cx);
        let queued = cx.queue_hit(&hit, persistence);
        let close = accounting::close_reason(persistence);
        self.finish_response(LoggedRequest::from(&asked), queued, close, batch, cx)?;
        Continue(Outcome::Done)
    }

    /// Judges the request at the begin of the rest and queues its answer.
    fn parse_and_answer(
        &mut self,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> ControlFlow<Next, Outcome> {
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        let request = match request::parse(batch.rest, &mut room, &cx.limits.head) {
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
                Ok(decoded) if decoded.complete => behind = &behind[decoded.consumed..],
                Ok(_) => {
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
        self.respond(&Asked::from(&request), &answer, batch, cx)?;
        Continue(Outcome::Done)
    }

    /// Sends the answer to a request that is whole: at once when nothing more
    /// can be collected behind it.
    pub(super) fn respond(
        &mut self,
        asked: &Asked<'_>,
        answer: &Answer,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> Step {
        let refused = matches!(answer, Answer::Page(page) if page.refused);
        let persistence = self.begin_response(asked, refused, cx);
        let queued = cx.queue(answer, persistence, asked.head_only);
        cx.budget.responses = cx.budget.responses.saturating_sub(answer.parts());
        let close = accounting::close_reason(persistence);
        self.finish_response(LoggedRequest::from(asked), queued, close, batch, cx)
    }

    /// Counts a response, and decides what becomes of the connection after it.
    pub(super) fn begin_response(
        &mut self,
        asked: &Asked<'_>,
        refused: bool,
        cx: &mut Context,
    ) -> Persistence {
        self.identity.requests += 1;
        cx.budget.responses = cx.budget.responses.saturating_sub(1);
        persistence::decide(
            asked.version,
            asked.connection,
            Circumstances {
                keep_alive_off: cx.timeouts.keep_alive.is_zero(),
                last_request: self.identity.requests == cx.limits.requests_max,
                draining: cx.draining,
                evicted: self.evicted,
                refused,
            },
        )
    }

    /// Sends what is queued of a response if that is due, and notes it. `close` is
    /// the reason for which it is the last.
    pub(super) fn finish_response(
        &mut self,
        logged: LoggedRequest<'_>,
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
            || cx.output.bytes.len() >= COALESCED_BYTES_MAX;
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

    /// Answers the request of a head that was kept until its body was whole, or
    /// its listing.
    pub(super) fn answer_kept(
        &mut self,
        head: Box<[u8]>,
        listed: Option<Result<Page, Refusal>>,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> Step {
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        // The same bytes are judged the same way again.
        let Ok(Some(request)) = request::parse(&head, &mut room, &cx.limits.head) else {
            return Continue(());
        };
        let asked = Asked::from(&request);
        let answer = match listed {
            Some(listed) => handler::answer_listed(&request, listed, cx.basis()),
            None => handler::answer(&request, cx.basis()),
        };
        if let Answer::Listing(listing) = answer {
            batch.then = Then::Listing(head, listing);
            return Continue(());
        }
        self.respond(&asked, &answer, batch, cx)
    }

    /// Sends what is queued.
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

    /// Notes that the transport took so many bytes.
    pub(super) fn count_sent(&mut self, bytes: usize, cx: &mut Context) {
        self.taken = self.taken.saturating_add(bytes);
        cx.sent_since = cx.sent_since.saturating_add(bytes + SEND_COST_BYTES);
        cx.counters.add(Count::BytesSent, bytes as u64);
    }

    /// Nothing more can be done with this input. What is queued is sent; what is
    /// left of both becomes the connection's own.
    fn settle(&mut self, mut batch: Batch<'_>, deferred: bool, cx: &mut Context) -> Step {
        if let Err(error) = self.flush(&mut batch, cx) {
            return Break(Next::Closed(self.write_failed(&error, cx)));
        }
        let rest = batch.rest.to_vec();
        if batch.flow == Flow::Done {
            return self.follow(batch.then, rest, deferred, batch.since, cx);
        }
        self.state = State::Writing(Box::new(Writing {
            output: cx.output.take_rest(),
            unparsed: rest,
            then: batch.then,
            progress_at: cx.now,
            rate_since: cx.now,
            rate_bytes: 0,
            pending: batch.pending,
        }));
        match batch.flow {
            Flow::Paused => Break(Next::NextTurn),
            _ if self.lift_bound_if_proven() => Continue(()),
            _ => Break(Next::Writable),
        }
    }

    /// All is sent: what comes `then`, with the bytes that are left of the input.
    pub(super) fn follow(
        &mut self,
        then: Then,
        rest: Vec<u8>,
        deferred: bool,
        since: Instant,
        cx: &mut Context,
    ) -> Step {
        self.state = match then {
            Then::Close(reason) => return self.end(reason, rest.is_empty(), cx),
            Then::Body(discarding) => State::DiscardingBody(discarding),
            Then::Listing(head, listing) => State::ReadingDirectory(Box::new(ReadingDirectory {
                since: cx.now,
                head,
                listing,
                unparsed: rest,
            })),
            Then::Request if rest.is_empty() => State::Idle { since: cx.now },
            Then::Request => State::reading(since, rest, deferred),
        };
        Continue(())
    }
}
