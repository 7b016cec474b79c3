//! The one place where HTTP meets files: a well-formed request in, an
//! [`Answer`] out. It decides and writes nothing.

pub mod page;

use log::warn;

use crate::{
    config::SiteOptions,
    files::{Folder, Found, Refusal, Selected, Turn, View, listing},
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

/// What answers a request.
#[derive(Debug)]
pub enum Answer {
    /// A representation, all or part of it.
    Representation(Status, Selected, Part),
    /// A page that the server writes itself.
    Page(Page),
    /// 204, with what may be asked (RFC 9110 section 9.3.7).
    Options,
}

/// Which part of a representation is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing: 304.
    None,
    /// All.
    Whole,
    /// One range: 206.
    Range(ByteRange),
    /// Several: 206 as multipart/byteranges.
    Ranges(Vec<ByteRange>),
}

/// What an answer is made from, besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The files.
    pub view: &'a View,
    /// How they are served.
    pub options: &'a SiteOptions,
    /// The turn of the poll.
    pub turn: Turn,
    /// The `Date` of the answer.
    pub date: HttpDate,
}

/// Answers a request whose head and body are well-formed.
pub fn answer(request: &Request<'_>, place: Place<'_>) -> Answer {
    if request.expectation == Expectation::Unknown {
        return Answer::Page(Page::of(Status::ExpectationFailed));
    }
    match request.method {
        Method::Get | Method::Head => match request.target {
            Target::Path { path, query } => answer_path(request, path, query, place),
            Target::Authority | Target::Asterisk => Answer::Page(Page::refused()),
        },
        Method::Options => Answer::Options,
        Method::NotAllowed | Method::Trace => Answer::Page(Page::of(Status::MethodNotAllowed)),
        Method::Connect => Answer::Page(Page {
            refused: true,
            ..Page::of(Status::MethodNotAllowed)
        }),
        Method::Unknown => Answer::Page(Page::of(Status::NotImplemented)),
    }
}

fn answer_path(
    request: &Request<'_>,
    path: &str,
    query: Option<&str>,
    place: Place<'_>,
) -> Answer {
    let Ok(path) = RequestPath::new(path) else {
        return Answer::Page(Page::refused());
    };
    let accept = AcceptEncoding::parse(request.fields.accept_encoding);
    match place.view.find(&path, accept, place.turn) {
        Ok(Found::File(selected)) => answer_file(request, selected, place.date),
        Ok(Found::FolderWithoutSlash) => Answer::Page(Page::redirect_to_folder(
            &path,
            query,
            &place.options.cache_control,
        )),
        Ok(Found::Folder(folder)) => answer_listing(request, &path, query, &folder),
        Err(refusal) => answer_refusal(request, &path, refusal, place),
    }
}

/// A file: first what the client has already, then what part it wants
/// (RFC 9110 section 13.2.2).
fn answer_file(request: &Request<'_>, selected: Selected, date: HttpDate) -> Answer {
    let validators = Validators {
        etag: &selected.etag,
        last_modified: selected.last_modified,
    };
    match conditional::evaluate(&request.fields, validators) {
        Precondition::Proceed => {}
        Precondition::NotModified => {
            return Answer::Representation(Status::NotModified, selected, Part::None);
        }
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
        RangeOutcome::Whole => Answer::Representation(Status::Ok, selected, Part::Whole),
        RangeOutcome::Unsatisfiable => {
            Answer::Page(Page::range_not_satisfiable(selected.identity.size))
        }
        RangeOutcome::Single(range) => {
            Answer::Representation(Status::PartialContent, selected, Part::Range(range))
        }
        RangeOutcome::Multiple(ranges) => {
            Answer::Representation(Status::PartialContent, selected, Part::Ranges(ranges))
        }
    }
}

fn answer_listing(
    request: &Request<'_>,
    path: &RequestPath<'_>,
    query: Option<&str>,
    folder: &Folder,
) -> Answer {
    let mut entries = match folder.entries() {
        Ok(entries) => entries,
        Err(error) => {
            warn!("cannot list {}: {error}", path.as_bytes().escape_ascii());
            return Answer::Page(Page::of(Status::InternalServerError));
        }
    };
    let sort = listing::Sort::from_query(query);
    Answer::Page(if page::prefers_json(request.fields.accept) {
        Page::listing_json(listing::json(&mut entries, sort))
    } else {
        Page::listing_html(listing::html(path.as_bytes(), &mut entries, sort))
    })
}

/// Nothing is served: the one place that gives a refusal its status.
fn answer_refusal(
    request: &Request<'_>,
    path: &RequestPath<'_>,
    refusal: Refusal,
    place: Place<'_>,
) -> Answer {
    let (status, error) = match refusal {
        Refusal::NotFound => return answer_not_found(request, place),
        Refusal::Forbidden => (Status::Forbidden, None),
        Refusal::NotAcceptable => (Status::NotAcceptable, None),
        Refusal::Exhausted(error) => (Status::ServiceUnavailable, Some(error)),
        Refusal::Failed(error) => (Status::InternalServerError, Some(error)),
    };
    if let Some(error) = error {
        warn!("cannot read {}: {error}", path.as_bytes().escape_ascii());
    }
    Answer::Page(Page::of(status))
}

/// The site's own page for what is not there: `--spa FILE` for a page, else
/// its `404.html`, else ours.
fn answer_not_found(request: &Request<'_>, place: Place<'_>) -> Answer {
    let own = |name: &str, accept| {
        let path = format!("/{name}");
        match place.view.find(&RequestPath::new(&path).ok()?, accept, place.turn) {
            Ok(Found::File(selected)) => Some(selected),
            _ => None,
        }
    };
    if let Some(spa) = &place.options.spa
        && page::asks_for_html(request.fields.accept)
        && let Some(selected) = own(spa, AcceptEncoding::parse(request.fields.accept_encoding))
    {
        return answer_file(request, selected, place.date);
    }
    match own("404.html", AcceptEncoding::IDENTITY) {
        Some(selected) => Answer::Representation(Status::NotFound, selected, Part::Whole),
        None => Answer::Page(Page::of(Status::NotFound)),
    }
}
