//! Preconditions (RFC 9110 section 13).

use super::{
    date::HttpDate,
    etag::{self, ListedTag},
    headers::{FieldValues, Fields},
};

/// The validators of a representation; none by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Validators<'r> {
    /// Its entity tag, always strong. With `None` only `*` matches (sections 13.1.1 and 13.1.2).
    pub etag: Option<&'r [u8]>,
    /// Its modification date. With `None` date conditions are ignored (sections 13.1.3 and 13.1.4).
    pub last_modified: Option<HttpDate>,
}

/// The outcome of evaluating preconditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Perform the request.
    Proceed,
    /// 304: the client's copy is current.
    NotModified,
    /// 412: a precondition is false.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD in the order of RFC 9110
/// section 13.2.2.
///
/// Dates are compared only with the file's date. A date in the future is valid: RFC 2616 ignored
/// it, but its successors dropped that rule.
pub fn evaluate(fields: &Fields<'_>, validators: Validators<'_>) -> Precondition {
    let (etag, last_modified) = (validators.etag, validators.last_modified);

    // Steps 1 and 2: If-Unmodified-Since is evaluated only without If-Match.
    if !fields.if_match.is_absent() {
        if !matches(fields.if_match, etag, Comparison::Strong) {
            return Precondition::Failed;
        }
    } else if let Some((modified, since)) = dates(last_modified, fields.if_unmodified_since)
        && modified > since
    {
        return Precondition::Failed;
    }

    // Steps 3 and 4: If-Modified-Since is evaluated only without If-None-Match, even if that
    // matches nothing or is malformed.
    if !fields.if_none_match.is_absent() {
        if matches(fields.if_none_match, etag, Comparison::Weak) {
            return Precondition::NotModified;
        }
    } else if let Some((modified, since)) = dates(last_modified, fields.if_modified_since)
        && modified <= since
    {
        return Precondition::NotModified;
    }

    // Step 5 is `if_range_holds`; step 6 is to perform the request.
    Precondition::Proceed
}

/// Whether `If-Range` allows `Range` to be applied (section 13.1.5). `date` is the date of the
/// response: a date validator is strong only if it is at least one second older (section 8.8.2.2).
///
/// A weak tag, an invalid date or anything malformed is false.
pub fn if_range_holds(fields: &Fields<'_>, validators: Validators<'_>, date: HttpDate) -> bool {
    let Some(value) = fields.if_range else {
        return true;
    };
    // The tag of a file is strong, so an equal tag is strong.
    if (validators.etag).is_some_and(|etag| value == etag) {
        return true;
    }
    dates(validators.last_modified, Some(value))
        .is_some_and(|(modified, validator)| modified == validator && modified < date)
}

/// How entity tags are compared (section 8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// Equal, and neither is weak.
    Strong,
    /// Equal, weak or not.
    Weak,
}

/// Whether the list in `lines` contains `etag`, or is `*` (sections 13.1.1 and 13.1.2). A malformed
/// element matches nothing.
fn matches(lines: FieldValues<'_>, etag: Option<&[u8]>, comparison: Comparison) -> bool {
    let (mut elements, mut any) = (0_usize, false);
    for element in lines.iter().flat_map(etag::listed) {
        elements += 1;
        match element {
            ListedTag::Any => any = true,
            ListedTag::Tag { weak, opaque } => {
                if Some(opaque) == etag && !(weak && comparison == Comparison::Strong) {
                    return true;
                }
            }
            ListedTag::Malformed => {}
        }
    }
    any && elements == 1
}

/// Both dates, if both are known and valid.
fn dates(modified: Option<HttpDate>, value: Option<&[u8]>) -> Option<(HttpDate, HttpDate)> {
    Some((modified?, HttpDate::parse(value?)?))
}

#[cfg(test)]
mod tests {
    use super::{
        super::headers::field,
        Precondition::{Failed, NotModified, Proceed},
        *,
    };

