//! The newest closed connections, each with its story.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use super::figures::{Bytes, Escaped, Grouped, time, uptime};
use crate::observe::{close_reason::CloseReason, snapshot::Snapshot, story::Story};

/// The stories, the newest first.
pub fn stories(snapshot: &Snapshot, out: &mut String) -> fmt::Result {
    out.push_str(
        "<section><h2>The newest closed connections</h2><p>From accept to close, drawn to scale; \
         <span class=\"side server\">the server's answers</span> take their time in between, the \
         rest is waiting.</p>\n",
    );
    if snapshot.stories.is_empty() {
        out.push_str("<p class=\"nothing\">None has ended yet.</p>\n");
    }
    for (age, story) in &snapshot.stories {
        if let Some((closed, reason)) = story.end {
            one(*age, story, closed, reason, out)?;
        }
    }
    out.push_str("</section>\n");
    Ok(())
}

fn one(
    age: Duration,
    story: &Story,
    closed: Duration,
    reason: CloseReason,
    out: &mut String,
) -> fmt::Result {
    let first = reason.first().name();
    write!(
        out,
        "<details id=\"c{}\"><summary><b>#{}</b>",
        story.connection, story.connection
    )?;
    let plural = if story.requests_count == 1 { "" } else { "s" };
    write!(
        out,
        "<span>{} request{plural}</span>",
        Grouped(story.requests_count)
    )?;
    scale(story, closed, first, out)?;
    write!(out, "<span class=\"n\">{}</span>", time(closed))?;
    let name = reason.name().replace('_', " ");
    writeln!(
        out,
        "<span class=\"side {first}\">{name}</span></summary><ol>"
    )?;
    write!(out, "<li><time>0</time>accepted by worker {}", story.worker)?;
    if let Some(client) = story.client {
        write!(out, " from <span class=\"wire\">{client}</span>")?;
    }
    if let Some(at) = story.first_byte {
        writeln!(out, "<li><time>{}</time>first byte", time(at))?;
    }
    for request in &story.requests {
        let (at, took, line) = (
            time(request.received),
            time(request.took),
            Escaped(request.line()),
        );
        let (code, bytes) = (request.status.code(), Bytes(request.bytes));
        write!(
            out,
            "<li><time>{at}</time><span class=\"wire\">{line}</span> "
        )?;
        writeln!(out, "answered {code}, {bytes} in {took}")?;
    }
    let untold = story.requests_count - story.requests.len() as u64;
    if untold > 0 {
        writeln!(
            out,
            "<li><time>…</time>and {} requests more",
            Grouped(untold)
        )?;
    }
    let (at, ago) = (time(closed), uptime(age));
    writeln!(
        out,
        "<li><time>{at}</time>{} <em>{ago} ago</em></ol></details>",
        reason.explain()
    )
}

/// The life of a connection as a line, with its answers on it.
fn scale(story: &Story, closed: Duration, first: &str, out: &mut String) -> fmt::Result {
    const WIDTH: f64 = 600.0;
    let unit = WIDTH / closed.as_secs_f64().max(1e-6);
    let at = |moment: Duration| (moment.as_secs_f64() * unit).min(WIDTH);
    write!(
        out,
        "<svg viewBox=\"-2 0 606 14\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path class=\"life\" d=\"M0 7H{WIDTH}\"/>"
    )?;
    for request in &story.requests {
        let width = at(request.took).max(2.0);
        let x = at(request.received).min(WIDTH - width);
        write!(
            out,
            "<rect class=\"answer\" x=\"{x:.1}\" y=\"2\" width=\"{width:.1}\" height=\"10\"/>"
        )?;
    }
    write!(
        out,
        "<path class=\"end\" d=\"M0 0V14\"/><path class=\"end {first}\" d=\"M{WIDTH} 0V14\"/></svg>"
    )
}
