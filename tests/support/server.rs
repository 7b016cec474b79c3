//! The real binary as a child process.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Condvar, Mutex, mpsc},
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Client, DEADLINE};

/// A command that runs the binary without options from the environment.
pub fn binary() -> Command {
    without_options(Command::new(BINARY))
}

const BINARY: &str = env!("CARGO_BIN_EXE_stdhttpd");

fn without_options(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("STDHTTPD_") || text.starts_with("RUST_LOG") || text == "LISTEN_FDS" {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command that ends by itself and returns its output.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    let pid = Pid::from_raw(child.id() as i32).expect("a process");
    let (output_in, output) = mpsc::channel();
    std::thread::spawn(move || output_in.send(child.wait_with_output()));
    match output.recv_timeout(DEADLINE) {
        Ok(output) => output.expect("the output of the command"),
        Err(_) => {
            let _ = kill_process(pid, Signal::KILL);
            panic!("the command does not end: {command:?}");
        }
    }
}

/// The options that a server is started with.
pub struct Builder {
    root: TempDir,
    served: Option<PathBuf>,
    listen: Vec<String>,
    args: Vec<OsString>,
    env: Vec<(String, String)>,
    shell: Option<String>,
}

impl Builder {
    /// Writes a file below the root and creates its parent directories.
    pub fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Builder {
        let path = self.root.path().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("a directory below the root");
        }
        std::fs::write(path, bytes).expect("a file below the root");
        self
    }

    /// Creates a sparse file of zeros below the root, which takes no disk space.
    pub fn sparse_file(self, path: &str, bytes: u64) -> Builder {
        let file = std::fs::File::create(self.root.path().join(path));
        let sized = file.and_then(|file| file.set_len(bytes));
        sized.expect("a file below the root");
        self
    }

    /// Adds arguments, separated by spaces.
    pub fn args(mut self, args: &str) -> Builder {
        self.args
            .extend(args.split_whitespace().map(OsString::from));
        self
    }

    /// Adds one argument unchanged.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Builder {
        self.args.push(arg.into());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Builder {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Listens on these addresses instead of on a free port of 127.0.0.1. If the list is empty, the
    /// option is not given at all.
    pub fn listen(mut self, addresses: &[&str]) -> Builder {
        self.listen = addresses.iter().map(|a| a.to_string()).collect();
        self
    }

    /// Starts the server from a shell in which `ulimit -n` sets both the soft and the hard limit to
    /// this many descriptors.
    pub fn descriptors_max(self, count: u32) -> Builder {
        self.shell(&format!("ulimit -n {count}"))
    }

    /// Runs a shell command in the process that then becomes the server.
    pub fn shell(mut self, first: &str) -> Builder {
        self.shell = Some(first.into());
        self
    }

    /// Logs every connection to standard error at level debug.
    pub fn debug(self) -> Builder {
        self.env("RUST_LOG", "debug")
    }

    /// Serves an existing directory.
    pub fn serve(mut self, folder: impl Into<PathBuf>) -> Builder {
        self.served = Some(folder.into());
        self
    }

    /// The temporary root.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Starts the binary and waits for the lines with its addresses.
    pub fn start(self) -> Server {
        let lines_wanted = self.listen.len().max(1);
        self.start_expecting(lines_wanted)
    }

    /// The same if the addresses do not come from `--listen`.
    pub fn start_expecting(self, lines_wanted: usize) -> Server {
        let mut command = binary();
        for address in &self.listen {
            command.args(["--listen", address]);
        }
        command.args(&self.args);
        command.arg(self.served.as_deref().unwrap_or(self.root.path()));
        command.envs(self.env.iter().map(|(n, v)| (n, v)));
        if let Some(first) = &self.shell {
            command = from_shell(first, &command);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");

        let stdout = child.stdout.take().expect("piped");
        let stderr = child.stderr.take().expect("piped");
        let log = Arc::new(Log::default());
        let (line_out, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = line_out.send(line);
            }
        });
        let log_in = Arc::clone(&log);
        std::thread::spawn(move || log_in.fill(stderr));

        let mut server = Server {
            child,
            root: self.root,
            addresses: Vec::new(),
            lines,
            log,
        };
        for _ in 0..lines_wanted {
            let line = server
                .lines
                .recv_timeout(DEADLINE)
                .unwrap_or_else(|_| panic!("no `listening on` line; {}", server.log.text()));
            server.addresses.push(address_of(&line));
        }
        server
    }
}

