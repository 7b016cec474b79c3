//! A folder that is read, and its listing written, in more than one turn.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
};

use super::{
    Budget, Connection, Fate, Step,
    desk::Desk,
    progress::Progress,
    state::{ReadingFolder, State, Then},
    transport::{Transport, uninterrupted},
};
use crate::{
    files::{Refusal, listing},
    handler::{self, page::Page},
    http::request::{self, Asked},
    observe::close_reason::CloseReason,
};

impl<T: Transport> Connection<T> {
    /// [`State::ReadingFolder`].
    pub(super) fn read_folder(&mut self, desk: &mut Desk, budget: &mut Budget) -> Step {
        if self.read_closed && self.is_reset() {
            return Step::Stop(Fate::Closed(CloseReason::Reset));
        }
        let State::ReadingFolder(reading) = &mut self.state else {
            return Step::Continue;
        };
        if desk.folder_pieces == 0 {
            return Step::Stop(Fate::Turn);
        }
        desk.folder_pieces -= 1;
        let form = reading.listing.form();
        match reading.listing.advance() {
            Ok(listing::Progress::Unfinished) => Step::Stop(Fate::Turn),
            Ok(listing::Progress::Finished(chunks)) => {
                self.folder_read(Ok(Page::listing(form, chunks)), desk, budget)
            }
            Err(refusal) => self.folder_read(Err(refusal), desk, budget),
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
    pub(super) fn folder_read(
        &mut self,
        listed: Result<Page, Refusal>,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Step {
        let idle = State::Idle { since: desk.now };
        let State::ReadingFolder(reading) = std::mem::replace(&mut self.state, idle) else {
            return Step::Continue;
        };
        let ReadingFolder {
            since,
            head,
            unparsed,
            ..
        } = *reading;
        let mut progress = Progress::begin(since);
        // The same bytes are judged the same way again.
        let mut room = [const { MaybeUninit::uninit() }; request::FIELDS_MAX];
        if let Ok(Some(request)) = request::parse(&head, &mut room, &desk.limits.head) {
            let answer = handler::answer_listed(&request, listed, desk.place());
            let last = unparsed.is_empty();
            let asked = Asked::from(&request);
            let answered = self.respond(&asked, &answer, last, &mut progress, desk, budget);
            if let Err(error) = answered {
                return self.failed(&error, desk);
            }
        }
        progress.received = desk.now;
        self.go_on(&unparsed, progress, desk, budget)
    }

    /// Goes on behind a request that was answered by itself.
    pub(super) fn go_on(
        &mut self,
        input: &[u8],
        mut progress: Progress,
        desk: &mut Desk,
        budget: &mut Budget,
    ) -> Step {
        if matches!(progress.then, Then::Next) {
            return self.serve_rest(input, progress, desk.now, desk, budget);
        }
        let rest = &input[progress.at..];
        match self.flush(&mut progress, desk, budget) {
            Ok(()) => self.settle(rest, true, progress, desk.now, desk),
            Err(error) => self.failed(&error, desk),
        }
    }
}
