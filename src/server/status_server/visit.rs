//! One connection to the status listener: a request, its answer, the close.

use std::{
    io::{self, ErrorKind, Read, Write},
    mem::MaybeUninit,
    net::{Shutdown, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

use rustix::event::PollFlags;

use super::{
    CLIENT_TIME, PLACE_TIME_MIN,
    desk::{Asked, Desk},
};
use crate::http::{
    method::Method,
    request::{self, FIELDS_MAX, HeadLimits},
    status::Status,
};

/// Bytes of a request head. More is 431.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Bytes read from one connection before the others have their turn.
const READ_BYTES: usize = 4 << 10;

const LIMITS: HeadLimits = HeadLimits {
    line_bytes_max: 2 << 10,
    fields_bytes_max: HEAD_BYTES_MAX - (4 << 10),
    fields_max: FIELDS_MAX,
};

/// A connection, and how far it has come.
#[derive(Debug)]
pub(super) struct Visit {
    stream: TcpStream,
    /// When it was accepted, then when its answer was made.
    since: Instant,
    step: Step,
}

/// ```text
/// Reading -> Asked -> Writing -> Closing
/// ```
#[derive(Debug)]
enum Step {
    /// The head as far as it has come: at most [`HEAD_BYTES_MAX`] and one read.
    Reading(Vec<u8>),
    /// What is asked for, and whether only the head of the answer is wanted.
    Asked(Asked, bool),
    /// The answer, and how many bytes of it were taken.
    Writing(Vec<u8>, usize),
    /// Our side is shut. To close with bytes unread would reset the connection
    /// and could take the answer with it, so the client is let to close too.
    Closing,
}

impl Visit {
    /// A connection accepted at `now`.
    pub(super) fn new(stream: TcpStream, now: Instant) -> io::Result<Visit> {
        stream.set_nonblocking(true)?;
        Ok(Visit {
            stream,
            since: now,
            step: Step::Reading(Vec::new()),
        })
    }

    /// When it is given up. What it takes to make the answer is not the
    /// client's fault, so there is [`CLIENT_TIME`] before that and again after.
    pub(super) fn deadline(&self) -> Instant {
        self.since + CLIENT_TIME
    }

    /// From when on it may have to make room: a client has a moment for its
    /// request, unless it was answered.
    pub(super) fn yields_at(&self) -> Instant {
        match self.step {
            Step::Closing => self.since,
            Step::Reading(_) | Step::Asked(..) | Step::Writing(..) => self.since + PLACE_TIME_MIN,
        }
    }

    /// What it waits for.
    pub(super) fn interest(&self) -> PollFlags {
        match self.step {
            Step::Writing(..) => PollFlags::OUT,
            Step::Reading(_) | Step::Asked(..) | Step::Closing => PollFlags::IN,
        }
    }

    /// Goes on as far as it can without waiting, and reads once at the most. An
    /// error is the end of it; so is the client's leaving.
    pub(super) fn advance(&mut self) -> io::Result<()> {
        let advanced = match &self.step {
            Step::Reading(_) => self.read(),
            Step::Asked(..) => Ok(()),
            Step::Writing(..) => self.write(),
            Step::Closing => read_some(&self.stream, &mut [0; READ_BYTES]).map(drop),
        };
        match advanced {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(())
            }
            advanced => advanced,
        }
    }

    /// Answers, where a request has come whole.
    pub(super) fn answer(&mut self, desk: &mut Desk) -> io::Result<()> {
        let Step::Asked(asked, is_head) = self.step else {
            return Ok(());
        };
        self.step = Step::Writing(desk.reply(asked, is_head), 0);
        self.since = Instant::now();
        self.advance()
    }

    fn read(&mut self) -> io::Result<()> {
        let Step::Reading(head) = &mut self.step else {
            return Ok(());
        };
        let mut bytes = [0; READ_BYTES];
        head.extend_from_slice(read_some(&self.stream, &mut bytes)?);
        if let Some((asked, is_head)) = judge(head) {
            self.step = Step::Asked(asked, is_head);
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let Step::Writing(reply, written) = &mut self.step else {
            return Ok(());
        };
        while let Some(rest @ [_, ..]) = reply.get(*written..) {
            match (&self.stream).write(rest)? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => *written += count,
            }
        }
        self.stream.shutdown(Shutdown::Write)?;
        self.step = Step::Closing;
        Ok(())
    }
}

impl AsFd for Visit {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// What has come, in one read; an error once the client has left.
fn read_some<'b>(mut stream: &TcpStream, bytes: &'b mut [u8]) -> io::Result<&'b [u8]> {
    match stream.read(bytes)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => Ok(bytes.get(..count).unwrap_or_default()),
    }
}

/// What the head asks for and whether only the head of the answer is wanted;
/// `None` while more of it may come.
fn judge(head: &[u8]) -> Option<(Asked, bool)> {
    let mut room = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let error = match request::parse(head, &mut room, &LIMITS) {
        Ok(Some(request)) => {
            return Some((Asked::by(&request), request.method == Method::Head));
        }
        Ok(None) if head.len() < HEAD_BYTES_MAX => return None,
        Ok(None) => Status::RequestHeaderFieldsTooLarge,
        Err(error) => error.status(),
    };
    // An error has no content for HEAD either (RFC 9110 section 9.3.2).
    let line = head.strip_prefix(b"\r\n").unwrap_or(head);
    Some((Asked::Error(error), line.starts_with(b"HEAD ")))
}
