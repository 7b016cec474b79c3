//! At the limits: of connections, of one client's, of descriptors.

mod support;

use std::{
    io::Write,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use support::{
    Client, Process, Server, connect_from, content, process::receive_queues_are_empty, wait_until,
};

/// Lets a running server have no more than `descriptors`.
fn limit_descriptors(server: &Server, descriptors: u64) {
    let limit = Rlimit {
        current: Some(descriptors),
        maximum: Some(descriptors),
    };
    let pid = Pid::from_raw(server.pid() as i32);
    prlimit(pid, Resource::Nofile, limit).expect("a process of ours");
}

/// Has connections take all numbers beneath the highest in use, then lets the
/// server have no more descriptors than it has.
fn starve(server: &Server) -> Vec<Client> {
    let process = Process::from(server);
    let mut fillers = Vec::new();
    loop {
        let (free, highest) = process.descriptor_numbers();
        if free > highest {
            limit_descriptors(server, free);
            return fillers;
        }
        assert!(fillers.len() < 100, "{free} stays free below {highest}");
        fillers.push(idle(server));
    }
}

/// A connection that was answered and is kept.
fn idle(server: &Server) -> Client {
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    client
}

#[test]
fn a_client_beyond_its_own_bound_drives_nobody_out() {
    let server = Server::with_page("--threads 1 --max-connections 4 --max-connections-per-ip 2");
    let mut others: Vec<_> = [2, 3]
        .map(|host| Client::over(connect_from(host, server.address()).expect("a connection")))
        .into();
    let mut mine: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for client in others.iter_mut().chain(&mut mine) {
        assert_eq!(client.get("/").status, 200);
    }
    for _ in 0..5 {
        let mut refused = server.connect();
        let _ = refused.try_send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(!matches!(
            refused.try_reply(support::Kind::Get),
            Ok(Some(_))
        ));
    }
    for client in others.iter_mut().chain(&mut mine) {
        client.assert_open();
    }
    // A connection of this address closes, so another one is admitted.
    drop(mine.pop());
    wait_until("the next one to be let in", || {
        let mut client = server.connect();
        client
            .try_send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .is_ok()
            && matches!(client.try_reply(support::Kind::Get), Ok(Some(_)))
    });
}

#[test]
fn of_two_hundred_clients_on_64_descriptors_none_is_refused_a_file() {
    let server = Server::build()
        .file("index.html", "home")
        .file("large.bin", content(2 << 20))
        .args("--threads 2")
        .descriptors_max(64)
        .env("RUST_LOG", "info")
        .start();
    let process = Process::from(&server);
    assert_eq!(process.descriptors_max(), (64, 64));
    // It tells how many connections fit, and that it stays within the limit.
    let line = server.wait_for_log("its bounds", |line| line.contains("resource bounds: "));
    println!("{line}");
    assert!(line.ends_with(" and 64 descriptors"), "{line}");
    let workers: Vec<_> = (0..200)
        .map(|number| {
            let address = server.address();
            std::thread::spawn(move || {
                for _ in 0..3 {
                    let mut client = Client::connect(address);
                    let (path, size) = match number % 2 {
                        0 => ("/", 4),
                        _ => ("/large.bin", 2 << 20),
                    };
                    let reply = client.get_with(path, "Connection: close\r\n");
                    assert_eq!((reply.status, reply.body.len()), (200, size));
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("whole answers alone");
    }
    let log = server.log();
    let warnings = log.iter().filter(|line| line.contains("WARN"));
    assert!(warnings.count() <= 1, "{log:?}");
    wait_until("all but the listener to be closed", || {
        process.descriptors() < 30
    });
}

#[test]
fn a_limit_on_descriptors_that_may_be_too_low_is_told_at_the_start() {
    let server = |descriptors| {
        Server::build()
            .file("index.html", "home")
            .args("--threads 2")
            .descriptors_max(descriptors)
            .start()
    };
    // 20 of the process, one of the listener, 5 of each worker; a connection and a file.
    const NEEDED: u32 = 20 + 1 + 2 * 5 + 2;
    let too_low = server(NEEDED - 1);
    let line = too_low.wait_for_log("the limit", |line| line.contains("RLIMIT_NOFILE"));
    assert!(line.contains(" is 32; up to 33 are needed"), "{line}");
    idle(&too_low);
    assert_eq!(too_low.log().len(), 1);

    let sufficient = server(NEEDED);
    idle(&sufficient);
    assert!(sufficient.log().is_empty(), "{:?}", sufficient.log());
}

#[test]
fn a_file_gets_the_descriptor_of_the_longest_idle() {
    for threads in ["--threads 1", "--threads 2"] {
        let server = Server::build()
            .file("index.html", "home")
            .file("large.bin", content(2 << 20))
            .args(threads)
            .start();
        let mut asking = idle(&server);
        let mut kept: Vec<_> = (0..8).map(|_| idle(&server)).collect();
        kept.extend(starve(&server));
        let reply = asking.get("/large.bin");
        assert_eq!(
            (reply.status, reply.body.len()),
            (200, 2 << 20),
            "{threads}"
        );
        let ended = kept
            .iter_mut()
            .map(|client| client.is_at_end(Duration::from_millis(20)))
            .filter(|ended| *ended)
            .count();
        assert!((1..=6).contains(&ended), "{ended} were let go");
        let warnings = server.log();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }
}

#[test]
fn starved_it_rests_and_recovers() {
    let server = Server::build()
        .file("index.html", "home")
        .file("large.bin", content(2 << 20))
        .args("--threads 2 --header-timeout 60")
        .start();
    let process = Process::from(&server);
    // None of these is idle: each has half a head.
    let mut busy: Vec<_> = (0..8).map(|_| idle(&server)).collect();
    busy.extend(starve(&server));
    for client in &mut busy {
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n");
    }
    wait_until("all of them to be read", || {
        receive_queues_are_empty(server.address())
    });
    let mut waiting = server.connect();
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    busy[0].send("\r\n");
    let cpu = process.cpu();
    assert!(
        busy[0].is_silent_for(Duration::from_secs(2)),
        "served from nothing"
    );
    let used = process.cpu() - cpu;
    println!("starved for two seconds: {used:?} of processor time");
    assert!(used <= Duration::from_millis(60), "{used:?}");

    // Some close, and those that waited are served: the one for a descriptor for
    // its file, and the one for a connection.
    busy.truncate(5);
    let begun = Instant::now();
    assert_eq!(busy[0].reply().body.len(), 2 << 20);
    assert_eq!(waiting.reply().text(), "home");
    println!("recovered after {:?}", begun.elapsed());
    let warnings = server.log();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(idle(&server).get("/large.bin").status, 200);
}

#[test]
fn no_connection_is_evicted_for_an_empty_backlog() {
    let server = Server::build()
        .file("index.html", "home")
        .args("--threads 1")
        .start();
    let mut longest_idle = idle(&server);
    let spare = idle(&server);
    let fillers = starve(&server);
    let process = Process::from(&server);
    let all = process.descriptors();
    drop(spare);
    wait_until("one to be closed", || process.descriptors() < all);
    // It takes the last descriptor, and the backlog is empty after it.
    let mut last = server.connect();
    for _ in 0..3 {
        // Which needs no file.
        assert_eq!(last.request("OPTIONS", "/", "").status, 204);
    }
    longest_idle.assert_open();
    assert!(server.log().is_empty(), "{:?}", server.log());
    drop(fillers);
}

#[test]
fn without_a_descriptor_in_time_a_request_is_503() {
    let server = Server::build()
        .file("index.html", "home")
        .file("large.bin", content(2 << 20))
        .args("--threads 1 --header-timeout 1.5")
        .debug()
        .start();
    let mut client = idle(&server);
    let mut fillers = starve(&server);
    for filler in &mut fillers {
        filler.send("GET / HT");
    }
    wait_until("all of them to be read", || {
        receive_queues_are_empty(server.address())
    });
    client
        .stream()
        .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("taken");
    let reply = client.reply();
    assert_eq!((reply.status, reply.is_last()), (503, true));
    client.assert_closed();
    // It was not the client's doing.
    server.wait_for_log("its end", |line| line.contains("(out_of_resources) after"));
}
