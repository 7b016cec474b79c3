//! The servers that are compared: which ones are installed, how each is started, and how it is
//! ended.

use crate::rig::client;
use crate::rig::configs;
use crate::rig::cpu::{Place, Processors};
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process};
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// The maximum time for a server to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum time for a server to end after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// One of the servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Server {
    /// stdhttpd.
    Stdhttpd,
    /// stdhttpd with `--cache-size 0`: the difference shows the benefit and the cost of its cache.
    StdhttpdUncached,
    /// stdhttpd without the feature that a row measures: the difference is the cost of the feature.
    StdhttpdPlain,
    /// nginx with the configuration of Debian.
    Nginx,
    /// nginx tuned for static files.
    NginxTuned,
    /// lighttpd.
    Lighttpd,
    /// h2o.
    H2o,
    /// Caddy.
    Caddy,
    /// The bare loop of [`super::limit`].
    Limit,
}

impl Server {
    /// All servers that can be selected, in the order in which they are shown.
    pub const ALL: [Server; 8] = [
        Self::Stdhttpd,
        Self::StdhttpdUncached,
        Self::NginxTuned,
        Self::Nginx,
        Self::Lighttpd,
        Self::H2o,
        Self::Caddy,
        Self::Limit,
    ];

    /// The name for `--only`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdhttpd => "stdhttpd",
            Self::StdhttpdUncached => "stdhttpd-uncached",
            Self::StdhttpdPlain => "itself",
            Self::Nginx => "nginx",
            Self::NginxTuned => "nginx-tuned",
            Self::Lighttpd => "lighttpd",
            Self::H2o => "h2o",
            Self::Caddy => "caddy",
            Self::Limit => "limit",
        }
    }

    /// Whether it is a third-party server.
    pub fn is_peer(self) -> bool {
        !matches!(
            self,
            Self::Stdhttpd | Self::StdhttpdUncached | Self::StdhttpdPlain | Self::Limit
        )
    }

    /// The number of connections that it supports with the descriptors that a process may have
    /// here.
    pub fn connections_max(self) -> usize {
        let descriptors = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let available = usize::try_from(descriptors)
            .unwrap_or(usize::MAX)
            .saturating_sub(64);
        // lighttpd reserves one more descriptor for each connection.
        if self == Self::Lighttpd {
            available / 2
        } else {
            available
        }
    }

    /// The program to start.
    pub fn program(self) -> PathBuf {
        match self {
            Self::Stdhttpd | Self::StdhttpdUncached | Self::StdhttpdPlain => {
                PathBuf::from(env!("CARGO_BIN_EXE_stdhttpd"))
            }
            Self::Limit => std::env::current_exe().unwrap_or_default(),
            Self::Nginx | Self::NginxTuned => installed("nginx"),
            Self::Lighttpd => installed("lighttpd"),
            Self::H2o => installed("h2o"),
            Self::Caddy => installed("caddy"),
        }
    }

    /// Its version; `None` if it is not installed.
    pub fn version(self) -> Option<String> {
        let argument = match self {
            Self::Limit => return Some("of this bench".to_owned()),
            Self::Stdhttpd | Self::StdhttpdUncached | Self::StdhttpdPlain | Self::H2o => {
                "--version"
            }
            Self::Nginx | Self::NginxTuned | Self::Lighttpd => "-v",
            Self::Caddy => "version",
        };
        let output = Command::new(self.program())
            .arg(argument)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let words = text.lines().next()?.split_whitespace();
        Some(
            words
                .filter(|word| word.contains('.'))
                .collect::<Vec<_>>()
                .join(" "),
        )
    }
}

/// The settings of a server.
pub struct Setting {
    /// The directory it serves.
    pub root: PathBuf,
    /// The number of threads or worker processes.
    pub threads: usize,
    /// Whether it writes an access log.
    pub access_log: bool,
    /// The processors it runs on.
    pub place: Place,
    /// The response of the limit, head and body.
    pub response: Vec<u8>,
    /// How the limit responds: see [`super::limit`].
    pub limit_answer: &'static str,
}

/// A running server, which is ended when this is dropped.
pub struct Running {
    /// Which server it is.
    pub server: Server,
    /// The address it listens on.
    pub address: SocketAddr,
    folder: PathBuf,
    child: Child,
}

impl Running {
    /// Starts `server` with its files in a directory below `state`; call
    /// [`Running::wait_until_ready`] afterwards.
    pub fn start(
        server: Server,
        setting: &Setting,
        state: &Path,
        processors: &Processors,
    ) -> io::Result<Self> {
        let port = free_port()?;
        let folder = state.join(format!("{}-{port}", server.name()));
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
        let mut command = configs::command(server, setting, &folder, port)?;
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.to_string_lossy().starts_with("STDHTTPD_")) {
            command.env_remove(name);
        }
        let said = File::create(folder.join("said"))?;
        command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        // A process group of its own, because lighttpd ends its whole group when it ends.
        command.process_group(0);
        let child = processors.within(setting.place, || command.spawn())?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self {
            server,
            address,
            folder,
            child,
        })
    }

    /// Waits until it responds to a request for `path`; an error contains the server's output.
    pub fn wait_until_ready(&mut self, path: &str) -> io::Result<()> {
        let begin = Instant::now();
        loop {
            let Err(error) = client::fetch(self.address, path, &[]) else {
                return Ok(());
            };
            let ended = self.child.try_wait()?;
            if ended.is_some() || begin.elapsed() > START_TIMEOUT {
                let said = fs::read_to_string(self.folder.join("said")).unwrap_or_default();
                let logged = fs::read_to_string(self.folder.join("error.log")).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "{} does not answer ({error}): {said}{logged}",
                    self.server.name()
                )));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process to measure, together with its children.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let begin = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begin.elapsed() > STOP_TIMEOUT {
                eprintln!("{} does not end: killed", self.server.name());
                for pid in super::cpu::tree(self.child.id()) {
                    let _ = Pid::from_raw(pid as i32).map(|pid| kill_process(pid, Signal::KILL));
                }
                let _ = self.child.wait();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Those of [`Server::ALL`] that were selected and are installed, with their versions. Reports
/// those that are not installed. stdhttpd without its cache is included only if it is selected by
/// name.
pub fn present(only: Option<&[String]>) -> Vec<(Server, String)> {
    for name in only.unwrap_or_default() {
        if !Server::ALL.iter().any(|server| server.name() == name) {
            eprintln!("--only: unknown server '{name}'");
            std::process::exit(2);
        }
    }
    let asked = |server: &Server| match only {
        Some(names) => names.iter().any(|name| name == server.name()),
        None => *server != Server::StdhttpdUncached,
    };
    let mut found = Vec::new();
    for server in Server::ALL.into_iter().filter(asked) {
        match server.version() {
            Some(version) => found.push((server, version)),
            None => println!("  {} is not installed: skipped", server.name()),
        }
    }
    found
}

/// The program `name` on the search path, or where Debian installs daemons.
fn installed(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| PathBuf::from(name))
}

/// A port without a listener, below the range that the kernel assigns to clients.
fn free_port() -> io::Result<u16> {
    const FIRST: u16 = 18_000;
    const COUNT: u16 = 14_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let start = (std::process::id() as u16).wrapping_mul(37) % COUNT;
        let port = FIRST + (start as u32 + u32::from(step)).rem_euclid(u32::from(COUNT)) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other("no free port"))
}
