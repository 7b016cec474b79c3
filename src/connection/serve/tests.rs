use std::{os::unix::net::UnixStream, sync::Arc, time::Duration};

use super::*;
use crate::{
    config::Config,
    connection::{Identity, socket::Stream},
    files::Site,
    observe::counters::Counters,
};

#[test]
fn of_several_reasons_to_close_the_first_is_given() {
    use CloseReason::*;
    let root = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.site.root = root.path().into();
    let (site, started) = (Site::open(&config.site).unwrap(), Instant::now());
    let counters = Arc::new(Counters::new(false));
    let mut cx = Context::new(&config, 0, site.view(), counters, None, started);
    let (stream, _peer) = UnixStream::pair().unwrap();
    let identity = Identity::new(1, None, started, Duration::ZERO);
    let mut connection = Connection::new(Stream::Unix(stream), identity);

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
