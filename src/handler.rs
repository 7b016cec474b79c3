//! Decides the answer to a well-formed request: HTTP meets files here. It writes nothing. The
//! answers of the status listener are in [`status`].

pub mod page;
pub mod status;

use log::warn;
use rustix::io::Errno;

use crate::{
    files::{
        Folder, Found, Refusal, Selected, Turn, View,
        listing::{self, Form, Listing},
    },
    http::{
        conditional::{self, Precondition, Validators},
        content_coding::AcceptEncoding,
        date::HttpDate,
        method::Method,
        range::{self, ByteRange, RangeOutcome},
        request::{Expectation, Request},
        status::Status,
        target::{RequestPath, Target},
    },
};
use page::Page;
use status::StatusPages;

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// A representation of a file, or a part of it.
    Representation(Chosen),
    /// A page that the server generates.
    Page(Page),
    /// 204 with `Allow` (RFC 9110 section 9.3.7).
    Options,
    /// No answer yet: no descriptor is free for the file. Call [`answer`] again once one is, or
    /// send 503.
    NoDescriptor,
    /// No answer yet: a listing to be made in pieces. Once it is finished, call [`answer_listed`].
    Listing(Box<Listing>),
}

impl Answer {
    /// The number of parts of a multipart content, each of which may have to be read; 0 for any
    /// other.
    pub fn parts(&self) -> usize {
        match self {
            Answer::Representation(Chosen {
                part: Part::Ranges(ranges),
                ..
            }) => ranges.len(),
            _ => 0,
        }
    }

    /// Returns what was chosen if the answer depends only on `request` and the representation, and
    /// not on the time or on other files. Such an answer may be reused as long as the file is
    /// unchanged.
    pub fn lasting(&self, request: &Request<'_>) -> Option<&Chosen> {
        let Answer::Representation(chosen) = self else {
            return None;
        };
        let is_independent = chosen.part != Part::NotFound && chosen.vary.is_none();
        // A date in If-Range is compared with the date of the response.
        (is_independent && request.fields.if_range.is_none()).then_some(chosen)
    }
}

/// A representation and how to send it.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What is sent.
    pub selected: Selected,
    /// Which part of it, which also determines the status.
    pub part: Part,
    /// `Vary`, if the file is not served at its own path (RFC 9110 section 12.5.5). Overrides that
    /// of the representation.
    pub vary: Option<&'static str>,
}

impl Chosen {
    /// An answer with a file at its own path.
    pub fn answer(selected: Selected, part: Part) -> Answer {
        Answer::Representation(Chosen {
            selected,
            part,
            vary: None,
        })
    }
}

/// Which part of a representation is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing: 304.
    NotModified,
    /// The whole: 200.
    Whole,
    /// The whole, as the site's page for missing files: 404.
    NotFound,
    /// One range: 206.
    Range(ByteRange),
    /// Several: 206 as multipart/byteranges.
    Ranges(Vec<ByteRange>),
}

impl Part {
    /// The status of the response.
    pub fn status(&self) -> Status {
        match self {
            Part::NotModified => Status::NotModified,
            Part::Whole => Status::Ok,
            Part::NotFound => Status::NotFound,
            Part::Range(_) | Part::Ranges(_) => Status::PartialContent,
        }
    }
}

/// The context of an answer, besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The files, and how they are served.
    pub view: &'a View,
    /// The status pages, which replace the files on the status listener.
    pub status: Option<&'a StatusPages>,
    /// The current turn.
    pub turn: Turn,
    /// The `Date` of the response.
    pub date: HttpDate,
}

