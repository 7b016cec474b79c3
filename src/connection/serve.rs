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
    note::{self, Note, Said, Unfinished},
    output::{Flow, WriteError},
    respond::Queued,
    state::{ReadingFolder, State, Then, Writing},
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
enum Judged {
    /// Incomplete: more has to come.
    Partial,
    /// Done with, or what follows it is decided: [`Progress::then`].
    Done,
    /// There is no descriptor for its file: to be judged again.
    Starved,
}

/// How far the requests of one read have come.
pub(super) struct Progress<'i> {
    /// What is not done with of the input.
    pub rest: &'i [u8],
    /// When the request at its begin began.
    pub since: Instant,
    /// What follows what is queued.
    pub then: Then,
    /// Whether the transport took all that was queued so far.
    pub flow: Flow,
    /// The last response, when it was not all sent.
    pub unfinished: Option<Box<Unfinished>>,
    /// When the request to be answered was whole.
    pub received: Instant,
}

impl<'i> Progress<'i> {
    /// The begin: no request of `input`, which came `now`, is answered yet.
    pub(super) fn begin(input: &'i [u8], now: Instant) -> Progress<'i> {
        Progress {
            rest: input,
            since: now,
            then: Then::Next,
            flow: Flow::Done,
            unfinished: None,
            received: now,
        }
    }
}

impl<T: Transport> Connection<T> {
    /// Serves the requests that lie in the rest of `progress`.
    pub(super) fn serve(&mut self, mut progress: Progress<'_>, desk: &mut Desk) -> Step {
        let mut put_off = None;
        while !progress.rest.is_empty() && matches!(progress.then, Then::Next) {
            if progress.flow != Flow::Done || desk.budget.is_spent() {
                put_off = Some(Fate::Turn);
                break;
            }
            let before = progress.rest.len();
            let judged = self.answer(&mut progress, desk)?;
            let request_bytes = before - progress.rest.len();
            desk.budget.request_bytes = desk.budget.request_bytes.saturating_sub(request_bytes);
            match judged {
                Judged::Done => progress.since = desk.now,
                Judged::Partial => break,
                Judged::Starved => {
                    put_off = Some(Fate::Starved);
                    break;
                }
            }
        }
        let step = self.settle(progress, put_off.is_some(), desk);
        match (put_off, &self.state) {
            (Some(fate), State::ReadingHead(_)) if step.is_continue() => Break(fate),
            _ => step,
        }
    }

    /// Answers the request at the begin of the rest: at once where the same bytes
    /// came before, else once they are judged.
    fn answer(
        &mut self,
        progress: &mut Progress<'_>,
        desk: &mut Desk,
    ) -> ControlFlow<Fate, Judged> {
        let Some(recalled) = desk.memo.recall(progress.rest, &desk.view, desk.turn) else {
            return self.judge(progress, desk);
        };
        let (head, behind) = progress.rest.split_at(recalled.marks.head_bytes);
        progress.rest = behind;
        let asked = recalled.marks.asked(head);
        let persistence = self.begin_response(&asked, false, desk);
        let queued = desk.queue_again(&recalled, persistence);
        let close = note::close_reason(persistence);
        self.conclude(Said::from(&asked), queued, close, progress, desk)?;
        Continue(Judged::Done)
    }

    /// Judges the request at the begin of the rest and queues its answer.
    fn judge(&mut self, progress: &mut Progress<'_>, desk: &mut Desk) -> ControlFlow<Fate, Judged> {
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        let request = match request::parse(progress.rest, &mut room, &desk.limits.head) {
            Ok(Some(request)) => request,
            Ok(None) => return Continue(Judged::Partial),
            Err(error) => {
                self.answer_error(error, progress.rest, progress, desk)?;
                return Continue(Judged::Done);
            }
        };
        let (head, mut behind) = progress.rest.split_at(request.head_bytes);
        if let Some(mut body) = Body::begin(request.framing) {
            match body.take(behind, desk.limits.body_bytes_max) {
                Ok(decoded) if decoded.complete => behind = &behind[decoded.consumed..],
                Ok(_) => {
                    progress.rest = &[];
                    self.await_body(&request, head, behind, body, progress, desk)?;
                    return Continue(Judged::Done);
                }
                Err(error) => {
                    self.answer_error(error, head, progress, desk)?;
                    return Continue(Judged::Done);
                }
            }
        }
        let answer = handler::answer(&request, desk.basis());
        if let Answer::NoDescriptor = answer {
            return Continue(Judged::Starved);
        }
        progress.rest = behind;
        if let Answer::Listing(listing) = answer {
            progress.then = Then::Folder(head.into(), listing);
            return Continue(Judged::Done);
        }
        if desk.trusted_proxies.is_empty() {
            desk.memo.note(head, &request, &answer, &desk.view);
        }
        self.respond(&Asked::from(&request), &answer, progress, desk)?;
        Continue(Judged::Done)
    }

