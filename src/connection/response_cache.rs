//! Heads that came before, and what they were answered with.
//!
//! The same bytes are judged the same way each time, and most heads came before:
//! from a page that is loaded again, a proxy, a health check. All that has to be
//! found out then is whether the file still is what it was. Whatever begins with
//! the bytes of a head is that head, for
//! [`request::parse`](crate::http::request::parse) never looks further.

use std::sync::Arc;

use super::{output::Output, respond::Queued};
use crate::{
    files::{Remembered, Turn, View},
    handler::{Answer, Chosen, Part},
    http::{
        content_coding::AcceptEncoding,
        date::HttpDate,
        framing::BodyFraming,
        headers::Fields,
        request::{Asked, ConnectionOptions, Expectation, Request, Version},
        response::CommonFields,
    },
};

/// Heads that a worker remembers, a power of two. More would cost memory, and
/// a look at more of it for each request.
const SLOTS: usize = 64;

/// The longest head remembered, in bytes. Browsers send some 500, and cookies.
const CACHED_HEAD_BYTES_MAX: usize = 2 << 10;

/// Other heads that ask for a place in vain before one of them has it, as long
/// as the head that is there does not come again.
const MISSES_BEFORE_REPLACEMENT: u8 = 8;

/// The longest response that is remembered as it was sent, head and content, in
/// bytes.
const CACHED_RESPONSE_BYTES_MAX: usize = 16 << 10;

/// Bytes that a worker's cache can take, but for what [`Remembered`] says.
pub const RESPONSE_CACHE_BYTES_MAX: usize =
    SLOTS * (CACHED_HEAD_BYTES_MAX + CACHED_RESPONSE_BYTES_MAX + size_of::<Slot>());

/// A worker's cache. Each head has one place, which its request line decides.
#[derive(Debug)]
pub struct ResponseCache {
    slots: Box<[Slot]>,
}

#[derive(Debug, Default)]
struct Slot {
    /// The head that is known; its room is used again for the next.
    head: Vec<u8>,
    entry: Option<Entry>,
    /// The response as it was sent, where [`Entry::ready`] says so; its room is
    /// used again, too, unless it is being sent.
    response: Arc<Vec<u8>>,
    misses: u8,
}

/// What a head was answered with.
#[derive(Debug)]
struct Entry {
    summary: HeadSummary,
    part: Part,
    remembered: Remembered,
    /// Of the response that is kept whole, if it is: what it is, and its `Date`.
    stored: Option<(Queued, HttpDate)>,
}

/// What [`Asked`] says of a head, without its bytes.
#[derive(Clone, Copy, Debug)]
pub struct HeadSummary {
    /// The size of the head.
    pub head_bytes: usize,
    line: Span,
    referer: Option<Span>,
    user_agent: Option<Span>,
    version: Version,
    connection: ConnectionOptions,
    /// Whether no content was asked for.
    pub head_only: bool,
}

/// A span of a head: where it begins and how many bytes it has.
type Span = (u32, u32);

/// A head that came before, of which the answer still holds.
#[derive(Debug)]
pub struct Hit {
    /// What the head asked.
    pub summary: HeadSummary,
    /// What answers it.
    pub answer: Answer,
    slot: usize,
}

impl Default for ResponseCache {
    fn default() -> ResponseCache {
        ResponseCache {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
        }
    }
}

impl ResponseCache {
    /// The request at the start of `input`, if its head is known and the answer
    /// still holds. Does not allocate.
    pub fn look_up(&mut self, input: &[u8], view: &View, turn: Turn) -> Option<Hit> {
        let index = slot_of(hash(input));
        let slot = &mut self.slots[index];
        let entry = slot.entry.as_ref()?;
        if !input.starts_with(&slot.head) {
            return None;
        }
        let Some(selected) = view.recall(&entry.remembered, turn) else {
            slot.entry = None;
            return None;
        };
        slot.misses = 0;
        Some(Hit {
            summary: entry.summary,
            answer: Chosen::answer(selected, entry.part.clone()),
            slot: index,
        })
    }

    /// Queues the response it was given, if that is kept, with the `Date` of
    /// `common`.
    pub fn push_cached(
        &mut self,
        hit: &Hit,
        common: &CommonFields,
        output: &mut Output,
    ) -> Option<Queued> {
        let slot = &mut self.slots[hit.slot];
        let (queued, date) = slot.entry.as_mut()?.stored.as_mut()?;
        if *date != common.date() {
            *date = common.date();
            let response = Arc::make_mut(&mut slot.response);
            common.put_date(response);
        }
        output.push_response(&slot.response);
        Some(*queued)
    }

