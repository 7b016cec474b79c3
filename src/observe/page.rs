//! A snapshot as a page for people.
//!
//! The page is whole without JavaScript and refreshes itself; the script only
//! exchanges its parts each second, so there is one way to draw them: here.

mod endings;
mod figures;
mod picture;
mod stories;

use std::fmt::{self, Write};

use self::figures::{Bytes, Grouped, Nanoseconds, reuse, share, uptime};
use super::{counters::Count, histogram::PERCENTILES, history::History, snapshot::Snapshot};
use crate::http::status::Status;

/// The style sheet, at `/status.css`.
pub const STYLE: &str = include_str!("page/status.css");
/// The script, at `/status.js`.
pub const SCRIPT: &str = include_str!("page/status.js");
/// The value of the page's `Content-Security-Policy`: nothing but its own.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; \
     script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// The page. `history` gives it its rates.
pub fn page(snapshot: &Snapshot, history: &History) -> String {
    let mut out = String::with_capacity(32 << 10);
    // Writing to a String does not fail.
    let _ = write_page(snapshot, history, &mut out);
    out
}

fn write_page(snapshot: &Snapshot, history: &History, out: &mut String) -> fmt::Result {
    out.push_str(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>stdhttpd: status</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"status.css\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n\
         <script src=\"status.js\" defer></script>\n",
    );
    board(snapshot, history, out)?;
    out.push_str("<main id=\"main\">\n");
    picture::open_connections(snapshot, out)?;
    picture::requests_per_connection(snapshot, history, out)?;
    endings::reasons(&snapshot.totals, out)?;
    endings::kernel(snapshot, out)?;
    stories::stories(snapshot, out)?;
    responses(snapshot, out)?;
    limits(snapshot, out)?;
    out.push_str("</main>\n<footer>The same as <a href=\"status.json\">JSON</a> and for <a href=\"metrics\">Prometheus</a>.</footer>\n");
    Ok(())
}

/// The dark board on top: the state and the figures of the moment.
fn board(snapshot: &Snapshot, history: &History, out: &mut String) -> fmt::Result {
    let lately = history.lately(snapshot);
    let (all, totals) = (&snapshot.totals, &lately.totals);
    let state = match snapshot.facts.is_draining() {
        true => "stopping",
        false => "serving",
    };
    write!(
        out,
        "<header id=\"board\"><div class=\"top\"><h1>stdhttpd</h1>"
    )?;
    write!(
        out,
        "<p><b class=\"state {state}\">{state}</b> for {}",
        uptime(snapshot.uptime)
    )?;
    for listener in &snapshot.facts.listeners {
        let url = listener.url();
        write!(out, " <span class=\"wire\">{url}</span>")?;
    }
    write!(
        out,
        "</p><p id=\"live\" role=\"status\">rates: last {:.0} s</p>",
        lately.seconds
    )?;
    out.push_str("<button id=\"pause\" type=\"button\" hidden>Pause</button></div>\n<dl>");
    let open = snapshot.open();
    let percentile = |share| Nanoseconds(totals.latency.percentile(share));
    tile(
        out,
        "requests a second",
        &Grouped(lately.rate(totals[Count::Requests]).round() as u64),
        &format!("{} since the start", Grouped(all[Count::Requests])),
    )?;
    tile(
        out,
        "reused a connection",
        &reuse(totals),
        &format!("{} since the start", reuse(all)),
    )?;
    tile(
        out,
        "open connections",
        &Grouped(open.count()),
        &format!("of {}", Grouped(snapshot.facts.connections_max)),
    )?;
    tile(
        out,
        "opened a second",
        &Grouped(lately.rate(totals[Count::Accepted]).round() as u64),
        &format!(
            "{} closed a second",
            Grouped(lately.rate(totals.closed_count()).round() as u64)
        ),
    )?;
    tile(
        out,
        "median latency",
        &percentile(0.5),
        &format!("99th percentile {}", percentile(0.99)),
    )?;
    tile(
        out,
        "sent a second",
        &Bytes(lately.rate(totals[Count::BytesSent]) as u64),
        &format!("{} in all", Bytes(all[Count::BytesSent])),
    )?;
    out.push_str("</dl>\n");
    picture::requests_line(&history.requests_a_second(), out)?;
    out.push_str("</header>\n");
    Ok(())
}

