//! The transport to input: what is read, and when it is worth a judgement.

use std::{
    io,
    ops::ControlFlow::{self, Break, Continue},
};

use super::{
    Connection, Fate, Step,
    desk::{Desk, READ_BYTES},
    serve::Progress,
    state::{ReadingHead, State},
    transport::{Transport, uninterrupted},
};
use crate::observe::close_reason::CloseReason;

impl<T: Transport> Connection<T> {
    /// Reads once into `room` and says how much.
    pub(super) fn receive(&mut self, room: &mut [u8]) -> ControlFlow<Fate, usize> {
        if !self.readable {
            return Break(Fate::Reading);
        }
        let wanted = room.len();
        match uninterrupted(|| self.transport.read(room)) {
            Ok(0) => Break(Fate::Closed(self.ended())),
            Ok(count) => {
                // A short read has emptied the socket, as epoll(7) has it,
                // unless the peer's end, or more, stands behind it.
                self.readable = count == wanted || self.read_closed;
                Continue(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Break(Fate::Reading)
            }
            Err(_) => Break(Fate::Closed(CloseReason::Reset)),
        }
    }

    /// What it is that the peer ended its side.
    fn ended(&self) -> CloseReason {
        match &self.state {
            State::ReadingHead(reading) if reading.has_begun() => CloseReason::ClientGaveUp,
            State::DiscardingBody(_) => CloseReason::ClientGaveUp,
            _ => CloseReason::ClientClosed,
        }
    }

    /// [`State::ReadingHead`] and [`State::Idle`].
    pub(super) fn read(&mut self, input: &mut [u8], desk: &mut Desk) -> Step {
        let (held, since, unjudged) = match &self.state {
            State::ReadingHead(reading) => {
                input[..reading.input.len()].copy_from_slice(&reading.input);
                let since = match reading.input.is_empty() {
                    true => self.identity.began(desk.now),
                    false => reading.since,
                };
                (reading.input.len(), since, reading.unjudged)
            }
            _ => (0, desk.now, false),
        };
        if self.readable {
            desk.renew_turn_if_old();
        }
        let filled = match unjudged {
            true => held,
            false => {
                let end = input.len().min(held + READ_BYTES);
                held + self.receive(&mut input[held..end])?
            }
        };
        if held < filled && held > 0 {
            // The poll told of its beginning: its end may have been sent after a
            // file was looked at in this turn, and after it was changed.
            desk.renew_turn();
        }
        let (before, new) = input[..filled].split_at(held);
        if !unjudged && !ReadingHead::can_end(before, new, &desk.limits.head) {
            self.state = State::reading(since, input[..filled].to_vec(), false);
            return Continue(());
        }
        if let Some(story) = &mut self.identity.story {
            story.first_byte(desk.now);
        }
        let progress = Progress {
            since,
            ..Progress::begin(&input[..filled], desk.now)
        };
        self.serve(progress, desk)
    }

    /// [`State::DiscardingBody`].
    pub(super) fn read_body(&mut self, input: &mut [u8], desk: &mut Desk) -> Step {
        let count = self.receive(&mut input[..READ_BYTES])?;
        // As with a head: the poll told of what came before.
        desk.renew_turn();
        desk.budget.bytes = desk.budget.bytes.saturating_sub(count);
        let State::DiscardingBody(discarding) = &mut self.state else {
            return Continue(());
        };
        let input = &input[..count];
        let mut progress = Progress::begin(input, desk.now);
        match discarding.body.take(input, desk.limits.body_bytes_max) {
            Ok(decoded) if decoded.complete => {
                progress.rest = &input[decoded.consumed..];
                let head = std::mem::take(&mut discarding.head);
                self.answer_kept(head, None, &mut progress, desk)?;
            }
            Ok(_) if desk.budget.bytes == 0 => return Break(Fate::Turn),
            Ok(_) => return Continue(()),
            Err(error) => {
                let head = std::mem::take(&mut discarding.head);
                self.answer_error(error, &head, &mut progress, desk)?;
            }
        }
        self.serve(progress, desk)
    }
}
