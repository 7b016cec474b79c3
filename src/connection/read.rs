//! Reading from the transport: request heads and bodies.

use std::{
    io,
    ops::ControlFlow::{Break, Continue},
};

use super::{
    Connection, Next, Received, Step,
    context::{Context, READ_BYTES},
    serve::Batch,
    state::{ReadingHead, State},
    transport::{Transport, uninterrupted},
};
use crate::{config::Moment, observe::close_reason::CloseReason};

impl<T: Transport> Connection<T> {
    /// Reads once into `buffer` and returns the number of bytes read.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Received<usize> {
        if !self.readable {
            return Break(Next::Readable);
        }
        let wanted = buffer.len();
        match uninterrupted(|| self.transport.read(buffer)) {
            Ok(0) => Break(Next::Closed(self.state.eof_reason())),
            Ok(count) => {
                // A short read has emptied the socket, according to epoll(7),
                // unless EOF or urgent data follows.
                self.readable = count == wanted || self.read_closed;
                Continue(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Break(Next::Readable)
            }
            Err(_) => Break(Next::Closed(CloseReason::Reset)),
        }
    }

    /// Reads the beginning of a request into `buffer`, if the connection waits for
    /// one; `None` if it does not. The result goes to
    /// [`Connection::advance_received`].
    pub fn receive_first(&mut self, buffer: &mut [u8]) -> Option<Received<usize>> {
        let is_first = match &self.state {
            State::ReadingHead(reading) => reading.input.is_empty(),
            State::Idle { .. } => true,
            _ => false,
        };
        is_first.then(|| self.receive(buffer))
    }

    /// [`State::ReadingHead`] and [`State::Idle`].
    pub(super) fn read(&mut self, input: &mut [u8], cx: &mut Context) -> Step {
        let (held, deferred) = match &self.state {
            State::ReadingHead(reading) => {
                input[..reading.input.len()].copy_from_slice(&reading.input);
                (reading.input.len(), reading.deferred)
            }
            _ => (0, false),
        };
        if deferred {
            return self.take_requests(&input[..held], cx);
        }
        let end = input.len().min(held + READ_BYTES);
        let filled = held + self.receive(&mut input[held..end])?;
        // A file that was checked earlier may have changed before this was sent.
        cx.refresh_clock();
        self.take_input(&input[..filled], held, cx)
    }

    /// Takes `input`, of which all but the first `held` bytes are new.
    pub(super) fn take_input(&mut self, input: &[u8], held: usize, cx: &mut Context) -> Step {
        let (before, new) = input.split_at(held);
        if ReadingHead::can_end(before, new, &cx.limits.head) {
            return self.take_requests(input, cx);
        }
        self.state = State::reading_head(self.request_since(cx), input.to_vec(), false);
        Continue(())
    }

    /// Answers the requests in `input`.
    fn take_requests(&mut self, input: &[u8], cx: &mut Context) -> Step {
        if let Some(story) = &mut self.identity.story {
            story.first_byte(cx.now);
        }
        let batch = Batch {
            since: self.request_since(cx),
            ..Batch::begin(input, cx.now)
        };
        self.serve(batch, cx)
    }

    /// When the first request in the input began. An empty line before a later request
    /// does not begin it.
    pub(super) fn request_since(&self, cx: &Context) -> Moment {
        match &self.state {
            State::ReadingHead(reading) if reading.input.is_empty() => self.identity.began(cx.now),
            State::ReadingHead(reading) if reading.has_begun() || self.identity.requests == 0 => {
                reading.since
            }
            _ => cx.now,
        }
    }

    /// [`State::DiscardingBody`].
    pub(super) fn read_body(&mut self, input: &mut [u8], cx: &mut Context) -> Step {
        let count = self.receive(&mut input[..READ_BYTES])?;
        // As with a head.
        cx.refresh_clock();
        cx.budget.bytes = cx.budget.bytes.saturating_sub(count);
        let State::DiscardingBody(discarding) = &mut self.state else {
            return Continue(());
        };
        let input = &input[..count];
        let mut batch = Batch::begin(input, cx.now);
        match discarding.body.take(input, cx.limits.body_bytes_max) {
            Ok(Some(consumed)) => {
                batch.rest = &input[consumed..];
                let head = std::mem::take(&mut discarding.head);
                self.answer_kept(head, None, &mut batch, cx)?;
            }
            Ok(None) if cx.budget.bytes == 0 => return Break(Next::NextTurn),
            Ok(None) => return Continue(()),
            Err(error) => {
                let head = std::mem::take(&mut discarding.head);
                self.answer_error(error, &head, &mut batch, cx)?;
            }
        }
        self.serve(batch, cx)
    }
}
