//! Input to answers: what one read brought is judged request by request, and
//! the answers go out together.

use std::{mem::MaybeUninit, time::Instant};

use super::{
    Budget, Connection, Fate, Step,
    body::Body,
    desk::Desk,
    note::{self, Note, Said},
    output::{Flow, WriteError},
    progress::{Judged, Progress},
    respond::Queued,
    state::{ReadingFolder, ReadingHead, State, Then, Writing},
    transport::Transport,
    write::write_failed,
};
use crate::{
    files::listing::Listing,
    handler::{self, Answer},
    http::{
        persistence::{self, Circumstances, Persistence},
        request::{self, Asked},
    },
    observe::counters::Count,
};

/// Bytes of responses that are collected before they are sent together.
pub const COALESCED_BYTES_MAX: usize = 64 << 10;

impl<T: Transport> Connection<T> {
    /// Serves the requests in `input`. The first of them began at `since`.
    pub(super) fn serve(
        &mut self,
        input: &[u8],
        since: Instant,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Step {
        self.serve_rest(input, Progress::begin(desk.now), since, desk, budget)
    }

    pub(super) fn serve_rest(
        &mut self,
        input: &[u8],
        mut progress: Progress,
        since: Instant,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Step {
        let mut unjudged = false;
        let mut starved = false;
        while progress.at < input.len() {
            if progress.flow != Flow::Done || budget.is_spent() {
                unjudged = true;
                break;
            }
            let begin = progress.at;
            let judged = self.answer(input, &mut progress, desk, budget);
            let request_bytes = progress.at - begin;
            budget.request_bytes = budget.request_bytes.saturating_sub(request_bytes);
            match judged {
                Ok(Judged::Answered) => {}
                Ok(Judged::Partial) => break,
                Ok(Judged::Last) => break,
                Ok(Judged::Starved) => {
                    (unjudged, starved) = (true, true);
                    break;
                }
                Err(error) => return self.failed(&error, desk),
            }
        }
        let since = if progress.at == 0 { since } else { desk.now };
        if let Err(error) = self.flush(&mut progress, desk, budget) {
            return self.failed(&error, desk);
        }
        let step = self.settle(&input[progress.at..], unjudged, progress, since, desk);
        match &self.state {
            State::ReadingHead(_) if starved => Step::Stop(Fate::Starved),
            _ => step,
        }
    }

    /// Judges the request at `progress.at` and queues its answer.
    pub(super) fn judge(
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
        let begin = progress.at;
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
        let answer = match handler::answer(&request, desk.place()) {
            Answer::NoDescriptor => {
                progress.at = begin;
                return Ok(Judged::Starved);
            }
            Answer::Listing(listing) => {
                progress.then = await_listing(head.into(), listing, desk);
                return Ok(Judged::Last);
            }
            answer => answer,
        };
        if desk.trusted_proxies.is_empty() {
            desk.memo.note(head, &request, &answer, &desk.view);
        }
        self.respond(
            &Asked::from(&request),
            &answer,
            last,
            progress,
            desk,
            budget,
        )?;
        Ok(progress.after_response())
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
        budget: &mut Budget,
    ) -> Result<(), WriteError> {
        let refused = matches!(answer, Answer::Page(page) if page.refused);
        let persistence = self.begin_response(asked, refused, desk, budget);
        let queued = desk.queue(answer, persistence, asked.head_only);
        let response = Response {
            persistence,
            queued,
            written: Ok(()),
        };
        self.conclude(asked, response, last, progress, desk, budget)
    }

    /// Counts a response, and decides what becomes of the connection after it.
    pub(super) fn begin_response(
        &mut self,
        asked: &Asked<'_>,
        refused: bool,
        desk: &Desk,
        budget: &mut Budget,
    ) -> Persistence {
        self.identity.requests += 1;
        budget.responses = budget.responses.saturating_sub(1);
        persistence::decide(
            asked.version,
            asked.connection,
            Circumstances {
                keep_alive_off: desk.timeouts.keep_alive.is_zero(),
                last_request: self.identity.requests == desk.limits.requests_max,
                draining: desk.draining,
                refused,
            },
        )
    }

    /// Sends what is queued of a response if that is due, and notes it.
    pub(super) fn conclude(
        &mut self,
        asked: &Asked<'_>,
        response: Response,
        last: bool,
        progress: &mut Progress,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Result<(), WriteError> {
        let Response {
            persistence,
            queued,
            written,
        } = response;
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
        let written = written.and_then(|()| match is_due {
            true => self.flush(progress, desk, budget),
            false => Ok(()),
        });
        if let Err(error) = written {
            let note = note.cut_short((&error).into(), desk.output.left());
            note::sent(&mut self.identity, desk, Said::Request(asked), note);
            return Err(error);
        }
        if progress.flow == Flow::Done {
            note::sent(&mut self.identity, desk, Said::Request(asked), note);
        } else {
            progress.unfinished = note::hold(&self.identity, desk, Said::Request(asked), note);
        }
        Ok(())
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
        let mut progress = Progress::begin(desk.now);
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
            if let Ok(Some(request)) = request::parse(&head, &mut room, &desk.limits.head) {
                match handler::answer(&request, desk.place()) {
                    Answer::Listing(listing) => {
                        progress.then = await_listing(head, listing, desk);
                    }
                    answer => {
                        let asked = Asked::from(&request);
                        let answered =
                            self.respond(&asked, &answer, last, &mut progress, desk, budget);
                        if let Err(error) = answered {
                            return self.failed(&error, desk);
                        }
                    }
                }
            }
        }
        self.go_on(input, progress, desk, budget)
    }

    /// Sends what is queued.
    pub(super) fn flush(
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
        self.count_sent(before - budget.bytes, desk);
        progress.flow = flow?;
        Ok(())
    }

    /// Notes that the transport took so many bytes.
    pub(super) fn count_sent(&mut self, bytes: usize, desk: &Desk) {
        self.reader.takes(bytes);
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
            return match flow {
                Flow::Paused => Step::Stop(Fate::Turn),
                _ if self.trusts_reader() => Step::Continue,
                _ => Step::Stop(Fate::Writing),
            };
        }
        match then {
            Then::Close(reason) => self.end(reason, rest.is_empty(), desk),
            Then::Body(discarding) => {
                self.state = State::DiscardingBody(discarding);
                Step::Continue
            }
            Then::Folder(mut reading) => {
                reading.unparsed = rest.to_vec();
                self.state = State::ReadingFolder(reading);
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
    pub(super) fn failed(&mut self, error: &WriteError, desk: &mut Desk) -> Step {
        desk.output.clear();
        Step::Stop(Fate::Closed(write_failed(&self.identity, error)))
    }
}

/// A response that is queued, or written.
pub(super) struct Response {
    pub(super) persistence: Persistence,
    pub(super) queued: Queued,
    /// What writing it came to so far.
    pub(super) written: Result<(), WriteError>,
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
