//! The command-line options as `clap` parses them: one field each, in the order of the help.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{
    ArgAction, Parser, ValueHint,
    builder::{BoolishValueParser, OsStringValueParser, TypedValueParser},
};
use clap_complete::Shell;

use super::values::{self, FieldLines};
use crate::{
    config::{AccessLogTarget, Config, Limits, Listen, LogFormat, Proxy, SiteOptions, Timeouts},
    server::descriptors::CONNECTIONS_MAX,
};

/// Upper limit of `--threads`.
const THREADS_MAX: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Upper limit of `--cache-size`, in MiB: 1 TiB.
const CACHE_MIB_MAX: u64 = 1 << 20;

/// Upper limit of `--min-rate`, in bytes per second: 1 GiB/s.
const MIN_RATE_MAX: u64 = 1 << 30;

/// Upper limit of `--max-age`: the largest number of seconds that caches have to
/// understand (RFC 9111 section 1.2.2).
const AGE_SECONDS_MAX: u64 = 1 << 31;

const FILES: &str = "Files";
const RESPONSES: &str = "Responses";
const LISTENING: &str = "Listening and threads";
const CONNECTIONS: &str = "Connections";
const TIMEOUTS: &str = "Time-outs, in seconds (fractions are allowed)";
const OBSERVING: &str = "Logs and status";
const PROCESS: &str = "Process";

