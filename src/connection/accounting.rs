//! Accounting per connection and request: counters, access log, status page, debug log.

use log::debug;

use super::{Identity, context::Context, respond::Queued};
use crate::{
    config::{Moment, Proxy},
    http::{
        forwarded,
        headers::LoggedFields,
        request::{Request, Version},
    },
    observe::{
        close_reason::CloseReason,
        counters::Count,
        log_line::{LogEntry, LogOutcome, LogTime, PendingLine, RAW_BYTES_MAX},
        story::Story,
    },
};

/// The accounting of a response that is not completely sent.
#[derive(Debug)]
pub struct PendingRecord {
    line: Option<PendingLine>,
    story_line: Box<str>,
    /// The response.
    pub record: ResponseRecord,
}

/// What is recorded about a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseRecord {
    /// Its status and length.
    pub queued: Queued,
    /// Why the connection closes after it; `None` if it is kept.
    pub close: Option<CloseReason>,
    /// When the request was complete.
    pub received: Moment,
}

/// What is logged about a request.
#[derive(Clone, Copy, Debug)]
pub struct LoggedRequest<'a> {
    /// [`Request::line`].
    pub line: &'a [u8],
    /// `None` for a malformed request, whose line can be anything.
    pub version: Option<Version>,
    /// [`Fields::logged`](crate::http::headers::Fields::logged).
    pub fields: LoggedFields<'a>,
}

impl<'a> From<&Request<'a>> for LoggedRequest<'a> {
    fn from(request: &Request<'a>) -> LoggedRequest<'a> {
        LoggedRequest {
            line: request.line,
            version: Some(request.version),
            fields: request.fields.logged,
        }
    }
}

impl<'a> LoggedRequest<'a> {
    /// A malformed request: its first line, and the fields that identify the client.
    pub fn raw(bytes: &'a [u8]) -> LoggedRequest<'a> {
        let mut lines = bytes.split(|&byte| byte == b'\n');
        let line = lines.next().unwrap_or_default();
        let line = line.split(|&byte| byte == b'\r').next().unwrap_or_default();
        let mut fields = LoggedFields::default();
        // After an empty line another request begins.
        for line in lines.take_while(|line| !matches!(line, [] | [b'\r'])) {
            let colon = line.iter().position(|&byte| byte == b':');
            let (name, value) = line.split_at(colon.unwrap_or(line.len()));
            let value = value.strip_suffix(b"\r").unwrap_or(value);
            let value = value.get(1..).map(<[u8]>::trim_ascii);
            if name.eq_ignore_ascii_case(b"referer") {
                fields.referer = value;
            } else if name.eq_ignore_ascii_case(b"user-agent") {
                fields.user_agent = value;
            }
        }
        LoggedRequest {
            line: &line[..line.len().min(RAW_BYTES_MAX)],
            version: None,
            fields,
        }
    }

    fn entry(
        self,
        identity: &Identity,
        proxies: &[Proxy],
        time: &'a LogTime,
        record: &ResponseRecord,
    ) -> LogEntry<'a> {
        let peer = identity.peer.map(|peer| peer.ip());
        let is_trusted = |address| proxies.iter().any(|proxy| proxy.is_at(address));
        LogEntry {
            // The peer's address, or the one that a trusted proxy reports.
            client: forwarded::client(&self.fields, peer, is_trusted),
            time,
            line: self.line,
            version: self.version,
            status: record.queued.status,
            referer: self.fields.referer,
            user_agent: self.fields.user_agent,
            connection: identity.id,
            number: identity.requests,
        }
    }
}

/// Records a new connection.
pub fn accepted(identity: &mut Identity, cx: &Context) {
    let (id, peer, worker) = (identity.id, identity.peer, cx.worker);
    if cx.counters.is_watched() {
        identity.story = Some(Story::begin(id, peer, worker, identity.accepted));
    }
    match peer {
        // Its thread is not one of the workers, and its connections have no numbers.
        Some(peer) if cx.status.is_some() => {
            debug!("connection {id}: accepted from {peer} by the status listener");
        }
        Some(peer) => debug!("connection {id}: accepted from {peer} by worker {worker}"),
        None => debug!("connection {id}: accepted by worker {worker}"),
    }
    cx.counters.add(Count::Accepted, 1);
}

