//! Input to answers: what one read brought is judged request by request, and
//! the answers go out together.

use std::{mem::MaybeUninit, time::Instant};

use super::{
    Budget, Connection, DiscardingBody, Fate, ReadingHead, RequestError, State, Status, Step, Then,
    Writing,
    body::Body,
    desk::Desk,
    note::{self, Note, Said},
    output::{Flow, WriteError},
    respond::{self, Frame},
    transport::Transport,
    write_failed,
};
use crate::{
    handler::{self, Answer, page::Page},
    http::{
        method::Method,
        persistence::{self, Circumstances, CloseCause, Persistence},
        request::{self, Expectation, Request, Version},
        response,
    },
    observe::close_reason::CloseReason,
};

/// Bytes of responses that are collected before they are sent together.
const COALESCED_BYTES_MAX: usize = 64 << 10;

/// How far the requests of one read have come.
struct Progress {
    /// Bytes of the input that are done with.
    at: usize,
    /// What follows what is queued.
    then: Then,
    /// Whether the transport took all that was queued so far.
    flow: Flow,
    /// The last response, when it was not all sent.
    unfinished: Option<Box<note::Unfinished>>,
}

/// What one request came to.
enum Judged {
    /// Incomplete: more has to come.
    Partial,
    /// Done with; the next may follow.
    Answered,
    /// Its body has to come first, or it was the last.
    Last,
}

