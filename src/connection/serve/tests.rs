use std::{fs::File, io::Write, os::unix::net::UnixStream, path::Path, sync::Arc, time::Duration};

use super::*;
use crate::{
    config::{Config, Moment},
    connection::{Identity, Readiness, socket::Stream},
    files::Site,
    observe::counters::Counters,
};

/// A connection to a server of `root`, its context and the client's end.
fn connect(root: &Path) -> (Connection<Stream>, Context, UnixStream) {
    let mut config = Config::default();
    config.site.root = root.into();
    let (site, started) = (Site::open(&config.site).unwrap(), Moment::now());
    let counters = Arc::new(Counters::new(false));
    let cx = Context::new(&config, 0, site.view(), counters, None, started);
    let (stream, peer) = UnixStream::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    let identity = Identity::new(1, None, started, Duration::ZERO);
    (Connection::new(Stream::Unix(stream), identity), cx, peer)
}

#[test]
fn no_request_is_parsed_while_a_response_is_unsent() {
    let root = tempfile::tempdir().unwrap();
    let large = File::create(root.path().join("large")).unwrap();
    large.set_len(8 << 20).unwrap();
    let (mut connection, mut cx, mut peer) = connect(root.path());
    let request = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
    peer.write_all(&request.repeat(2)).unwrap();
    let mut input = vec![0; cx.input_bytes()];
    connection.advance(Readiness::READABLE, &mut input, &mut cx);
    match connection.state() {
        State::Writing(writing) => assert_eq!(writing.unparsed, request),
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_several_reasons_to_close_the_first_is_given() {
    use CloseReason::*;
    let root = tempfile::tempdir().unwrap();
    let (mut connection, mut cx, _peer) = connect(root.path());

    // Each reason comes before those that were added earlier.
    type Add = fn(&mut Connection<Stream>, &mut Context);
    let added: [(Add, CloseReason); 4] = [
        (|connection, _| connection.mark_evicted(), Evicted),
        (|_, cx| cx.draining = true, Draining),
        (|_, cx| cx.limits.requests_max = 1, MaxRequests),
        (
            |_, cx| cx.timeouts.keep_alive = Duration::ZERO,
            KeepAliveOff,
        ),
    ];
    for by_client in [Persistence::Keep, Persistence::KeepAnnounced] {
        let decided = connection.persistence(by_client, false, &cx);
        assert_eq!(decided, (by_client, None));
    }
    for (add, reason) in added {
        add(&mut connection, &mut cx);
        for by_client in [Persistence::Keep, Persistence::KeepAnnounced] {
            let decided = connection.persistence(by_client, false, &cx);
            assert_eq!(decided, (Persistence::Close, Some(reason)));
        }
    }
    for (refused, reason) in [(false, ClientAsked), (true, BadRequest)] {
        let decided = connection.persistence(Persistence::Close, refused, &cx);
        assert_eq!(decided, (Persistence::Close, Some(reason)));
    }
}
