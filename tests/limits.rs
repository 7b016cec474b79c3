//! What one client can use: requests and connections. The limits on the
//! bytes of a request are tested by the rows of `conformance`.

mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Client, Server, Strace, process::is_received, wait_until};

#[test]
fn the_last_request_of_a_connection_is_told() {
    let server = Server::with_page("--max-requests 3");
    let mut client = server.connect();
    assert!(!client.get("/").is_last());
    assert!(!client.get("/").is_last());
    assert!(client.get("/").is_last());
    client.assert_closed();

    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5));
    let last: Vec<bool> = (0..3).map(|_| client.reply().is_last()).collect();
    assert_eq!(last, [false, false, true]);
    client.assert_closed();
}

/// So many connections, each kept after a request, the first the longest.
fn idle(server: &Server, count: usize) -> Vec<Client> {
    let kept = |_| {
        let mut client = server.connect();
        client.get("/");
        client
    };
    (0..count).map(kept).collect()
}

#[test]
fn at_the_connection_limit_the_longest_idle_makes_room() {
    let server = Server::with_page("--threads 1 --max-connections 4");
    let mut clients = idle(&server, 4);
    // At the limit, but no client waits: no connection is closed.
    for client in &mut clients {
        client.assert_open();
    }
    // The first is used again, so the second is now idle for longest.
    clients[0].get("/");
    assert_eq!(server.connect().get("/").status, 200);
    clients[1].assert_closed();
    for index in [2, 3, 0] {
        clients[index].assert_open();
    }
}

#[test]
fn with_more_workers_too_one_idle_connection_makes_room() {
    let server = Server::with_page("--threads 2 --max-connections 8");
    let mut clients = idle(&server, 8);
    for client in &mut clients {
        client.assert_open();
    }
    let mut newcomer = server.connect();
    assert_eq!(newcomer.get("/").status, 200);
    let mut ended = 0;
    for client in &mut clients {
        ended += usize::from(client.is_at_end(Duration::from_millis(100)));
    }
    assert_eq!(ended, 1);
    newcomer.assert_open();
}

#[test]
fn a_silent_client_is_evicted_for_one_that_sends_a_request() {
    let server = Server::build()
        .file("index.html", "home")
        .args("--threads 1 --max-connections 2 --header-timeout 60")
        .debug()
        .start();
    let mut silent = vec![server.connect(), server.connect()];
    for number in ["connection 1: accepted", "connection 2: accepted"] {
        server.wait_for_log("the silent ones", |line| line.contains(number));
    }
    let mut busy = server.connect();
    busy.send("GET / HTTP/1.1\r\n");
    // The kernel may have handed them over in any order.
    wait_until("one of them to go", || {
        silent.retain_mut(|client| !client.is_at_end(Duration::from_millis(10)));
        silent.len() < 2
    });
    let mut newcomer = server.connect();
    assert_eq!(newcomer.get("/").status, 200);
    silent[0].assert_closed();
    // A client that has sent part of a request is not silent.
    assert_eq!(server.connect().get("/").status, 200);
    newcomer.assert_closed();
    busy.send("Host: a\r\n\r\n");
    assert_eq!(busy.reply().status, 200);
}

#[test]
fn a_client_silent_for_longer_than_another_is_idle_is_evicted_first() {
    let server = Server::build()
        .file("index.html", "home")
        .args("--threads 1 --max-connections 3 --header-timeout 60")
        .debug()
        .start();
    let mut silent = [server.connect(), server.connect()];
    for number in ["connection 1: accepted", "connection 2: accepted"] {
        server.wait_for_log("the silent ones", |line| line.contains(number));
    }
    let mut kept = server.connect();
    assert_eq!(kept.get("/").status, 200);
    // By then a sweep knows of the silent.
    assert!(kept.is_silent_for(Duration::from_millis(500)));
    let mut newcomers = [server.connect(), server.connect()];
    for newcomer in &mut newcomers {
        assert_eq!(newcomer.get("/").status, 200);
    }
    kept.assert_open();
    for client in &mut silent {
        client.assert_closed();
    }
    // It has just sent another request, so the first of the newcomers is next.
    assert_eq!(server.connect().get("/").status, 200);
    newcomers[0].assert_closed();
}