impl<T: Transport> Connection<T> {
    /// Serves the requests in `input`. The first of them began at `since`.
    pub(super) fn serve(
        &mut self,
        input: &[u8],
        since: Instant,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Step {
        let progress = Progress {
            at: 0,
            then: Then::Next,
            flow: Flow::Done,
            unfinished: None,
        };
        self.serve_rest(input, progress, since, desk, budget)
    }

    fn serve_rest(
        &mut self,
        input: &[u8],
        mut progress: Progress,
        since: Instant,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Step {
        let mut unjudged = false;
        while progress.at < input.len() {
            if progress.flow != Flow::Done || budget.responses == 0 || budget.bytes == 0 {
                unjudged = true;
                break;
            }
            match self.judge(input, &mut progress, desk, budget) {
                Ok(Judged::Answered) => budget.responses -= 1,
                Ok(Judged::Partial) => break,
                Ok(Judged::Last) => break,
                Err(error) => return self.failed(&error, desk),
            }
        }
        let since = if progress.at == 0 { since } else { desk.now };
        if let Err(error) = self.flush(&mut progress, desk, budget) {
            return self.failed(&error, desk);
        }
        self.settle(&input[progress.at..], unjudged, progress, since, desk)
    }

    /// Judges the request at `progress.at` and queues its answer.
    fn judge(
        &mut self,
        input: &[u8],
        progress: &mut Progress,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Result<Judged, WriteError> {
        let rest = &input[progress.at..];
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        let request = match request::parse(rest, &mut room, &desk.limits.head) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(Judged::Partial),
            Err(error) => {
                self.queue_error(error, rest, progress, desk);
                progress.at = input.len();
                return Ok(Judged::Last);
            }
        };
        let (head, behind) = rest.split_at(request.head_bytes);
        if let Some(mut body) = Body::begin(request.framing) {
            match body.take(behind, desk.limits.body_bytes_max) {
                Ok(decoded) if decoded.complete => progress.at += decoded.consumed,
                Ok(_) => {
                    progress.at = input.len();
                    self.await_body(&request, head, behind, body, progress, desk);
                    return Ok(Judged::Last);
                }
                Err(error) => {
                    self.queue_error(error, head, progress, desk);
                    progress.at = input.len();
                    return Ok(Judged::Last);
                }
            }
        }
        progress.at += request.head_bytes;
        let last = progress.at == input.len();
        self.respond(&request, last, progress, desk, budget)?;
        Ok(match progress.then {
            Then::Next => Judged::Answered,
            _ => Judged::Last,
        })
    }

    /// Answers a request that is whole. The answer goes out at once when
    /// nothing more can be collected behind it.
    fn respond(
        &mut self,
        request: &Request<'_>,
        last: bool,
        progress: &mut Progress,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Result<(), WriteError> {
        self.identity.requests += 1;
        let answer = handler::answer(request, desk.place());
        let refused = matches!(&answer, Answer::Page(page) if page.refused);
        let persistence = persistence::decide(
            request.version,
            request.connection,
            Circumstances {
                keep_alive_off: desk.timeouts.keep_alive.is_zero(),
                last_request: self.identity.requests == desk.limits.requests_max,
                draining: desk.draining,
                refused,
            },
        );
        let frame = Frame {
            common: &desk.common,
            persistence,
            head_only: request.method == Method::Head,
            turn: desk.turn,
        };
        let queued = respond::queue(&answer, frame, &mut desk.output);
        let close = note::close_reason(persistence);
        if let Some(reason) = close {
            progress.then = Then::Close(reason);
        }
        desk.counters.response(queued.status, self.identity.requests);
        let note = Note {
            number: self.identity.requests,
            queued,
            close,
            received: desk.now,
        };
        if last
            || close.is_some()
            || desk.output.has_parts()
            || desk.output.bytes.len() >= COALESCED_BYTES_MAX
        {
            self.flush(progress, desk, budget)?;
        }
        if progress.flow == Flow::Done {
            note::sent(&mut self.identity, desk, Said::Request(request), note);
        } else {
            progress.unfinished = note::hold(&self.identity, desk, Said::Request(request), note);
        }
        Ok(())
    }

    /// Queues the answer to bytes that are no request; it is the last.
    fn queue_error(
        &mut self,
        error: RequestError,
        bytes: &[u8],
        progress: &mut Progress,
        desk: &mut Desk,
    ) {
        log::debug!("connection {}: refused: {error:?}", self.identity.id);
        let page = Page::of_error(error);
        self.queue_last(page, bytes, CloseReason::BadRequest, desk);
        progress.then = Then::Close(CloseReason::BadRequest);
    }

    fn queue_last(&mut self, page: Page, bytes: &[u8], reason: CloseReason, desk: &mut Desk) {
        self.identity.requests += 1;
        let frame = Frame {
            common: &desk.common,
            persistence: Persistence::Close(CloseCause::Refused),
            head_only: false,
            turn: desk.turn,
        };
        let queued = respond::queue(&Answer::Page(page), frame, &mut desk.output);
        desk.counters.response(queued.status, self.identity.requests);
        let note = Note {
            number: self.identity.requests,
            queued,
            close: Some(reason),
            received: desk.now,
        };
        let line = bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next();
        let line = line.unwrap_or_default();
        note::sent(&mut self.identity, desk, Said::Raw(line), note);
    }

    /// Gives up waiting for the rest of a request, and says so.
    pub(super) fn refuse(&mut self, status: Status, reason: CloseReason, desk: &mut Desk) -> Fate {
        let line = match &self.state {
            State::ReadingHead(reading) => reading.input.clone(),
            State::DiscardingBody(discarding) => discarding.head.to_vec(),
            _ => Vec::new(),
        };
        let page = Page {
            refused: true,
            ..Page::of(status)
        };
        self.queue_last(page, &line, reason, desk);
        let mut progress = Progress {
            at: 0,
            then: Then::Close(reason),
            flow: Flow::Done,
            unfinished: None,
        };
        let mut budget = Budget {
            responses: 0,
            bytes: usize::MAX,
        };
        let step = match self.flush(&mut progress, desk, &mut budget) {
            // Something unread may be there: `unjudged` bytes say so.
            Ok(()) => self.settle(b"\n", true, progress, desk.now, desk),
            Err(error) => self.failed(&error, desk),
        };
        match step {
            Step::Stop(fate) => fate,
            Step::Continue => Fate::Turn,
        }
    }

    /// The head is whole, its body is not. A client that waits for leave to
    /// send it is told (RFC 9110 section 10.1.1), unless it would be too much.
    fn await_body(
        &mut self,
        request: &Request<'_>,
        head: &[u8],
        behind: &[u8],
        body: Body,
        progress: &mut Progress,
        desk: &mut Desk,
    ) {
        let waits = request.expectation == Expectation::Continue
            && request.version == Version::Http11
            && behind.is_empty();
        if waits {
            if matches!(body, Body::Length { left, .. } if left > desk.limits.body_bytes_max) {
                self.queue_error(RequestError::BodyTooLarge, head, progress, desk);
                return;
            }
            desk.output.bytes.extend_from_slice(response::CONTINUE);
        }
        progress.then = Then::Body(Box::new(DiscardingBody {
            since: desk.now,
            head: head.into(),
            body,
        }));
    }

    /// More of a body came.
    pub(super) fn continue_body(
        &mut self,
        input: &[u8],
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Step {
        let State::DiscardingBody(discarding) = &mut self.state else {
            return Step::Continue;
        };
        let decoded = discarding.body.take(input, desk.limits.body_bytes_max);
        let mut progress = Progress {
            at: 0,
            then: Then::Next,
            flow: Flow::Done,
            unfinished: None,
        };
        match decoded {
            Ok(decoded) if !decoded.complete => {
                return if budget.bytes == 0 {
                    Step::Stop(Fate::Turn)
                } else {
                    Step::Continue
                };
            }
            Ok(decoded) => progress.at = decoded.consumed,
            Err(error) => {
                let head = std::mem::take(&mut discarding.head);
                self.queue_error(error, &head, &mut progress, desk);
                progress.at = input.len();
            }
        }
        if let (Then::Next, State::DiscardingBody(discarding)) = (&progress.then, &mut self.state) {
            let head = std::mem::take(&mut discarding.head);
            let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
            let last = progress.at == input.len();
            // The same bytes are judged the same way again.
            if let Ok(Some(request)) = request::parse(&head, &mut room, &desk.limits.head)
                && let Err(error) = self.respond(&request, last, &mut progress, desk, budget)
            {
                return self.failed(&error, desk);
            }
        }
        if matches!(progress.then, Then::Close(_)) {
            let rest = &input[progress.at..];
            return match self.flush(&mut progress, desk, budget) {
                Ok(()) => self.settle(rest, true, progress, desk.now, desk),
                Err(error) => self.failed(&error, desk),
            };
        }
        self.serve_rest(input, progress, desk.now, desk, budget)
    }

    /// Sends what is queued.
    fn flush(
        &mut self,
        progress: &mut Progress,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Result<(), WriteError> {
        if progress.flow != Flow::Done || desk.output.is_empty() {
            return Ok(());
        }
        let before = budget.bytes;
        let flow = desk.output.write_to(&mut self.transport, &mut budget.bytes);
        desk.counters.bytes_sent.add((before - budget.bytes) as u64);
        progress.flow = flow?;
        Ok(())
    }

    /// Nothing more can be done with this input: what is left of it, and of
    /// the output, becomes the connection's own.
    fn settle(
        &mut self,
        rest: &[u8],
        unjudged: bool,
        progress: Progress,
        since: Instant,
        desk: &mut Desk,
    ) -> Step {
        let Progress {
            then,
            flow,
            unfinished,
            ..
        } = progress;
        if flow != Flow::Done {
            self.state = State::Writing(Box::new(Writing {
                output: desk.output.take_rest(),
                unparsed: rest.to_vec(),
                then,
                progress_at: desk.now,
                rate_since: desk.now,
                rate_bytes: 0,
                unfinished,
            }));
            return Step::Stop(match flow {
                Flow::Paused => Fate::Turn,
                _ => Fate::Writing,
            });
        }
        match then {
            Then::Close(reason) => self.end(reason, rest.is_empty(), desk),
            Then::Body(discarding) => {
                self.state = State::DiscardingBody(discarding);
                Step::Continue
            }
            Then::Next if rest.is_empty() => {
                self.state = State::Idle { since: desk.now };
                Step::Continue
            }
            Then::Next => {
                self.state = State::ReadingHead(ReadingHead {
                    since,
                    input: rest.to_vec(),
                    unjudged,
                });
                if unjudged {
                    Step::Stop(Fate::Turn)
                } else {
                    Step::Continue
                }
            }
        }
    }

    /// The output failed: nothing can be said any more.
    fn failed(&mut self, error: &WriteError, desk: &mut Desk) -> Step {
        desk.output.clear();
        Step::Stop(Fate::Closed(write_failed(&self.identity, error)))
    }
}
