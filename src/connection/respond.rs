//! Writing answers as responses: the head into the output's bytes, the content after
//! it.

use super::output::Output;
use crate::{
    files::Turn,
    handler::{Answer, Chosen, Part, page::Page},
    http::{
        method::Method,
        persistence::Persistence,
        range::ByteRange,
        response::{CommonFields, ContentRange, Head, write_content_range},
        status::Status,
    },
};

/// What a response needs besides its answer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The common field lines.
    pub common: &'a CommonFields,
    /// Whether the connection persists, which the head may have to say.
    pub persistence: Persistence,
    /// Whether the content is omitted, because the method is HEAD.
    pub head_only: bool,
    /// The turn, from which boundaries of multipart responses are made.
    pub turn: Turn,
}

/// What was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The status.
    pub status: Status,
    /// Bytes of content.
    pub content_bytes: u64,
}

/// Appends the response for `answer` to `output`.
pub fn queue(answer: &Answer, frame: Frame<'_>, output: &mut Output) -> Queued {
    match answer {
        Answer::Representation(chosen) => queue_representation(chosen, frame, output),
        Answer::Page(page) => queue_page(page, frame, output),
        Answer::NoDescriptor | Answer::Listing(_) => {
            queue_page(&Page::of(Status::ServiceUnavailable), frame, output)
        }
        Answer::Options => {
            let mut head = frame.head(Status::NoContent);
            head.allow = Some(Method::ALLOW);
            frame.queue(&head, 0, output, |_| {})
        }
    }
}

impl<'a> Frame<'a> {
    /// A head without fields of its own.
    fn head(&self, status: Status) -> Head<'a> {
        Head::new(status, self.common, self.persistence)
    }

    /// Queues `head` and, unless it is omitted, `content_bytes` of content.
    fn queue(
        &self,
        head: &Head<'_>,
        content_bytes: u64,
        output: &mut Output,
        content: impl FnOnce(&mut Output),
    ) -> Queued {
        head.write(&mut output.bytes);
        if !self.head_only {
            content(output);
        }
        Queued {
            status: head.status,
            content_bytes: if self.head_only { 0 } else { content_bytes },
        }
    }
}

fn queue_representation(chosen: &Chosen, frame: Frame<'_>, output: &mut Output) -> Queued {
    let selected = &chosen.selected;
    let size = selected.identity.size;
    let fields = &selected.fields;
    let mut head = frame.head(chosen.part.status());
    head.vary = chosen.vary;
    let (lines, range) = match &chosen.part {
        Part::NotModified => (fields.not_modified(), 0..0),
        Part::Whole => (fields.whole(), 0..size),
        // The content, without its validators.
        Part::NotFound => {
            head.content_type = Some(&selected.content_type);
            head.content_length = Some(size);
            head.cache_control = Some("no-cache");
            (&b""[..], 0..size)
        }
        Part::Range(range) => {
            head.content_range = Some(ContentRange::Part(*range, size));
            head.content_length = Some(range.len());
            (fields.partial(), range.first..range.last + 1)
        }
        Part::Ranges(ranges) => return queue_parts(chosen, ranges, frame, output),
    };
    head.representation = own_lines(chosen, lines);
    frame.queue(&head, range.end - range.start, output, |output| {
        output.push_part(selected, range);
    })
}

/// The field lines of the representation, without its `Vary` if the answer has
/// its own.
fn own_lines<'c>(chosen: &'c Chosen, lines: &'c [u8]) -> &'c [u8] {
    match chosen.vary {
        Some(_) => chosen.selected.fields.without_vary(lines),
        None => lines,
    }
}

/// Several ranges as multipart/byteranges (RFC 9110 section 14.6). A CRLF
/// precedes the first boundary too, as that section allows: zsync, written for
/// Apache and nginx, finds no part without it and repeats the request forever.
fn queue_parts(
    chosen: &Chosen,
    ranges: &[ByteRange],
    frame: Frame<'_>,
    output: &mut Output,
) -> Queued {
    let selected = &chosen.selected;
    let size = selected.identity.size;
    let boundary = format!(
        "stdhttpd-{:016x}",
        frame.turn.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    );
    let preludes: Vec<Vec<u8>> = ranges
        .iter()
        .map(|range| {
            let mut prelude = format!(
                "\r\n--{boundary}\r\nContent-Type: {}\r\n",
                selected.content_type
            )
            .into_bytes();
            write_content_range(&mut prelude, ContentRange::Part(*range, size));
            prelude.extend_from_slice(b"\r\n");
            prelude
        })
        .collect();
    let end = format!("\r\n--{boundary}--\r\n");
    let content_bytes = preludes.iter().map(|p| p.len() as u64).sum::<u64>()
        + ranges.iter().map(|range| range.len()).sum::<u64>()
        + end.len() as u64;
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    let head = Head {
        representation: own_lines(chosen, selected.fields.multipart()),
        content_type: Some(&content_type),
        content_length: Some(content_bytes),
        vary: chosen.vary,
        ..frame.head(chosen.part.status())
    };
    frame.queue(&head, content_bytes, output, |output| {
        for (prelude, range) in preludes.iter().zip(ranges) {
            output.bytes.extend_from_slice(prelude);
            output.push_part(selected, range.first..range.last + 1);
        }
        output.bytes.extend_from_slice(end.as_bytes());
    })
}

fn queue_page(page: &Page, frame: Frame<'_>, output: &mut Output) -> Queued {
    let Page {
        status,
        body,
        chunks,
        content_type,
        content_security_policy,
        location,
        cache_control,
        retry_after,
        content_range,
        vary,
        refused: _,
    } = page;
    let has_content = *status != Status::NotModified;
    let head = Head {
        location: location.as_deref(),
        retry_after: *retry_after,
        cache_control: Some(cache_control),
        content_security_policy: has_content.then_some(content_security_policy),
        vary: *vary,
        content_type: has_content.then_some(content_type),
        content_range: *content_range,
        content_length: has_content.then(|| page.content_bytes()),
        ..frame.head(*status)
    };
    frame.queue(&head, page.content_bytes(), output, |output| {
        output.bytes.extend_from_slice(body.as_bytes());
        chunks.iter().for_each(|chunk| output.push_chunk(chunk));
    })
}

#[cfg(test)]
mod tests;
