//! A folder that is read, and its listing written, in more than one turn.

use std::{
    io::{self, IoSlice},
    ops::ControlFlow::{Break, Continue},
};

use super::{
    Connection, Fate, Step,
    desk::Desk,
    serve::Progress,
    state::State,
    transport::{Transport, uninterrupted},
};
use crate::{files::Refusal, handler::page::Page, observe::close_reason::CloseReason};

impl<T: Transport> Connection<T> {
    /// [`State::ReadingFolder`].
    pub(super) fn read_folder(&mut self, desk: &mut Desk) -> Step {
        if self.read_closed && self.is_reset() {
            return Break(Fate::Closed(CloseReason::Reset));
        }
        let State::ReadingFolder(reading) = &mut self.state else {
            return Continue(());
        };
        if desk.folder_pieces == 0 {
            return Break(Fate::Turn);
        }
        desk.folder_pieces -= 1;
        let form = reading.listing.form();
        match reading.listing.advance().transpose() {
            None => Break(Fate::Turn),
            Some(made) => self.folder_read(made.map(|chunks| Page::listing(form, chunks)), desk),
        }
    }

    /// The peer's end alone says nothing: it may have shut its own side, and
    /// wait for the answer. A peer that is gone has the transport refuse even
    /// an empty write.
    fn is_reset(&mut self) -> bool {
        let nothing = [IoSlice::new(&[])];
        let written = uninterrupted(|| self.transport.write(&nothing, false));
        written.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock)
    }

    /// Answers with what the listing came to, and goes on with what was read
    /// behind its request.
    pub(super) fn folder_read(&mut self, listed: Result<Page, Refusal>, desk: &mut Desk) -> Step {
        let idle = State::Idle { since: desk.now };
        let State::ReadingFolder(reading) = std::mem::replace(&mut self.state, idle) else {
            return Continue(());
        };
        let mut progress = Progress::begin(&reading.unparsed, reading.since);
        self.answer_kept(reading.head, Some(listed), &mut progress, desk)?;
        (progress.since, progress.received) = (desk.now, desk.now);
        self.serve(progress, desk)
    }
}