    /// Keeps the response to it, which is all that `output` holds, if it is
    /// short enough and lies in memory. Whoever gets it is kept as HTTP/1.1
    /// assumes: it does not speak of its connection.
    pub fn store_response(&mut self, hit: &Hit, output: &Output, queued: Queued, date: HttpDate) {
        let slot = &mut self.slots[hit.slot];
        let response = Arc::make_mut(&mut slot.response);
        response.clear();
        let is_kept = output.copy_to(response, CACHED_RESPONSE_BYTES_MAX);
        if let Some(entry) = &mut slot.entry {
            entry.stored = is_kept.then_some((queued, date));
        }
    }

    /// Notes that the request of `head` is given `answer`. One of several such
    /// is remembered, so that heads which come once cost next to nothing.
    pub fn record_miss(
        &mut self,
        head: &[u8],
        request: &Request<'_>,
        answer: &Answer,
        view: &View,
    ) {
        let slot = &mut self.slots[slot_of(hash(head))];
        slot.misses += 1;
        if slot.misses < MISSES_BEFORE_REPLACEMENT {
            return;
        }
        slot.misses = 0;
        slot.entry = Entry::new(head, request, answer, view);
        if slot.entry.is_some() {
            slot.head.clear();
            slot.head.reserve_exact(head.len());
            slot.head.extend_from_slice(head);
        }
    }
}

impl Entry {
    /// `None` where the same head may get another answer next time, though the
    /// file is the same.
    fn new(head: &[u8], request: &Request<'_>, answer: &Answer, view: &View) -> Option<Entry> {
        let chosen = answer.lasting(request)?;
        let stands_alone =
            request.framing == BodyFraming::None && request.expectation == Expectation::None;
        if !stands_alone
            || head.len() > CACHED_HEAD_BYTES_MAX
            || matches!(chosen.part, Part::Ranges(_))
        {
            return None;
        }
        let accept = AcceptEncoding::parse(request.fields.accept_encoding);
        Some(Entry {
            summary: HeadSummary::new(head, &Asked::from(request))?,
            part: chosen.part.clone(),
            remembered: view.remember(&chosen.selected, accept)?,
            stored: None,
        })
    }
}

impl HeadSummary {
    fn new(head: &[u8], asked: &Asked<'_>) -> Option<HeadSummary> {
        let span = |part: &[u8]| {
            let at = (part.as_ptr().addr()).checked_sub(head.as_ptr().addr())?;
            let span = (u32::try_from(at).ok()?, u32::try_from(part.len()).ok()?);
            (bytes_at(head, span) == part).then_some(span)
        };
        let optional = |part: Option<&[u8]>| match part {
            Some(part) => span(part).map(Some),
            None => Some(None),
        };
        Some(HeadSummary {
            head_bytes: head.len(),
            line: span(asked.line)?,
            referer: optional(asked.fields.referer)?,
            user_agent: optional(asked.fields.user_agent)?,
            version: asked.version,
            connection: asked.connection,
            head_only: asked.head_only,
        })
    }

    /// What the head at the start of `input` asks. Of its fields only those
    /// are given that are noted.
    pub fn asked<'h>(&self, input: &'h [u8]) -> Asked<'h> {
        let bytes = |span: Span| bytes_at(input, span);
        Asked {
            line: bytes(self.line),
            version: self.version,
            connection: self.connection,
            head_only: self.head_only,
            fields: Fields {
                referer: self.referer.map(bytes),
                user_agent: self.user_agent.map(bytes),
                ..Fields::default()
            },
        }
    }
}

fn bytes_at(head: &[u8], (at, length): Span) -> &[u8] {
    let (at, length) = (at as usize, length as usize);
    head.get(at..at + length).unwrap_or_default()
}

/// A hash of the request line at the start of `head`. It need not be a strong one:
/// heads of the same hash take each other's place, and are parsed each time.
fn hash(head: &[u8]) -> u64 {
    let line = &head[..head.len().min(CACHED_HEAD_BYTES_MAX)];
    let mut hash = 0_u64;
    // The word in which the line ends holds nothing but a part of its version.
    for word in line.as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*word);
        if has_line_feed(word) {
            break;
        }
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash
}

/// Whether one of the eight bytes is a line feed: the lowest that is one turns
/// to zero, from which the subtraction borrows its high bit.
fn has_line_feed(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let zero_if_one = word ^ (ONES * b'\n' as u64);
    zero_if_one.wrapping_sub(ONES) & !zero_if_one & (ONES << 7) != 0
}

/// The high bits of a product depend on all bits of its factors.
fn slot_of(hash: u64) -> usize {
    (hash >> (u64::BITS - SLOTS.ilog2())) as usize
}

#[cfg(test)]
mod tests;