/// A minimal, strict and fast HTTP/1.1 static-file server
#[derive(Clone, Debug, Parser)]
#[command(name = "stdhttpd", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Options {
    /// Folder to serve
    #[arg(default_value_os_t = SiteOptions::default().root, value_hint = ValueHint::DirPath)]
    root: PathBuf,

    /// List the content of folders that have no index.html
    #[arg(long, help_heading = FILES)]
    #[arg(action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    listing: bool,

    /// Serve FILE (relative to ROOT) for page requests that match no file, for single-page
    /// applications
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    #[arg(value_parser = values::file_beneath_root)]
    spa: Option<String>,

    /// Memory for cached files, in MiB; 0 disables the cache
    #[arg(long, value_name = "MIB", help_heading = FILES)]
    #[arg(default_value_t = SiteOptions::default().cache_bytes_max >> 20)]
    #[arg(value_parser = values::whole_number(0..=CACHE_MIB_MAX), allow_negative_numbers = true)]
    cache_size: u64,

    /// Send Cache-Control: max-age=SECONDS with files; default: no-cache (revalidate every time)
    #[arg(long, value_name = "SECONDS", help_heading = RESPONSES)]
    #[arg(value_parser = values::whole_number(0..=AGE_SECONDS_MAX), allow_negative_numbers = true)]
    max_age: Option<u64>,

    /// Add a header field to every response; repeatable. Server and X-Content-Type-Options replace
    /// the server's own; Cache-Control replaces the value for files and redirects, including
    /// --max-age. A Content-Security-Policy without 'unsafe-inline' disables the inline styles of
    /// listings and error pages, and the filter of listings
    #[arg(long, value_name = "NAME: VALUE", help_heading = RESPONSES)]
    #[arg(value_parser = values::field_lines)]
    pub header: Vec<FieldLines>,

    /// Add or change the media type of an extension; repeatable
    #[arg(long, value_name = "EXT=TYPE", help_heading = RESPONSES)]
    #[arg(value_delimiter = ',', value_parser = values::media_type)]
    mime: Vec<(String, String)>,

    /// Charset in the Content-Type of text files; "none" omits it
    #[arg(long, value_name = "NAME", help_heading = RESPONSES)]
    #[arg(default_value = "utf-8", value_parser = values::charset)]
    charset: String,

    /// Address to listen on: 127.0.0.1:8080, [::1]:8080, localhost:8080 for both, or a Unix domain
    /// socket as unix:PATH or unix:PATH:MODE (MODE: octal permissions of the socket file, default
    /// 600, owner only); repeatable. Port 0 picks a free port. Ignored with socket activation
    /// (LISTEN_FDS)
    #[arg(short, long, value_name = "ADDR:PORT", help_heading = LISTENING)]
    #[arg(default_value = "localhost:8080", value_delimiter = ',', value_parser = values::listen)]
    listen: Vec<Listen>,

    /// Allow another process to listen on the same port and take over (SO_REUSEPORT)
    #[arg(long, help_heading = LISTENING)]
    #[arg(action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    reuse_port: bool,

    /// Number of worker threads [default: number of CPUs]
    #[arg(short, long, value_name = "N", help_heading = LISTENING)]
    #[arg(value_parser = values::whole_number(NonZeroUsize::MIN..=THREADS_MAX))]
    #[arg(allow_negative_numbers = true)]
    threads: Option<NonZeroUsize>,

    /// Close a connection after N requests; 0 = unlimited
    #[arg(long, value_name = "N", help_heading = CONNECTIONS)]
    #[arg(default_value_t = Limits::default().requests_max, allow_negative_numbers = true)]
    #[arg(value_parser = values::whole_number(0..=u64::MAX))]
    max_requests: u64,

    /// Maximum open connections; at the limit the longest-idle one is closed [default: derived from
    /// RLIMIT_NOFILE]
    #[arg(long, value_name = "N", help_heading = CONNECTIONS)]
    #[arg(value_parser = values::whole_number(1..=CONNECTIONS_MAX), allow_negative_numbers = true)]
    max_connections: Option<usize>,

    /// Maximum open connections per client address (IPv6: per /64); further ones are closed at
    /// once, and a browser opens up to six; 0 = unlimited
    #[arg(long, value_name = "N", help_heading = CONNECTIONS, allow_negative_numbers = true)]
    #[arg(default_value_t = Limits::default().connections_per_ip_max)]
    #[arg(value_parser = values::whole_number(0..=CONNECTIONS_MAX))]
    max_connections_per_ip: usize,

    /// Close a connection whose client reads more slowly than this on average, in bytes per second;
    /// 0 = no minimum
    #[arg(long, value_name = "BYTES", help_heading = CONNECTIONS)]
    #[arg(default_value_t = Limits::default().write_bytes_per_second_min, allow_negative_numbers = true)]
    #[arg(value_parser = values::whole_number(0..=MIN_RATE_MAX))]
    min_rate: u64,

    /// Idle time-out of kept-alive connections; 0 disables keep-alive
    #[arg(long, value_name = "SECONDS", help_heading = TIMEOUTS, default_value = "75")]
    #[arg(value_parser = values::seconds, allow_negative_numbers = true)]
    keep_alive: Duration,

    /// Time-out for receiving a complete request head
    #[arg(long, value_name = "SECONDS", help_heading = TIMEOUTS, default_value = "10")]
    #[arg(value_parser = values::positive_seconds, allow_negative_numbers = true)]
    header_timeout: Duration,

    /// Time-out for receiving a complete request body
    #[arg(long, value_name = "SECONDS", help_heading = TIMEOUTS, default_value = "30")]
    #[arg(value_parser = values::positive_seconds, allow_negative_numbers = true)]
    body_timeout: Duration,

    /// Time-out without progress while sending a response
    #[arg(long, value_name = "SECONDS", help_heading = TIMEOUTS, default_value = "30")]
    #[arg(value_parser = values::positive_seconds, allow_negative_numbers = true)]
    write_timeout: Duration,

    /// Time limit for requests in progress after SIGTERM or SIGINT
    #[arg(long, value_name = "SECONDS", help_heading = TIMEOUTS, default_value = "10")]
    #[arg(value_parser = values::seconds, allow_negative_numbers = true)]
    shutdown_timeout: Duration,

    /// Log each request to FILE (- is standard output); SIGHUP reopens the file
    #[arg(long, value_name = "FILE|-", help_heading = OBSERVING, value_hint = ValueHint::FilePath)]
    #[arg(value_parser = OsStringValueParser::new().try_map(values::access_log))]
    access_log: Option<AccessLogTarget>,

    /// Format of the access log
    #[arg(long, value_name = "FORMAT", help_heading = OBSERVING)]
    #[arg(default_value = "combined", value_parser = values::log_format())]
    log_format: LogFormat,

    /// Trust the Forwarded and X-Forwarded-For fields of proxies in this address range, for example
    /// 10.0.0.0/8, or of all that connect through a Unix domain socket (unix:); repeatable
    #[arg(long, value_name = "CIDR", help_heading = OBSERVING, value_delimiter = ',')]
    trust_proxy: Vec<Proxy>,

    /// Serve a status page, /status.json, /metrics and /healthz on this address
    #[arg(long, value_name = "ADDR:PORT", help_heading = OBSERVING, value_parser = values::address)]
    status: Option<SocketAddr>,

    /// Do not sandbox the process (Landlock) after start-up
    #[arg(long, help_heading = PROCESS)]
    #[arg(action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    no_sandbox: bool,

    /// Switch to this user after binding the sockets (requires root)
    #[arg(long, value_name = "NAME", help_heading = PROCESS)]
    #[arg(value_hint = ValueHint::Username, value_parser = values::user)]
    user: Option<String>,

    /// Print shell completions for SHELL and exit
    #[arg(long, value_name = "SHELL", help_heading = PROCESS)]
    pub completions: Option<Shell>,
}

