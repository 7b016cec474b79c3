//! Preconditions (RFC 9110 section 13).

use super::{date::HttpDate, etag::EntityTag, headers::Fields};

/// What a representation can be compared by.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'r> {
    /// Its entity tag, always strong.
    pub etag: &'r EntityTag,
    /// Its last modification; `None` where it cannot be told.
    pub last_modified: Option<HttpDate>,
}

/// The outcome of evaluating preconditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Perform the request.
    Proceed,
    /// 304: the client has it already.
    NotModified,
    /// 412: the client's assumption is false.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD in the order of RFC 9110
/// section 13.2.2.
pub fn evaluate(fields: &Fields<'_>, validators: Validators<'_>) -> Precondition {
    let _ = (fields, validators);
    todo!()
}

/// Whether `Range` is to be honoured under `If-Range` (section 13.1.5).
/// `date` is the moment of the answer: a date validator is strong only when
/// it is at least one second older (section 8.8.2.2).
pub fn if_range_holds(fields: &Fields<'_>, validators: Validators<'_>, date: HttpDate) -> bool {
    let _ = (fields, validators, date);
    todo!()
}