fn tile(out: &mut String, name: &str, value: &dyn fmt::Display, more: &str) -> fmt::Result {
    writeln!(
        out,
        "<div><dt>{name}</dt><dd>{value}</dd><dd class=\"more\">{more}</dd></div>"
    )
}

fn responses(snapshot: &Snapshot, out: &mut String) -> fmt::Result {
    let totals = &snapshot.totals;
    let requests = totals[Count::Requests];
    out.push_str(
        "<section><h2>Responses</h2><div class=\"pair\"><div class=\"scroll\"><table>\
         <thead><tr><th>Status<th class=\"n\">Responses<th class=\"n\">Share</thead>\n",
    );
    for (status, count) in Status::ALL.iter().zip(totals.statuses) {
        if count > 0 {
            let (code, reason) = (status.code(), status.reason());
            write!(
                out,
                "<tr><td>{code} {reason}<td class=\"n\">{}",
                Grouped(count)
            )?;
            writeln!(out, "<td class=\"n\">{}", share(count, requests))?;
        }
    }
    out.push_str(
        "</table></div><div class=\"scroll\"><table><thead><tr><th>From the head's last byte to \
         the answer's last byte<th class=\"n\">Since the start</thead>\n",
    );
    for (_, name, part) in PERCENTILES {
        let time = Nanoseconds(totals.latency.percentile(part));
        writeln!(out, "<tr><td>{name}<td class=\"n\">{time}")?;
    }
    let looked_up = totals[Count::CacheHits] + totals[Count::CacheMisses];
    let hits = share(totals[Count::CacheHits], looked_up);
    writeln!(
        out,
        "<tr><td>files answered from memory<td class=\"n\">{hits}"
    )?;
    let lost = Grouped(totals[Count::LogLinesLost]);
    writeln!(
        out,
        "<tr><td>access log lines lost<td class=\"n\">{lost}</table></div></div></section>"
    )
}

fn limits(snapshot: &Snapshot, out: &mut String) -> fmt::Result {
    let facts = &snapshot.facts;
    let (limits, waits) = (&facts.limits, &facts.timeouts);
    out.push_str("<section><h2>Limits in force</h2><div class=\"pair\"><div>\n");
    let open = snapshot.open().count();
    let near = |out: &mut String, name, now: u64, max: u64, text: String| {
        let part = now as f64 / max.max(1) as f64;
        writeln!(
            out,
            "<p class=\"near\"><label>{name} <span>{text}</span><meter min=\"0\" max=\"1\" high=\"0.8\" value=\"{:.3}\">{}</meter></label></p>",
            part.min(1.0),
            share(now, max)
        )
    };
    let max = facts.connections_max;
    let text = format!("{} of {}", Grouped(open), Grouped(max));
    near(out, "Open connections", open, max, text)?;
    let (bytes, max) = (facts.cache_bytes.get(), facts.cache_bytes_max);
    let text = format!("{} of {}", Bytes(bytes), Bytes(max));
    near(out, "Files in memory", bytes, max, text)?;
    out.push_str("</div><div class=\"scroll\"><table>\n");
    let number = |count: u64| match count {
        0 => "no limit".to_owned(),
        _ => Grouped(count).to_string(),
    };
    let bytes = |count: usize| Bytes(count as u64).to_string();
    let seconds = |wait: std::time::Duration| format!("{} s", wait.as_secs_f64());
    let connections_per_ip = number(limits.connections_per_ip_max as u64);
    let keep_alive = match waits.keep_alive.is_zero() {
        true => "off: short connections".to_owned(),
        false => seconds(waits.keep_alive),
    };
    for (name, value) in [
        ("Idle time kept alive", keep_alive),
        ("Requests a connection", number(limits.requests_max)),
        ("Connections an address", connections_per_ip),
        ("Request head within", seconds(waits.header)),
        ("Request body within", seconds(waits.body)),
        ("Progress in writing within", seconds(waits.write)),
        ("Request line", bytes(limits.head.line_bytes_max)),
        ("Header fields", bytes(limits.head.fields_bytes_max)),
        ("Request body", Bytes(limits.body_bytes_max).to_string()),
    ] {
        writeln!(out, "<tr><td>{name}<td class=\"n\">{value}")?;
    }
    out.push_str("</table></div></div></section>\n");
    Ok(())
}

#[cfg(test)]
mod tests;
