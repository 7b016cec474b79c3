//! The one place where HTTP meets files: a well-formed request in, an
//! [`Answer`] out. It decides and writes nothing. What the status listener
//! answers in their place is in [`status`].

pub mod page;
pub mod status;

use std::io;

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

/// What answers a request.
#[derive(Debug)]
pub enum Answer {
    /// A representation, all or part of it.
    Representation(Chosen),
    /// A page that the server writes itself.
    Page(Page),
    /// 204, with what may be asked (RFC 9110 section 9.3.7).
    Options,
    /// None yet: there is no descriptor for the file. To be asked again once
    /// one is free; 503 to who cannot wait.
    NoDescriptor,
    /// None yet: a folder's listing, to be made piece by piece. Once it is
    /// finished, [`answer_listed`] answers.
    Listing(Box<Listing>),
}

impl Answer {
    /// How many parts its content is put together from, each of which may have
    /// to be read; 0 where it goes out as it lies.
    pub fn parts(&self) -> usize {
        match self {
            Answer::Representation(Chosen {
                part: Part::Ranges(ranges),
                ..
            }) => ranges.len(),
            _ => 0,
        }
    }
}

/// A representation, and how it is sent.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What is sent.
    pub selected: Selected,
    /// How much of it, and as what.
    pub part: Part,
    /// Which fields of the request led to it, where it is not found at its own
    /// address (RFC 9110 section 12.5.5). It stands for what the representation
    /// says itself.
    pub vary: Option<&'static str>,
}

impl Chosen {
    /// The answer that is so much of it, found at its own address.
    pub fn answer(selected: Selected, part: Part) -> Answer {
        Answer::Representation(Chosen {
            selected,
            part,
            vary: None,
        })
    }
}

impl Answer {
    /// What was chosen, where the same `request` gets the same answer for as
    /// long as the representation is what it is: nothing else has a say in it,
    /// neither the time nor what else lies beneath the root.
    pub fn lasting(&self, request: &Request<'_>) -> Option<&Chosen> {
        let Answer::Representation(chosen) = self else {
            return None;
        };
        let by_itself = chosen.part != Part::NotFound && chosen.vary.is_none();
        // A date in If-Range is compared with that of the answer.
        (by_itself && request.fields.if_range.is_none()).then_some(chosen)
    }
}

/// Which part of a representation is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing: 304.
    NotModified,
    /// All: 200.
    Whole,
    /// All, as the site's own page for what is not there: 404.
    NotFound,
    /// One range: 206.
    Range(ByteRange),
    /// Several: 206 as multipart/byteranges.
    Ranges(Vec<ByteRange>),
}

impl Part {
    /// The status that tells it.
    pub fn status(&self) -> Status {
        match self {
            Part::NotModified => Status::NotModified,
            Part::Whole => Status::Ok,
            Part::NotFound => Status::NotFound,
            Part::Range(_) | Part::Ranges(_) => Status::PartialContent,
        }
    }
}

/// What an answer is made from, besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The files, and how they are served.
    pub view: &'a View,
    /// What is answered in their place, on the status listener.
    pub status: Option<&'a StatusPages>,
    /// The turn of the poll.
    pub turn: Turn,
    /// The `Date` of the answer.
    pub date: HttpDate,
}

/// Answers a request whose head and body are well-formed.
pub fn answer(request: &Request<'_>, basis: Basis<'_>) -> Answer {
    if request.expectation == Expectation::Unknown {
        return Answer::Page(Page::of(Status::ExpectationFailed));
    }
    match request.method {
        Method::Get | Method::Head => match request.target {
            Target::Path { path, query } => match basis.status {
                None => answer_path(request, path, query, basis),
                Some(pages) => pages.answer(path),
            },
            Target::Authority | Target::Asterisk => Answer::Page(Page::refused(Status::BadRequest)),
        },
        // What a target must be does not depend on what is asked of it.
        _ if !is_sound(request.target) => Answer::Page(Page::refused(Status::BadRequest)),
        Method::Options => Answer::Options,
        Method::NotAllowed | Method::Trace => Answer::Page(Page::of(Status::MethodNotAllowed)),
        Method::Connect => Answer::Page(Page::refused(Status::MethodNotAllowed)),
        Method::Unknown => Answer::Page(Page::of(Status::NotImplemented)),
    }
}

fn is_sound(target: Target<'_>) -> bool {
    match target {
        Target::Path { path, .. } => RequestPath::new(path).is_some(),
        Target::Authority | Target::Asterisk => true,
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
        Ok(Found::Folder(folder)) => answer_folder(request, &path, query, folder),
        Err(refusal) => answer_refusal(request, &path, refusal, basis),
    }
}