/// Answers a request whose head and body are well-formed.
pub fn answer(request: &Request<'_>, basis: Basis<'_>) -> Answer {
    if request.expectation == Expectation::Unknown {
        return Answer::Page(Page::of(Status::ExpectationFailed));
    }
    match (request.method, request.target) {
        (Method::Get | Method::Head, Target::Path { path, query }) => match basis.status {
            None => answer_path(request, path, query, basis),
            Some(pages) => pages.answer(path),
        },
        (Method::Get | Method::Head, Target::Authority | Target::Asterisk) => {
            Answer::Page(Page::refused(Status::BadRequest))
        }
        // A malformed path is 400 whatever the method.
        (_, Target::Path { path, .. }) if RequestPath::new(path).is_none() => {
            Answer::Page(Page::refused(Status::BadRequest))
        }
        (Method::Options, _) => Answer::Options,
        (Method::Other, _) => Answer::Page(Page::of(Status::MethodNotAllowed)),
        (Method::Connect, _) => Answer::Page(Page::refused(Status::MethodNotAllowed)),
        (Method::Unknown, _) => Answer::Page(Page::of(Status::NotImplemented)),
    }
}

fn answer_path(request: &Request<'_>, path: &str, query: Option<&str>, basis: Basis<'_>) -> Answer {
    let Some(path) = RequestPath::new(path) else {
        return Answer::Page(Page::refused(Status::BadRequest));
    };
    let accept = AcceptEncoding::parse(request.fields.accept_encoding);
    match basis.view.find(&path, accept, basis.turn) {
        Ok(Found::File(selected)) => answer_file(request, selected, basis.date),
        Ok(Found::FolderWithoutSlash) => Answer::Page(Page::redirect_to_folder(
            &path,
            query,
            &basis.view.options().cache_control,
        )),
        Ok(Found::Folder(folder)) => answer_folder(request, query, folder),
        Err(refusal) => answer_refusal(request, &path, refusal, basis),
    }
}

/// Answers with a file: first the preconditions, then the range (RFC 9110 section 13.2.2).
fn answer_file(request: &Request<'_>, selected: Selected, date: HttpDate) -> Answer {
    let validators = Validators {
        etag: Some(selected.fields.etag()),
        last_modified: selected.last_modified,
    };
    match conditional::evaluate(&request.fields, validators) {
        Precondition::Proceed => {}
        Precondition::NotModified => return Chosen::answer(selected, Part::NotModified),
        Precondition::Failed => return Answer::Page(Page::of(Status::PreconditionFailed)),
    }
    // Range is defined only for GET (section 14.2).
    let outcome = match request.fields.range {
        Some(value)
            if request.method == Method::Get
                && conditional::if_range_holds(&request.fields, validators, date) =>
        {
            range::resolve(value, selected.identity.size)
        }
        _ => RangeOutcome::Whole,
    };
    match outcome {
        RangeOutcome::Whole => Chosen::answer(selected, Part::Whole),
        RangeOutcome::Unsatisfiable => {
            Answer::Page(Page::range_not_satisfiable(selected.identity.size))
        }
        RangeOutcome::Single(range) => Chosen::answer(selected, Part::Range(range)),
        RangeOutcome::Multiple(ranges) => Chosen::answer(selected, Part::Ranges(ranges)),
    }
}

/// Answers with a listing, which exists but has no validators.
fn answer_folder(request: &Request<'_>, query: Option<&str>, folder: Folder) -> Answer {
    match conditional::evaluate(&request.fields, Validators::default()) {
        Precondition::Proceed => {}
        Precondition::NotModified => return Answer::Page(Page::listing_not_modified()),
        Precondition::Failed => return Answer::Page(Page::of(Status::PreconditionFailed)),
    }
    let form = match page::prefers_json(request.fields.accept) {
        true => Form::Json,
        false => Form::Html,
    };
    let sort = listing::Sort::from_query(query);
    Answer::Listing(Box::new(Listing::new(folder, form, sort)))
}

/// Answers the request of an [`Answer::Listing`] with the finished page or the error.
pub fn answer_listed(
    request: &Request<'_>,
    listed: Result<Page, Refusal>,
    basis: Basis<'_>,
) -> Answer {
    let path = match request.target {
        Target::Path { path, .. } => RequestPath::new(path),
        _ => None,
    };
    match (listed, path) {
        (Ok(page), _) => Answer::Page(page),
        (Err(refusal), Some(path)) => answer_refusal(request, &path, refusal, basis),
        (Err(_), None) => Answer::Page(Page::refused(Status::BadRequest)),
    }
}

