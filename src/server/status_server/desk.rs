//! What the status listener answers.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::kernel_watch::KernelWatch;
use crate::{
    files::Site,
    http::{
        date::HttpDate,
        method::Method,
        persistence::{CloseCause, Persistence},
        request::Request,
        response::{CommonFields, Head},
        status::Status,
        target::Target,
    },
    observe::{
        history::History,
        json, metrics,
        page::{self, CONTENT_SECURITY_POLICY},
        snapshot::{Facts, Snapshot},
    },
};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Page,
    Style,
    Script,
    Json,
    Metrics,
    Health,
    /// None of these: the answer is this error.
    Error(Status),
}

impl Asked {
    /// What a well-formed request asks for.
    pub(super) fn by(request: &Request<'_>) -> Asked {
        match request.method {
            Method::Get | Method::Head => {}
            Method::Unknown => return Asked::Error(Status::NotImplemented),
            _ => return Asked::Error(Status::MethodNotAllowed),
        }
        let Target::Path { path, .. } = request.target else {
            return Asked::Error(Status::BadRequest);
        };
        match path {
            "/" => Asked::Page,
            "/status.css" => Asked::Style,
            "/status.js" => Asked::Script,
            "/status.json" => Asked::Json,
            "/metrics" => Asked::Metrics,
            "/healthz" => Asked::Health,
            _ => Asked::Error(Status::NotFound),
        }
    }
}

/// Where answers are made.
#[derive(Debug)]
pub(super) struct Desk {
    facts: Arc<Facts>,
    site: Arc<Site>,
    kernel: Option<Arc<KernelWatch>>,
    history: History,
    /// Of this turn: the answers of one turn are made from one look.
    snapshot: Option<Snapshot>,
}

impl Desk {
    pub(super) fn new(
        facts: Arc<Facts>,
        site: Arc<Site>,
        kernel: Option<Arc<KernelWatch>>,
    ) -> Desk {
        Desk {
            facts,
            site,
            kernel,
            history: History::default(),
            snapshot: None,
        }
    }

    /// To be called after each turn: what is asked for later is looked up
    /// anew, so that an answer is never older than its request.
    pub(super) fn end_turn(&mut self) {
        self.snapshot = None;
    }

    /// The whole answer.
    pub(super) fn reply(&mut self, asked: Asked, is_head: bool) -> Vec<u8> {
        let (status, media_type, body) = self.content(asked);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.map_or(0, |since| since.as_secs());
        let date = HttpDate::from_unix_seconds(i64::try_from(seconds).unwrap_or(0));
        let policy = ("Cross-Origin-Resource-Policy".into(), "same-origin".into());
        let common = CommonFields::new(&[policy], date);
        let persistence = Persistence::Close(CloseCause::KeepAliveOff);
        let mut reply = Vec::with_capacity(body.len() + 512);
        let head = Head {
            allow: (status == Status::MethodNotAllowed).then_some("GET, HEAD"),
            cache_control: Some("no-store"),
            content_security_policy: Some(CONTENT_SECURITY_POLICY),
            content_type: Some(media_type),
            content_length: Some(body.len() as u64),
            ..Head::new(status, &common, persistence)
        };
        head.write(&mut reply);
        if !is_head {
            reply.extend_from_slice(body.as_bytes());
        }
        reply
    }

    fn content(&mut self, asked: Asked) -> (Status, &'static str, Cow<'static, str>) {
        const TEXT: &str = "text/plain; charset=utf-8";
        match asked {
            Asked::Page => {
                let page = self.page();
                (Status::Ok, "text/html; charset=utf-8", page.into())
            }
            Asked::Style => (Status::Ok, "text/css; charset=utf-8", page::STYLE.into()),
            Asked::Script => (
                Status::Ok,
                "text/javascript; charset=utf-8",
                page::SCRIPT.into(),
            ),
            Asked::Json => {
                let json = json::json(self.snapshot());
                (Status::Ok, "application/json", json.into())
            }
            Asked::Metrics => {
                let metrics = metrics::metrics(self.snapshot());
                (Status::Ok, metrics::MEDIA_TYPE, metrics.into())
            }
            Asked::Health if self.facts.is_draining() => {
                (Status::ServiceUnavailable, TEXT, "draining\n".into())
            }
            Asked::Health => (Status::Ok, TEXT, "serving\n".into()),
            Asked::Error(status) => {
                let text = format!("{} {}\n", status.code(), status.reason());
                (status, TEXT, text.into())
            }
        }
    }

    fn page(&mut self) -> String {
        self.snapshot();
        let Some(snapshot) = &self.snapshot else {
            return String::new();
        };
        self.history.note(snapshot);
        page::page(snapshot, &self.history)
    }

    fn snapshot(&mut self) -> &Snapshot {
        self.snapshot.get_or_insert_with(|| {
            self.facts.cache_bytes.set(self.site.cache_bytes());
            let kernel = self.kernel.as_ref().and_then(|kernel| kernel.view());
            self.facts.snapshot(Instant::now(), kernel)
        })
    }
}
