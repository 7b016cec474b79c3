//! How long parsing of a head, a path and a chunked body takes, for usual and for hostile input.
//! Each measurement asserts its result.

use std::{hint::black_box, mem::MaybeUninit};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use stdhttpd::http::{
    chunked::ChunkedDecoder,
    error::RequestError,
    request::{self, FieldBuffer, HEADER_FIELDS_MAX, HeadLimits},
    target::RequestPath,
};

/// A request of a load generator.
const SHORT: &str =
    "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: keep-alive\r\n\r\n";

/// A request of a browser.
const BROWSER: &str = "GET /assets/app.js?v=3 HTTP/1.1\r\n\
    Host: localhost:8080\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: http://localhost:8080/\r\n\
    Connection: keep-alive\r\n\
    If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    If-None-Match: \"5f2c-18a3b7d0c1e2f3a4\"\r\n\
    Sec-Fetch-Mode: navigate\r\n\r\n";

/// `Ok(true)` for a complete head, `Ok(false)` for an incomplete one, otherwise the error.
fn parse(bytes: &[u8]) -> Result<bool, RequestError> {
    let mut room: FieldBuffer<'_> = [const { MaybeUninit::uninit() }; HEADER_FIELDS_MAX];
    request::parse(bytes, &mut room, &HeadLimits::DEFAULT).map(|request| request.is_some())
}

fn measure<R: PartialEq + std::fmt::Debug>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    input: &[u8],
    expected: R,
    run: impl Fn(&[u8]) -> R,
) {
    assert_eq!(run(input), expected, "{name}");
    group.throughput(Throughput::Bytes(input.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| assert_eq!(run(black_box(input)), expected));
    });
}

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    measure(&mut group, "short", SHORT.as_bytes(), Ok(true), parse);
    measure(&mut group, "browser", BROWSER.as_bytes(), Ok(true), parse);
    let later = SHORT.replace("HTTP/1.1", "HTTP/1.2");
    measure(
        &mut group,
        "later version",
        later.as_bytes(),
        Ok(true),
        parse,
    );
    let unended = &BROWSER.as_bytes()[..BROWSER.len() - 2];
    measure(&mut group, "unended", unended, Ok(false), parse);

    let fields =
        |line: String, count| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", line.repeat(count));
    let most = fields("X: a\r\n".into(), 99);
    measure(&mut group, "100 fields", most.as_bytes(), Ok(true), parse);
    let large = fields(format!("X: {}\r\n", "a".repeat(320)), 99);
    measure(&mut group, "32 KiB", large.as_bytes(), Ok(true), parse);
    let many = fields("X: a\r\n".into(), 5000);
    let refused = Err(RequestError::TooManyFields);
    measure(&mut group, "5000 fields", many.as_bytes(), refused, parse);
    let line = "G".to_owned() + "ET /" + &"a".repeat(1 << 16);
    measure(
        &mut group,
        "64 KiB line",
        line.as_bytes(),
        Err(RequestError::LineTooLong),
        parse,
    );
    let bare = fields("X: a\n".into(), 90);
    let refused = Err(RequestError::Malformed("bare CR or LF in a head"));
    measure(
        &mut group,
        "bare line feeds",
        bare.as_bytes(),
        refused,
        parse,
    );
    group.finish();
}

fn paths(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("path");
    let resolve = |path: &[u8]| {
        let path = std::str::from_utf8(path).ok()?;
        Some(RequestPath::new(path)?.as_bytes().len())
    };
    measure(
        &mut group,
        "plain",
        b"/assets/img/logo-64.png",
        Some(22),
        resolve,
    );
    measure(
        &mut group,
        "encoded",
        b"/a%20file/%C3%A9.html",
        Some(14),
        resolve,
    );
    let climbing = "/a/..".repeat(1600);
    measure(
        &mut group,
        "8 KB of climbing",
        climbing.as_bytes(),
        Some(0),
        resolve,
    );
    let slashes = "/".repeat(8000);
    measure(
        &mut group,
        "8 KB of slashes",
        slashes.as_bytes(),
        Some(0),
        resolve,
    );
    group.finish();
}

fn bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunked");
    let decode = |body: &[u8]| {
        let mut decoder = ChunkedDecoder::default();
        decoder.decode(body).ok()??;
        Some(decoder.content_bytes())
    };
    let large = format!("10000\r\n{}\r\n0\r\n\r\n", "a".repeat(0x10000));
    measure(
        &mut group,
        "one chunk of 64 KiB",
        large.as_bytes(),
        Some(0x10000),
        decode,
    );
    let small = "1\r\na\r\n".repeat(10_000) + "0\r\n\r\n";
    measure(
        &mut group,
        "chunks of 1 byte",
        small.as_bytes(),
        Some(10_000),
        decode,
    );
    group.finish();
}

fn main() {
    // Drawing takes longer than measuring.
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    heads(&mut criterion);
    paths(&mut criterion);
    bodies(&mut criterion);
    criterion.final_summary();
}
