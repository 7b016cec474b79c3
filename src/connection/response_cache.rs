//! A worker's cache of responses, keyed by the exact bytes of the request head.
//!
//! Identical heads parse identically, and most heads repeat: a page that is reloaded,
//! a proxy, a health check. On a hit only the file has to be revalidated. Input that
//! begins with the bytes of a cached head has that head, because
//! [`request::parse`](crate::http::request::parse) never looks further.

use std::sync::Arc;

use super::{accounting::LoggedRequest, output::Output, respond::Queued};
use crate::{
    files::{Remembered, Turn, View},
    handler::{Answer, Chosen, Part},
    http::{
        content_coding::AcceptEncoding,
        date::HttpDate,
        framing::BodyFraming,
        headers::LoggedFields,
        method::Method,
        persistence::Persistence,
        request::{Expectation, Request, Version},
        response::CommonFields,
    },
};

/// Slots of a worker's cache, a power of two. More would cost memory, and CPU
/// cache for each request.
const SLOTS: usize = 64;

/// The longest head that is cached, in bytes. Browsers send some 500, plus
/// cookies.
const CACHED_HEAD_BYTES_MAX: usize = 2 << 10;

/// Misses on a slot, without a hit in between, until the head of the last one is
/// cached there.
const MISSES_BEFORE_REPLACEMENT: u8 = 8;

/// The longest response that is cached as it was sent, head and content, in
/// bytes.
const CACHED_RESPONSE_BYTES_MAX: usize = 16 << 10;

/// The most bytes of a worker's cache, apart from what [`Remembered`] holds.
pub const RESPONSE_CACHE_BYTES_MAX: usize =
    SLOTS * (CACHED_HEAD_BYTES_MAX + CACHED_RESPONSE_BYTES_MAX + size_of::<Slot>());

/// A worker's cache. The request line of a head determines its slot.
#[derive(Debug)]
pub struct ResponseCache {
    slots: Box<[Slot]>,
}

#[derive(Debug, Default)]
struct Slot {
    /// The cached head. Its buffer is reused for the next.
    head: Vec<u8>,
    entry: Option<Entry>,
    /// The response as it was sent, if [`Entry::stored`] is set. Its buffer is
    /// reused too, unless it is being sent.
    response: Arc<Vec<u8>>,
    misses: u8,
    /// How many heads have been cached here: tells a [`Hit`] on an earlier one.
    replacements: u32,
}

/// What a head was answered with.
#[derive(Debug)]
struct Entry {
    summary: HeadSummary,
    part: Part,
    remembered: Remembered,
    /// The stored response, if there is one.
    stored: Option<Stored>,
}

/// What a stored response says.
#[derive(Clone, Copy, Debug)]
struct Stored {
    queued: Queued,
    persistence: Persistence,
    date: HttpDate,
}

/// What is needed of a head to respond to it, and to log that.
#[derive(Clone, Copy, Debug)]
pub struct HeadSummary {
    /// The length of the head.
    pub head_bytes: usize,
    line: Span,
    referer: Option<Span>,
    user_agent: Option<Span>,
    version: Version,
    /// What the client asks for about its connection.
    pub persistence: Persistence,
    /// Whether the method is HEAD.
    pub head_only: bool,
}

/// Part of a head: offset and length.
type Span = (u32, u32);

/// A cached head whose answer was valid when it was looked up.
#[derive(Debug)]
pub struct Hit {
    /// What the head requests.
    pub summary: HeadSummary,
    slot: u32,
    replacements: u32,
}

impl Default for ResponseCache {
    fn default() -> ResponseCache {
        ResponseCache {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
        }
    }
}

impl ResponseCache {
    /// Looks up the request at the start of `input`. Returns it if its head is
    /// cached and its file unchanged. Does not allocate.
    pub fn look_up(&mut self, input: &[u8], view: &View, turn: Turn) -> Option<Hit> {
        let index = slot_of(hash(input));
        let slot = &mut self.slots[index];
        let entry = slot.entry.as_mut()?;
        if !input.starts_with(&slot.head) {
            return None;
        }
        if !view.holds(&mut entry.remembered, turn) {
            slot.entry = None;
            return None;
        }
        slot.misses = 0;
        Some(Hit {
            summary: entry.summary,
            slot: index as u32,
            replacements: slot.replacements,
        })
    }

