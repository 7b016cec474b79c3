//! A request whose head came before.

use super::{
    Connection,
    desk::Desk,
    memo::Recalled,
    output::WriteError,
    progress::{Judged, Progress},
    serve::Response,
    transport::Transport,
};
use crate::http::persistence::Persistence;

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
        let response = self.repeat(&recalled, persistence, last, progress, desk);
        self.conclude(&asked, response, last, progress, desk)?;
        Ok(Judged::Done)
    }

    /// Sends or queues the response that was sent before; one that was not is
    /// queued anew, and remembered.
    fn repeat(
        &mut self,
        recalled: &Recalled,
        persistence: Persistence,
        last: bool,
        progress: &mut Progress,
        desk: &mut Desk,
    ) -> Response {
        let alone = desk.output.is_empty();
        let is_usual = persistence == Persistence::Keep;
        if is_usual && let Some(ready) = desk.memo.ready(recalled, &desk.common) {
            let queued = ready.queued;
            let mut written = Ok(());
            if last && alone && ready.bytes.len() <= desk.budget.bytes {
                let (sent, flow) = desk.output.write_ready(&mut self.transport, ready.bytes);
                desk.budget.bytes -= sent;
                self.count_sent(sent, desk);
                written = flow.map(|flow| progress.flow = flow);
            } else {
                desk.output.bytes.extend_from_slice(ready.bytes);
            }
            return Response {
                persistence,
                queued,
                written,
            };
        }
        let queued = desk.queue(&recalled.answer, persistence, recalled.marks.head_only);
        if is_usual && alone {
            let date = desk.common.date();
            desk.memo.keep(recalled, &desk.output, queued, date);
        }
        Response {
            persistence,
            queued,
            written: Ok(()),
        }
    }
}