const AFTER_HELP: &str = "\
Each option except --completions, --help and --version can also be set by an environment variable:
--max-age by STDHTTPD_MAX_AGE, ROOT by STDHTTPD_ROOT. Repeatable options take a comma-separated list
there (STDHTTPD_HEADER: one field per line); flags take 1/0 or true/false; an empty variable counts
as unset. RUST_LOG=debug logs the lifecycle of each connection to standard error.

SIGTERM and SIGINT stop the server after requests in progress are finished; a second signal stops it
immediately. SIGHUP reopens the access log. Exit codes: 0 after a clean stop, 1 if the server cannot
start or continue, 2 for an invalid option, 128 plus the number of the signal after a second one.";

/// The literals name every field (no `..`), so the compiler reports a limit without an option, and
/// an option that nothing reads.
impl From<Options> for Config {
    fn from(options: Options) -> Config {
        let defaults = Config::default();
        // `Cache-Control` belongs to the site: it replaces the value of files and redirects.
        let (cache_control, headers): (Vec<_>, Vec<_>) = (options.header.into_iter())
            .flatten()
            .partition(|(name, _)| name.eq_ignore_ascii_case("Cache-Control"));
        let cache_control: Vec<_> = (cache_control.into_iter().map(|(_, value)| value))
            .filter(|value| !value.is_empty())
            .collect();
        Config {
            listen: options.listen,
            reuse_port: options.reuse_port,
            threads: options.threads.unwrap_or(defaults.threads),
            limits: Limits {
                head: defaults.limits.head,
                body_bytes_max: defaults.limits.body_bytes_max,
                connections_max: options.max_connections,
                connections_per_ip_max: options.max_connections_per_ip,
                requests_max: options.max_requests,
                write_bytes_per_second_min: options.min_rate,
            },
            timeouts: Timeouts {
                keep_alive: options.keep_alive,
                header: options.header_timeout,
                body: options.body_timeout,
                write: options.write_timeout,
                linger: defaults.timeouts.linger,
                shutdown: options.shutdown_timeout,
            },
            site: SiteOptions {
                root: options.root,
                listing: options.listing,
                spa: options.spa,
                cache_control: match (cache_control.is_empty(), options.max_age) {
                    (false, _) => cache_control.join(", "),
                    (true, Some(seconds)) => format!("max-age={seconds}"),
                    (true, None) => defaults.site.cache_control,
                },
                media_types: options.mime,
                charset: (!options.charset.eq_ignore_ascii_case("none")).then_some(options.charset),
                cache_bytes_max: options.cache_size << 20,
                descriptors_kept_max: defaults.site.descriptors_kept_max,
            },
            headers,
            access_log: options.access_log,
            log_format: options.log_format,
            trusted_proxies: options.trust_proxy,
            status: options.status,
            sandbox: !options.no_sandbox,
            user: options.user,
        }
    }
}
