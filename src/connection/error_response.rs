//! Error responses to malformed or incomplete requests.

use std::{mem::MaybeUninit, ops::ControlFlow::Continue};

use log::debug;

use super::{
    Connection, Step,
    accounting::LoggedRequest,
    body::Body,
    context::Context,
    serve::Batch,
    state::{DiscardingBody, State, Then},
    transport::Transport,
};
use crate::{
    handler::{Answer, page::Page},
    http::{
        error::RequestError,
        framing::BodyFraming,
        persistence::Persistence,
        request::{self, Expectation, Request},
        response,
        status::Status,
    },
    observe::close_reason::CloseReason,
};

impl<T: Transport> Connection<T> {
    /// Answers `bytes`, which are not a valid request.
    pub(super) fn answer_error(
        &mut self,
        error: RequestError,
        bytes: &[u8],
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> Step {
        debug!(
            "connection {}: invalid request: {error:?}",
            self.identity.id
        );
        let page = Page::of_error(error);
        self.respond_last(page, bytes, CloseReason::BadRequest, batch, cx)
    }

    /// Stops waiting for the rest of a request and answers it with `status`.
    pub(super) fn answer_incomplete(
        &mut self,
        status: Status,
        reason: CloseReason,
        cx: &mut Context,
    ) -> Step {
        let bytes = match &self.state {
            State::ReadingHead(reading) => reading.input.clone(),
            State::DiscardingBody(discarding) => discarding.head.to_vec(),
            _ => Vec::new(),
        };
        let mut batch = Batch::begin(&[], cx.now);
        self.respond_last(Page::refused(status), &bytes, reason, &mut batch, cx)?;
        self.serve(batch, cx)
    }

    /// Sends the last response, to `bytes`. Input after them is never parsed.
    fn respond_last(
        &mut self,
        page: Page,
        bytes: &[u8],
        reason: CloseReason,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> Step {
        batch.rest = &[];
        self.identity.requests += 1;
        // An empty line may precede a request (RFC 9112 section 2.2).
        let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        // A response to HEAD has no content, even if it is an error (RFC 9110
        // section 9.3.2).
        let head_only = bytes.starts_with(b"HEAD ");
        let queued = cx.queue(&Answer::Page(page), Persistence::Close, head_only);
        // The head itself may be valid, and the error in the body.
        let mut fields = [const { MaybeUninit::uninit() }; request::HEADER_FIELDS_MAX];
        let request = request::parse(bytes, &mut fields, &cx.limits.head);
        let logged = match &request {
            Ok(Some(request)) => LoggedRequest::from(request),
            _ => LoggedRequest::raw(bytes),
        };
        self.finish_response(|| logged, queued, Some(reason), batch, cx)
    }

    /// Waits for the rest of a body whose head is complete. A client that expects
    /// a 100 (Continue) gets one (RFC 9110 section 10.1.1), unless it announces too
    /// large a body: that is refused at once, even if part of it has arrived.
    pub(super) fn await_body(
        &mut self,
        request: &Request<'_>,
        head: &[u8],
        behind: &[u8],
        body: Body,
        batch: &mut Batch<'_>,
        cx: &mut Context,
    ) -> Step {
        let asks = request.expectation == Expectation::Continue;
        let bytes_max = cx.limits.body_bytes_max;
        let too_much = matches!(request.framing, BodyFraming::Length(bytes) if bytes > bytes_max);
        if asks && too_much {
            return self.answer_error(RequestError::BodyTooLarge, head, batch, cx);
        }
        if asks && behind.is_empty() {
            cx.output.bytes.extend_from_slice(response::CONTINUE);
        }
        batch.then = Then::Body(Box::new(DiscardingBody {
            since: cx.now,
            head: head.into(),
            body,
        }));
        Continue(())
    }
}