    /// The answer to a hit; `None` if the file cache has just evicted the file.
    pub fn answer(&self, hit: &Hit, view: &View, turn: Turn) -> Option<Answer> {
        let entry = self.slots[hit.slot as usize].entry.as_ref()?;
        let selected = view.recall(&entry.remembered, turn)?;
        Some(Chosen::answer(selected, entry.part.clone()))
    }

    /// The stored response to a hit, if there is one that says this about the
    /// connection, with the `Date` of `common`. Other heads may have been looked up
    /// and cached since.
    #[inline]
    pub fn stored(
        &mut self,
        hit: &Hit,
        persistence: Persistence,
        common: &CommonFields,
    ) -> Option<(&Arc<Vec<u8>>, Queued)> {
        let slot = &mut self.slots[hit.slot as usize];
        if slot.replacements != hit.replacements {
            return None;
        }
        let stored = slot.entry.as_mut()?.stored.as_mut()?;
        if stored.persistence != persistence {
            return None;
        }
        if stored.date != common.date() {
            stored.date = common.date();
            renew_date(&mut slot.response, common);
        }
        Some((&slot.response, stored.queued))
    }

    /// Stores the response to a hit, which must be all of `output`, if it is
    /// short enough and lies in memory.
    pub fn store_response(
        &mut self,
        hit: &Hit,
        output: &Output,
        queued: Queued,
        persistence: Persistence,
        date: HttpDate,
    ) {
        let slot = &mut self.slots[hit.slot as usize];
        let response = Arc::make_mut(&mut slot.response);
        response.clear();
        let is_kept = output.copy_to(response, CACHED_RESPONSE_BYTES_MAX);
        if let Some(entry) = &mut slot.entry {
            entry.stored = is_kept.then_some(Stored {
                queued,
                persistence,
                date,
            });
        }
    }

    /// Records that `head` was answered with `answer`. Only one of several misses
    /// is cached, so that heads which do not repeat cost next to nothing.
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
        slot.replacements = slot.replacements.wrapping_add(1);
        slot.entry = Entry::new(head, request, answer, view);
        if slot.entry.is_some() {
            slot.head.clear();
            slot.head.reserve_exact(head.len());
            slot.head.extend_from_slice(head);
        }
    }
}

impl Entry {
    /// `None` if the same head could be answered differently next time, although
    /// the file is unchanged.
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
            summary: HeadSummary::new(head, request),
            part: chosen.part.clone(),
            remembered: view.remember(&chosen.selected, accept)?,
            stored: None,
        })
    }
}

impl HeadSummary {
    /// The parts of `request` are slices of `head`.
    fn new(head: &[u8], request: &Request<'_>) -> HeadSummary {
        let span = |part: &[u8]| {
            let at = part.as_ptr().addr().wrapping_sub(head.as_ptr().addr());
            (at as u32, part.len() as u32)
        };
        HeadSummary {
            head_bytes: head.len(),
            line: span(request.line),
            referer: request.fields.logged.referer.map(span),
            user_agent: request.fields.logged.user_agent.map(span),
            version: request.version,
            persistence: request.persistence,
            head_only: request.method == Method::Head,
        }
    }

    /// What is logged about `head`, without the fields of proxies: none is trusted.
    #[inline(never)]
    pub fn logged<'h>(&self, head: &'h [u8]) -> LoggedRequest<'h> {
        let bytes = |(at, length): Span| {
            let (at, length) = (at as usize, length as usize);
            head.get(at..at + length).unwrap_or_default()
        };
        LoggedRequest {
            line: bytes(self.line),
            version: Some(self.version),
            fields: LoggedFields {
                referer: self.referer.map(bytes),
                user_agent: self.user_agent.map(bytes),
                ..LoggedFields::default()
            },
        }
    }
}

#[cold]
fn renew_date(response: &mut Arc<Vec<u8>>, common: &CommonFields) {
    let response = Arc::make_mut(response);
    common.put_date(response);
}

/// A hash of the request line at the start of `head`. It need not be strong:
/// heads with the same hash evict each other, and are then parsed each time.
fn hash(head: &[u8]) -> u64 {
    let line = &head[..head.len().min(CACHED_HEAD_BYTES_MAX)];
    let mut hash = 0_u64;
    // The word in which the line ends holds only part of the version.
    for word in line.as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*word);
        if has_line_feed(word) {
            break;
        }
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash
}

/// Whether one of the eight bytes is a line feed. The XOR turns the lowest one to
/// zero, and the subtraction sets its high bit.
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
