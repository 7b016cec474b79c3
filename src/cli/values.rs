//! One function a kind of value: the text of an option in, the type out, or
//! the reason why not.

use std::{ffi::OsString, fmt, net::SocketAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use crate::{
    config::{AccessLogTarget, Listen, LogFormat, SOCKET_MODE_DEFAULT, WAIT_MAX},
    http::{
        headers::{digits, is_token},
        target::RequestPath,
    },
};

/// Bytes of all fields of `--header` together, so that a head stays below what
/// clients and proxies take.
pub const ADDED_FIELDS_BYTES_MAX: usize = 8 << 10;

/// A span of time, written in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_secs_f64().fmt(out)
    }
}

/// Decimal seconds, zero allowed: `75`, `0`, `0.25`.
pub fn seconds(text: &str) -> Result<Seconds, String> {
    let decimal = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = text
        .parse()
        .ok()
        .filter(|_| decimal)
        .ok_or("not a number of seconds, such as 10 or 0.5")?;
    if seconds > WAIT_MAX.as_secs_f64() {
        let seconds_max = WAIT_MAX.as_secs();
        return Err(format!("more than a year, {seconds_max} seconds"));
    }
    Duration::try_from_secs_f64(seconds)
        .map(Seconds)
        .map_err(|error| error.to_string())
}

/// Decimal seconds, more than zero.
pub fn positive_seconds(text: &str) -> Result<Seconds, String> {
    match seconds(text)? {
        Seconds(Duration::ZERO) => Err("must be more than 0".into()),
        positive => Ok(positive),
    }
}

/// A parser of decimal digits that stand for a number of `span`.
pub fn whole_number(
    span: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| {
        decimal(text)
            .filter(|number| span.contains(number))
            .ok_or_else(|| {
                let (least, most) = (span.start(), span.end());
                format!("not a whole number from {least} to {most}")
            })
    }
}

/// A number without a sign.
fn decimal<N: FromStr>(text: &str) -> Option<N> {
    digits(text.as_bytes())?.parse().ok()
}

/// `ADDR:PORT`, `[ADDR]:PORT`, `localhost:PORT` or what [`unix`] takes. A port alone is refused: it
/// does not say whether other machines are to reach it.
pub fn listen(text: &str) -> Result<Listen, String> {
    if let Some(socket) = text.strip_prefix("unix:") {
        return unix(socket).map_err(String::from);
    }
    if let Some((name, port)) = text.rsplit_once(':')
        && name.eq_ignore_ascii_case("localhost")
    {
        return decimal(port)
            .map(Listen::Localhost)
            .ok_or_else(|| "the port is not a number from 0 to 65535".into());
    }
    if let Ok(address) = text.parse() {
        return Ok(Listen::Address(address));
    }
    match text.strip_prefix(':').unwrap_or(text) {
        port if decimal::<u16>(port).is_some() => Err(format!(
            "names no address: say localhost:{port} for this machine alone, \
             0.0.0.0:{port} or [::]:{port} for all"
        )),
        _ => Err(NOT_AN_ADDRESS.into()),
    }
}

const NOT_AN_ADDRESS: &str = "not an address and a port, such as 127.0.0.1:8080, [::1]:8080 or \
                              localhost:8080, and no unix:PATH";

/// `PATH` or `PATH:MODE`, the mode in octal. Digits behind the last colon are
/// a mode: a path that ends in some is given one.
fn unix(text: &str) -> Result<Listen, &'static str> {
    let (path, mode) = match text.rsplit_once(':') {
        Some((path, mode)) if digits(mode.as_bytes()).is_some() => {
            let mode = u32::from_str_radix(mode, 8).ok();
            let mode = mode.filter(|mode| *mode <= SOCKET_MODE_MAX);
            (path, mode.ok_or("the mode is not octal, from 0 to 777")?)
        }
        _ => (text, SOCKET_MODE_DEFAULT),
    };
    match path.is_empty() {
        true => Err("names no path, as unix:/run/stdhttpd/http.sock does"),
        false => Ok(Listen::Unix {
            path: path.into(),
            mode,
        }),
    }
}

const SOCKET_MODE_MAX: u32 = 0o777;

/// `ADDR:PORT` or `[ADDR]:PORT`.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "not an address and a port, such as 127.0.0.1:9090 or [::1]:9090".into())
}

/// Field lines to add, one `NAME: VALUE` a line. The command line gives one
/// line an option; the environment variable holds them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldLines(pub Vec<(String, String)>);

