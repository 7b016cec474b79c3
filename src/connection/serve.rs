//! Input to answers: what one read brought is judged request by request, and
//! the answers go out together.

use std::{
    mem::MaybeUninit,
    ops::ControlFlow::{self, Break, Continue},
    time::Instant,
};

use super::{
    Connection, Fate, Step,
    body::Body,
    desk::{CHECK_SEND_BYTES, Desk},
    note::{self, Note},
    output::{Flow, WriteError},
    progress::{Judged, Progress},
    respond::Queued,
    state::{ReadingFolder, State, Then, Writing},
    transport::Transport,
    write::write_failed,
};
use crate::{
    files::{Refusal, listing::Listing},
    handler::{self, Answer, page::Page},
    http::{
        persistence::{self, Circumstances, Persistence},
        request::{self, Asked},
    },
    observe::counters::Count,
};

/// Bytes of responses that are collected before they are sent together.
pub const COALESCED_BYTES_MAX: usize = 64 << 10;

impl<T: Transport> Connection<T> {
    /// Serves the requests in `input` from `progress.at` on. The first of them
    /// began at `since`.
    pub(super) fn serve(
        &mut self,
        input: &[u8],
        mut progress: Progress,
        since: Instant,
        desk: &mut Desk,
    ) -> Step {
        let mut unjudged = false;
        let mut starved = false;
        while progress.at < input.len() && matches!(progress.then, Then::Next) {
            if progress.flow != Flow::Done || desk.budget.is_spent() {
                unjudged = true;
                break;
            }
            let begin = progress.at;
            let judged = self.answer(input, &mut progress, desk);
            let request_bytes = progress.at - begin;
            desk.budget.request_bytes = desk.budget.request_bytes.saturating_sub(request_bytes);
            match self.sent(judged, desk)? {
                Judged::Done => {}
                Judged::Partial => break,
                Judged::Starved => {
                    (unjudged, starved) = (true, true);
                    break;
                }
            }
        }
        let since = if progress.at == 0 { since } else { desk.now };
        let flushed = self.flush(&mut progress, desk);
        self.sent(flushed, desk)?;
        let step = self.settle(&input[progress.at..], unjudged, progress, since, desk);
        match &self.state {
            State::ReadingHead(_) if starved => Break(Fate::Starved),
            State::ReadingHead(_) if unjudged && step.is_continue() => Break(Fate::Turn),
            _ => step,
        }
    }

