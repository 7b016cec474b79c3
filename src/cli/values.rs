//! Parsers of option values, one function per kind: text in, typed value or error message out.

use std::{ffi::OsString, fmt, net::SocketAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::{
    config::{AccessLogTarget, Listen, LogFormat, SOCKET_MODE_DEFAULT, WAIT_MAX},
    http::{
        headers::{digits, is_token},
        target::RequestPath,
    },
};

/// Limit on the total size of all `--header` fields, so that response heads stay under the limits
/// of clients and proxies.
pub const ADDED_FIELDS_BYTES_MAX: usize = 8 << 10;

/// Decimal seconds, zero allowed: `75`, `0`, `0.25`.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let decimal = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = text
        .parse()
        .ok()
        .filter(|_| decimal)
        .ok_or("expected seconds, for example 10 or 0.5")?;
    if seconds > WAIT_MAX.as_secs_f64() {
        let seconds_max = WAIT_MAX.as_secs();
        return Err(format!("must be at most a year, {seconds_max} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Decimal seconds, greater than zero.
pub fn positive_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be greater than 0".into()),
        positive => Ok(positive),
    }
}

/// Returns a parser for a decimal number in `span`.
pub fn whole_number<N>(
    span: RangeInclusive<N>,
) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static
where
    N: FromStr + PartialOrd + fmt::Display + Clone + Send + Sync + 'static,
{
    move |text| {
        decimal(text)
            .filter(|number| span.contains(number))
            .ok_or_else(|| {
                let (min, max) = (span.start(), span.end());
                format!("expected a whole number from {min} to {max}")
            })
    }
}

/// A decimal number without a sign.
fn decimal<N: FromStr>(text: &str) -> Option<N> {
    digits(text.as_bytes())?.parse().ok()
}

/// `ADDR:PORT`, `[ADDR]:PORT`, `localhost:PORT` or `unix:` with what [`unix`] parses. A bare port
/// is rejected, because it does not say whether other machines may connect. Blanks may come before
/// it, as in a list after a comma.
pub fn listen(text: &str) -> Result<Listen, String> {
    let text = text.trim_start();
    if let Some(socket) = text.strip_prefix("unix:") {
        return unix(socket).map_err(String::from);
    }
    if let Some((name, port)) = text.rsplit_once(':')
        && name.eq_ignore_ascii_case("localhost")
    {
        return decimal(port)
            .map(Listen::Localhost)
            .ok_or_else(|| "the port must be a number from 0 to 65535".into());
    }
    if let Ok(address) = text.parse() {
        return Ok(Listen::Address(address));
    }
    match text.strip_prefix(':').unwrap_or(text) {
        port if decimal::<u16>(port).is_some() => Err(format!(
            "missing address: use localhost:{port} for loopback, or 0.0.0.0:{port} (IPv4) and \
             [::]:{port} (IPv6) for all interfaces"
        )),
        _ => Err("expected ADDR:PORT, [ADDR]:PORT, localhost:PORT or unix:PATH".into()),
    }
}

/// `PATH` or `PATH:MODE`, the mode in octal. Digits after the last colon are always the mode, so a
/// path that itself ends in `:` and digits needs one appended.
fn unix(text: &str) -> Result<Listen, &'static str> {
    let (path, mode) = match text.rsplit_once(':') {
        Some((path, mode)) if digits(mode.as_bytes()).is_some() => {
            let mode = u32::from_str_radix(mode, 8).ok();
            let mode = mode.filter(|mode| *mode <= SOCKET_MODE_MAX);
            (path, mode.ok_or("the mode must be octal, from 0 to 777")?)
        }
        _ => (text, SOCKET_MODE_DEFAULT),
    };
    match path.is_empty() {
        true => Err("missing path, expected for example unix:/run/stdhttpd/http.sock"),
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
        .map_err(|_| "expected ADDR:PORT, for example 127.0.0.1:9090 or [::1]:9090".into())
}

/// Field lines to add, one `NAME: VALUE` per line. On the command line each option holds one line;
/// the environment variable holds all of them.
pub type FieldLines = Vec<(String, String)>;

/// Parses one or more lines of `NAME: VALUE` (RFC 9110 section 5).
pub fn field_lines(text: &str) -> Result<FieldLines, String> {
    let lines: FieldLines = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(field_line)
        .collect::<Result<_, _>>()?;
    match lines.is_empty() {
        true => Err(NOT_A_FIELD.into()),
        false => Ok(lines),
    }
}

const NOT_A_FIELD: &str = "expected NAME: VALUE, for example 'X-Frame-Options: DENY'";

/// Fields that the server computes for each response: framing, and metadata of the file.
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
        return Err(format!("the value of {name} contains a control character"));
    }
    match COMPUTED.iter().find(|own| own.eq_ignore_ascii_case(name)) {
        Some(own) => Err(format!("{own} is computed for each response")),
        None => Ok((name.into(), value.into())),
    }
}

/// `EXT=TYPE`, as in `md=text/markdown`. The extension is stored in lower case, without a dot.
pub fn media_type(text: &str) -> Result<(String, String), String> {
    let (extension, media_type) = text
        .split_once('=')
        .ok_or("expected EXT=TYPE, for example md=text/markdown")?;
    let extension = extension.trim();
    let extension = extension.strip_prefix('.').unwrap_or(extension);
    if !is_token(extension.as_bytes()) || extension.contains('.') {
        return Err(format!("'{extension}' is not a file name extension"));
    }
    let media_type = media_type.trim();
    if !is_media_type(media_type) {
        return Err(format!("'{media_type}' is not a media type"));
    }
    Ok((extension.to_ascii_lowercase(), media_type.into()))
}

/// `type "/" subtype *( OWS ";" OWS name "=" value )` (RFC 9110 section
/// 8.3.1). A semicolon within a quoted value is not supported: no media type in use needs one.
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

/// The name of a charset (RFC 9110 section 8.3.2); `none` is one as well.
pub fn charset(text: &str) -> Result<String, &'static str> {
    match is_token(text.as_bytes()) {
        true => Ok(text.into()),
        false => Err("expected a charset name, for example utf-8, or none"),
    }
}

/// The path of a file under the root, without `.` or `..`. Hidden files are rejected, because they
/// are never served.
pub fn file_beneath_root(text: &str) -> Result<String, String> {
    let path = text.strip_prefix('/').unwrap_or(text);
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    match RequestPath::new(&format!("/{path}")) {
        Some(named) if named.is_hidden() => Err("hidden files are never served".into()),
        Some(_) if path.split('/').all(plain) => Ok(path.into()),
        _ => Err("expected a file path relative to ROOT, for example index.html".into()),
    }
}

/// A user name.
pub fn user(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains([':', '/', '\n']) {
        true => Err("expected a user name".into()),
        false => Ok(text.into()),
    }
}

/// A file, or `-` for standard output.
pub fn access_log(text: OsString) -> Result<AccessLogTarget, &'static str> {
    match text.as_encoded_bytes() {
        b"" => Err("expected a file name or -"),
        b"-" => Ok(AccessLogTarget::Stdout),
        _ => Ok(AccessLogTarget::File(text.into())),
    }
}

/// Returns a parser for the name of an access log format.
pub fn log_format() -> impl TypedValueParser<Value = LogFormat> {
    PossibleValuesParser::new(["combined", "json"]).map(|name| match name.as_str() {
        "json" => LogFormat::Json,
        _ => LogFormat::Combined,
    })
}

#[cfg(test)]
mod tests;
