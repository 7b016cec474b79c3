//! A snapshot as the HTML status page.
//!
//! The page is complete without JavaScript and refreshes itself. The script only replaces its parts
//! every second with newly fetched ones, so all rendering is done here.

mod endings;
mod figures;
mod picture;
mod stories;

use std::time::Duration;

use self::figures::{bytes, grouped, nanoseconds, reuse, share, uptime};
use super::{
    counters::{Count, Totals},
    histogram::{PERCENTILES, percentile},
    history::History,
    snapshot::Snapshot,
};
use crate::http::status::Status;

/// The style sheet, at `/status.css`.
pub const STYLE: &str = include_str!("page/status.css");
/// The script, at `/status.js`.
pub const SCRIPT: &str = include_str!("page/status.js");
/// The `Content-Security-Policy` of the page: only its own style and script.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; \
     script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// Renders the page; `history` provides the rates.
pub fn page(snapshot: &Snapshot, history: &History) -> String {
    let board = board(snapshot, history);
    let sections = [
        picture::open_connections(snapshot),
        picture::requests_per_connection(snapshot, history),
        endings::reasons(&snapshot.totals),
        endings::kernel(snapshot.kernel.as_ref()),
        stories::stories(snapshot),
        responses(&snapshot.totals),
        limits(snapshot),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>stdhttpd: status</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"status.css\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n\
         <script src=\"status.js\" defer></script>\n\
         {board}<main id=\"main\">\n{sections}</main>\n\
         <footer>The same data as <a href=\"status.json\">JSON</a> and as \
         <a href=\"metrics\">Prometheus metrics</a>.</footer>\n"
    )
}

/// The header with the state and the current figures.
fn board(snapshot: &Snapshot, history: &History) -> String {
    let recent = history.recent(snapshot);
    let (all, totals) = (&snapshot.totals, &recent.totals);
    let state = match snapshot.facts.is_draining() {
        true => "stopping",
        false => "serving",
    };
    let listeners: String = (snapshot.facts.listeners.iter())
        .map(|listener| format!(" <span class=\"wire\">{}</span>", listener.url()))
        .collect();
    let per_second = |count| grouped(recent.rate(count).round() as u64);
    let latency = |share| nanoseconds(percentile(totals.latency(), share));
    let tiles = [
        (
            "requests per second",
            per_second(totals[Count::Requests]),
            format!("{} since the start", grouped(all[Count::Requests])),
        ),
        (
            "reused connection",
            reuse(totals),
            format!("{} since the start", reuse(all)),
        ),
        (
            "open connections",
            grouped(snapshot.open().iter().sum()),
            format!("of {}", grouped(snapshot.facts.connections_max)),
        ),
        (
            "opened per second",
            per_second(totals[Count::Accepted]),
            format!(
                "{} closed per second",
                per_second(totals.closed().iter().sum())
            ),
        ),
        (
            "median latency",
            latency(0.5),
            format!("99th percentile {}", latency(0.99)),
        ),
        (
            "sent per second",
            bytes(recent.rate(totals[Count::BytesSent]) as u64),
            format!("{} in total", bytes(all[Count::BytesSent])),
        ),
    ]
    .map(|(name, value, more)| {
        format!("<div><dt>{name}</dt><dd>{value}</dd><dd class=\"more\">{more}</dd></div>\n")
    })
    .concat();
    let line = picture::requests_line(&history.requests_per_second());
    format!(
        "<header id=\"board\"><div class=\"top\"><h1>stdhttpd</h1>\
         <p><b class=\"state {state}\">{state}</b> for {}{listeners}</p>\
         <p id=\"live\" role=\"status\">rates: last {:.0} s</p>\
         <button id=\"pause\" type=\"button\" hidden>Pause</button></div>\n\
         <dl>{tiles}</dl>\n{line}</header>\n",
        uptime(snapshot.uptime),
        recent.seconds
    )
}

fn responses(totals: &Totals) -> String {
    let requests = totals[Count::Requests];
    let statuses: String = (Status::ALL.iter().zip(totals.statuses()))
        .filter(|(_, count)| **count > 0)
        .map(|(status, &count)| {
            let name = format!("{} {}", status.code(), status.reason());
            let share = share(count, requests);
            row(&name, &format!("{}<td class=\"n\">{share}", grouped(count)))
        })
        .collect();
    let times = PERCENTILES
        .map(|(_, name, share)| row(name, &nanoseconds(percentile(totals.latency(), share))))
        .concat();
    let looked_up = totals[Count::CacheHits] + totals[Count::CacheMisses];
    let hits = share(totals[Count::CacheHits], looked_up);
    let lost = grouped(totals[Count::LogLinesLost]);
    format!(
        "<section><h2>Responses</h2><div class=\"pair\"><div class=\"scroll\"><table>\
         <thead><tr><th>Status<th class=\"n\">Responses<th class=\"n\">Share</thead>\n\
         {statuses}</table></div><div class=\"scroll\"><table><thead><tr>\
         <th>From the last byte of the request to the last byte of the response\
         <th class=\"n\">Since the start</thead>\n\
         {times}<tr><td>files served from the cache<td class=\"n\">{hits}\n\
         <tr><td>access log lines lost<td class=\"n\">{lost}</table></div></div></section>\n"
    )
}

/// A table row with a name and a value.
fn row(name: &str, value: &str) -> String {
    format!("<tr><td>{name}<td class=\"n\">{value}\n")
}

fn limits(snapshot: &Snapshot) -> String {
    let facts = &snapshot.facts;
    let (limits, waits) = (&facts.limits, &facts.timeouts);
    let near = |name, now: u64, max: u64, figure: fn(u64) -> String| {
        let (part, share) = (now as f64 / max.max(1) as f64, share(now, max));
        format!(
            "<p class=\"near\"><label>{name} <span>{} of {}</span>\
             <meter min=\"0\" max=\"1\" high=\"0.8\" value=\"{:.3}\">{share}</meter></label></p>\n",
            figure(now),
            figure(max),
            part.min(1.0)
        )
    };
    let open = snapshot.open().iter().sum();
    let connections = near("Open connections", open, facts.connections_max, grouped);
    let kept = snapshot.cache_bytes;
    let files = near("File cache", kept, facts.cache_bytes_max, bytes);
    let number = |count: u64| match count {
        0 => "no limit".to_owned(),
        _ => grouped(count),
    };
    let seconds = |wait: Duration| format!("{} s", wait.as_secs_f64());
    let keep_alive = match waits.keep_alive.is_zero() {
        true => "off".to_owned(),
        false => seconds(waits.keep_alive),
    };
    let rows = [
        ("Keep-alive time-out", keep_alive),
        ("Requests per connection", number(limits.requests_max)),
        (
            "Connections per address",
            number(limits.connections_per_ip_max as u64),
        ),
        ("Request head time-out", seconds(waits.header)),
        ("Request body time-out", seconds(waits.body)),
        ("Write time-out without progress", seconds(waits.write)),
        (
            "Request line",
            bytes(limits.head.request_line_bytes_max as u64),
        ),
        (
            "Header section",
            bytes(limits.head.header_section_bytes_max as u64),
        ),
        ("Request body", bytes(limits.body_bytes_max)),
    ]
    .map(|(name, value)| row(name, &value))
    .concat();
    format!(
        "<section><h2>Limits</h2><div class=\"pair\"><div>\n{connections}{files}\
         </div><div class=\"scroll\"><table>\n{rows}</table></div></div></section>\n"
    )
}

#[cfg(test)]
mod tests;
