//! Listings of very large folders: made in pieces, bounded in memory, and no
//! other client waits for them.

mod support;

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use support::{Client, DEADLINE, Process, Server, content, reply::Kind, wait_until};

/// As many as are ever shown.
const ENTRIES: usize = 100_000;

const JSON: &str = "Accept: application/json\r\n";

/// Makes a folder of so many empty files, whose names end in `ending`.
fn fill(folder: &Path, entries: usize, ending: &str) {
    fs::create_dir(folder).unwrap();
    for number in 0..entries {
        fs::File::create(folder.join(format!("file-{number:06}{ending}"))).unwrap();
    }
}

/// A server on one thread with a folder of so many entries, `/many/`.
fn server(entries: usize, args: &str) -> Server {
    let server = Server::build()
        .file("index.html", "home")
        .file("small.bin", content(1_024))
        .file("few/one", "1")
        .args("--listing --threads 1")
        .args(args)
        .debug()
        .start();
    fill(&server.root().join("many"), entries, "");
    server
}

/// Asserts that `text` names all the files, once each and in order.
#[track_caller]
fn assert_whole(text: &str, entries: usize) {
    let mut numbers = text
        .split("\"./file-")
        .skip(1)
        .map(|rest| rest[..6].parse::<usize>().expect("a number"));
    for expected in 0..entries {
        assert_eq!(numbers.next(), Some(expected));
    }
    assert_eq!(numbers.next(), None);
    assert!(text.ends_with("</html>\n") || text.ends_with("\n]\n"));
}

/// A reply that may take as long as a listing of an unoptimised build.
#[track_caller]
fn patient_reply(client: &mut Client, kind: Kind) -> support::Reply {
    let patience = Some(60 * DEADLINE);
    client.stream().set_read_timeout(patience).expect("set");
    client.reply_to(kind)
}

