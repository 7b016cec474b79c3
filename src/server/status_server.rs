//! The status listener: what [`observe`](crate::observe) tells, over HTTP.
//!
//! It has threads of its own and ordinary blocking sockets, so it answers
//! while the pool is saturated. Each of its few threads accepts, answers one
//! request and closes; whatever its client does, it waits for it no longer
//! than twice `CLIENT_TIME`, so slow clients can delay others by that, and
//! never more. It is meant for a loopback or private address.

mod kernel_watch;

use std::{
    borrow::Cow,
    io::{self, Read, Write},
    mem::MaybeUninit,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use self::kernel_watch::KernelWatch;
use crate::{
    config::Endpoint,
    files::Site,
    http::{
        date::HttpDate,
        method::Method,
        persistence::{CloseCause, Persistence},
        request::{self, FIELDS_MAX, HeadLimits, Request},
        response::{CommonFields, Head},
        status::Status,
        target::Target,
    },
    observe::{
        history::History,
        json,
        kernel::Kernel,
        metrics,
        page::{self, CONTENT_SECURITY_POLICY},
        snapshot::{Snapshot, Watch},
    },
};

/// Connections served at a time: browsers open one or two that stay silent.
const THREADS: usize = 4;
/// For the whole request, and again for taking the answer and closing. A
/// client that is not done by then is left.
const CLIENT_TIME: Duration = Duration::from_secs(2);
/// Bytes of a request head. More is 431.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The pause after a failed accept, as when out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Stack of a thread: it only formats text.
const STACK_BYTES: usize = 256 << 10;

const LIMITS: HeadLimits = HeadLimits {
    line_bytes_max: 2 << 10,
    fields_bytes_max: HEAD_BYTES_MAX - (4 << 10),
    fields_max: FIELDS_MAX,
};

/// The listener, bound and with all it needs open, before it serves.
#[derive(Debug)]
pub struct StatusServer {
    listener: TcpListener,
    address: SocketAddr,
    kernel: Option<Kernel>,
}

impl StatusServer {
    /// Binds and opens. To be called before the process confines itself.
    pub fn open(address: SocketAddr) -> io::Result<StatusServer> {
        let listener = TcpListener::bind(address)?;
        Ok(StatusServer {
            address: listener.local_addr()?,
            listener,
            kernel: Kernel::open(),
        })
    }

    /// The address bound; its port is known now.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says where it is reached, as the listeners of the site are told, and
    /// whether other machines can reach it too.
    fn announce(&self) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "status on http://{}/", self.address);
        let _ = out.flush();
        if !self.address.ip().to_canonical().is_loopback() {
            let _ = writeln!(
                io::stderr(),
                "reachable from other machines: {} (status)",
                self.address
            );
        }
    }

    /// Says where it is and serves until the process ends, draining included.
    pub fn start(self, watch: Arc<Watch>, site: Arc<Site>) -> io::Result<()> {
        self.announce();
        let kernel = self
            .kernel
            .map(|kernel| {
                let addresses = watch.listeners.iter().filter_map(Endpoint::tcp);
                KernelWatch::start(kernel, addresses.collect())
            })
            .transpose()?;
        let desk = Arc::new(Desk {
            kernel,
            watch,
            site,
            history: Mutex::default(),
        });
        let listener = Arc::new(self.listener);
        for _ in 0..THREADS {
            let (listener, desk) = (Arc::clone(&listener), Arc::clone(&desk));
            thread::Builder::new()
                .name("status".into())
                .stack_size(STACK_BYTES)
                .spawn(move || accept(&listener, &desk))?;
        }
        Ok(())
    }
}

/// What the threads share.
#[derive(Debug)]
struct Desk {
    watch: Arc<Watch>,
    site: Arc<Site>,
    history: Mutex<History>,
    kernel: Option<Arc<KernelWatch>>,
}

