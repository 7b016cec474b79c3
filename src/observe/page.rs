//! A snapshot as the HTML status page.
//!
//! The page, `page/status.html`, is complete without JavaScript and refreshes itself. The script
//! only replaces its parts every second with newly fetched ones, so all rendering is done here. The
//! template is compiled, and what it inserts is escaped.

mod figures;
mod picture;

use std::cmp::Reverse;

use askama::Template;

use self::figures::{bytes, grouped, share};
use super::{
    close_reason::CloseReason,
    counters::{Count, OPEN_STATES},
    histogram::PERCENTILES,
    history::{History, Span},
    kernel::SOCKET_STATES,
    snapshot::{Facts, Snapshot},
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
    let page = StatusPage {
        snapshot,
        recent: history.recent(snapshot),
        rates: history.requests_per_second(),
        facts: &snapshot.facts,
        open: snapshot.open().iter().sum(),
        closed: snapshot.totals.closed().iter().sum(),
    };
    page.to_string()
}

/// What the template shows.
#[derive(Template)]
#[template(path = "observe/page/status.html", config = "src/askama.toml")]
struct StatusPage<'s> {
    snapshot: &'s Snapshot,
    recent: Span,
    rates: Vec<f64>,
    facts: &'s Facts,
    open: u64,
    closed: u64,
}

impl StatusPage<'_> {
    fn state(&self) -> &'static str {
        match self.snapshot.facts.is_draining() {
            true => "stopping",
            false => "serving",
        }
    }

    fn per_second(&self, count: &u64) -> String {
        grouped(&(self.recent.rate(*count).round() as u64))
    }

    fn sent_per_second(&self) -> String {
        bytes(&(self.recent.rate(self.recent.totals[Count::BytesSent]) as u64))
    }

    /// How many connections a square stands for, if the busiest worker has the most squares.
    fn connections_per_square(&self) -> u64 {
        let most = (self.snapshot.workers.iter())
            .map(|open| open.iter().sum())
            .max();
        most.unwrap_or(0u64).div_ceil(picture::SQUARES_MAX).max(1)
    }

    /// Closed connections by number of requests: the bucket, all, and the recent ones.
    fn requests_per_connection(&self) -> impl Iterator<Item = (usize, (&u64, &u64))> {
        let all = self.snapshot.totals.requests_per_connection();
        let recent = self.recent.totals.requests_per_connection();
        let last = all.iter().rposition(|count| *count > 0).unwrap_or(1).max(4);
        all.iter().zip(recent).enumerate().take(last + 1)
    }

    /// Closed connections by reason, the most frequent first.
    fn reasons(&self) -> Vec<(&'static CloseReason, u64)> {
        let counts = self.snapshot.totals.closed().iter().copied();
        let counts = CloseReason::ALL.iter().zip(counts);
        let mut counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        counts
    }

    fn cache_hits(&self) -> String {
        let totals = &self.snapshot.totals;
        let hits = totals[Count::CacheHits];
        share(&hits, &(hits + totals[Count::CacheMisses]))
    }
}

#[cfg(test)]
mod tests;
