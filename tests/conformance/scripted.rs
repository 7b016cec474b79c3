//! The second way: the rows over a scripted transport, cut at every byte, with
//! two well-formed requests behind them.

use std::{cell::RefCell, rc::Rc};

use stdhttpd::{
    connection::{Connection, Next, Readiness, context::Context},
    http::date::HttpDate,
};

use crate::{
    binary::{BEHIND, BEHIND_STATUS},
    row::{After, Row},
    script::{Script, Wire},
    site::{self, Ground},
    support::reply::{Kind, Reply, parse_head},
};

/// Turns in which a connection must come to rest.
const TURNS_MAX: usize = 100_000;

/// Rows up to this long are cut at every byte, longer ones at a sample.
const CUT_EVERYWHERE_BYTES_MAX: usize = 700;

/// A folder, a context to serve it from, and a buffer to read into.
pub struct Stage {
    _ground: Ground,
    cx: Context,
    input: Vec<u8>,
}

/// What a connection wrote, and its state.
pub struct Outcome {
    /// All that was written.
    pub written: Vec<u8>,
    /// Whether it has ended or shut its side.
    pub is_closed: bool,
}

impl Stage {
    /// With the default configuration.
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

    /// Sets the date that responses have: the present. Between two runs that
    /// are compared it stays what it is.
    fn read_clock(&mut self) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seconds = now.expect("a clock after 1970").as_secs();
        let date = HttpDate::from_unix_seconds(seconds as i64);
        self.cx.common.set_date(date);
    }

    /// Serves `pieces` one after the other; `expires` says whether the
    /// deadline passes behind them.
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

    /// Advances until nothing more happens by itself: whether it has ended.
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
        panic!("no rest after {TURNS_MAX} turns");
    }

    /// Whether a row comes to what it expects, however it is cut.
    pub fn check(&mut self, row: &Row) -> Result<(), String> {
        // All rows together may take longer than a date is true.
        self.read_clock();
        let waits = matches!(row.after, After::Waits | After::WaitsSilently);
        let behind: &[u8] = if waits { b"" } else { BEHIND };
        let all = [&row.sent[..], behind].concat();
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
            check(self, &[first, second], format!("scripted, cut at {place}"))?;
        }
        let size = if all.len() > 2_000 { 997 } else { 1 };
        let bytes: Vec<&[u8]> = all.chunks(size).collect();
        check(self, &bytes, "scripted, byte by byte".into())?;
        match continued == row.continues {
            true => Ok(()),
            false => Err(format!("scripted: 100 (Continue) came: {continued}")),
        }
    }
}

/// Where a row is cut.
fn places(sent: &[u8]) -> impl Iterator<Item = usize> {
    let step = match sent.len() {
        ..=CUT_EVERYWHERE_BYTES_MAX => 1,
        bytes if bytes < 100_000 => 1 + bytes / 37,
        _ => 300_007,
    };
    (1..=sent.len()).step_by(step)
}

/// Judges what was written; `Ok(true)`: 100 (Continue) was among it.
fn judge(row: &Row, outcome: &Outcome) -> Result<bool, String> {
    let mut rest = &outcome.written[..];
    let (first, interim) = match take_final(&mut rest, row.is_head())? {
        (None, false) if row.after == After::WaitsSilently => (None, false),
        (None, _) => return Err("unanswered".into()),
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
        for status in BEHIND_STATUS {
            match take_final(&mut rest, false)? {
                (Some(reply), false) if reply.status == status => {}
                (reply, _) => return Err(format!("behind it: {:?}", reply.map(|r| r.status))),
            }
        }
    }
    if !rest.is_empty() {
        return Err(format!("more came: {}", rest.escape_ascii()));
    }
    match outcome.is_closed == (row.after != After::Kept) {
        true => Ok(interim),
        false => Err(format!("closed: {}", outcome.is_closed)),
    }
}

/// Takes the next final answer, and says whether an interim one came first.
pub fn take_final(rest: &mut &[u8], is_head: bool) -> Result<(Option<Reply>, bool), String> {
    let mut interim = false;
    loop {
        let kind = if is_head { Kind::Head } else { Kind::Get };
        let Some(head) = parse_head(rest, kind)? else {
            return match rest.is_empty() {
                true => Ok((None, interim)),
                false => Err(format!("no whole head: {}", rest.escape_ascii())),
            };
        };
        let end = head.head_bytes + head.body_bytes;
        let body = rest.get(head.head_bytes..end).ok_or("a body cut short")?;
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
