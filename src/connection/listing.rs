//! A directory listing, which may take several turns to make.

use std::{
    io::{self, IoSlice},
    ops::ControlFlow::{Break, Continue},
};

use super::{
    Connection, Next, Step,
    context::Context,
    serve::Batch,
    state::State,
    transport::{Transport, uninterrupted},
};
use crate::{files::Refusal, handler::page::Page, observe::close_reason::CloseReason};

impl<T: Transport> Connection<T> {
    /// [`State::ReadingDirectory`].
    pub(super) fn advance_listing(&mut self, cx: &mut Context) -> Step {
        if self.read_closed && self.probe_reset() {
            return Break(Next::Closed(CloseReason::Reset));
        }
        let State::ReadingDirectory(reading) = &mut self.state else {
            return Continue(());
        };
        if cx.listing_pieces == 0 {
            return Break(Next::NextTurn);
        }
        cx.listing_pieces -= 1;
        let form = reading.listing.form();
        match reading.listing.advance().transpose() {
            None => Break(Next::NextTurn),
            Some(made) => self.answer_listing(made.map(|chunks| Page::listing(form, chunks)), cx),
        }
    }

    /// Whether the connection was reset. EOF alone is ambiguous: the client may
    /// have shut its own side and still be waiting for the response. After a reset
    /// even an empty write fails.
    fn probe_reset(&mut self) -> bool {
        let nothing = [IoSlice::new(&[])];
        let written = uninterrupted(|| self.transport.write(&nothing, false));
        written.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock)
    }

    /// Answers with the finished listing, or the reason why there is none, and
    /// continues with the input after the request.
    pub(super) fn answer_listing(
        &mut self,
        listed: Result<Page, Refusal>,
        cx: &mut Context,
    ) -> Step {
        let State::ReadingDirectory(reading) = self.state.take(cx.now) else {
            return Continue(());
        };
        let mut batch = Batch::begin(&reading.unparsed, reading.since);
        self.answer_kept(reading.head, Some(listed), &mut batch, cx)?;
        (batch.since, batch.received) = (cx.now, cx.now);
        self.serve(batch, cx)
    }
}