    /// Sends the answer to a request that is whole: at once when nothing more
    /// can be collected behind it.
    pub(super) fn respond(
        &mut self,
        asked: &Asked<'_>,
        answer: &Answer,
        progress: &mut Progress<'_>,
        desk: &mut Desk,
    ) -> Step {
        let refused = matches!(answer, Answer::Page(page) if page.refused);
        let persistence = self.begin_response(asked, refused, desk);
        let queued = desk.queue(answer, persistence, asked.head_only);
        desk.budget.responses = desk.budget.responses.saturating_sub(answer.parts());
        let close = note::close_reason(persistence);
        self.conclude(Said::from(asked), queued, close, progress, desk)
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

    /// Sends what is queued of a response if that is due, and notes it. `close` is
    /// the reason for which it is the last.
    pub(super) fn conclude(
        &mut self,
        said: Said<'_>,
        queued: Queued,
        close: Option<CloseReason>,
        progress: &mut Progress<'_>,
        desk: &mut Desk,
    ) -> Step {
        if let Some(reason) = close {
            desk.output.is_last = true;
            progress.then = Then::Close(reason);
        }
        desk.counters
            .response(queued.status, self.identity.requests);
        let note = Note {
            queued,
            close,
            received: progress.received,
        };
        let is_due = progress.rest.is_empty()
            || close.is_some()
            || desk.output.has_parts()
            || desk.output.bytes.len() >= COALESCED_BYTES_MAX;
        if is_due && let Err(error) = self.flush(progress, desk) {
            let left = desk.output.left();
            let reason = self.write_failed(&error, desk);
            note::sent(&mut self.identity, desk, said, note.cut_short(reason, left));
            return Break(Fate::Closed(reason));
        }
        if progress.flow == Flow::Done {
            note::sent(&mut self.identity, desk, said, note);
        } else {
            progress.unfinished = note::hold(&self.identity, desk, said, note);
        }
        Continue(())
    }

    /// Answers the request of a head that was kept until its body was whole, or
    /// its listing.
    pub(super) fn answer_kept(
        &mut self,
        head: Box<[u8]>,
        listed: Option<Result<Page, Refusal>>,
        progress: &mut Progress<'_>,
        desk: &mut Desk,
    ) -> Step {
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        // The same bytes are judged the same way again.
        let Ok(Some(request)) = request::parse(&head, &mut room, &desk.limits.head) else {
            return Continue(());
        };
        let asked = Asked::from(&request);
        let answer = match listed {
            Some(listed) => handler::answer_listed(&request, listed, desk.basis()),
            None => handler::answer(&request, desk.basis()),
        };
        if let Answer::Listing(listing) = answer {
            progress.then = Then::Folder(head, listing);
            return Continue(());
        }
        self.respond(&asked, &answer, progress, desk)
    }

    /// Sends what is queued.
    fn flush(&mut self, progress: &mut Progress<'_>, desk: &mut Desk) -> Result<(), WriteError> {
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
        self.taken = self.taken.saturating_add(bytes);
        desk.sent_since = desk.sent_since.saturating_add(bytes + CHECK_SEND_BYTES);
        desk.counters.add(Count::BytesSent, bytes as u64);
    }

    /// Nothing more can be done with this input. What is queued is sent; what is
    /// left of both becomes the connection's own.
    fn settle(&mut self, mut progress: Progress<'_>, unjudged: bool, desk: &mut Desk) -> Step {
        if let Err(error) = self.flush(&mut progress, desk) {
            return Break(Fate::Closed(self.write_failed(&error, desk)));
        }
        let rest = progress.rest.to_vec();
        if progress.flow == Flow::Done {
            return self.follow(progress.then, rest, unjudged, progress.since, desk);
        }
        self.state = State::Writing(Box::new(Writing {
            output: desk.output.take_rest(),
            unparsed: rest,
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
            Then::Folder(head, listing) => State::ReadingFolder(Box::new(ReadingFolder {
                since: desk.now,
                head,
                listing,
                unparsed: rest,
            })),
            Then::Next if rest.is_empty() => State::Idle { since: desk.now },
            Then::Next => State::reading(since, rest, unjudged),
        };
        Continue(())
    }
}
