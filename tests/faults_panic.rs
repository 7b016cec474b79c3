//! A panic in one request costs only its connection. It is provoked by a transport
//! that panics, as no request makes the server do so.

use std::{
    fs::File,
    io::{self, IoSlice},
    sync::Arc,
    time::Duration,
};

use stdhttpd::{
    config::{Config, Moment},
    connection::{Connection, Identity, Next, Readiness, context::Context, transport::Transport},
    files::Site,
    observe::{close_reason::CloseReason, counters::Counters},
};

/// A transport with one request in it.
struct Scripted {
    input: &'static [u8],
    written: Vec<u8>,
    /// What it panics at, if anything.
    panics_at: Option<Call>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
}

impl Scripted {
    fn new(panics_at: Option<Call>) -> Scripted {
        Scripted {
            input: b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /",
            written: Vec::new(),
            panics_at,
        }
    }

    fn enter(&self, call: Call) {
        assert!(self.panics_at != Some(call), "provoked");
    }
}

impl Transport for &mut Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.enter(Call::Read);
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.input.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.input[..count]);
        self.input = &self.input[count..];
        Ok(count)
    }

    fn write(&mut self, buffers: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        self.enter(Call::Write);
        let before = self.written.len();
        for buffer in buffers {
            self.written.extend_from_slice(buffer);
        }
        Ok(self.written.len() - before)
    }

    fn send_file(&mut self, _: &File, _: u64, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&mut self) {}
}

fn identity(id: u64, accepted: Moment) -> Identity {
    Identity::new(id, None, accepted, Duration::ZERO)
}

#[test]
fn a_panic_ends_its_connection_and_nothing_of_it_reaches_the_next() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("index.html"), "page").unwrap();
    let mut config = Config::default();
    config.site.root = root.path().into();
    let view = Site::open(&config.site).unwrap().view();
    let counters = Arc::new(Counters::new(false));
    let now = Moment::now();
    let mut cx = Context::new(&config, 0, view, counters, None, now);
    let mut input = vec![0; cx.input_bytes()];
    let mut plain = Vec::new();
    for (id, panics_at) in [None, Some(Call::Read), None, Some(Call::Write), None]
        .into_iter()
        .enumerate()
    {
        let mut scripted = Scripted::new(panics_at);
        let mut connection = Connection::new(&mut scripted, identity(id as u64, now));
        let next = connection.guarded(&mut cx, |connection, cx| {
            connection.advance(Readiness::READABLE, &mut input, cx)
        });
        match panics_at {
            None => assert_eq!(next, Next::Readable),
            Some(_) => {
                assert_eq!(next, Next::Closed(CloseReason::Panicked));
                connection.closed(CloseReason::Panicked, &mut cx);
                continue;
            }
        }
        drop(connection);
        assert!(scripted.written.ends_with(b"\r\n\r\npage"));
        let head = scripted.written.len();
        assert_eq!(
            *plain.first().get_or_insert(&head),
            &head,
            "one whole answer"
        );
        plain.push(head);
    }
    assert_eq!(plain.len(), 3);
}

#[test]
fn a_panic_at_a_deadline_is_caught_too() {
    let root = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.site.root = root.path().into();
    let view = Site::open(&config.site).unwrap().view();
    let now = Moment::now();
    let mut cx = Context::new(&config, 0, view, Arc::new(Counters::new(false)), None, now);
    let mut input = vec![0; cx.input_bytes()];
    let mut scripted = Scripted::new(Some(Call::Write));
    scripted.input = b"GET / HT";
    let mut connection = Connection::new(&mut scripted, identity(1, now));
    let next = connection.guarded(&mut cx, |connection, cx| {
        connection.advance(Readiness::READABLE, &mut input, cx)
    });
    assert_eq!(next, Next::Readable);
    let next = connection.guarded(&mut cx, Connection::expire);
    assert_eq!(next, Next::Closed(CloseReason::Panicked));
    assert!(cx.output.is_empty());
}
