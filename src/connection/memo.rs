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
const HEADS_MAX: usize = 64;

/// The longest head remembered, in bytes. Browsers send some 500, and cookies.
const HEAD_BYTES_MAX: usize = 2 << 10;

/// Other heads that ask for a place in vain before one of them has it, as long
/// as the head that is there does not come again.
const MISSES_MAX: u8 = 8;

/// The longest response that is remembered as it was sent, head and content, in
/// bytes.
const READY_BYTES_MAX: usize = 16 << 10;

/// Bytes that a worker's memo can take, but for what [`Remembered`] says.
pub const MEMO_BYTES_MAX: usize =
    HEADS_MAX * (HEAD_BYTES_MAX + READY_BYTES_MAX + size_of::<Place>());

/// A worker's memo. Each head has one place, which its request line decides.
#[derive(Debug)]
pub struct Memo {
    places: Box<[Place]>,
}

#[derive(Debug, Default)]
struct Place {
    /// The head that is known; its room is used again for the next.
    head: Vec<u8>,
    known: Option<Known>,
    /// The response as it was sent, where [`Known::ready`] says so; its room is
    /// used again, too, unless it is being sent.
    response: Arc<Vec<u8>>,
    misses: u8,
}

/// What a head was answered with.
#[derive(Debug)]
struct Known {
    marks: Marks,
    part: Part,
    remembered: Remembered,
    /// Of the response that is kept whole, if it is: what it is, and its `Date`.
    ready: Option<(Queued, HttpDate)>,
}

/// What [`Asked`] says of a head, without its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// The size of the head.
    pub head_bytes: usize,
    line: Stretch,
    referer: Option<Stretch>,
    user_agent: Option<Stretch>,
    version: Version,
    connection: ConnectionOptions,
    /// Whether no content was asked for.
    pub head_only: bool,
}

/// A stretch of a head: where it begins and how many bytes it has.
type Stretch = (u32, u32);

/// A head that came before, of which the answer still holds.
#[derive(Debug)]
pub struct Recalled {
    /// What the head asked.
    pub marks: Marks,
    /// What answers it.
    pub answer: Answer,
    place: usize,
}

impl Default for Memo {
    fn default() -> Memo {
        Memo {
            places: (0..HEADS_MAX).map(|_| Place::default()).collect(),
        }
    }
}

impl Memo {
    /// The request at the start of `input`, if its head is known and the answer
    /// still holds. Does not allocate.
    pub fn recall(&mut self, input: &[u8], view: &View, turn: Turn) -> Option<Recalled> {
        let index = place_of(hash(input));
        let place = &mut self.places[index];
        let known = place.known.as_ref()?;
        if !input.starts_with(&place.head) {
            return None;
        }
        let Some(selected) = view.recall(&known.remembered, turn) else {
            place.known = None;
            return None;
        };
        place.misses = 0;
        Some(Recalled {
            marks: known.marks,
            answer: Chosen::answer(selected, known.part.clone()),
            place: index,
        })
    }

    /// Queues the response it was given, if that is kept, with the `Date` of
    /// `common`.
    pub fn repeat(
        &mut self,
        recalled: &Recalled,
        common: &CommonFields,
        output: &mut Output,
    ) -> Option<Queued> {
        let place = &mut self.places[recalled.place];
        let (queued, date) = place.known.as_mut()?.ready.as_mut()?;
        if *date != common.date() {
            *date = common.date();
            let response = Arc::make_mut(&mut place.response);
            common.put_date(response);
        }
        output.push_response(&place.response);
        Some(*queued)
    }

    /// Keeps the response to it, which is all that `output` holds, if it is
    /// short enough and lies in memory. Whoever gets it is kept as HTTP/1.1
    /// assumes: it does not speak of its connection.
    pub fn keep(&mut self, recalled: &Recalled, output: &Output, queued: Queued, date: HttpDate) {
        let place = &mut self.places[recalled.place];
        let response = Arc::make_mut(&mut place.response);
        response.clear();
        let is_kept = output.copy_to(response, READY_BYTES_MAX);
        if let Some(known) = &mut place.known {
            known.ready = is_kept.then_some((queued, date));
        }
    }

    /// Notes that the request of `head` is given `answer`. One of several such
    /// is remembered, so that heads which come once cost next to nothing.
    pub fn note(&mut self, head: &[u8], request: &Request<'_>, answer: &Answer, view: &View) {
        let place = &mut self.places[place_of(hash(head))];
        place.misses += 1;
        if place.misses < MISSES_MAX {
            return;
        }
        place.misses = 0;
        place.known = Known::new(head, request, answer, view);
        if place.known.is_some() {
            place.head.clear();
            place.head.reserve_exact(head.len());
            place.head.extend_from_slice(head);
        }
    }
}

impl Known {
    /// `None` where the same head may get another answer next time, though the
    /// file is the same.
    fn new(head: &[u8], request: &Request<'_>, answer: &Answer, view: &View) -> Option<Known> {
        let chosen = answer.lasting(request)?;
        let stands_alone =
            request.framing == BodyFraming::None && request.expectation == Expectation::None;
        if !stands_alone || head.len() > HEAD_BYTES_MAX || matches!(chosen.part, Part::Ranges(_)) {
            return None;
        }
        let accept = AcceptEncoding::parse(request.fields.accept_encoding);
        Some(Known {
            marks: Marks::new(head, &Asked::from(request))?,
            part: chosen.part.clone(),
            remembered: view.remember(&chosen.selected, accept)?,
            ready: None,
        })
    }
}

impl Marks {
    fn new(head: &[u8], asked: &Asked<'_>) -> Option<Marks> {
        let stretch = |part: &[u8]| {
            let at = (part.as_ptr().addr()).checked_sub(head.as_ptr().addr())?;
            let stretch = (u32::try_from(at).ok()?, u32::try_from(part.len()).ok()?);
            (bytes_at(head, stretch) == part).then_some(stretch)
        };
        let optional = |part: Option<&[u8]>| match part {
            Some(part) => stretch(part).map(Some),
            None => Some(None),
        };
        Some(Marks {
            head_bytes: head.len(),
            line: stretch(asked.line)?,
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
        let bytes = |stretch: Stretch| bytes_at(input, stretch);
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

fn bytes_at(head: &[u8], (at, length): Stretch) -> &[u8] {
    let (at, length) = (at as usize, length as usize);
    head.get(at..at + length).unwrap_or_default()
}

/// A hash of the request line at the start of `head`. It need not be a strong one:
/// heads of the same hash take each other's place, and are parsed each time.
fn hash(head: &[u8]) -> u64 {
    let line = &head[..head.len().min(HEAD_BYTES_MAX)];
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
fn place_of(hash: u64) -> usize {
    (hash >> (u64::BITS - HEADS_MAX.ilog2())) as usize
}

#[cfg(test)]
mod tests;
