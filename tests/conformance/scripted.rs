//! The second way to test a row: over a scripted transport, split at every byte, and followed by
//! two well-formed requests.

use std::{cell::RefCell, rc::Rc};

use stdhttpd::{
    connection::{Connection, Next, Readiness, context::Context},
    http::date::HttpDate,
};

use crate::{
    binary::{FOLLOWING, FOLLOWING_STATUSES},
    row::{After, Row},
    script::{Script, Wire},
    site::{self, Ground},
    support::reply::{Kind, Reply, parse_head},
};

/// The maximum number of turns until a connection waits for an event.
const TURNS_MAX: usize = 100_000;

/// Rows up to this length are split at every byte, longer ones at a sample of positions.
const SPLIT_EVERYWHERE_BYTES_MAX: usize = 700;

/// A directory, a context to serve it from, and an input buffer.
pub struct Stage {
    _ground: Ground,
    cx: Context,
    input: Vec<u8>,
}

/// What a connection wrote, and its final state.
pub struct Outcome {
    /// Everything that was written.
    pub written: Vec<u8>,
    /// Whether it was closed, or its sending side shut down.
    pub is_closed: bool,
}

impl Stage {
    /// A stage with the default configuration, except for directory listings, which are off.
    pub fn new() -> Stage {
        let ground = Ground::new(|config| config.site.listing = false);
        let cx = ground.context();
        let mut stage = Stage {
            input: vec![0; cx.input_bytes()],
            cx,
            _ground: ground,
        };
        stage.read_clock();
        stage
    }

    /// Sets the date of responses to the current time. It must not change between two runs that are
    /// compared.
    fn read_clock(&mut self) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seconds = now.expect("the clock is after 1970").as_secs();
        let date = HttpDate::from_unix_seconds(seconds as i64);
        self.cx.common.set_date(date);
    }

    /// Sends `pieces` one after the other; if `expires`, the deadline passes afterwards.
    pub fn run<'p>(
        &mut self,
        pieces: impl IntoIterator<Item = &'p [u8]>,
        expires: bool,
    ) -> Outcome {
        let wire = Wire::new(usize::MAX / 2);
        let mut connection = site::connect(&wire, 1, self.cx.now);
        let mut ended = false;
        for piece in pieces {
            wire.borrow_mut().arrive(piece);
            ended = self.rest(&mut connection, &wire);
            if ended {
                break;
            }
        }
        if expires && !ended {
            ended = match connection.expire(&mut self.cx) {
                Next::Closed(_) => true,
                _ => self.rest(&mut connection, &wire),
            };
        }
        let mut wire = wire.borrow_mut();
        Outcome {
            written: wire.take_written(),
            is_closed: ended || wire.shut,
        }
    }

    /// Advances the connection until it waits for an event; returns whether it has ended.
    fn rest(&mut self, connection: &mut Connection<Script>, wire: &Rc<RefCell<Wire>>) -> bool {
        let mut next = Next::Readable;
        for _ in 0..TURNS_MAX {
            let readiness = match next {
                Next::NextTurn => Readiness::WRITABLE,
                Next::Closed(_) => return true,
                _ => match wire.borrow_mut().event(next == Next::Writable) {
                    Some(readiness) => readiness,
                    None => return false,
                },
            };
            next = connection.advance(readiness, &mut self.input, &mut self.cx);
        }
        panic!("still busy after {TURNS_MAX} turns");
    }

    /// Checks that a row has the expected result, no matter how it is split.
    pub fn check(&mut self, row: &Row) -> Result<(), String> {
        // Testing all rows may take longer than the clock tolerance of the Date check.
        self.read_clock();
        let waits = matches!(row.after, After::Waits | After::WaitsSilently);
        let following: &[u8] = if waits { b"" } else { FOLLOWING };
        let all = [&row.sent[..], following].concat();
        let mut continued = false;
        let mut check = |stage: &mut Stage, pieces: &[&[u8]], how: String| {
            let outcome = stage.run(pieces.iter().copied(), waits);
            match judge(row, &outcome) {
                Ok(interim) => {
                    continued |= interim;
                    Ok(())
                }
                Err(why) => Err(format!("{how}: {why}")),
            }
        };
        check(self, &[&all], "scripted, whole".into())?;
        for place in places(&row.sent) {
            let (first, second) = all.split_at(place);
            check(
                self,
                &[first, second],
                format!("scripted, split at {place}"),
            )?;
        }
        let size = if all.len() > 2_000 { 997 } else { 1 };
        let bytes: Vec<&[u8]> = all.chunks(size).collect();
        check(self, &bytes, "scripted, byte by byte".into())?;
        match continued == row.continues {
            true => Ok(()),
            false => Err(format!("scripted: 100 (Continue) sent: {continued}")),
        }
    }
}

/// The positions at which a row is split.
fn places(sent: &[u8]) -> impl Iterator<Item = usize> {
    let step = match sent.len() {
        ..=SPLIT_EVERYWHERE_BYTES_MAX => 1,
        bytes if bytes < 100_000 => 1 + bytes / 37,
        _ => 300_007,
    };
    (1..=sent.len()).step_by(step)
}

/// Judges what was written; `Ok(true)` if it contained 100 (Continue).
fn judge(row: &Row, outcome: &Outcome) -> Result<bool, String> {
    let mut rest = &outcome.written[..];
    let (first, interim) = match take_final(&mut rest, row.is_head())? {
        (None, false) if row.after == After::WaitsSilently => (None, false),
        (None, _) => return Err("no response".into()),
        (Some(reply), interim) => (Some(reply), interim),
    };
    if let Some(reply) = first {
        row.check_answer(reply.status, |name| reply.field(name))?;
        let is_last = row.after != After::Kept;
        if reply.is_last() != is_last {
            return Err(format!("connection: {:?}", reply.field("connection")));
        }
    }
    if row.after == After::Kept {
        for status in FOLLOWING_STATUSES {
            match take_final(&mut rest, false)? {
                (Some(reply), false) if reply.status == status => {}
                (reply, _) => {
                    return Err(format!("following request: {:?}", reply.map(|r| r.status)));
                }
            }
        }
    }
    if !rest.is_empty() {
        return Err(format!("unexpected output: {}", rest.escape_ascii()));
    }
    match outcome.is_closed == (row.after != After::Kept) {
        true => Ok(interim),
        false => Err(format!("closed: {}", outcome.is_closed)),
    }
}

/// Takes the next final response, and returns whether an interim response came first.
pub fn take_final(rest: &mut &[u8], is_head: bool) -> Result<(Option<Reply>, bool), String> {
    let mut interim = false;
    loop {
        let kind = if is_head { Kind::Head } else { Kind::Get };
        let Some(head) = parse_head(rest, kind)? else {
            return match rest.is_empty() {
                true => Ok((None, interim)),
                false => Err(format!("incomplete head: {}", rest.escape_ascii())),
            };
        };
        let end = head.head_bytes + head.body_bytes;
        let body = rest.get(head.head_bytes..end).ok_or("truncated body")?;
        let mut reply = head.reply;
        reply.body = body.to_vec();
        *rest = &rest[end..];
        match reply.status {
            100 if interim => return Err("100 (Continue) twice".into()),
            100 => interim = true,
            _ => return Ok((Some(reply), interim)),
        }
    }
}
