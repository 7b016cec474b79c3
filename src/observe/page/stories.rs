//! Recently closed connections with their stories.

use std::time::Duration;

use super::figures::{bytes, escaped, grouped, time, uptime};
use crate::observe::{close_reason::CloseReason, snapshot::Snapshot, story::Story};

/// The stories, the newest first.
pub fn stories(snapshot: &Snapshot) -> String {
    let stories: String = (snapshot.stories.iter())
        .filter_map(|(age, story)| {
            let (closed, reason) = story.end?;
            Some(one(*age, story, closed, reason))
        })
        .collect();
    let nothing = match snapshot.stories.is_empty() {
        true => "<p class=\"nothing\">No connection has been closed yet.</p>\n",
        false => "",
    };
    format!(
        "<section><h2>Recently closed connections</h2><p>From accept to close, drawn to scale: \
         <span class=\"side server\">responses</span>, and waiting in between.</p>\n{nothing}{stories}</section>\n"
    )
}

fn one(age: Duration, story: &Story, closed: Duration, reason: CloseReason) -> String {
    let id = story.connection;
    let (name, first) = (reason.name().replace('_', " "), reason.first());
    let plural = if story.requests_count == 1 { "" } else { "s" };
    format!(
        "<details id=\"c{id}\"><summary><b>#{id}</b><span>{} request{plural}</span>{}\
         <span class=\"n\">{at}</span><span class=\"side {first}\">{name}</span></summary><ol>\n\
         {}<li><time>{at}</time>{} <em>{} ago</em></ol></details>\n",
        grouped(story.requests_count),
        scale(story, closed, first),
        events(story),
        reason.explain(),
        uptime(age),
        at = time(closed)
    )
}

/// The events before the close.
fn events(story: &Story) -> String {
    let client = story.client.map_or_else(String::new, |client| {
        format!(" from <span class=\"wire\">{client}</span>")
    });
    let first_byte = story.first_byte.map_or_else(String::new, |at| {
        format!("<li><time>{}</time>first byte\n", time(at))
    });
    let requests: String = (story.requests.iter())
        .map(|request| {
            let (at, line) = (time(request.received), escaped(request.line()));
            let (bytes, took) = (bytes(request.bytes), time(request.took));
            format!(
                "<li><time>{at}</time><span class=\"wire\">{line}</span> \
                 answered {}, {bytes} in {took}\n",
                request.status.code()
            )
        })
        .collect();
    let unrecorded = match story.requests_count - story.requests.len() as u64 {
        0 => String::new(),
        1 => "<li><time>…</time>and 1 request more\n".to_owned(),
        more => format!("<li><time>…</time>and {} requests more\n", grouped(more)),
    };
    let worker = story.worker;
    format!(
        "<li><time>0</time>accepted by worker {worker}{client}{first_byte}{requests}{unrecorded}"
    )
}

/// A connection as a line to scale, with its responses on it.
fn scale(story: &Story, closed: Duration, first: &str) -> String {
    const WIDTH: f64 = 600.0;
    let unit = WIDTH / closed.as_secs_f64().max(1e-6);
    let at = |moment: Duration| (moment.as_secs_f64() * unit).min(WIDTH);
    let answers: String = (story.requests.iter())
        .map(|request| {
            let width = at(request.took).max(2.0);
            let x = at(request.received).min(WIDTH - width);
            format!(
                "<rect class=\"answer\" x=\"{x:.1}\" y=\"2\" width=\"{width:.1}\" height=\"10\"/>"
            )
        })
        .collect();
    format!(
        "<svg viewBox=\"-2 0 606 14\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"life\" d=\"M0 7H{WIDTH}\"/>{answers}\
         <path class=\"end\" d=\"M0 0V14\"/><path class=\"end {first}\" d=\"M{WIDTH} 0V14\"/></svg>"
    )
}
