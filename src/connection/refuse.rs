//! Answers to what is no request, or not the whole of one.

use std::mem::MaybeUninit;

use super::{
    Budget, Connection, Fate,
    body::Body,
    desk::Desk,
    fate,
    note::{self, Note, Said},
    serve::Progress,
    state::{DiscardingBody, State, Then},
    transport::Transport,
};
use crate::{
    handler::{Answer, page::Page},
    http::{
        error::RequestError,
        framing::BodyFraming,
        persistence::{CloseCause, Persistence},
        request::{self, Asked, Expectation, Request, Version},
        response,
        status::Status,
    },
    observe::close_reason::CloseReason,
};

impl<T: Transport> Connection<T> {
    /// Queues the answer to bytes that are no request; it is the last.
    pub(super) fn queue_error(
        &mut self,
        error: RequestError,
        bytes: &[u8],
        progress: &mut Progress<'_>,
        desk: &mut Desk,
    ) {
        log::debug!("connection {}: refused: {error:?}", self.identity.id);
        let page = Page::of_error(error);
        self.queue_last(page, bytes, CloseReason::BadRequest, desk);
        progress.then = Then::Close(CloseReason::BadRequest);
        // What follows is never parsed.
        progress.rest = &[];
    }

    fn queue_last(&mut self, page: Page, bytes: &[u8], reason: CloseReason, desk: &mut Desk) {
        self.identity.requests += 1;
        // An empty line may stand before a request (RFC 9112 section 2.2).
        let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        // A response to HEAD has no content, an error no less than any other
        // (RFC 9110 section 9.3.2).
        let head_only = bytes.starts_with(b"HEAD ");
        let persistence = Persistence::Close(CloseCause::Refused);
        let queued = desk.queue(&Answer::Page(page), persistence, head_only);
        desk.output.is_last = true;
        desk.counters
            .response(queued.status, self.identity.requests);
        let note = Note {
            number: self.identity.requests,
            queued,
            close: Some(reason),
            received: desk.now,
        };
        if !note::is_timed(desk) {
            return;
        }
        // What is wrong may stand behind the head.
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        let request = request::parse(bytes, &mut room, &desk.limits.head);
        let asked = request.ok().flatten().map(|request| Asked::from(&request));
        let said = asked.as_ref().map_or_else(|| Said::raw(bytes), Said::from);
        note::sent(&mut self.identity, desk, said, note);
    }

    /// Gives up waiting for the rest of a request, and says so.
    pub(super) fn refuse(&mut self, status: Status, reason: CloseReason, desk: &mut Desk) -> Fate {
        let line = match &self.state {
            State::ReadingHead(reading) => reading.input.clone(),
            State::DiscardingBody(discarding) => discarding.head.to_vec(),
            _ => Vec::new(),
        };
        self.queue_last(Page::refused(status), &line, reason, desk);
        // More of the request may come, or lie there unread, so the close has to
        // linger: a byte left over says so.
        let mut progress = Progress::begin(b"\n", desk.now);
        progress.then = Then::Close(reason);
        desk.budget = Budget::new(usize::MAX);
        fate(self.serve(progress, desk))
    }

    /// The head is whole, its body is not. A client that waits for leave to
    /// send it is told (RFC 9110 section 10.1.1), unless it would be too much:
    /// then that is said at once, whether or not some of it came along.
    pub(super) fn await_body(
        &mut self,
        request: &Request<'_>,
        head: &[u8],
        behind: &[u8],
        body: Body,
        progress: &mut Progress<'_>,
        desk: &mut Desk,
    ) {
        let asks =
            request.expectation == Expectation::Continue && request.version == Version::Http11;
        let bytes_max = desk.limits.body_bytes_max;
        let too_much = matches!(request.framing, BodyFraming::Length(bytes) if bytes > bytes_max);
        if asks && too_much {
            self.queue_error(RequestError::BodyTooLarge, head, progress, desk);
            return;
        }
        if asks && behind.is_empty() {
            desk.output.bytes.extend_from_slice(response::CONTINUE);
        }
        progress.then = Then::Body(Box::new(DiscardingBody {
            since: desk.now,
            head: head.into(),
            body,
        }));
    }
}
