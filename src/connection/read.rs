//! Reading from the transport: request heads and bodies.

use std::{
    io,
    ops::ControlFlow::{self, Break, Continue},
};

use super::{
    Connection, Next, Step,
    context::{Context, READ_BYTES},
    serve::Batch,
    state::{ReadingHead, State},
    transport::{Transport, uninterrupted},
};
use crate::observe::close_reason::CloseReason;

impl<T: Transport> Connection<T> {
    /// Reads once into `buffer` and returns the number of bytes read.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> ControlFlow<Next, usize> {
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

    /// [`State::ReadingHead`] and [`State::Idle`].
    pub(super) fn read(&mut self, input: &mut [u8], cx: &mut Context) -> Step {
        let (held, since, deferred) = match &self.state {
            State::ReadingHead(reading) => {
                input[..reading.input.len()].copy_from_slice(&reading.input);
                let since = match reading.input.is_empty() {
                    true => self.identity.began(cx.now),
                    false => reading.since,
                };
                (reading.input.len(), since, reading.deferred)
            }
            _ => (0, cx.now, false),
        };
        if self.readable {
            cx.refresh_clock_if_stale();
        }
        let filled = match deferred {
            true => held,
            false => {
                let end = input.len().min(held + READ_BYTES);
                held + self.receive(&mut input[held..end])?
            }
        };
        if held < filled && held > 0 {
            // The poll reported the beginning of this head. Its end may have been
            // sent after a file was checked in this turn, and then changed.
            cx.refresh_clock();
        }
        let (before, new) = input[..filled].split_at(held);
        if !deferred && !ReadingHead::can_end(before, new, &cx.limits.head) {
            self.state = State::more_head_to_come(since, input[..filled].to_vec());
            return Continue(());
        }
        if let Some(story) = &mut self.identity.story {
            story.first_byte(cx.now);
        }
        let batch = Batch {
            since,
            ..Batch::begin(&input[..filled], cx.now)
        };
        self.serve(batch, cx)
    }

    /// [`State::DiscardingBody`].
    pub(super) fn read_body(&mut self, input: &mut [u8], cx: &mut Context) -> Step {
        let count = self.receive(&mut input[..READ_BYTES])?;
        // As with a head: the poll reported only what arrived earlier.
        cx.refresh_clock();
        cx.budget.bytes = cx.budget.bytes.saturating_sub(count);
        let State::DiscardingBody(discarding) = &mut self.state else {
            return Continue(());
        };
        let input = &input[..count];
        let mut batch = Batch::begin(input, cx.now);
        match discarding.body.take(input, cx.limits.body_bytes_max) {
            Ok(decoded) if decoded.complete => {
                batch.rest = &input[decoded.consumed..];
                let head = std::mem::take(&mut discarding.head);
                self.answer_kept(head, None, &mut batch, cx)?;
            }
            Ok(_) if cx.budget.bytes == 0 => return Break(Next::NextTurn),
            Ok(_) => return Continue(()),
            Err(error) => {
                let head = std::mem::take(&mut discarding.head);
                self.answer_error(error, &head, &mut batch, cx)?;
            }
        }
        self.serve(batch, cx)
    }
}
