//! The grammar of a request, written independently from the RFCs and from the stricter rules of
//! this server: simple, slow, without a parser library, and without any code of the server.

/// The verdict of the grammar on the bytes at the start of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A well-formed request of this many bytes.
    Valid(usize),
    /// Malformed, or rejected because of a limit or the version.
    Refused,
    /// Possibly the beginning of a request.
    Unfinished,
}

use Verdict::{Refused, Unfinished, Valid};

/// How the body is delimited.
enum Framing {
    Length(u128),
    Chunked,
}

/// Judges the first request in `bytes`.
pub fn judge(bytes: &[u8]) -> Verdict {
    let start = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let Some(end) = find(&bytes[start..], b"\r\n\r\n") else {
        return match may_begin(&bytes[start..]) {
            true => Unfinished,
            false => Refused,
        };
    };
    let head = &bytes[start..start + end];
    let body_at = start + end + 4;
    let Some(framing) = judge_head(head) else {
        return Refused;
    };
    match framing {
        Framing::Length(length) if length > 1 << 20 => Unfinished,
        Framing::Length(length) => match body_at + length as usize {
            end if end <= bytes.len() => Valid(end),
            _ => Unfinished,
        },
        Framing::Chunked => match judge_chunks(&bytes[body_at..]) {
            Valid(length) => Valid(body_at + length),
            other => other,
        },
    }
}

/// Whether an incomplete head may still become valid. This check is coarse: a head rejected here is
/// certainly invalid, but the server, which detects some faults early, may reject others too.
fn may_begin(head: &[u8]) -> bool {
    let mut lines = head.split(|&byte| byte == b'\n');
    let last = lines.next_back();
    lines.all(|line| line.ends_with(b"\r") && !line[..line.len() - 1].contains(&b'\r'))
        && last.is_some()
}

fn judge_head(head: &[u8]) -> Option<Framing> {
    let mut lines = split(head, b"\r\n").into_iter();
    let line = lines.next()?;
    let mut fields = Vec::new();
    let mut block_bytes = 2;
    for line in lines {
        block_bytes += line.len() + 2;
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) || !value.iter().all(|&byte| is_text(byte)) {
            return None;
        }
        fields.push((name.to_ascii_lowercase(), value));
    }
    let within = line.len() <= 8 << 10 && block_bytes <= 32 << 10 && fields.len() <= 100;
    let minor = judge_line(line)?;
    if !within || !judge_singles(&fields) {
        return None;
    }
    let values = |name: &[u8]| -> Vec<&[u8]> {
        let named = fields.iter().filter(|(n, _)| n == name);
        named.map(|(_, value)| *value).collect()
    };
    match (&values(b"host")[..], minor) {
        ([], 0) => {}
        ([host], _) if trim(host).is_empty() || is_authority(trim(host), false) => {}
        _ => return None,
    }
    if !values(b"connection").into_iter().all(is_token_list) {
        return None;
    }
    judge_framing(
        &values(b"transfer-encoding"),
        &values(b"content-length"),
        minor,
    )
}

fn judge_framing(codings: &[&[u8]], lengths: &[&[u8]], minor: u8) -> Option<Framing> {
    match (codings, lengths) {
        ([], []) => Some(Framing::Length(0)),
        ([], [length]) => {
            let digits = trim(length);
            let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(digits).ok().filter(|_| valid)?;
            let significant = text.trim_start_matches('0');
            if significant.len() > 20 {
                return None;
            }
            let number: u128 = format!("0{significant}").parse().ok()?;
            (number <= u64::MAX.into()).then_some(Framing::Length(number))
        }
        ([coding], []) if minor > 0 => {
            let text = String::from_utf8_lossy(coding).to_lowercase();
            (text.trim_matches(' ') == "chunked").then_some(Framing::Chunked)
        }
        _ => None,
    }
}

/// The minor version of a valid request line.
fn judge_line(line: &[u8]) -> Option<u8> {
    let parts: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let [method, target, version] = parts[..] else {
        return None;
    };
    let minor = match version {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ b'0'..=b'9',
        ] => minor - b'0',
        _ => return None,
    };
    let valid = is_token(method) && method.len() <= 32 && is_target(method, target);
    valid.then_some(minor)
}

fn is_target(method: &[u8], target: &[u8]) -> bool {
    let forbidden = b"\"#<>\\";
    if target.is_empty()
        || !target
            .iter()
            .all(|b| b.is_ascii_graphic() && !forbidden.contains(b))
    {
        return false;
    }
    if method == b"CONNECT" {
        return is_authority(target, true);
    }
    let scheme = b"http://";
    match target {
        b"*" => method == b"OPTIONS",
        [b'/', ..] => true,
        _ if target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme) => {
            let rest = &target[scheme.len()..];
            let end = rest.iter().position(|b| b"/?".contains(b));
            is_authority(&rest[..end.unwrap_or(rest.len())], false)
        }
        _ => false,
    }
}

/// `host [ ":" port ]`; `needs_port` makes the port mandatory.
fn is_authority(text: &[u8], needs_port: bool) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let host_end = match text.starts_with('[') {
        true => text.find(']').map(|at| at + 1),
        false => Some(text.find(':').unwrap_or(text.len())),
    };
    let Some((host, port)) = host_end.map(|end| text.split_at(end)) else {
        return false;
    };
    let is_port_valid = match port.strip_prefix(':') {
        None => port.is_empty() && !needs_port,
        Some("") => !needs_port,
        Some(digits) => {
            let significant = digits.trim_start_matches('0');
            digits.bytes().all(|b| b.is_ascii_digit())
                && significant.len() <= 5
                && format!("0{significant}")
                    .parse::<u32>()
                    .is_ok_and(|port| port <= 65_535)
        }
    };
    is_port_valid && (is_name(host) || is_literal(host))
}

