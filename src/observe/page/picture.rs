//! The pictures: what is open, and how connections are used.

use std::fmt::{self, Write};

use super::figures::{Grouped, reuse, share};
use crate::observe::{
    histogram::requests_bucket_span,
    history::History,
    snapshot::{OpenConnections, Snapshot},
};

/// Squares in the row of a worker; with more connections a square stands for
/// several.
const SQUARES_MAX: u64 = 240;
/// Squares in one line of a row.
const LINE_SQUARES: u64 = 60;
const SQUARE: u64 = 10;

/// One square a connection, a row a worker.
pub fn open_connections(snapshot: &Snapshot, out: &mut String) -> fmt::Result {
    let most = snapshot.workers.iter().map(OpenConnections::count).max();
    let each = most.unwrap_or(0).div_ceil(SQUARES_MAX).max(1);
    out.push_str("<section><h2>Open connections</h2><p>A row a worker; ");
    match each {
        1 => out.push_str("a square a connection.</p>\n"),
        _ => writeln!(out, "a square for {} connections.</p>", Grouped(each))?,
    }
    out.push_str("<ul class=\"legend\">");
    for ((state, count), words) in snapshot.open().states().iter().zip([
        "kept alive, waiting for a next request",
        "a request is on its way in",
        "a response is on its way out",
        "closed by us, until the client closes too",
    ]) {
        let count = Grouped(*count);
        write!(
            out,
            "<li><i class=\"{state}\"></i><b>{count} {state}</b> {words}"
        )?;
    }
    out.push_str("</ul>\n");
    for (number, worker) in snapshot.workers.iter().enumerate() {
        let count = Grouped(worker.count());
        write!(
            out,
            "<div class=\"worker\"><span>worker {number}</span><b>{count}</b>"
        )?;
        squares(worker, each, out)?;
        out.push_str("</div>\n");
    }
    out.push_str("</section>\n");
    Ok(())
}

fn squares(worker: &OpenConnections, each: u64, out: &mut String) -> fmt::Result {
    // Rounded up, so that a single connection is always seen.
    let runs = worker
        .states()
        .map(|(state, count)| (state, count.div_ceil(each)));
    let all: u64 = runs.iter().map(|(_, squares)| squares).sum();
    let (width, height) = (
        LINE_SQUARES * SQUARE,
        all.div_ceil(LINE_SQUARES).max(1) * SQUARE,
    );
    write!(
        out,
        "<svg viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">"
    )?;
    let mut place = 0;
    for (state, squares) in runs.iter().rev() {
        for _ in 0..*squares {
            let (x, y) = (place % LINE_SQUARES * SQUARE, place / LINE_SQUARES * SQUARE);
            write!(
                out,
                "<rect class=\"{state}\" x=\"{}\" y=\"{}\" width=\"8\" height=\"8\"/>",
                x + 1,
                y + 1
            )?;
            place += 1;
        }
    }
    out.push_str("</svg>");
    Ok(())
}

/// The histogram that tells short connections from kept-alive ones.
pub fn requests_per_connection(
    snapshot: &Snapshot,
    history: &History,
    out: &mut String,
) -> fmt::Result {
    let lately = history.lately(snapshot);
    let all = &snapshot.totals.requests_per_connection;
    let new = &lately.totals.requests_per_connection;
    let closed: u64 = all.iter().sum();
    let new_closed: u64 = new.iter().sum();
    out.push_str("<section><h2>Requests a connection</h2>\n");
    out.push_str(
        "<p>Of the connections that are closed. A short connection carries one request and pays \
         the handshake for it; a kept-alive one carries many.</p>\n",
    );
    writeln!(
        out,
        "<p class=\"reuse\"><b>{}</b> of all requests found their connection open (lately {}).</p>",
        reuse(&snapshot.totals),
        reuse(&lately.totals)
    )?;
    out.push_str("<div class=\"scroll\"><table class=\"bars\"><thead><tr><th>Requests<th><span class=\"hide\">Share</span><th class=\"n\">Connections<th class=\"n\">Lately</thead>\n");
    let last = all.iter().rposition(|count| *count > 0).unwrap_or(1).max(4);
    for (bucket, count) in all.iter().enumerate().take(last + 1) {
        let kind = match bucket {
            0 => "none",
            1 => "short",
            _ => "kept",
        };
        let span = match requests_bucket_span(bucket) {
            (first, Some(last)) if first == last => Grouped(first).to_string(),
            (first, Some(last)) => format!("{} to {}", Grouped(first), Grouped(last)),
            (first, None) => format!("{} or more", Grouped(first)),
        };
        write!(out, "<tr><th>{span}<td>")?;
        bar(kind, *count, closed, out)?;
        let lately = share(new.get(bucket).copied().unwrap_or(0), new_closed);
        writeln!(
            out,
            "<td class=\"n\">{}<td class=\"n\">{lately}",
            Grouped(*count)
        )?;
    }
    out.push_str("</table></div></section>\n");
    Ok(())
}

/// A bar as long as a part of a whole.
pub fn bar(class: &str, part: u64, whole: u64, out: &mut String) -> fmt::Result {
    let width = part as f64 * 100.0 / whole.max(1) as f64;
    let width = if part > 0 { width.max(0.4) } else { 0.0 };
    write!(
        out,
        "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"100\" height=\"10\"/><rect class=\"{class}\" width=\"{width:.2}\" height=\"10\"/></svg>"
    )
}

/// Requests a second over the last minute, the present at the right.
pub fn requests_line(rates: &[f64], out: &mut String) -> fmt::Result {
    const SECONDS: usize = 60;
    let highest = rates.iter().copied().fold(1.0, f64::max);
    write!(
        out,
        "<svg class=\"line\" viewBox=\"0 0 {SECONDS} 20\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Requests a second, last minute; highest {highest:.0}\">"
    )?;
    let start = SECONDS.saturating_sub(rates.len());
    for (place, rate) in rates.iter().enumerate() {
        let height = rate / highest * 19.0;
        let (x, y) = (start + place, 20.0 - height);
        write!(
            out,
            "<rect x=\"{x}.1\" y=\"{y:.2}\" width=\"0.8\" height=\"{height:.2}\"/>"
        )?;
    }
    writeln!(out, "</svg>")
}