/// Whether response times need to be measured.
fn is_timed(cx: &Context) -> bool {
    cx.log.is_some() || cx.counters.is_watched() || log::log_enabled!(log::Level::Debug)
}

/// Records a response that was sent, or queued together with others.
pub fn response_sent<'r>(
    identity: &mut Identity,
    cx: &mut Context,
    logged: impl FnOnce() -> LoggedRequest<'r>,
    record: ResponseRecord,
) {
    if is_timed(cx) {
        record_sent(identity, cx, logged(), record);
    }
}

#[inline(never)]
fn record_sent(
    identity: &mut Identity,
    cx: &mut Context,
    logged: LoggedRequest<'_>,
    record: ResponseRecord,
) {
    let now = Moment::now();
    if let Some(log) = &mut cx.log {
        let entry = logged.entry(identity, &cx.trusted_proxies, &cx.log_time, &record);
        log.write(&entry, &record.outcome(now));
    }
    report(identity, cx, logged.line, record, now);
}

/// Keeps the accounting of a response until its last byte is sent.
#[cold]
pub fn defer<'r>(
    identity: &Identity,
    cx: &Context,
    logged: impl FnOnce() -> LoggedRequest<'r>,
    record: ResponseRecord,
) -> Option<Box<PendingRecord>> {
    if !is_timed(cx) {
        return None;
    }
    let logged = logged();
    let entry = logged.entry(identity, &cx.trusted_proxies, &cx.log_time, &record);
    let line = cx.log.as_ref().map(|log| log.begin(&entry));
    Some(Box::new(PendingRecord {
        line,
        story_line: String::from_utf8_lossy(logged.line).into(),
        record,
    }))
}

/// Records a response completed in a later turn.
pub fn response_finished(identity: &mut Identity, cx: &mut Context, pending: PendingRecord) {
    let now = Moment::now();
    let record = pending.record;
    if let (Some(log), Some(line)) = (&mut cx.log, &pending.line) {
        log.complete(line, &record.outcome(now));
    }
    report(identity, cx, pending.story_line.as_bytes(), record, now);
}

fn report(identity: &mut Identity, cx: &Context, line: &[u8], record: ResponseRecord, now: Moment) {
    let (status, bytes) = (record.queued.status, record.queued.content_bytes);
    let nanoseconds = now.nanoseconds_since(record.received);
    if cx.counters.is_watched() {
        cx.counters.latency(nanoseconds);
        if let Some(story) = &mut identity.story {
            story.request(line, status, bytes, record.received, now);
        }
    }
    debug!(
        "connection {}: request {}: \"{}\" {}, {bytes} bytes, {} us, {}",
        identity.id,
        identity.requests,
        line.escape_ascii(),
        status.code(),
        nanoseconds / 1_000,
        record.close.map_or("kept", CloseReason::name)
    );
}

impl ResponseRecord {
    /// The record of a response that ends for `reason` with `left` bytes unsent.
    pub fn cut_short(mut self, reason: CloseReason, left: u64) -> ResponseRecord {
        self.queued.content_bytes = self.queued.content_bytes.saturating_sub(left);
        self.close = Some(reason);
        self
    }

    fn outcome(&self, now: Moment) -> LogOutcome {
        LogOutcome {
            bytes: self.queued.content_bytes,
            microseconds: now.nanoseconds_since(self.received) / 1_000,
            close: self.close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_request_is_logged_by_its_first_line() {
        let long = [b'x'; RAW_BYTES_MAX + 1];
        for (bytes, line) in [
            (&b""[..], &b""[..]),
            (b"\r\nGET", b""),
            (b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1"),
            (b"GET /\nHost: a", b"GET /"),
            (b"\x16\x03\x01", b"\x16\x03\x01"),
            (&long, &long[1..]),
        ] {
            assert_eq!(
                LoggedRequest::raw(bytes).line,
                line,
                "{}",
                bytes.escape_ascii()
            );
        }
        let logged =
            LoggedRequest::raw(b"GET / HTTP/1.1\r\nHost\r\nuser-agent: U \nReferer:\r\n\r\n");
        assert_eq!(logged.fields.user_agent, Some(&b"U"[..]));
        assert_eq!(logged.fields.referer, Some(&b""[..]));
        let logged =
            LoggedRequest::raw(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nUser-Agent: U\r\n\r\n");
        assert_eq!(logged.fields.user_agent, None);
    }
}