/// Checks one or more lines `NAME: VALUE` (RFC 9110 section 5).
pub fn field_lines(text: &str) -> Result<FieldLines, String> {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(field_line)
        .collect::<Result<_, _>>()?;
    if lines.is_empty() {
        return Err(NOT_A_FIELD.into());
    }
    Ok(FieldLines(lines))
}

const NOT_A_FIELD: &str = "not a field such as 'X-Frame-Options: DENY'";

/// What the server computes for each response: its framing, and what is true
/// of the file it sends.
const COMPUTED: [&str; 18] = [
    "Accept-Ranges",
    "Allow",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Proxy-Connection",
    "Retry-After",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];

fn field_line(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or(NOT_A_FIELD)?;
    let value = value.trim_matches([' ', '\t']);
    if !is_token(name.as_bytes()) {
        return Err(format!("'{name}' is not a field name"));
    }
    if value.chars().any(|char| char.is_control() && char != '\t') {
        return Err(format!("the value of {name} holds a control character"));
    }
    match COMPUTED.iter().find(|own| own.eq_ignore_ascii_case(name)) {
        Some(own) => Err(format!("{own} is computed for each response")),
        None => Ok((name.into(), value.into())),
    }
}

/// `EXT=TYPE`, as in `md=text/markdown`. The extension is kept in lower case
/// and without a dot.
pub fn media_type(text: &str) -> Result<(String, String), String> {
    let (extension, media_type) = text
        .split_once('=')
        .ok_or("not EXT=TYPE, such as md=text/markdown")?;
    let extension = extension.trim();
    let extension = extension.strip_prefix('.').unwrap_or(extension);
    if !is_token(extension.as_bytes()) || extension.contains('.') {
        return Err(format!("'{extension}' is not the extension of a file name"));
    }
    let media_type = media_type.trim();
    if !is_media_type(media_type) {
        return Err(format!("'{media_type}' is not a media type"));
    }
    Ok((extension.to_ascii_lowercase(), media_type.into()))
}

/// `type "/" subtype *( OWS ";" OWS name "=" value )` (RFC 9110 section
/// 8.3.1). A quoted value may not hold a semicolon here: no media type in use
/// needs one.
fn is_media_type(text: &str) -> bool {
    let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
    let essence = parts.next().and_then(|essence| essence.split_once('/'));
    let is_value = |value: &str| match value.strip_prefix('"') {
        None => is_token(value.as_bytes()),
        Some(quoted) => quoted.strip_suffix('"').is_some_and(|inner| {
            inner
                .bytes()
                .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
        }),
    };
    essence.is_some_and(|(kind, subtype)| is_token(kind.as_bytes()) && is_token(subtype.as_bytes()))
        && parts.all(|part| {
            part.split_once('=')
                .is_some_and(|(name, value)| is_token(name.as_bytes()) && is_value(value))
        })
}

/// A charset's name, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charset(pub Option<String>);

impl fmt::Display for Charset {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_deref().unwrap_or("none"))
    }
}

/// The name of a charset (RFC 9110 section 8.3.2), or `none`.
pub fn charset(text: &str) -> Result<Charset, String> {
    match text {
        none if none.eq_ignore_ascii_case("none") => Ok(Charset(None)),
        name if is_token(name.as_bytes()) => Ok(Charset(Some(name.into()))),
        _ => Err("not the name of a charset, such as utf-8, nor none".into()),
    }
}

/// A file beneath the root, as a path without `.` or `..`; none that is hidden,
/// for it would never be served.
pub fn file_beneath_root(text: &str) -> Result<String, String> {
    let path = text.strip_prefix('/').unwrap_or(text);
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    match RequestPath::new(&format!("/{path}")) {
        Some(named) if named.is_hidden() => Err("a hidden file is never served".into()),
        Some(_) if path.split('/').all(plain) => Ok(path.into()),
        _ => Err("not the path of a file beneath ROOT, such as index.html".into()),
    }
}

/// The name of a user.
pub fn user(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains([':', '/', '\n']) {
        true => Err("not the name of a user".into()),
        false => Ok(text.into()),
    }
}

/// A file, or `-` for standard output.
pub fn access_log(text: OsString) -> Result<AccessLogTarget, &'static str> {
    match text.as_encoded_bytes() {
        b"" => Err("names no file"),
        b"-" => Ok(AccessLogTarget::Stdout),
        _ => Ok(AccessLogTarget::File(text.into())),
    }
}

/// The names of the forms of a log line.
pub const LOG_FORMATS: [&str; 2] = ["combined", "json"];

/// One of [`LOG_FORMATS`].
pub fn log_format(text: &str) -> LogFormat {
    match text {
        "json" => LogFormat::Json,
        _ => LogFormat::Combined,
    }
}

#[cfg(test)]
mod tests;
