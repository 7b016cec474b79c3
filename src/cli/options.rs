//! The options as `clap` reads them: one field each, in the order of the help.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use clap::{
    ArgAction, Parser, ValueHint,
    builder::{BoolishValueParser, OsStringValueParser, PossibleValuesParser, TypedValueParser},
};
use clap_complete::Shell;

use super::values::{self, Charset, FieldLines, Seconds};
use crate::config::{
    AccessLogTarget, Config, Limits, Listen, LogFormat, Proxy, SiteOptions, Timeouts,
};

/// The most threads a pool can have.
pub const THREADS_MAX: u64 = 1024;

/// The most connections that can be asked for.
const CONNECTIONS_MAX: u64 = 1 << 20;

/// The most memory that can be given to the cache, in MiB: 1 TiB.
const CACHE_MIB_MAX: u64 = 1 << 20;

/// The greatest least rate, in bytes a second: 1 GiB.
const RATE_MIN_MAX: u64 = 1 << 30;

/// The longest freshness that caches need to understand (RFC 9111 section
/// 1.2.2).
const AGE_SECONDS_MAX: u64 = 1 << 31;

const FILES: &str = "Files";
const RESPONSES: &str = "Responses";
const LISTENING: &str = "Listening and threads";
const CONNECTIONS: &str = "Connections";
const TIMEOUTS: &str = "Time-outs, in seconds (fractions are allowed)";
const TELLING: &str = "Logs and status";
const PROCESS: &str = "Process";