    // The representation under test: tag "3e8-1", modified at NOON.
    const BEFORE: &str = "Sun, 06 Nov 1994 11:59:59 GMT";
    const NOON: &str = "Sun, 06 Nov 1994 12:00:00 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 12:00:01 GMT";
    const FUTURE: &str = "Fri, 31 Dec 9999 23:59:59 GMT";

    fn date(text: &str) -> HttpDate {
        HttpDate::parse(text.as_bytes()).expect("a valid date")
    }

    /// Calls `with` on the fields of a head of these lines.
    fn with_fields<T>(head: &[(&str, &str)], with: impl FnOnce(&Fields<'_>) -> T) -> T {
        let lines: Vec<_> = head
            .iter()
            .map(|(name, value)| field(name, *value))
            .collect();
        let single = |name| FieldValues::new(&lines, name).iter().next();
        with(&Fields {
            if_match: FieldValues::new(&lines, "if-match"),
            if_none_match: FieldValues::new(&lines, "if-none-match"),
            if_modified_since: single("if-modified-since"),
            if_unmodified_since: single("if-unmodified-since"),
            if_range: single("if-range"),
            ..Fields::default()
        })
    }

    fn outcome(head: &[(&str, &str)], last_modified: Option<HttpDate>) -> Precondition {
        let validators = Validators {
            etag: Some(br#""3e8-1""#),
            last_modified,
        };
        with_fields(head, |fields| evaluate(fields, validators))
    }

    fn check(head: &[(&str, &str)], expected: Precondition) {
        assert_eq!(outcome(head, Some(date(NOON))), expected, "{head:?}");
    }

    #[test]
    fn without_preconditions_the_request_is_performed() {
        check(&[], Proceed);
        check(&[("Host", "a")], Proceed);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for (value, expected) in [
            (r#""3e8-1""#, NotModified),
            (r#"W/"3e8-1""#, NotModified),
            ("*", NotModified),
            (" * ", NotModified),
            (r#""a", "3e8-1""#, NotModified),
            (r#""a,b",W/"3e8-1""#, NotModified),
            (r#"junk, "3e8-1""#, NotModified),
            (r#""3E8-1""#, Proceed),
            (r#""3e8-1-gz""#, Proceed),
            ("3e8-1", Proceed),
            (r#"w/"3e8-1""#, Proceed),
            (r#""3e8-1"#, Proceed),
            (r#"3e8-1""#, Proceed),
            (r#"'3e8-1'"#, Proceed),
            (r#""3e8-1"x"#, Proceed),
            (r#""x,"3e8-1",y""#, Proceed),
            (r#""a 3e8-1""#, Proceed),
            (r#"*, "a""#, Proceed),
            ("*, *", Proceed),
            ("**", Proceed),
            (r#""*""#, Proceed),
            (r#""""#, Proceed),
            ("", Proceed),
            (",", Proceed),
        ] {
            check(&[("If-None-Match", value)], expected);
        }
    }

    #[test]
    fn if_match_compares_strongly() {
        for (value, expected) in [
            (r#""3e8-1""#, Proceed),
            (r#""a","3e8-1""#, Proceed),
            ("*", Proceed),
            (r#"W/"3e8-1""#, Failed),
            (r#""a""#, Failed),
            ("3e8-1", Failed),
            (r#"*, "a""#, Failed),
            ("", Failed),
        ] {
            check(&[("If-Match", value)], expected);
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let (inm, im) = ("If-None-Match", "if-match");
        check(&[(inm, r#""a""#), (inm, r#""3e8-1""#)], NotModified);
        check(&[(inm, r#""a""#), ("Host", "a"), (inm, r#""b""#)], Proceed);
        check(&[(inm, "*"), (inm, r#""a""#)], Proceed);
        check(&[(im, r#""a""#), (im, r#""3e8-1""#)], Proceed);
        check(&[(im, "*"), (im, "*")], Failed);
    }

    #[test]
    fn if_modified_since_compares_dates() {
        for (value, expected) in [
            (BEFORE, Proceed),
            (NOON, NotModified),
            (AFTER, NotModified),
            (FUTURE, NotModified),
            ("Sunday, 06-Nov-94 12:00:00 GMT", NotModified),
            ("Sun Nov  6 12:00:00 1994", NotModified),
            ("Mon, 06 Nov 1994 12:00:00 GMT", Proceed),
            ("today", Proceed),
            ("", Proceed),
            ("784123200", Proceed),
        ] {
            check(&[("If-Modified-Since", value)], expected);
        }
    }

    #[test]
    fn if_unmodified_since_compares_dates() {
        for (value, expected) in [
            (BEFORE, Failed),
            (NOON, Proceed),
            (AFTER, Proceed),
            ("today", Proceed),
        ] {
            check(&[("If-Unmodified-Since", value)], expected);
        }
    }

    #[test]
    fn dates_are_ignored_beside_tags() {
        let ims = ("If-Modified-Since", AFTER);
        let ius = ("If-Unmodified-Since", BEFORE);
        check(&[("If-None-Match", r#""a""#), ims], Proceed);
        check(&[("If-None-Match", "junk"), ims], Proceed);
        check(
            &[
                ("If-None-Match", r#""3e8-1""#),
                ("If-Modified-Since", BEFORE),
            ],
            NotModified,
        );
        check(&[("If-Match", r#""3e8-1""#), ius], Proceed);
        check(
            &[("If-Match", r#""a""#), ("If-Unmodified-Since", AFTER)],
            Failed,
        );
    }

    #[test]
    fn preconditions_are_evaluated_in_the_order_of_section_13_2_2() {
        let inm = ("If-None-Match", r#""3e8-1""#);
        check(&[inm, ("If-Match", r#""a""#)], Failed);
        check(&[inm, ("If-Match", "*")], NotModified);
        check(&[inm, ("If-Unmodified-Since", BEFORE)], Failed);
        check(&[inm, ("If-Unmodified-Since", NOON)], NotModified);
    }

    #[test]
    fn without_a_date_conditions_on_dates_are_ignored() {
        assert_eq!(outcome(&[("If-Modified-Since", AFTER)], None), Proceed);
        assert_eq!(outcome(&[("If-Unmodified-Since", BEFORE)], None), Proceed);
        assert_eq!(outcome(&[("If-Match", r#""a""#)], None), Failed);
    }

    #[test]
    fn if_range_needs_an_exact_strong_validator() {
        let validators = Validators {
            etag: Some(br#""3e8-1""#),
            last_modified: Some(date(NOON)),
        };
        for (value, at, expected) in [
            (r#""3e8-1""#, AFTER, true),
            (r#""3e8-1""#, NOON, true),
            (NOON, AFTER, true),
            ("Sun Nov  6 12:00:00 1994", AFTER, true),
            // Within the second of the change a date proves nothing.
            (NOON, NOON, false),
            (NOON, BEFORE, false),
            (BEFORE, FUTURE, false),
            (AFTER, FUTURE, false),
            (r#"W/"3e8-1""#, AFTER, false),
            (r#""3e8-1", "a""#, AFTER, false),
            (r#""a""#, AFTER, false),
            ("3e8-1", AFTER, false),
            ("*", AFTER, false),
            ("", AFTER, false),
            ("junk", AFTER, false),
        ] {
            let holds = with_fields(&[("If-Range", value)], |fields| {
                if_range_holds(fields, validators, date(at))
            });
            assert_eq!(holds, expected, "{value:?} at {at}");
        }
        assert!(if_range_holds(&Fields::default(), validators, date(NOON)));
        let undated = Validators {
            last_modified: None,
            ..validators
        };
        with_fields(&[("If-Range", NOON)], |fields| {
            assert!(!if_range_holds(fields, undated, date(AFTER)));
        });
    }
}