    /// Judges the request at `progress.at` and queues its answer.
    pub(super) fn judge(
        &mut self,
        input: &[u8],
        progress: &mut Progress,
        desk: &mut Desk,
    ) -> Result<Judged, WriteError> {
        let rest = &input[progress.at..];
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        let request = match request::parse(rest, &mut room, &desk.limits.head) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(Judged::Partial),
            Err(error) => {
                self.queue_error(error, rest, progress, desk);
                progress.at = input.len();
                return Ok(Judged::Done);
            }
        };
        let (head, behind) = rest.split_at(request.head_bytes);
        let begin = progress.at;
        if let Some(mut body) = Body::begin(request.framing) {
            match body.take(behind, desk.limits.body_bytes_max) {
                Ok(decoded) if decoded.complete => progress.at += decoded.consumed,
                Ok(_) => {
                    progress.at = input.len();
                    self.await_body(&request, head, behind, body, progress, desk);
                    return Ok(Judged::Done);
                }
                Err(error) => {
                    self.queue_error(error, head, progress, desk);
                    progress.at = input.len();
                    return Ok(Judged::Done);
                }
            }
        }
        progress.at += request.head_bytes;
        let last = progress.at == input.len();
        let answer = match handler::answer(&request, desk.basis()) {
            Answer::NoDescriptor => {
                progress.at = begin;
                return Ok(Judged::Starved);
            }
            Answer::Listing(listing) => {
                progress.then = await_listing(head.into(), listing, desk);
                return Ok(Judged::Done);
            }
            answer => answer,
        };
        if desk.trusted_proxies.is_empty() {
            desk.memo.note(head, &request, &answer, &desk.view);
        }
        self.respond(&Asked::from(&request), &answer, last, progress, desk)?;
        Ok(Judged::Done)
    }

    /// Sends the answer to a request that is whole: at once when nothing more
    /// can be collected behind it.
    pub(super) fn respond(
        &mut self,
        asked: &Asked<'_>,
        answer: &Answer,
        last: bool,
        progress: &mut Progress,
        desk: &mut Desk,
    ) -> Result<(), WriteError> {
        let refused = matches!(answer, Answer::Page(page) if page.refused);
        let persistence = self.begin_response(asked, refused, desk);
        let queued = desk.queue(answer, persistence, asked.head_only);
        desk.budget.responses = desk.budget.responses.saturating_sub(answer.parts());
        self.conclude(asked, persistence, queued, last, progress, desk)
    }

    /// Counts a response, and decides what becomes of the connection after it.
    pub(super) fn begin_response(
        &mut self,
        asked: &Asked<'_>,
        refused: bool,
        desk: &mut Desk,
    ) -> Persistence {
        self.identity.requests += 1;
        desk.budget.responses = desk.budget.responses.saturating_sub(1);
        persistence::decide(
            asked.version,
            asked.connection,
            Circumstances {
                keep_alive_off: desk.timeouts.keep_alive.is_zero(),
                last_request: self.identity.requests == desk.limits.requests_max,
                draining: desk.draining,
                evicted: self.evicted,
                refused,
            },
        )
    }

    /// Sends what is queued of a response if that is due, and notes it.
    pub(super) fn conclude(
        &mut self,
        asked: &Asked<'_>,
        persistence: Persistence,
        queued: Queued,
        last: bool,
        progress: &mut Progress,
        desk: &mut Desk,
    ) -> Result<(), WriteError> {
        let close = note::close_reason(persistence);
        if let Some(reason) = close {
            desk.output.is_last = true;
            progress.then = Then::Close(reason);
        }
        desk.counters
            .response(queued.status, self.identity.requests);
        let note = Note {
            number: self.identity.requests,
            queued,
            close,
            received: progress.received,
        };
        let is_due = last
            || close.is_some()
            || desk.output.has_parts()
            || desk.output.bytes.len() >= COALESCED_BYTES_MAX;
        if is_due && let Err(error) = self.flush(progress, desk) {
            let note = note.cut_short((&error).into(), desk.output.left());
            note::sent(&mut self.identity, desk, asked.into(), note);
            return Err(error);
        }
        if progress.flow == Flow::Done {
            note::sent(&mut self.identity, desk, asked.into(), note);
        } else {
            progress.unfinished = note::hold(&self.identity, desk, asked.into(), note);
        }
        Ok(())
    }

    /// More of a body came.
    pub(super) fn continue_body(&mut self, input: &[u8], desk: &mut Desk) -> Step {
        let State::DiscardingBody(discarding) = &mut self.state else {
            return Continue(());
        };
        let decoded = discarding.body.take(input, desk.limits.body_bytes_max);
        let mut progress = Progress::begin(desk.now);
        match decoded {
            Ok(decoded) if decoded.complete => {
                progress.at = decoded.consumed;
                let head = std::mem::take(&mut discarding.head);
                let last = progress.at == input.len();
                let answered = self.answer_kept(head, None, last, &mut progress, desk);
                self.sent(answered, desk)?;
            }
            Ok(_) if desk.budget.bytes == 0 => return Break(Fate::Turn),
            Ok(_) => return Continue(()),
            Err(error) => {
                let head = std::mem::take(&mut discarding.head);
                self.queue_error(error, &head, &mut progress, desk);
                progress.at = input.len();
            }
        }
        self.go_on(input, progress, desk)
    }

    /// Answers the request of a head that was kept until its body was whole, or
    /// its listing.
    pub(super) fn answer_kept(
        &mut self,
        head: Box<[u8]>,
        listed: Option<Result<Page, Refusal>>,
        last: bool,
        progress: &mut Progress,
        desk: &mut Desk,
    ) -> Result<(), WriteError> {
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        // The same bytes are judged the same way again.
        let Ok(Some(request)) = request::parse(&head, &mut room, &desk.limits.head) else {
            return Ok(());
        };
        let asked = Asked::from(&request);
        let answer = match listed {
            Some(listed) => handler::answer_listed(&request, listed, desk.basis()),
            None => handler::answer(&request, desk.basis()),
        };
        if let Answer::Listing(listing) = answer {
            progress.then = await_listing(head, listing, desk);
            return Ok(());
        }
        self.respond(&asked, &answer, last, progress, desk)
    }

    /// Goes on behind a request that was answered by itself.
    pub(super) fn go_on(&mut self, input: &[u8], mut progress: Progress, desk: &mut Desk) -> Step {
        if matches!(progress.then, Then::Next) {
            return self.serve(input, progress, desk.now, desk);
        }
        let flushed = self.flush(&mut progress, desk);
        self.sent(flushed, desk)?;
        self.settle(&input[progress.at..], true, progress, desk.now, desk)
    }

    /// Sends what is queued.
    pub(super) fn flush(
        &mut self,
        progress: &mut Progress,
        desk: &mut Desk,
    ) -> Result<(), WriteError> {
        if progress.flow != Flow::Done || desk.output.is_empty() {
            return Ok(());
        }
        let before = desk.budget.bytes;
        let flow = desk
            .output
            .write_to(&mut self.transport, &mut desk.budget.bytes);
        self.count_sent(before - desk.budget.bytes, desk);
        progress.flow = flow?;
        Ok(())
    }

    /// Notes that the transport took so many bytes.
    pub(super) fn count_sent(&mut self, bytes: usize, desk: &mut Desk) {
        self.reader.takes(bytes);
        desk.sent_since = desk.sent_since.saturating_add(bytes + CHECK_SEND_BYTES);
        desk.counters.add(Count::BytesSent, bytes as u64);
    }

    /// Nothing more can be done with this input: what is left of it, and of
    /// the output, becomes the connection's own.
    pub(super) fn settle(
        &mut self,
        rest: &[u8],
        unjudged: bool,
        progress: Progress,
        since: Instant,
        desk: &mut Desk,
    ) -> Step {
        if progress.flow == Flow::Done {
            return self.follow(progress.then, rest.to_vec(), unjudged, since, desk);
        }
        self.state = State::Writing(Box::new(Writing {
            output: desk.output.take_rest(),
            unparsed: rest.to_vec(),
            then: progress.then,
            progress_at: desk.now,
            rate_since: desk.now,
            rate_bytes: 0,
            unfinished: progress.unfinished,
        }));
        match progress.flow {
            Flow::Paused => Break(Fate::Turn),
            _ if self.trusts_reader() => Continue(()),
            _ => Break(Fate::Writing),
        }
    }

    /// All is sent: what comes `then`, with the bytes that are left of the input.
    pub(super) fn follow(
        &mut self,
        then: Then,
        rest: Vec<u8>,
        unjudged: bool,
        since: Instant,
        desk: &mut Desk,
    ) -> Step {
        self.state = match then {
            Then::Close(reason) => return self.end(reason, rest.is_empty(), desk),
            Then::Body(discarding) => State::DiscardingBody(discarding),
            Then::Folder(mut reading) => {
                // Only now its time begins.
                reading.since = desk.now;
                reading.unparsed = rest;
                State::ReadingFolder(reading)
            }
            Then::Next if rest.is_empty() => State::Idle { since: desk.now },
            Then::Next => State::reading(since, rest, unjudged),
        };
        Continue(())
    }

    /// What `result` holds. Where the output failed nothing can be said any more.
    pub(super) fn sent<R>(
        &mut self,
        result: Result<R, WriteError>,
        desk: &mut Desk,
    ) -> ControlFlow<Fate, R> {
        match result {
            Ok(done) => Continue(done),
            Err(error) => {
                desk.output.clear();
                Break(Fate::Closed(write_failed(&self.identity, &error)))
            }
        }
    }
}

/// What follows a request for a folder whose listing is not finished.
fn await_listing(head: Box<[u8]>, listing: Box<Listing>, desk: &Desk) -> Then {
    Then::Folder(Box::new(ReadingFolder {
        since: desk.now,
        head,
        listing,
        unparsed: Vec::new(),
    }))
}
