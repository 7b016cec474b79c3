//! The transport to input: what is read, and when it is worth a judgement.

use std::io;

use super::{
    Budget, Connection, Fate, Step, TURN_RESPONSES_MAX,
    desk::{Desk, READ_BYTES},
    state::{ReadingHead, State},
    transport::{Transport, uninterrupted},
};
use crate::observe::close_reason::CloseReason;

impl<T: Transport> Connection<T> {
    /// Reads once, behind the `held` bytes of `input`. `None`: nothing now.
    fn receive(&mut self, input: &mut [u8], held: usize) -> Result<Option<usize>, CloseReason> {
        if !self.readable {
            return Ok(None);
        }
        let end = input.len().min(held + READ_BYTES);
        let room = &mut input[held..end];
        let wanted = room.len();
        match uninterrupted(|| self.transport.read(room)) {
            Ok(0) => Err(self.ended()),
            Ok(count) => {
                // A short read has emptied the socket, as epoll(7) has it,
                // unless the peer's end, or more, stands behind it.
                self.readable = count == wanted || self.read_closed;
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(_) => Err(CloseReason::Reset),
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
    pub(super) fn read(&mut self, input: &mut [u8], desk: &mut Desk, budget: &mut Budget) -> Step {
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
            match budget.responses < TURN_RESPONSES_MAX {
                true => desk.read_clock(),
                false => desk.read_clock_if_old(),
            }
        }
        let filled = if unjudged {
            held
        } else {
            match self.receive(input, held) {
                Ok(Some(count)) => held + count,
                Ok(None) => return Step::Stop(Fate::Reading),
                Err(reason) => return Step::Stop(Fate::Closed(reason)),
            }
        };
        let (before, new) = input[..filled].split_at(held);
        if !unjudged && !ReadingHead::can_end(before, new, &desk.limits.head) {
            self.state = State::ReadingHead(ReadingHead {
                since,
                input: input[..filled].to_vec(),
                unjudged: false,
            });
            return Step::Continue;
        }
        if let Some(story) = &mut self.identity.story {
            story.first_byte(desk.now);
        }
        self.serve(&input[..filled], since, desk, budget)
    }

    /// [`State::DiscardingBody`].
    pub(super) fn read_body(
        &mut self,
        input: &mut [u8],
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Step {
        if self.readable && budget.responses < TURN_RESPONSES_MAX {
            desk.read_clock();
        }
        let count = match self.receive(input, 0) {
            Ok(Some(count)) => count,
            Ok(None) => return Step::Stop(Fate::Reading),
            Err(reason) => return Step::Stop(Fate::Closed(reason)),
        };
        if budget.bytes < count {
            budget.bytes = 0;
        } else {
            budget.bytes -= count;
        }
        self.continue_body(&input[..count], desk, budget)
    }
}
