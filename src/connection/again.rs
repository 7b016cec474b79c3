//! A request whose head came before.

use super::{
    Connection,
    desk::Desk,
    output::WriteError,
    progress::{Judged, Progress},
    transport::Transport,
};

impl<T: Transport> Connection<T> {
    /// Answers the request at `progress.at`: at once where the same bytes came
    /// before, else once they are judged.
    pub(super) fn answer(
        &mut self,
        input: &[u8],
        progress: &mut Progress,
        desk: &mut Desk,
    ) -> Result<Judged, WriteError> {
        let rest = &input[progress.at..];
        let Some(recalled) = desk.memo.recall(rest, &desk.view, desk.turn) else {
            return self.judge(input, progress, desk);
        };
        progress.at += recalled.marks.head_bytes;
        let last = progress.at == input.len();
        let asked = recalled.marks.asked(rest);
        let persistence = self.begin_response(&asked, false, desk);
        let queued = desk.queue_again(&recalled, persistence);
        self.conclude(&asked, persistence, queued, last, progress, desk)?;
        Ok(Judged::Done)
    }
}
