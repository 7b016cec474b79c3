//! A server whose system calls are traced or tampered with.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Server, wait_until};

/// strace attached to a running server, until this is dropped.
pub struct Strace(Child);

impl Strace {
    /// Tampers with the system calls in `faults`, in the syntax of strace's `inject`:
    /// `NAME:error=EIO:when=2+`.
    pub fn inject(server: &Server, faults: &[&str]) -> Strace {
        let names = faults.iter().map(|fault| fault.split(':').next());
        let names: Vec<_> = names.map(|name| name.expect("a name")).collect();
        let mut arguments = vec![format!("--trace={}", names.join(",")), "-o/dev/null".into()];
        arguments.extend(faults.iter().map(|fault| format!("--inject={fault}")));
        Strace::attach(server, &arguments)
    }

    /// Runs strace with these arguments, and waits until it has attached to all threads.
    pub fn attach(server: &Server, arguments: &[String]) -> Strace {
        let pid = server.pid().to_string();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &pid]).args(arguments);
        let strace = command
            .stderr(Stdio::null())
            .spawn()
            .expect("strace starts");
        wait_until("strace to attach to each thread", || {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
            tasks.into_iter().all(|task| {
                let status = fs::read_to_string(task.expect("a thread").path().join("status"));
                !status.expect("a status").contains("TracerPid:\t0\n")
            })
        });
        Strace(strace)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // On SIGINT, strace detaches from the server.
        let pid = Pid::from_raw(self.0.id().cast_signed()).expect("a process");
        let _ = kill_process(pid, Signal::INT);
        let _ = self.0.wait();
    }
}
