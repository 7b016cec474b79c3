//! Answers written as responses: the head into the output's bytes, the content
//! behind it.

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

/// What every response of one turn shares.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The ready lines.
    pub common: &'a CommonFields,
    /// What is said of the connection.
    pub persistence: Persistence,
    /// Whether the content itself is left out: the method was HEAD.
    pub head_only: bool,
    /// The turn of the poll, from which boundaries of parts are made.
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

/// Appends the response that `answer` is to `output`.
pub fn queue(answer: &Answer, frame: Frame<'_>, output: &mut Output) -> Queued {
    match answer {
        Answer::Representation(chosen) => queue_representation(chosen, frame, output),
        Answer::Page(page) => queue_page(page, frame, output),
        Answer::NoDescriptor | Answer::Listing(_) => {
            queue_page(&Page::of(Status::ServiceUnavailable), frame, output)
        }
        Answer::Options => {
            let head = Head {
                allow: Some(Method::ALLOW),
                ..frame.head(Status::NoContent)
            };
            head.write(&mut output.bytes);
            Queued {
                status: Status::NoContent,
                content_bytes: 0,
            }
        }
    }
}

impl<'a> Frame<'a> {
    /// A head that says nothing of its own yet.
    fn head(&self, status: Status) -> Head<'a> {
        Head::new(status, self.common, self.persistence)
    }
}

fn queue_representation(chosen: &Chosen, frame: Frame<'_>, output: &mut Output) -> Queued {
    let Chosen {
        status,
        ref selected,
        ref part,
        vary,
    } = *chosen;
    let size = selected.identity.size;
    let fields = &selected.fields;
    let own = |lines| match vary {
        Some(_) => fields.without_vary(lines),
        None => lines,
    };
    let head = Head {
        vary,
        ..frame.head(status)
    };
    let (head, range) = match part {
        Part::None => {
            let representation = own(fields.not_modified());
            (
                Head {
                    representation,
                    ..head
                },
                0..0,
            )
        }
        Part::Whole if status == Status::Ok => {
            let representation = own(fields.whole());
            (
                Head {
                    representation,
                    ..head
                },
                0..size,
            )
        }
        // The site's own error page: its content, and none of its validators.
        Part::Whole => (
            Head {
                content_type: Some(&selected.content_type),
                content_length: Some(size),
                cache_control: Some("no-cache"),
                ..head
            },
            0..size,
        ),
        Part::Range(range) => (
            Head {
                representation: own(fields.partial()),
                content_range: Some(ContentRange::Part(*range, size)),
                content_length: Some(range.len()),
                ..head
            },
            range.first..range.last + 1,
        ),
        Part::Ranges(ranges) => return queue_parts(chosen, ranges, frame, output),
    };
    head.write(&mut output.bytes);
    if frame.head_only {
        return Queued {
            status,
            content_bytes: 0,
        };
    }
    let content_bytes = range.end - range.start;
    output.push_part(selected, range);
    Queued {
        status,
        content_bytes,
    }
}

/// Several ranges as multipart/byteranges (RFC 9110 section 14.6).
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
        .enumerate()
        .map(|(index, range)| {
            let before = if index == 0 { "" } else { "\r\n" };
            let mut prelude = format!(
                "{before}--{boundary}\r\nContent-Type: {}\r\n",
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
    let head = Head {
        representation: match chosen.vary {
            Some(_) => selected.fields.without_vary(selected.fields.multipart()),
            None => selected.fields.multipart(),
        },
        content_type: Some(&format!("multipart/byteranges; boundary={boundary}")),
        content_length: Some(content_bytes),
        vary: chosen.vary,
        ..frame.head(Status::PartialContent)
    };
    head.write(&mut output.bytes);
    if frame.head_only {
        return Queued {
            status: Status::PartialContent,
            content_bytes: 0,
        };
    }
    for (prelude, range) in preludes.iter().zip(ranges) {
        output.bytes.extend_from_slice(prelude);
        output.push_part(selected, range.first..range.last + 1);
    }
    output.bytes.extend_from_slice(end.as_bytes());
    Queued {
        status: Status::PartialContent,
        content_bytes,
    }
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
        allow,
        vary,
        refused: _,
    } = page;
    let has_content = *status != Status::NotModified;
    let head = Head {
        location: location.as_deref(),
        allow: allow.then_some(Method::ALLOW),
        retry_after: *retry_after,
        cache_control: Some(cache_control),
        content_security_policy: has_content.then_some(content_security_policy),
        vary: *vary,
        content_type: has_content.then_some(content_type),
        content_range: *content_range,
        content_length: has_content.then(|| page.content_bytes()),
        ..frame.head(*status)
    };
    head.write(&mut output.bytes);
    if frame.head_only {
        return Queued {
            status: *status,
            content_bytes: 0,
        };
    }
    output.bytes.extend_from_slice(body);
    for chunk in chunks {
        output.push_chunk(chunk);
    }
    Queued {
        status: *status,
        content_bytes: page.content_bytes(),
    }
}

#[cfg(test)]
mod tests;
