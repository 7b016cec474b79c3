//! A response, parsed strictly and independently of the server.

use std::time::{Duration, SystemTime};

use super::date::imf_fixdate;

/// The kind of request, as far as it determines how the response is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The response has a body if its status allows one.
    Get,
    /// The response has no body.
    Head,
}

/// One response.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The fields in order, with their names as received.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Fields that may occur at most once in a response.
const SINGLE: &[&str] = &[
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "location",
    "server",
    "vary",
    "x-content-type-options",
];

/// The accepted difference between the server's clock and ours: one second because the server's
/// date has whole seconds, the rest for a delayed test.
const CLOCK_SLACK: Duration = Duration::from_secs(120);

impl Reply {
    /// The value of a field; its name is case-insensitive.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of a field that must be present.
    #[track_caller]
    pub fn must(&self, name: &str) -> &str {
        self.field(name)
            .unwrap_or_else(|| panic!("{name} is missing from {:?}", self.fields))
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// Whether the response announces that the connection closes.
    pub fn is_last(&self) -> bool {
        self.field("connection")
            .is_some_and(|v| v.eq_ignore_ascii_case("close"))
    }

    /// The response without the fields that depend on the current time.
    pub fn timeless(&self) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let fields = self
            .fields
            .iter()
            .filter(|(n, _)| !n.eq_ignore_ascii_case("date"));
        (self.status, fields.cloned().collect(), self.body.clone())
    }
}

/// The head of a response, and the length of its body.
pub struct Head {
    /// The response so far, without its body.
    pub reply: Reply,
    /// The bytes of the head, including the empty line.
    pub head_bytes: usize,
    /// The bytes of the body.
    pub body_bytes: usize,
}

/// Parses the head at the start of `bytes`; `None` if it is incomplete.
pub fn parse_head(bytes: &[u8], kind: Kind) -> Result<Option<Head>, String> {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = &bytes[..end];
    let text = std::str::from_utf8(head).map_err(|_| "a head that is not UTF-8")?;
    let mut lines = text.split("\r\n");
    let (status, reason) = status_line(lines.next().unwrap_or_default())?;
    let fields = lines.map(field_line).collect::<Result<Vec<_>, _>>()?;
    let reply = Reply {
        status,
        reason,
        fields,
        body: Vec::new(),
    };
    judge_fields(&reply)?;
    let body_bytes = body_bytes(&reply, kind)?;
    Ok(Some(Head {
        reply,
        head_bytes: end + 4,
        body_bytes,
    }))
}

fn status_line(line: &str) -> Result<(u16, String), String> {
    let fault = || format!("not a status line: {line:?}");
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or_else(fault)?;
    let (code, reason) = rest.split_at_checked(3).ok_or_else(fault)?;
    let reason = reason.strip_prefix(' ').ok_or_else(fault)?;
    let status: u16 = code.parse().map_err(|_| fault())?;
    let printable = reason.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !(100..600).contains(&status) || !printable {
        return Err(fault());
    }
    Ok((status, reason.to_owned()))
}

fn field_line(line: &str) -> Result<(String, String), String> {
    let fault = |why: &str| format!("field line {line:?}: {why}");
    let (name, value) = line.split_once(':').ok_or_else(|| fault("no colon"))?;
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(fault("the name is not a token"));
    }
    if value.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Err(fault("a control character"));
    }
    let value = value
        .strip_prefix(' ')
        .ok_or_else(|| fault("no space after the colon"))?;
    if value.trim() != value {
        return Err(fault("more whitespace around the value"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn judge_fields(reply: &Reply) -> Result<(), String> {
    for single in SINGLE {
        let count = reply
            .fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(single))
            .count();
        if count > 1 {
            return Err(format!("{single} occurs {count} times"));
        }
    }
    if let Some(connection) = reply.field("connection")
        && !["close", "keep-alive"].contains(&connection)
    {
        return Err(format!("Connection: {connection}"));
    }
    if reply.status < 200 {
        return Ok(());
    }
    let date = imf_fixdate(reply.field("date").ok_or("Date is missing")?)?;
    let now = SystemTime::now();
    if date > now + CLOCK_SLACK || date + CLOCK_SLACK < now {
        return Err("Date is not the current time".into());
    }
    match reply.field("last-modified").map(imf_fixdate) {
        Some(Err(why)) => Err(why),
        Some(Ok(modified)) if modified > date => Err("Last-Modified is later than Date".into()),
        _ => Ok(()),
    }
}

/// The length of the body (RFC 9112 section 6.3), which this server always determines by
/// `Content-Length` or by the status.
fn body_bytes(reply: &Reply, kind: Kind) -> Result<usize, String> {
    if reply.field("transfer-encoding").is_some() {
        return Err("Transfer-Encoding although the length is known".into());
    }
    let length = match reply.field("content-length") {
        None => None,
        Some(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            Some(text.parse::<usize>().map_err(|why| why.to_string())?)
        }
        Some(text) => return Err(format!("Content-Length: {text}")),
    };
    match (reply.status, length) {
        (..200 | 204 | 304, None) => Ok(0),
        (..200 | 204 | 304, Some(_)) => {
            Err(format!("Content-Length in a {} response", reply.status))
        }
        (_, None) => Err("Content-Length is missing".into()),
        (_, Some(length)) => Ok(if kind == Kind::Head { 0 } else { length }),
    }
}