/// Answers with an error; the one place that maps a [`Refusal`] to a status.
fn answer_refusal(
    request: &Request<'_>,
    path: &RequestPath<'_>,
    refusal: Refusal,
    basis: Basis<'_>,
) -> Answer {
    let (status, error) = match refusal {
        Refusal::NotFound => return answer_not_found(request, path, basis),
        Refusal::Forbidden => (Status::Forbidden, None),
        Refusal::NotAcceptable => (Status::NotAcceptable, None),
        Refusal::Overloaded => (Status::ServiceUnavailable, None),
        Refusal::Exhausted(error) => match Errno::from_io_error(&error) {
            Some(Errno::MFILE | Errno::NFILE) => return Answer::NoDescriptor,
            _ => (Status::ServiceUnavailable, Some(error)),
        },
        Refusal::Failed(error) => (Status::InternalServerError, Some(error)),
    };
    if let Some(error) = error {
        warn!("cannot read {}: {error}", path.as_bytes().escape_ascii());
    }
    Answer::Page(Page::of(status))
}

/// The answer for a missing file: the file of `--spa` if a page is requested, else the site's
/// `404.html`, else the built-in page. With `--spa` the answer depends on `Accept`.
fn answer_not_found(request: &Request<'_>, path: &RequestPath<'_>, basis: Basis<'_>) -> Answer {
    let Some(spa) = &basis.view.options().spa else {
        return answer_404(basis);
    };
    let mut answer = answer_spa(request, path, spa, basis).unwrap_or_else(|| answer_404(basis));
    match &mut answer {
        Answer::Representation(chosen) => chosen.vary = Some("Accept, Accept-Encoding"),
        Answer::Page(page) if page.status == Status::NotAcceptable => {
            page.vary = Some("Accept, Accept-Encoding");
        }
        Answer::Page(page) => page.vary = Some("Accept"),
        Answer::Options | Answer::NoDescriptor | Answer::Listing(_) => {}
    }
    answer
}

/// The answer with the file `spa`, if a page is requested and the file may be served. If the system
/// fails to read it, or the client accepts no coding of it, that is not a 404.
fn answer_spa(
    request: &Request<'_>,
    path: &RequestPath<'_>,
    spa: &str,
    basis: Basis<'_>,
) -> Option<Answer> {
    if !page::asks_for_html(request.fields.accept) || !may_be_a_page(path, basis) {
        return None;
    }
    let file = format!("/{spa}");
    let file = RequestPath::new(&file)?;
    let accept = AcceptEncoding::parse(request.fields.accept_encoding);
    match basis.view.find(&file, accept, basis.turn) {
        Ok(Found::File(selected)) => Some(answer_file(request, selected, basis.date)),
        Err(Refusal::NotFound | Refusal::Forbidden) => None,
        Err(refusal) => Some(answer_refusal(request, &file, refusal, basis)),
        Ok(_) => None,
    }
}

fn answer_404(basis: Basis<'_>) -> Answer {
    let find = |path| basis.view.find(&path, AcceptEncoding::IDENTITY, basis.turn);
    match RequestPath::new("/404.html").map(find) {
        Some(Ok(Found::File(selected))) => Chosen::answer(selected, Part::NotFound),
        _ => Answer::Page(Page::of(Status::NotFound)),
    }
}

/// Whether a missing path could be a page of a single-page application: it is not hidden and does
/// not have the extension of a subresource. So a missing image is 404 even if `Accept` allows HTML.
fn may_be_a_page(path: &RequestPath<'_>, basis: Basis<'_>) -> bool {
    const SUBRESOURCES: &[&str] = &[
        "image/",
        "audio/",
        "video/",
        "font/",
        "text/css",
        "text/javascript",
        "application/json",
        "application/wasm",
    ];
    let media_type = basis.view.media_type(path);
    !path.is_hidden() && !SUBRESOURCES.iter().any(|part| media_type.starts_with(part))
}