/// A file: first what the client has already, then what part it wants
/// (RFC 9110 section 13.2.2).
fn answer_file(request: &Request<'_>, selected: Selected, date: HttpDate) -> Answer {
    let validators = Validators {
        etag: Some(&selected.etag),
        last_modified: selected.last_modified,
    };
    match conditional::evaluate(&request.fields, validators) {
        Precondition::Proceed => {}
        Precondition::NotModified => return Chosen::answer(selected, Part::NotModified),
        Precondition::Failed => return Answer::Page(Page::of(Status::PreconditionFailed)),
    }
    // Range is defined for GET alone (section 14.2).
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

/// A listing: something is there, but nothing that it could be compared by.
fn answer_folder(
    request: &Request<'_>,
    path: &RequestPath<'_>,
    query: Option<&str>,
    folder: Folder,
) -> Answer {
    let validators = Validators {
        etag: None,
        last_modified: None,
    };
    match conditional::evaluate(&request.fields, validators) {
        Precondition::Proceed => {}
        Precondition::NotModified => return Answer::Page(Page::listing_not_modified()),
        Precondition::Failed => return Answer::Page(Page::of(Status::PreconditionFailed)),
    }
    let form = match page::prefers_json(request.fields.accept) {
        true => Form::Json,
        false => Form::Html,
    };
    let sort = listing::Sort::from_query(query);
    Answer::Listing(Box::new(Listing::new(folder, path.as_bytes(), form, sort)))
}

/// Answers the request of an [`Answer::Listing`] with what that came to.
pub fn answer_listed(
    request: &Request<'_>,
    listed: Result<Page, Refusal>,
    basis: Basis<'_>,
) -> Answer {
    let refusal = match listed {
        Ok(page) => return Answer::Page(page),
        Err(refusal) => refusal,
    };
    if let Target::Path { path, .. } = request.target
        && let Some(path) = RequestPath::new(path)
    {
        answer_refusal(request, &path, refusal, basis)
    } else {
        Answer::Page(Page::refused(Status::BadRequest))
    }
}

/// Nothing is served: the one place that gives a refusal its status.
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
        Refusal::Exhausted(error) if is_no_descriptor(&error) => return Answer::NoDescriptor,
        Refusal::Exhausted(error) => (Status::ServiceUnavailable, Some(error)),
        Refusal::Failed(error) => (Status::InternalServerError, Some(error)),
    };
    if let Some(error) = error {
        warn!("cannot read {}: {error}", path.as_bytes().escape_ascii());
    }
    Answer::Page(Page::of(status))
}

/// Whether the process or the system has no descriptor left.
fn is_no_descriptor(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

/// The site's own page for what is not there: `--spa FILE` for a page, else
/// its `404.html`, else ours. Where there is such a FILE, `Accept` decides.
fn answer_not_found(request: &Request<'_>, path: &RequestPath<'_>, basis: Basis<'_>) -> Answer {
    let own = |path: &str, accept| {
        let path = RequestPath::new(path)?;
        match basis.view.find(&path, accept, basis.turn) {
            Ok(Found::File(selected)) => Some(selected),
            _ => None,
        }
    };
    let spa = basis.view.options().spa.as_ref();
    let mut answer = if let Some(spa) = spa
        && page::asks_for_html(request.fields.accept)
        && may_be_a_page(path, basis)
        && let Some(selected) = own(
            &format!("/{spa}"),
            AcceptEncoding::parse(request.fields.accept_encoding),
        ) {
        answer_file(request, selected, basis.date)
    } else if let Some(selected) = own("/404.html", AcceptEncoding::IDENTITY) {
        Chosen::answer(selected, Part::NotFound)
    } else {
        Answer::Page(Page::of(Status::NotFound))
    };
    if spa.is_some() {
        match &mut answer {
            Answer::Representation(chosen) => chosen.vary = Some("Accept, Accept-Encoding"),
            Answer::Page(page) => page.vary = Some("Accept"),
            Answer::Options | Answer::NoDescriptor | Answer::Listing(_) => {}
        }
    }
    answer
}

/// Whether a path that names no file could be a page of an application: it
/// hides nothing, and does not end like what a page is made of. A picture
/// asked for from the address bar is missing all the same.
fn may_be_a_page(path: &RequestPath<'_>, basis: Basis<'_>) -> bool {
    const MADE_OF: &[&str] = &[
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
    !path.is_hidden() && !MADE_OF.iter().any(|part| media_type.starts_with(part))
}