/// The same command, executed by a shell (`exec`) after the command `first`.
fn from_shell(first: &str, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{first} && exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::null());
    shell
}

/// The address in `listening on http://127.0.0.1:8080/`.
fn address_of(line: &str) -> SocketAddr {
    line.strip_prefix("listening on http://")
        .and_then(|rest| rest.strip_suffix('/'))
        .and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("not a `listening on http://ADDR:PORT/` line: {line:?}"))
}

/// The lines of standard error as they arrive.
#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    grown: Condvar,
}

impl Log {
    fn fill(&self, from: impl Read) {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            self.lines.lock().expect("not poisoned").0.push(line);
            self.grown.notify_all();
        }
        self.lines.lock().expect("not poisoned").1 = true;
        self.grown.notify_all();
    }

    fn text(&self) -> String {
        self.lines.lock().expect("not poisoned").0.join("\n")
    }
}

/// A running server, which is killed when this is dropped.
pub struct Server {
    child: Child,
    root: TempDir,
    addresses: Vec<SocketAddr>,
    lines: mpsc::Receiver<String>,
    log: Arc<Log>,
}

impl Server {
    /// A server on a free port of 127.0.0.1 with an empty root.
    pub fn build() -> Builder {
        Builder {
            root: tempfile::tempdir().expect("a temporary directory"),
            served: None,
            listen: vec!["127.0.0.1:0".into()],
            args: Vec::new(),
            env: Vec::new(),
            shell: None,
        }
    }

    /// The same with one small page, `/`, for tests of connections.
    pub fn with_page(args: &str) -> Server {
        Server::build()
            .file("index.html", "<!doctype html><title>a page</title>\n")
            .args(args)
            .start()
    }

    /// The address of its first listener.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The addresses of all listeners, in the order in which they were announced.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// A new connection to its first listener.
    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// The temporary root.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file below the root while the server runs.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.root.path().join(path), bytes).expect("a file below the root");
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to it.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process");
        kill_process(pid, signal).expect("a signal is sent");
    }

    /// Stops it until SIGCONT, and waits until all its threads are stopped.
    pub fn halt(&self) {
        self.signal(Signal::STOP);
        super::wait_until("each thread to stand still", || {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
            tasks.expect("threads").all(|task| {
                let status = std::fs::read_to_string(task.expect("a thread").path().join("status"));
                status.expect("a status").contains("State:\tT")
            })
        });
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        // Only the server has the other end of its standard output, so end of file means that it
        // ended.
        loop {
            match self
                .lines
                .recv_timeout(DEADLINE.saturating_sub(start.elapsed()))
            {
                Ok(_) => continue,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("the server did not end; {}", self.log.text())
                }
            }
        }
        self.child.wait().expect("a child process")
    }

    /// Waits for its end and returns the exit code.
    pub fn exit_code(&mut self) -> i32 {
        let status = self.wait();
        status
            .code()
            .unwrap_or_else(|| panic!("ended by signal {:?}", status.signal()))
    }

    /// The next line of standard output after those of the listeners.
    #[track_caller]
    pub fn next_output(&self) -> String {
        self.lines
            .recv_timeout(DEADLINE)
            .unwrap_or_else(|_| panic!("no other line; {}", self.log.text()))
    }

    /// Lines of standard output that have not been read yet.
    pub fn more_output(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lines.lock().expect("not poisoned").0.clone()
    }

    /// Waits for the first line of standard error that `wanted` accepts.
    pub fn wait_for_log(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let mut lines = self.log.lines.lock().expect("not poisoned");
        loop {
            if let Some(line) = lines.0.iter().find(|line| wanted(line)) {
                return line.clone();
            }
            let left = DEADLINE.saturating_sub(start.elapsed());
            if left.is_zero() || lines.1 {
                let log = lines.0.join("\n");
                // Unlock before the panic: the server is dropped while unwinding, and its log is
                // read again.
                drop(lines);
                panic!("no line about {what} in:\n{log}");
            }
            lines = self
                .log
                .grown
                .wait_timeout(lines, left)
                .expect("not poisoned")
                .0;
        }
    }

    /// The complete standard error of a server that has ended.
    pub fn final_log(&self) -> Vec<String> {
        super::wait_until("the end of standard error", || {
            self.log.lines.lock().expect("not poisoned").1
        });
        self.log()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("standard error of the server:\n{}", self.log.text());
        }
    }
}