#[test]
fn others_are_served_while_large_folders_are_listed() {
    // As long as a busy machine may need.
    let server = server(ENTRIES, "--write-timeout 600");
    let address = server.address();
    let listers: Vec<_> = ["", "", JSON, JSON]
        .into_iter()
        .map(|fields| {
            thread::spawn(move || {
                let mut client = Client::connect(address);
                let begun = Instant::now();
                client.send(format!("GET /many/ HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
                let reply = patient_reply(&mut client, Kind::Get);
                assert_eq!(reply.status, 200);
                (reply, begun.elapsed())
            })
        })
        .collect();
    let mut client = server.connect();
    let mut waits = Vec::new();
    while listers.iter().any(|lister| !lister.is_finished()) {
        let begun = Instant::now();
        assert_eq!(client.get("/small.bin").body.len(), 1_024);
        waits.push(begun.elapsed());
    }
    let mut longest = Duration::ZERO;
    for lister in listers {
        let (reply, took) = lister.join().expect("a listing");
        assert_whole(reply.text(), ENTRIES);
        longest = longest.max(took);
        println!("{} bytes of listing after {took:?}", reply.body.len());
    }
    waits.sort();
    let (median, p99) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
    let most = waits[waits.len() - 1];
    println!(
        "{} requests beside four listings of {ENTRIES} entries: median {median:?}, 99th \
         percentile {p99:?}, longest {most:?}",
        waits.len()
    );
    assert!(waits.len() > 100, "{}", waits.len());
    // A busy machine stretches both.
    assert!(p99 < longest / 50, "{p99:?} of {longest:?}");
}

#[test]
fn what_is_asked_with_and_behind_a_large_listing_is_answered_in_order() {
    const SOME: usize = 3_000;
    let server = server(SOME, "");
    let mut client = server.connect();
    client.send(
        "GET /small.bin HTTP/1.1\r\nHost: a\r\n\r\n\
         HEAD /many/ HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /many/ HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody\
         GET / HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /many/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    );
    assert_eq!(client.reply().body.len(), 1_024);
    let head = client.reply_to(Kind::Head);
    let listing = client.reply();
    assert_whole(listing.text(), SOME);
    assert_eq!(head.status, 200);
    assert_eq!(
        head.field("content-length"),
        listing.field("content-length")
    );
    assert_eq!(client.reply().text(), "home");
    assert_eq!(client.reply().status, 100);
    client.send("bodyGET /few/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_whole(client.reply().text(), SOME);
    assert!(client.reply().text().contains("\"./one\""));
    client.assert_closed();
}

#[test]
fn a_client_that_resets_ends_its_listing_and_one_that_half_closes_gets_it() {
    let server = server(ENTRIES, "");
    let mut gone = server.connect();
    gone.send("GET /many/ HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until("the request to be read", || {
        support::process::receive_queues_are_empty(server.address())
    });
    let socket = socket2::SockRef::from(gone.stream());
    socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(gone);
    // Not one request of it was answered.
    let line = server.wait_for_log("the reset", |line| {
        line.contains("closed first by the client (reset) after")
    });
    assert!(line.ends_with("(reset) after 0 requests"), "{line}");

    fill(&server.root().join("some"), 2_000, "");
    let mut half = server.connect();
    half.send("GET /some/ HTTP/1.1\r\nHost: a\r\n\r\n");
    half.shutdown_write();
    assert_whole(patient_reply(&mut half, Kind::Get).text(), 2_000);
    half.assert_closed();
}

#[test]
fn the_memory_of_all_listings_is_bounded_and_used_again() {
    // With long names, a page of 20 MB takes fewer of them.
    const SOME: usize = 29_000;
    let server = server(1, "");
    fill(&server.root().join("long"), SOME, &"a".repeat(230));
    let process = Process::from(&server);
    let before = process.memory_bytes();
    let ask = |client: &mut Client| {
        client.send("GET /long/ HTTP/1.1\r\nHost: a\r\n\r\n");
    };
    let mut stuck = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect();
        ask(&mut client);
        client
            .stream()
            .set_read_timeout(Some(60 * DEADLINE))
            .expect("set");
        client.read_some(1);
        stuck.push(client);
    }
    let mut late = server.connect();
    ask(&mut late);
    let refused = patient_reply(&mut late, Kind::Get);
    assert_eq!(refused.status, 503);
    assert_eq!(refused.field("retry-after"), Some("2"));
    let used = process.memory_bytes() - before;
    // What is small is listed all the same, on the same connection.
    assert!(late.get("/few/").text().contains("\"./one\""));
    let warnings = server.log();
    let warned = warnings.iter().filter(|line| line.contains("WARN"));
    assert_eq!(warned.count(), 1);

    for client in &mut stuck {
        assert_whole(client.reply().text(), SOME);
    }
    ask(&mut late);
    assert_whole(patient_reply(&mut late, Kind::Get).text(), SOME);
    let left = process.memory_bytes().saturating_sub(before);
    println!(
        "with three listings held: {} KiB; with the room given back, and used again: {} KiB",
        used >> 10,
        left >> 10
    );
    assert!(used.max(left) < 80 << 20, "{used}, {left}");
}

#[test]
fn a_listing_that_takes_too_long_is_refused() {
    let server = server(ENTRIES, "--write-timeout 0.05");
    let mut client = server.connect();
    let begun = Instant::now();
    let refused = client.get("/many/");
    println!("refused after {:?}", begun.elapsed());
    assert_eq!(refused.status, 503);
    assert_eq!(refused.field("retry-after"), Some("2"));
    assert_eq!(client.get("/").text(), "home");
}

#[test]
fn a_server_that_stops_finishes_the_listing_under_way() {
    const SOME: usize = 3_000;
    let mut server = server(SOME, "");
    let mut client = server.connect();
    // More than the kernel keeps for a client that does not read: when the
    // server is stopped, some are still to be made.
    client.send("GET /many/ HTTP/1.1\r\nHost: a\r\n\r\n".repeat(60));
    client.read_some(1);
    server.signal(Signal::TERM);
    server.wait_for_log("the stop", |line| line.contains("stopping: "));
    let mut replies = 0;
    loop {
        let reply = patient_reply(&mut client, Kind::Get);
        assert_whole(reply.text(), SOME);
        replies += 1;
        if reply.is_last() {
            break;
        }
    }
    println!("{replies} listings after the word to stop");
    assert!(replies < 60, "none was left to be made");
    client.assert_closed();
    assert_eq!(server.wait().code(), Some(0));
}
