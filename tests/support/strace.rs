//! A server whose system calls are watched, or tampered with.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Server, wait_until};

/// strace at work on a running server, until this is dropped.
pub struct Strace(Child);

impl Strace {
    /// Tampers with the calls that `faults` name, as strace's `inject` has it:
    /// `NAME:error=EIO:when=2+`.
    pub fn inject(server: &Server, faults: &[&str]) -> Strace {
        let names = faults.iter().map(|fault| fault.split(':').next());
        let names: Vec<_> = names.map(|name| name.expect("a name")).collect();
        let mut arguments = vec![format!("--trace={}", names.join(",")), "-o/dev/null".into()];
        arguments.extend(faults.iter().map(|fault| format!("--inject={fault}")));
        Strace::attach(server, &arguments)
    }

    /// Has strace work with these arguments, and waits until it watches all.
    pub fn attach(server: &Server, arguments: &[String]) -> Strace {
        let pid = server.pid().to_string();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &pid]).args(arguments);
        let strace = command.stderr(Stdio::null()).spawn().expect("strace");
        wait_until("strace to watch each thread", || {
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
        // On SIGINT it detaches from the server.
        let pid = Pid::from_raw(self.0.id().cast_signed()).expect("a process");
        let _ = kill_process(pid, Signal::INT);
        let _ = self.0.wait();
    }
}
