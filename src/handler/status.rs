//! The answers of the status listener: the pages of [`observe`](crate::observe).

use std::{borrow::Cow, cell::RefCell, sync::Arc};

use super::{Answer, page::Page};
use crate::{
    config::{Endpoint, Moment},
    files::Site,
    http::status::Status,
    observe::{
        history::History,
        json,
        kernel::Kernel,
        metrics,
        page::{self, CONTENT_SECURITY_POLICY},
        snapshot::{Facts, Snapshot},
    },
};

/// The pages of the status listener, in place of files.
#[derive(Debug)]
pub struct StatusPages {
    facts: Arc<Facts>,
    site: Arc<Site>,
    kernel: RefCell<Option<Kernel>>,
    history: RefCell<History>,
}

impl StatusPages {
    /// The pages about the server with these `facts`.
    pub fn new(facts: Arc<Facts>, site: Arc<Site>, kernel: Option<Kernel>) -> StatusPages {
        StatusPages {
            facts,
            site,
            kernel: RefCell::new(kernel),
            history: RefCell::default(),
        }
    }

    /// Answers a GET or HEAD of `path`.
    pub(super) fn answer(&self, path: &str) -> Answer {
        const TEXT: &str = "text/plain; charset=utf-8";
        let mut status = Status::Ok;
        let (content_type, body): (&str, Cow<'static, str>) = match path {
            "/" => ("text/html; charset=utf-8", self.page().into()),
            "/status.css" => ("text/css; charset=utf-8", page::STYLE.into()),
            "/status.js" => ("text/javascript; charset=utf-8", page::SCRIPT.into()),
            "/status.json" => ("application/json", json::json(&self.snapshot()).into()),
            "/metrics" => (
                metrics::MEDIA_TYPE,
                metrics::metrics(&self.snapshot()).into(),
            ),
            "/healthz" if self.facts.is_draining() => {
                status = Status::ServiceUnavailable;
                (TEXT, "draining\n".into())
            }
            "/healthz" => (TEXT, "serving\n".into()),
            _ => return Answer::Page(Page::of(Status::NotFound)),
        };
        Answer::Page(Page {
            status,
            body,
            content_type,
            content_security_policy: CONTENT_SECURITY_POLICY,
            cache_control: "no-store".into(),
            ..Page::of(Status::Ok)
        })
    }

    fn page(&self) -> String {
        let snapshot = self.snapshot();
        let mut history = self.history.borrow_mut();
        history.note(&snapshot);
        page::page(&snapshot, &history)
    }

    fn snapshot(&self) -> Snapshot {
        let listeners = self.facts.listeners.iter().filter_map(Endpoint::tcp);
        let listeners: Vec<_> = listeners.collect();
        let mut kernel = self.kernel.borrow_mut();
        let kernel = kernel.as_mut().and_then(|kernel| kernel.view(&listeners));
        self.facts
            .snapshot(Moment::now(), self.site.cache_bytes(), kernel)
    }
}