/// A minimal, strict and fast HTTP/1.1 server for a folder of files
#[derive(Clone, Debug, Parser)]
#[command(name = "stdhttpd", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Options {
    /// Folder to serve
    #[arg(env = "STDHTTPD_ROOT", default_value_os_t = SiteOptions::default().root)]
    #[arg(value_hint = ValueHint::DirPath)]
    root: PathBuf,

    /// Show the content of folders that have no index.html
    #[arg(long, env = "STDHTTPD_LISTING", help_heading = FILES)]
    #[arg(action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    listing: bool,

    /// Answer a page request that matches no file with FILE, a path beneath ROOT
    #[arg(long, value_name = "FILE", env = "STDHTTPD_SPA", help_heading = FILES)]
    #[arg(value_parser = values::file_beneath_root)]
    spa: Option<String>,

    /// Memory for small files, in MiB; 0 keeps none
    #[arg(long, value_name = "MIB", env = "STDHTTPD_CACHE_SIZE", help_heading = FILES)]
    #[arg(default_value_t = SiteOptions::default().cache_bytes_max >> 20)]
    #[arg(value_parser = values::whole_number(0..=CACHE_MIB_MAX), allow_negative_numbers = true)]
    cache_size: u64,

    /// Let caches keep files for SECONDS without asking; without it they ask each time (no-cache)
    #[arg(long, value_name = "SECONDS", env = "STDHTTPD_MAX_AGE", help_heading = RESPONSES)]
    #[arg(value_parser = values::whole_number(0..=AGE_SECONDS_MAX))]
    #[arg(allow_negative_numbers = true)]
    max_age: Option<u64>,

    /// Add a field to every response; repeatable. Server and X-Content-Type-Options replace the
    /// server's own, Cache-Control that of files and redirects, --max-age included. A
    /// Content-Security-Policy without 'unsafe-inline' leaves listings and error pages bare
    #[arg(long, value_name = "NAME: VALUE", env = "STDHTTPD_HEADER", help_heading = RESPONSES)]
    #[arg(value_parser = values::field_lines)]
    pub header: Vec<FieldLines>,

    /// Add or change the media type of an extension; repeatable
    #[arg(long, value_name = "EXT=TYPE", env = "STDHTTPD_MIME", help_heading = RESPONSES)]
    #[arg(value_delimiter = ',', value_parser = values::media_type)]
    mime: Vec<(String, String)>,

    /// Charset named in the Content-Type of text; none names none
    #[arg(long, value_name = "NAME", env = "STDHTTPD_CHARSET", help_heading = RESPONSES)]
    #[arg(default_value_t = Charset(SiteOptions::default().charset), value_parser = values::charset)]
    charset: Charset,

    /// Where to listen: 127.0.0.1:8080, [::1]:8080, localhost:8080 for both, or a Unix domain socket
    /// as unix:PATH or unix:PATH:MODE, MODE being who may connect (octal, default 600: its owner);
    /// repeatable. Port 0 picks a free one. Not used with socket activation (LISTEN_FDS)
    #[arg(short, long, value_name = "ADDR:PORT", env = "STDHTTPD_LISTEN", help_heading = LISTENING)]
    #[arg(default_value = "localhost:8080", value_delimiter = ',', value_parser = values::listen)]
    listen: Vec<Listen>,

    /// Let another process listen on the same port and take over (SO_REUSEPORT)
    #[arg(long, env = "STDHTTPD_REUSE_PORT", help_heading = LISTENING)]
    #[arg(action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    reuse_port: bool,

    /// Threads that serve [default: one a processor]
    #[arg(short, long, value_name = "N", env = "STDHTTPD_THREADS", help_heading = LISTENING)]
    #[arg(value_parser = values::whole_number(1..=THREADS_MAX), allow_negative_numbers = true)]
    threads: Option<u64>,

    /// Requests on one connection, after which it closes; 0 is no limit
    #[arg(long, value_name = "N", env = "STDHTTPD_MAX_REQUESTS", help_heading = CONNECTIONS)]
    #[arg(default_value_t = Limits::default().requests_max, allow_negative_numbers = true)]
    #[arg(value_parser = values::whole_number(0..=u64::MAX))]
    max_requests: u64,

    /// Open connections; the longest idle makes room [default: what the system's limit of open
    /// files allows]
    #[arg(long, value_name = "N", env = "STDHTTPD_MAX_CONNECTIONS", help_heading = CONNECTIONS)]
    #[arg(value_parser = values::whole_number(1..=CONNECTIONS_MAX))]
    #[arg(allow_negative_numbers = true)]
    max_connections: Option<u64>,

    /// Open connections of one client address (IPv6: of one /64); 0 is no limit
    #[arg(long, value_name = "N", env = "STDHTTPD_MAX_CONNECTIONS_PER_IP")]
    #[arg(help_heading = CONNECTIONS, allow_negative_numbers = true)]
    #[arg(default_value_t = Limits::default().connections_per_ip_max as u64)]
    #[arg(value_parser = values::whole_number(0..=CONNECTIONS_MAX))]
    max_connections_per_ip: u64,

    /// Least average rate at which a response is taken, in bytes a second; 0 is none
    #[arg(long, value_name = "BYTES", env = "STDHTTPD_MIN_RATE", help_heading = CONNECTIONS)]
    #[arg(default_value_t = Limits::default().rate_min, allow_negative_numbers = true)]
    #[arg(value_parser = values::whole_number(0..=RATE_MIN_MAX))]
    min_rate: u64,

    /// How long an idle connection is kept; 0 makes every connection short
    #[arg(long, value_name = "SECONDS", env = "STDHTTPD_KEEP_ALIVE", help_heading = TIMEOUTS)]
    #[arg(default_value_t = Seconds(Timeouts::default().keep_alive))]
    #[arg(value_parser = values::seconds, allow_negative_numbers = true)]
    keep_alive: Seconds,

    /// For the whole head of a request
    #[arg(long, value_name = "SECONDS", env = "STDHTTPD_HEADER_TIMEOUT", help_heading = TIMEOUTS)]
    #[arg(default_value_t = Seconds(Timeouts::default().header))]
    #[arg(value_parser = values::positive_seconds, allow_negative_numbers = true)]
    header_timeout: Seconds,

    /// For the whole body of a request
    #[arg(long, value_name = "SECONDS", env = "STDHTTPD_BODY_TIMEOUT", help_heading = TIMEOUTS)]
    #[arg(default_value_t = Seconds(Timeouts::default().body))]
    #[arg(value_parser = values::positive_seconds, allow_negative_numbers = true)]
    body_timeout: Seconds,

    /// Without progress in sending a response
    #[arg(long, value_name = "SECONDS", env = "STDHTTPD_WRITE_TIMEOUT", help_heading = TIMEOUTS)]
    #[arg(default_value_t = Seconds(Timeouts::default().write))]
    #[arg(value_parser = values::positive_seconds, allow_negative_numbers = true)]
    write_timeout: Seconds,

    /// For responses under way once the server is told to stop
    #[arg(long, value_name = "SECONDS", env = "STDHTTPD_SHUTDOWN_TIMEOUT", help_heading = TIMEOUTS)]
    #[arg(default_value_t = Seconds(Timeouts::default().shutdown))]
    #[arg(value_parser = values::seconds, allow_negative_numbers = true)]
    shutdown_timeout: Seconds,

    /// Log each request to FILE, or to standard output with -; opened again on SIGHUP
    #[arg(long, value_name = "FILE|-", env = "STDHTTPD_ACCESS_LOG", help_heading = TELLING)]
    #[arg(value_hint = ValueHint::FilePath)]
    #[arg(value_parser = OsStringValueParser::new().try_map(values::access_log))]
    access_log: Option<AccessLogTarget>,

    /// Form of a line of the access log
    #[arg(long, value_name = "FORMAT", env = "STDHTTPD_LOG_FORMAT", help_heading = TELLING)]
    #[arg(default_value = values::LOG_FORMATS[0])]
    #[arg(value_parser = PossibleValuesParser::new(values::LOG_FORMATS).map(|name| values::log_format(&name)))]
    log_format: LogFormat,

    /// Take the client's address from Forwarded or X-Forwarded-For of proxies in this range, such
    /// as 10.0.0.0/8, or of all that come by a Unix domain socket (unix:); repeatable
    #[arg(long, value_name = "CIDR", env = "STDHTTPD_TRUST_PROXY", help_heading = TELLING)]
    #[arg(value_delimiter = ',')]
    trust_proxy: Vec<Proxy>,

    /// Serve a status page, /status.json, /metrics and /healthz there
    #[arg(long, value_name = "ADDR:PORT", env = "STDHTTPD_STATUS", help_heading = TELLING)]
    #[arg(value_parser = values::address)]
    status: Option<SocketAddr>,

    /// Do not confine the process to ROOT once it listens
    #[arg(long, env = "STDHTTPD_NO_SANDBOX", help_heading = PROCESS)]
    #[arg(action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    no_sandbox: bool,

    /// User to become once it listens, when started as root
    #[arg(long, value_name = "NAME", env = "STDHTTPD_USER", help_heading = PROCESS)]
    #[arg(value_hint = ValueHint::Username, value_parser = values::user)]
    user: Option<String>,

    /// Print the completions for SHELL and exit
    #[arg(long, value_name = "SHELL", help_heading = PROCESS)]
    pub completions: Option<Shell>,
}