fn accept(listener: &TcpListener, desk: &Desk) {
    loop {
        match listener.accept() {
            // How a client leaves is its own affair.
            Ok((stream, _)) => drop(serve(&stream, desk)),
            Err(error) => {
                log::debug!("status: accept: {error}");
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
}

/// Reads one request, answers it and closes.
fn serve(stream: &TcpStream, desk: &Desk) -> io::Result<()> {
    let reply = match read_request(stream, Instant::now() + CLIENT_TIME)? {
        Some((asked, is_head)) => reply(asked, is_head, desk),
        None => return Ok(()),
    };
    // What it took to make the answer is not the client's fault.
    let deadline = Instant::now() + CLIENT_TIME;
    let mut rest = &reply[..];
    while !rest.is_empty() {
        stream.set_write_timeout(Some(time_left(deadline)?))?;
        let written = (&*stream).write(rest)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = &rest[written..];
    }
    // Closing with bytes unread would reset the connection and could take the
    // answer with it, so the client is let to close too.
    stream.shutdown(Shutdown::Write)?;
    let mut discarded = [0; 1024];
    loop {
        stream.set_read_timeout(Some(time_left(deadline)?))?;
        if (&*stream).read(&mut discarded)? == 0 {
            return Ok(());
        }
    }
}

fn time_left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Page,
    Style,
    Script,
    Json,
    Metrics,
    Health,
    /// None of these: the answer is this error.
    Error(Status),
}

/// The request and whether only its head is wanted; `None` if the client
/// left before it was whole.
fn read_request(mut stream: &TcpStream, deadline: Instant) -> io::Result<Option<(Asked, bool)>> {
    let mut head = Vec::new();
    let mut read = [0; 4096];
    loop {
        stream.set_read_timeout(Some(time_left(deadline)?))?;
        let count = match stream.read(&mut read) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        head.extend_from_slice(read.get(..count).unwrap_or_default());
        let mut room = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        match request::parse(&head, &mut room, &LIMITS) {
            Ok(Some(request)) => {
                let asked = asked(&request);
                return Ok(Some((asked, request.method == Method::Head)));
            }
            Ok(None) if head.len() < HEAD_BYTES_MAX => {}
            Ok(None) => {
                let error = Asked::Error(Status::RequestHeaderFieldsTooLarge);
                return Ok(Some((error, false)));
            }
            Err(error) => return Ok(Some((Asked::Error(error.status()), false))),
        }
    }
}

fn asked(request: &Request<'_>) -> Asked {
    match request.method {
        Method::Get | Method::Head => {}
        Method::Unknown => return Asked::Error(Status::NotImplemented),
        _ => return Asked::Error(Status::MethodNotAllowed),
    }
    let Target::Path { path, .. } = request.target else {
        return Asked::Error(Status::BadRequest);
    };
    match path {
        "/" => Asked::Page,
        "/status.css" => Asked::Style,
        "/status.js" => Asked::Script,
        "/status.json" => Asked::Json,
        "/metrics" => Asked::Metrics,
        "/healthz" => Asked::Health,
        _ => Asked::Error(Status::NotFound),
    }
}

/// The whole answer.
fn reply(asked: Asked, is_head: bool, desk: &Desk) -> Vec<u8> {
    let (status, media_type, body) = content(asked, desk);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    let date = HttpDate::from_unix_seconds(i64::try_from(seconds).unwrap_or(0));
    let policy = ("Cross-Origin-Resource-Policy".into(), "same-origin".into());
    let common = CommonFields::new(&[policy], date);
    let persistence = Persistence::Close(CloseCause::KeepAliveOff);
    let mut reply = Vec::with_capacity(body.len() + 512);
    let head = Head {
        allow: (status == Status::MethodNotAllowed).then_some("GET, HEAD"),
        cache_control: Some("no-store"),
        content_security_policy: Some(CONTENT_SECURITY_POLICY),
        content_type: Some(media_type),
        content_length: Some(body.len() as u64),
        ..Head::new(status, &common, persistence)
    };
    head.write(&mut reply);
    if !is_head {
        reply.extend_from_slice(body.as_bytes());
    }
    reply
}

fn content(asked: Asked, desk: &Desk) -> (Status, &'static str, Cow<'static, str>) {
    const TEXT: &str = "text/plain; charset=utf-8";
    match asked {
        Asked::Page => {
            let snapshot = desk.snapshot();
            let mut history = desk.history.lock().unwrap_or_else(PoisonError::into_inner);
            history.note(&snapshot);
            let page = page::page(&snapshot, &history);
            (Status::Ok, "text/html; charset=utf-8", page.into())
        }
        Asked::Style => (Status::Ok, "text/css; charset=utf-8", page::STYLE.into()),
        Asked::Script => (
            Status::Ok,
            "text/javascript; charset=utf-8",
            page::SCRIPT.into(),
        ),
        Asked::Json => {
            let json = json::json(&desk.snapshot());
            (Status::Ok, "application/json", json.into())
        }
        Asked::Metrics => {
            let metrics = metrics::metrics(&desk.snapshot());
            (Status::Ok, metrics::MEDIA_TYPE, metrics.into())
        }
        Asked::Health if desk.watch.is_draining() => {
            (Status::ServiceUnavailable, TEXT, "draining\n".into())
        }
        Asked::Health => (Status::Ok, TEXT, "serving\n".into()),
        Asked::Error(status) => {
            let text = format!("{} {}\n", status.code(), status.reason());
            (status, TEXT, text.into())
        }
    }
}

impl Desk {
    fn snapshot(&self) -> Snapshot {
        self.watch.cache_bytes.set(self.site.cache_bytes());
        let kernel = self.kernel.as_ref().and_then(|kernel| kernel.view());
        self.watch.snapshot(Instant::now(), kernel)
    }
}

#[cfg(test)]
mod tests;
