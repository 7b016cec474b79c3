use std::time::Duration;

use super::*;
use crate::observe::fixture;

/// Whether an element is closed as often as opened.
fn is_balanced(html: &str, name: &str) -> bool {
    let opened =
        html.matches(&format!("<{name}>")).count() + html.matches(&format!("<{name} ")).count();
    opened > 0 && opened == html.matches(&format!("</{name}>")).count()
}

#[test]
fn the_page_is_whole_and_says_the_figures() {
    let html = page(&fixture::snapshot(), &History::default());
    for name in [
        "main", "section", "header", "dl", "table", "ul", "ol", "details", "summary", "svg", "div",
        "p", "b", "span", "h2",
    ] {
        assert!(is_balanced(&html, name), "{name}");
    }
    for text in [
        "<b>60 idle</b>",
        "17 to 32",
        "client closed",
        "412",
        "#1000",
        "200 OK",
        "no limit",
        // 5,454 of 5,478.
        "files served from the cache<td class=\"n\">99.6\u{a0}%",
        "75 s",
        "<time>…</time>and 1 request more",
        // 83 of 2,200 microseconds, of a line of 600.
        "y=\"2\" width=\"22.6\"",
        // 400 of 606 closed connections.
        "<rect class=\"short\" width=\"66.01\" height=\"10\"/>",
        "<rect class=\"lingering\" x=\"1\" y=\"1\" width=\"8\" height=\"8\"/>",
    ] {
        assert!(html.contains(text), "{text}");
    }
    // No rows without connections, and the most frequent reason first.
    assert!(!html.contains("33 to 64"));
    let reasons = ["client asked", "client closed", "idle timeout"];
    let at = reasons.map(|name| html.find(&format!("<li><div><b>{name}</b>")));
    assert!(at.is_sorted() && at[0].is_some(), "{at:?}");
}

#[test]
fn what_a_peer_sent_stays_text() {
    let html = page(&fixture::snapshot(), &History::default());
    assert!(html.contains("GET /&#60;script&#62;?a=\\&#34;&#38;amp;"));
    assert_eq!(html.matches("<script").count(), 1);
    assert!(!html.contains(" style=") && !html.contains(" onclick="));
}

#[test]
fn a_server_that_has_done_nothing_has_a_page() {
    let mut snapshot = fixture::snapshot();
    snapshot.totals = Default::default();
    snapshot.stories.clear();
    snapshot.workers.clear();
    snapshot.kernel = None;
    snapshot.uptime = Duration::ZERO;
    let html = page(&snapshot, &History::default());
    assert!(
        html.contains("No connection has been closed yet.")
            && !html.contains("NaN")
            && !html.contains("inf")
    );
    // A histogram with one row or two would not look like one.
    assert!(html.contains("<th>5 to 8<") && !html.contains("<th>9 to 16<"));
}

#[test]
fn rates_are_those_of_the_last_seconds() {
    let mut snapshot = fixture::snapshot();
    let mut history = History::default();
    for _ in 0..100 {
        snapshot.uptime += Duration::from_secs(1);
        snapshot.totals.0[Count::Requests as usize] += 250;
        history.note(&snapshot);
        history.note(&snapshot);
    }
    let rates = history.requests_per_second();
    assert_eq!(rates.len(), crate::observe::history::SAMPLES_MAX - 1);
    assert!(rates.iter().all(|rate| *rate == 250.0));
    let recent = history.recent(&snapshot);
    assert_eq!(recent.seconds, 10.0);
    assert_eq!(recent.totals[Count::Requests], 2500);
    let html = page(&snapshot, &history);
    assert!(html.contains("<dd>250</dd>"));
    let newest = "<rect x=\"59.1\" y=\"1.00\" width=\"0.8\" height=\"19.00\"/>";
    assert!(html.contains(newest) && html.contains("highest 250\""));
}

#[test]
fn a_picture_of_many_connections_stays_small() {
    let mut snapshot = fixture::snapshot();
    for worker in &mut snapshot.workers {
        worker[0] = 1_000_000;
    }
    let html = page(&snapshot, &History::default());
    assert!(html.len() < 150_000, "{}", html.len());
}
