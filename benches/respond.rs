//! The decisions between the head of a request and its response: path, coding, preconditions,
//! range, date. Each measurement asserts its own result, and hostile input is measured too.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use stdhttpd::http::{
    conditional::{Precondition, Validators, evaluate},
    content_coding::{AcceptEncoding, ContentCoding},
    date::HttpDate,
    headers::{Field, FieldValues, Fields},
    range::{ByteRange, RANGES_MAX, RangeOutcome, resolve},
    target::RequestPath,
};

/// Approximately the longest value that fits the limits of a head.
const HOSTILE_BYTES: usize = 30 << 10;

fn paths(c: &mut Criterion) {
    let mut group = c.benchmark_group("path");
    let climbing = "/..".repeat(2_000);
    let winding = format!("/{}", "a/../".repeat(1_500));
    let encoded = format!("/{}", "%61".repeat(2_500));
    let decoded = "a".repeat(2_500);
    for (name, path, expected) in [
        (
            "plain",
            "/assets/app.5f3c.js",
            Some(&b"assets/app.5f3c.js"[..]),
        ),
        ("encoded", "/a%20b/%C3%A9.txt", Some("a b/é.txt".as_bytes())),
        ("hostile climbing", &climbing, None),
        ("hostile winding", &winding, Some(b"")),
        ("hostile encoded", &encoded, Some(decoded.as_bytes())),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let resolved = RequestPath::new(black_box(path));
                assert_eq!(resolved.as_ref().map(RequestPath::as_bytes), expected);
            });
        });
    }
    group.finish();
}

fn codings(c: &mut Criterion) {
    use ContentCoding::{Brotli, Gzip};
    let mut group = c.benchmark_group("content coding");
    let commas = ",".repeat(HOSTILE_BYTES);
    let refused = "gzip;q=0,".repeat(HOSTILE_BYTES / 9);
    for (name, value, expected) in [
        ("browser", "gzip, deflate, br, zstd", Ok(Some(Brotli))),
        ("weights", "br;q=0.5, gzip;q=0.8, *;q=0.1", Ok(Some(Gzip))),
        ("hostile commas", &commas, Ok(None)),
        ("hostile refusals", &refused, Ok(None)),
    ] {
        let fields = [field("Accept-Encoding", value)];
        group.bench_function(name, |b| {
            b.iter(|| {
                let accept =
                    AcceptEncoding::parse(FieldValues::new(black_box(&fields), "accept-encoding"));
                assert_eq!(accept.choose(|_| true), expected);
            });
        });
    }
    group.finish();
}

fn preconditions(c: &mut Criterion) {
    let mut group = c.benchmark_group("precondition");
    let tag = "\"18776f28ca5f4d15-1000\"".to_owned();
    let last_modified = HttpDate::from_unix_seconds(1_763_000_000);
    let validators = Validators {
        etag: Some(tag.as_bytes()),
        last_modified: Some(last_modified),
    };
    let date = String::from_utf8_lossy(&last_modified.imf_fixdate()).into_owned();
    let others = "\"a\",".repeat(HOSTILE_BYTES / 4);
    let unclosed = "\"a ,".repeat(HOSTILE_BYTES / 4);
    for (name, field_name, value, expected) in [
        ("none", "Host", "localhost", Precondition::Proceed),
        ("tag", "If-None-Match", &tag, Precondition::NotModified),
        (
            "date",
            "If-Modified-Since",
            &date,
            Precondition::NotModified,
        ),
        (
            "hostile list",
            "If-None-Match",
            &others,
            Precondition::Proceed,
        ),
        (
            "hostile quotes",
            "If-Match",
            &unclosed,
            Precondition::Failed,
        ),
    ] {
        let lines = [field("Host", "localhost"), field(field_name, value)];
        let fields = Fields {
            if_match: FieldValues::new(&lines, "if-match"),
            if_none_match: FieldValues::new(&lines, "if-none-match"),
            if_modified_since: FieldValues::new(&lines, "if-modified-since").iter().next(),
            ..Fields::default()
        };
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(evaluate(black_box(&fields), validators), expected));
        });
    }
    group.finish();
}

fn ranges(c: &mut Criterion) {
    let mut group = c.benchmark_group("range");
    let set = |count: usize| {
        let specs: Vec<_> = (0..count)
            .map(|i| format!("{}-{}", i * 10, i * 10 + 4))
            .collect();
        format!("bytes={}", specs.join(","))
    };
    let range = |first, last| ByteRange { first, last };
    let most = (0..RANGES_MAX as u64)
        .map(|i| range(i * 10, i * 10 + 4))
        .collect();
    let digits = format!("bytes={}-", "9".repeat(HOSTILE_BYTES));
    for (name, value, expected) in [
        (
            "single",
            "bytes=1000-1999".to_owned(),
            RangeOutcome::Single(range(1_000, 1_999)),
        ),
        (
            "as many as allowed",
            set(RANGES_MAX),
            RangeOutcome::Multiple(most),
        ),
        ("hostile number of ranges", set(2_000), RangeOutcome::Whole),
        ("hostile digits", digits, RangeOutcome::Unsatisfiable),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(resolve(black_box(value.as_bytes()), 1 << 20), expected));
        });
    }
    group.finish();
}

fn dates(c: &mut Criterion) {
    let mut group = c.benchmark_group("date");
    let text = b"Sun, 06 Nov 1994 08:49:37 GMT";
    let date = HttpDate::from_unix_seconds(784_111_777);
    group.bench_function("write", |b| {
        b.iter(|| assert_eq!(&black_box(date).imf_fixdate(), text));
    });
    group.bench_function("read", |b| {
        b.iter(|| assert_eq!(HttpDate::parse(black_box(text)), Some(date)));
    });
    let long = vec![b'S'; HOSTILE_BYTES];
    group.bench_function("hostile length", |b| {
        b.iter(|| assert_eq!(HttpDate::parse(black_box(&long)), None));
    });
    group.finish();
}

fn field<'v>(name: &'v str, value: &'v str) -> Field<'v> {
    let value = value.as_bytes();
    Field { name, value }
}

criterion_group! {
    name = respond;
    // Drawing takes longer than measuring.
    config = Criterion::default().without_plots();
    targets = paths, codings, preconditions, ranges, dates
}
criterion_main!(respond);
