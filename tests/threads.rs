//! A connection never holds a thread.

mod support;

use std::fs;

use stdhttpd::server::descriptors::raise_limit;
use support::{Client, Server};

const CONNECTIONS: usize = 2_000;

#[test]
fn one_worker_serves_thousands_of_open_connections() {
    let descriptors = raise_limit();
    assert!(descriptors >= CONNECTIONS as u64 + 200, "{descriptors}");
    let server = Server::with_page("--threads 1");
    let mut clients: Vec<Client> = (0..CONNECTIONS)
        .map(|_| {
            let mut client = server.connect();
            assert_eq!(client.get("/").status, 200);
            client
        })
        .collect();
    for client in clients.iter_mut().rev() {
        assert_eq!(client.get("/").status, 200);
    }
    // As many that never finish their request block no other client either.
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\n");
    }
    assert_eq!(server.connect().get("/").status, 200);
    for client in &mut clients {
        client.send("Host: a\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.reply().status, 200);
    }
}

#[test]
fn every_worker_of_the_pool_serves() {
    const THREADS: usize = 4;
    let server = Server::build()
        .file("index.html", "home")
        .args("--threads 4")
        .debug()
        .start();
    // Connections go to the worker with the fewest: held open, they reach all.
    let mut clients: Vec<Client> = (0..64).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    for client in &mut clients {
        client.assert_open();
    }
    for worker in 0..THREADS {
        let end = format!(" by worker {worker}");
        server.wait_for_log(&end, |line| line.ends_with(&end));
    }
}

#[cfg(target_os = "linux")]
const SCHED_OTHER: &str = "0";
#[cfg(target_os = "linux")]
const SCHED_BATCH: &str = "3";
#[cfg(target_os = "linux")]
const SCHED_IDLE: &str = "5";

/// The scheduling policies of the acceptor and of two workers (proc_pid_stat(5)), of a
/// server that starts after the shell command `first`.
#[cfg(target_os = "linux")]
fn policies(first: &str) -> Vec<String> {
    let server = Server::build().args("--threads 2").shell(first).start();
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("a process");
    let policies = tasks.map(|task| {
        let stat = fs::read_to_string(task.expect("a thread").path().join("stat"));
        let stat = stat.expect("its figures");
        // The fields after the name, the third and so on.
        let (_, fields) = stat.rsplit_once(") ").expect("a name");
        fields.split(' ').nth(41 - 3).expect("a policy").to_owned()
    });
    let mut policies: Vec<_> = policies.collect();
    policies.sort();
    policies
}

#[test]
#[cfg(target_os = "linux")]
fn no_thread_preempts_a_client() {
    let worker = match std::thread::available_parallelism().map(usize::from) {
        Ok(1) | Err(_) => SCHED_OTHER,
        Ok(_) => SCHED_BATCH,
    };
    assert_eq!(policies("true"), [worker, worker, SCHED_BATCH]);
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs taskset"]
fn on_a_single_cpu_a_worker_preempts_the_acceptor() {
    let first_cpu = "taskset -pc $(taskset -pc $$ | sed 's/.*: //; s/[,-].*//') $$ >&2";
    assert_eq!(policies(first_cpu), [SCHED_OTHER, SCHED_OTHER, SCHED_BATCH]);
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs chrt"]
fn a_policy_that_was_chosen_is_kept() {
    assert_eq!(policies("chrt --idle --pid 0 $$"), [SCHED_IDLE; 3]);
}
