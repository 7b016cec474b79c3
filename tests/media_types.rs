//! What files are said to be, and how that is changed.

mod support;

use support::{Server, check, equal};

/// Names that IANA has, or where it has none those in use, and endings of
/// files that have them. `+` stands for the charset.
const TYPES: &[(&str, &str)] = &[
    ("text/html+", "html htm HTML Html"),
    ("text/css+", "css"),
    ("text/javascript+", "js mjs cjs"),
    (
        "text/plain+",
        "txt TXT text log ts tsx jsx c h rs py go java sh conf ini",
    ),
    ("text/markdown+", "md markdown"),
    ("text/csv+", "csv"),
    ("text/calendar+", "ics"),
    ("text/vcard+", "vcf"),
    ("text/vtt+", "vtt"),
    ("text/tab-separated-values+", "tsv"),
    ("application/json", "json map"),
    ("application/ld+json", "jsonld"),
    ("application/geo+json", "geojson"),
    ("application/manifest+json", "webmanifest"),
    ("application/wasm", "wasm"),
    ("application/pdf", "pdf"),
    ("application/toml", "toml"),
    ("application/yaml", "yaml yml"),
    ("application/sql", "sql"),
    ("application/rtf", "rtf"),
    ("application/xml+", "xml xsd"),
    ("application/xhtml+xml+", "xhtml"),
    ("application/atom+xml+", "atom"),
    ("application/rss+xml+", "rss"),
    ("image/svg+xml+", "svg"),
    ("image/png", "png PNG"),
    ("image/apng", "apng"),
    ("image/jpeg", "jpg jpeg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/avif", "avif"),
    ("image/jxl", "jxl"),
    ("image/heic", "heic"),
    ("image/bmp", "bmp"),
    ("image/tiff", "tif tiff"),
    ("image/vnd.microsoft.icon", "ico"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("font/ttf", "ttf"),
    ("font/otf", "otf"),
    ("font/collection", "ttc"),
    ("application/vnd.ms-fontobject", "eot"),
    ("audio/mpeg", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/aac", "aac"),
    ("audio/ogg", "ogg oga opus"),
    ("audio/flac", "flac"),
    ("audio/wav", "wav"),
    ("audio/webm", "weba"),
    ("video/mp4", "mp4 m4v"),
    ("video/webm", "webm"),
    ("video/ogg", "ogv"),
    ("video/mpeg", "mpeg mpg"),
    ("video/quicktime", "mov"),
    ("video/matroska", "mkv"),
    ("video/vnd.avi", "avi"),
    ("application/vnd.apple.mpegurl", "m3u8"),
    ("application/gzip", "gz tgz"),
    ("application/zstd", "zst"),
    ("application/zip", "zip"),
    ("application/x-tar", "tar"),
    ("application/x-7z-compressed", "7z"),
    ("application/x-bzip2", "bz2"),
    ("application/x-xz", "xz"),
    ("application/vnd.rar", "rar"),
    ("application/epub+zip", "epub"),
    ("application/msword", "doc"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
    ("model/gltf-binary", "glb"),
    ("model/gltf+json", "gltf"),
    ("application/octet-stream", "bin iso img dat none-such"),
];

/// Rows of file name and media type.
fn rows() -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (media_type, endings) in TYPES {
        let expected = match media_type.strip_suffix('+') {
            Some(bare) => format!("{bare}; charset=utf-8"),
            None => (*media_type).to_owned(),
        };
        for ending in endings.split(' ') {
            rows.push((format!("a.b.{ending}"), expected.clone()));
        }
    }
    rows
}

#[test]
fn files_are_told_by_their_endings() {
    let rows = rows();
    assert!(rows.len() >= 80);
    let mut builder = Server::build();
    for (name, _) in &rows {
        builder = builder.file(name, name);
    }
    let server = builder.start();
    let mut client = server.connect();
    check(&rows, |(name, expected)| {
        let reply = client.get(&format!("/{name}"));
        equal(
            "the type",
            reply.field("content-type"),
            Some(expected.as_str()),
        )?;
        equal(
            "sniffing",
            reply.field("x-content-type-options"),
            Some("nosniff"),
        )
    });
}

#[test]
fn the_last_ending_of_the_last_segment_counts() {
    let unknown = "application/octet-stream";
    let rows = [
        ("README", unknown),
        ("html", unknown),
        ("a.", unknown),
        ("a.tar.gz", "application/gzip"),
        ("a.html.txt", "text/plain; charset=utf-8"),
        ("folder.html/file", unknown),
        ("a.html~", unknown),
        ("a b.PnG", "image/png"),
        (".well-known/x.json", "application/json"),
    ];
    let mut builder = Server::build();
    for (name, _) in rows {
        builder = builder.file(name, name);
    }
    let server = builder.start();
    check(&rows, |(name, expected)| {
        let target = format!("/{}", name.replace(' ', "%20"));
        let reply = server.connect().get(&target);
        equal("the status", reply.status, 200)?;
        equal("the type", reply.field("content-type"), Some(*expected))
    });
    // A query or a fragment-like end of it says nothing.
    let reply = server.connect().get("/README?x.html");
    assert_eq!(reply.field("content-type"), Some(unknown));
}

#[test]
fn options_change_types_and_charset() {
    let site = || {
        Server::build()
            .file("a.txt", "")
            .file("a.png", "")
            .file("a.new", "")
            .file("a.html", "")
            .file("a.json", "")
            .file("a.svg", "")
    };
    let rows: &[(&[&str], &str, &str)] = &[
        (
            &["--mime", "new=text/x-new"],
            "/a.new",
            "text/x-new; charset=utf-8",
        ),
        (&["--mime", "new=image/x-new"], "/a.new", "image/x-new"),
        (&["--mime", "NEW=image/x-new"], "/a.new", "image/x-new"),
        (&["--mime", "txt=image/x-txt"], "/a.txt", "image/x-txt"),
        (
            &["--mime", "png=image/x-mine", "--mime", "txt=text/x-txt"],
            "/a.png",
            "image/x-mine",
        ),
        (
            &["--mime", "txt=text/plain; charset=koi8-r"],
            "/a.txt",
            "text/plain; charset=koi8-r",
        ),
        (
            &["--charset", "iso-8859-1"],
            "/a.txt",
            "text/plain; charset=iso-8859-1",
        ),
        (
            &["--charset", "iso-8859-1"],
            "/a.html",
            "text/html; charset=iso-8859-1",
        ),
        (&["--charset", "iso-8859-1"], "/a.png", "image/png"),
        (&["--charset", "iso-8859-1"], "/a.json", "application/json"),
        (&["--charset", "none"], "/a.txt", "text/plain"),
        (&["--charset", "none"], "/a.html", "text/html"),
        (&["--charset", "none"], "/a.svg", "image/svg+xml"),
        (
            &["--charset", "none", "--mime", "new=text/x-new"],
            "/a.new",
            "text/x-new",
        ),
    ];
    check(rows, |(args, target, expected)| {
        let server = args.iter().fold(site(), |site, arg| site.arg(*arg)).start();
        let reply = server.connect().get(target);
        equal("the type", reply.field("content-type"), Some(*expected))
    });
}