const AFTER_HELP: &str = "\
Each option but --completions, --help and --version is also an environment variable: --max-age is
STDHTTPD_MAX_AGE, ROOT is STDHTTPD_ROOT. Repeated ones are separated by commas there, those of
STDHTTPD_HEADER by line ends; switches take 1 or 0, true or false. RUST_LOG=debug tells the life of
each connection on standard error.

SIGTERM and SIGINT end the server when what is under way is done, a second one at once; SIGHUP
opens the access log again. The exit code is 0 after an orderly end, 1 where the server cannot
start or go on, 2 for a wrong option.";

/// Put together without a rest, so that the compiler asks which option a new bound
/// has; what a new option does it asks as long as nobody reads the field.
impl From<Options> for Config {
    fn from(options: Options) -> Config {
        let defaults = Config::default();
        // It stands with the file it speaks of, in the place of ours.
        let (cache_control, headers): (Vec<_>, Vec<_>) = (options.header.into_iter())
            .flat_map(|lines| lines.0)
            .partition(|(name, _)| name.eq_ignore_ascii_case("Cache-Control"));
        let cache_control: Vec<_> = (cache_control.into_iter().map(|(_, value)| value))
            .filter(|value| !value.is_empty())
            .collect();
        Config {
            listen: options.listen,
            reuse_port: options.reuse_port,
            threads: (options.threads)
                .and_then(|threads| NonZeroUsize::new(saturate(threads)))
                .unwrap_or(defaults.threads),
            limits: Limits {
                head: defaults.limits.head,
                body_bytes_max: defaults.limits.body_bytes_max,
                connections_max: options.max_connections.map(saturate),
                connections_per_ip_max: saturate(options.max_connections_per_ip),
                requests_max: options.max_requests,
                rate_min: options.min_rate,
            },
            timeouts: Timeouts {
                keep_alive: options.keep_alive.0,
                header: options.header_timeout.0,
                body: options.body_timeout.0,
                write: options.write_timeout.0,
                linger: defaults.timeouts.linger,
                shutdown: options.shutdown_timeout.0,
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
                charset: options.charset.0,
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

/// The number, or the greatest that this machine can count to.
fn saturate(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