#[test]
fn a_client_silent_for_longer_is_evicted_first_across_workers() {
    let server = Server::build()
        .file("index.html", "home")
        .args("--threads 2 --max-connections 2 --header-timeout 60")
        .debug()
        .start();
    let mut silent = server.connect();
    server.wait_for_log("the silent one", |line| line.contains("accepted"));
    let mut kept = server.connect();
    assert_eq!(kept.get("/").status, 200);
    // By then its worker has published it, ten times.
    assert!(kept.is_silent_for(Duration::from_secs(1)));
    assert_eq!(server.connect().get("/").status, 200);
    silent.assert_closed();
    kept.assert_open();
}

/// Clients that have got their last response, and do not close.
#[test]
fn a_lingering_connection_makes_room() {
    let server = Server::with_page("--threads 1 --max-connections 3");
    let mut refused: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut refused {
        client.send("GET / HTTP/1.1\r\n\r\n");
        assert_eq!(client.reply().status, 400);
    }
    let start = Instant::now();
    let mut newcomer = server.connect();
    assert_eq!(newcomer.get("/").status, 200);
    // Without an eviction it waits for almost 2 s.
    let waited = start.elapsed();
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    newcomer.assert_open();
    refused.iter_mut().for_each(Client::assert_closed);
}

#[test]
fn at_the_limit_the_listeners_take_turns() {
    let server = Server::build()
        .file("index.html", "home")
        .args("--threads 1 --max-connections 1 --header-timeout 60")
        .listen(&["127.0.0.1:0", "127.0.0.1:0"])
        .debug()
        .start();
    let begin = |address| {
        let mut client = Client::connect(address);
        client.send("GET / HTTP/1.1\r\n");
        wait_until("its place in the queue", || {
            is_received(client.local_address())
        });
        client
    };
    let [first, second] = server.addresses() else {
        panic!("two listeners");
    };
    // They take the place one after another, and never end their heads.
    let mut crowd: Vec<_> = (0..6).map(|_| begin(*first)).collect();
    let mut waiting = begin(*second);
    waiting.send("Host: a\r\n\r\n");
    // The client that holds the connection leaves, and so does the next one, which
    // has been accepted.
    crowd.drain(..2);
    assert_eq!(waiting.reply().status, 200);
}

#[test]
#[ignore = "needs strace"]
fn one_new_connection_evicts_one_however_long_the_close_takes() {
    let server = Server::with_page("--threads 1 --max-connections 4");
    let mut clients = idle(&server, 4);
    let tampered = Strace::inject(&server, &["close:delay_enter=200000"]);
    let mut newcomer = server.connect();
    newcomer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // While the evicted connection is being closed, the acceptor is woken again
    // and again.
    while newcomer.is_silent_for(Duration::from_millis(5)) {
        server.signal(Signal::HUP);
    }
    assert_eq!(newcomer.reply().status, 200);
    drop(tampered);
    clients[0].assert_closed();
    clients[1..].iter_mut().for_each(Client::assert_open);
    newcomer.assert_open();
}

#[test]
fn with_none_idle_the_backlog_waits() {
    let server = Server::with_page("--threads 1 --max-connections 2");
    let mut busy: Vec<_> = (0..2)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET / HTTP/1.1\r\nHost: a\r\n");
            client
        })
        .collect();
    let mut waiting = server.connect();
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        waiting.is_silent_for(Duration::from_millis(300)),
        "served beyond the limit"
    );
    // Neither of the two was evicted.
    for client in &mut busy {
        client.send("Connection: close\r\n\r\n");
        assert_eq!(client.reply().status, 200);
        client.assert_closed();
    }
    assert_eq!(waiting.reply().status, 200);
}

#[test]
fn the_header_time_out_of_a_held_connection_begins_at_its_hand_over() {
    let server = Server::with_page("--threads 1 --max-connections 1 --header-timeout 1");
    let mut busy = server.connect();
    busy.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n");
    let mut held = server.connect();
    held.send("GET / HTTP/1.1\r\n");
    let longer = Duration::from_millis(1_200);
    assert!(held.is_silent_for(longer), "served beyond the limit");
    busy.send("a");
    assert_eq!(busy.reply().status, 405);
    busy.assert_closed();
    assert!(held.is_silent_for(Duration::from_millis(250)), "timed out");
    held.send("Host: a\r\n\r\n");
    assert_eq!(held.reply().status, 200);
}