fn is_name(host: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(&b);
    let mut rest = host.as_bytes();
    while let [byte, more @ ..] = rest {
        rest = match (byte, more) {
            (b'%', [high, low, more @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                more
            }
            (byte, more) if is_plain(*byte) => more,
            _ => return false,
        };
    }
    !host.is_empty()
}

fn is_literal(host: &str) -> bool {
    let Some(inside) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    else {
        return false;
    };
    if let Some(future) = inside.strip_prefix(['v', 'V']) {
        let Some((version, address)) = future.split_once('.') else {
            return false;
        };
        let hex = !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit());
        return hex && !address.contains('%') && is_name(&address.replace(':', "a"));
    }
    inside.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Checks that every singleton field occurs at most once.
fn judge_singles(fields: &[(Vec<u8>, &[u8])]) -> bool {
    const SINGLES: &str = "authorization content-length content-location content-range content-type \
        date from host if-modified-since if-range if-unmodified-since max-forwards \
        proxy-authorization range referer user-agent";
    SINGLES.split_whitespace().all(|single| {
        let count = fields.iter().filter(|(name, _)| name == single.as_bytes());
        count.count() <= 1
    })
}

/// Judges a chunked body.
fn judge_chunks(bytes: &[u8]) -> Verdict {
    let mut at = 0;
    let mut extensions_bytes = 0;
    let mut content_bytes = 0;
    loop {
        let Some(line_end) = find(&bytes[at..], b"\r\n") else {
            return Unfinished;
        };
        let line = &bytes[at..at + line_end];
        at += line_end + 2;
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let extension = &line[digits..];
        extensions_bytes += extension.len();
        if !(1..=16).contains(&digits) || !is_extension(extension) || extension.len() > 256 {
            return Refused;
        }
        if extensions_bytes > 16 << 10 {
            return Refused;
        }
        let text = std::str::from_utf8(&line[..digits]).expect("ASCII digits");
        let size = u64::from_str_radix(text, 16).expect("at most 16 hexadecimal digits");
        if size == 0 {
            return match judge_trailers(&bytes[at..]) {
                Valid(length) => Valid(at + length),
                other => other,
            };
        }
        content_bytes += u128::from(size);
        if content_bytes > 1 << 20 {
            return Unfinished;
        }
        let data_end = at + size as usize;
        match bytes.get(data_end..data_end + 2) {
            Some(b"\r\n") => at = data_end + 2,
            Some(_) => return Refused,
            None => return Unfinished,
        }
    }
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
fn is_extension(text: &[u8]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let Some(behind) = skip_blanks(rest).strip_prefix(b";") else {
            return false;
        };
        let (name, behind) = take_token(skip_blanks(behind));
        if name.is_empty() {
            return false;
        }
        rest = behind;
        if let Some(value) = skip_blanks(behind).strip_prefix(b"=") {
            let value = skip_blanks(value);
            rest = match value.strip_prefix(b"\"") {
                Some(quoted) => match skip_quoted(quoted) {
                    Some(behind) => behind,
                    None => return false,
                },
                None => match take_token(value) {
                    ([], _) => return false,
                    (_, behind) => behind,
                },
            };
        }
    }
    true
}

fn skip_quoted(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', escaped, behind @ ..] if is_text(*escaped) => behind,
            [byte, behind @ ..] if is_text(*byte) && *byte != b'\\' => behind,
            _ => return None,
        };
    }
}

fn judge_trailers(bytes: &[u8]) -> Verdict {
    const FORBIDDEN: &str = "authorization connection content-encoding content-length content-range \
        content-type expect host te trailer transfer-encoding";
    let (mut at, mut count) = (0, 0);
    loop {
        let Some(line_end) = find(&bytes[at..], b"\r\n") else {
            return Unfinished;
        };
        let line = &bytes[at..at + line_end];
        at += line_end + 2;
        if line.is_empty() {
            return Valid(at);
        }
        count += 1;
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return Refused;
        };
        let name = &line[..colon];
        let forbidden = FORBIDDEN
            .split_whitespace()
            .any(|f| name.eq_ignore_ascii_case(f.as_bytes()));
        let valid = is_token(name) && line[colon + 1..].iter().all(|&byte| is_text(byte));
        if !valid || forbidden || count > 32 || at > 8 << 10 {
            return Refused;
        }
    }
}

fn is_token_list(value: &[u8]) -> bool {
    let mut elements = value.split(|&byte| byte == b',').map(trim);
    elements.all(|element| element.is_empty() || is_token(element))
}

fn take_token(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|&&byte| is_tchar(byte)).count())
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_tchar(byte))
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// HTAB, SP, VCHAR and obs-text.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|byte| b" \t".contains(byte)).count()..]
}

fn trim(text: &[u8]) -> &[u8] {
    let text = skip_blanks(text);
    let blanks = text.iter().rev().take_while(|byte| b" \t".contains(byte));
    &text[..text.len() - blanks.count()]
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn split<'b>(mut bytes: &'b [u8], at: &[u8]) -> Vec<&'b [u8]> {
    let mut parts = Vec::new();
    while let Some(end) = find(bytes, at) {
        parts.push(&bytes[..end]);
        bytes = &bytes[end + at.len()..];
    }
    parts.push(bytes);
    parts
}
