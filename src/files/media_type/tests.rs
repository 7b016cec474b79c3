use super::*;

fn check(options: &SiteOptions, path: &str, expected: &str) {
    let types = MediaTypes::new(options);
    assert_eq!(&*types.of(path.as_bytes()), expected, "{path}");
}

/// Extensions and their default types. `+` abbreviates `; charset=utf-8`.
const EXPECTED: &[(&str, &str)] = &[
    ("html", "text/html+"),
    ("htm", "text/html+"),
    ("css", "text/css+"),
    ("txt", "text/plain+"),
    ("log", "text/plain+"),
    ("conf", "text/plain+"),
    ("ini", "text/plain+"),
    ("md", "text/markdown+"),
    ("markdown", "text/markdown+"),
    ("csv", "text/csv+"),
    ("tsv", "text/tab-separated-values+"),
    ("ics", "text/calendar+"),
    ("vcf", "text/vcard+"),
    ("vtt", "text/vtt+"),
    ("js", "text/javascript+"),
    ("mjs", "text/javascript+"),
    ("cjs", "text/javascript+"),
    ("ts", "text/plain+"),
    ("mts", "text/plain+"),
    ("tsx", "text/plain+"),
    ("jsx", "text/plain+"),
    ("rs", "text/plain+"),
    ("c", "text/plain+"),
    ("h", "text/plain+"),
    ("cpp", "text/plain+"),
    ("go", "text/plain+"),
    ("java", "text/plain+"),
    ("py", "text/plain+"),
    ("rb", "text/plain+"),
    ("sh", "text/plain+"),
    ("php", "text/plain+"),
    ("patch", "text/plain+"),
    ("xml", "application/xml+"),
    ("xsl", "application/xslt+xml+"),
    ("dtd", "application/xml-dtd+"),
    ("xhtml", "application/xhtml+xml+"),
    ("atom", "application/atom+xml+"),
    ("rss", "application/rss+xml+"),
    ("rdf", "application/rdf+xml+"),
    ("mpd", "application/dash+xml+"),
    ("svg", "image/svg+xml+"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("geojson", "application/geo+json"),
    ("jsonld", "application/ld+json"),
    ("webmanifest", "application/manifest+json"),
    ("wasm", "application/wasm"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    ("sql", "application/sql"),
    ("pdf", "application/pdf"),
    ("rtf", "application/rtf"),
    ("epub", "application/epub+zip"),
    ("ps", "application/postscript"),
    ("doc", "application/msword"),
    ("xls", "application/vnd.ms-excel"),
    ("ppt", "application/vnd.ms-powerpoint"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("gz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("svgz", "application/gzip"),
    ("zst", "application/zstd"),
    ("br", "application/x-brotli"),
    ("bz2", "application/x-bzip2"),
    ("xz", "application/x-xz"),
    ("7z", "application/x-7z-compressed"),
    ("tar", "application/x-tar"),
    ("zip", "application/zip"),
    ("rar", "application/vnd.rar"),
    ("jar", "application/java-archive"),
    ("apk", "application/vnd.android.package-archive"),
    ("deb", "application/vnd.debian.binary-package"),
    ("rpm", "application/x-rpm"),
    ("exe", "application/vnd.microsoft.portable-executable"),
    ("png", "image/png"),
    ("apng", "image/apng"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("jxl", "image/jxl"),
    ("heic", "image/heic"),
    ("bmp", "image/bmp"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("psd", "image/vnd.adobe.photoshop"),
    ("ico", "image/vnd.microsoft.icon"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("ttf", "font/ttf"),
    ("otf", "font/otf"),
    ("ttc", "font/collection"),
    ("eot", "application/vnd.ms-fontobject"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("oga", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("flac", "audio/flac"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("webm", "video/webm"),
    ("ogv", "video/ogg"),
    ("mov", "video/quicktime"),
    ("mkv", "video/matroska"),
    ("avi", "video/vnd.avi"),
    ("mpeg", "video/mpeg"),
    ("3gp", "video/3gpp"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("gltf", "model/gltf+json"),
    ("glb", "model/gltf-binary"),
    ("stl", "model/stl"),
    ("torrent", "application/x-bittorrent"),
    ("bin", UNKNOWN),
    ("iso", UNKNOWN),
    ("no-such-ending", UNKNOWN),
];

#[test]
fn extensions_have_their_default_type() {
    assert!(EXPECTED.len() >= 90);
    let types = MediaTypes::new(&SiteOptions::default());
    for (extension, expected) in EXPECTED {
        // The plus of `+xml` and `+json` is not the one at the end.
        let expected = match expected.strip_suffix('+') {
            Some(media_type) => format!("{media_type}; charset=utf-8"),
            None => (*expected).to_owned(),
        };
        for path in [
            format!("a.{extension}"),
            format!("folder.d/b.c.{}", extension.to_ascii_uppercase()),
        ] {
            assert_eq!(*types.of(path.as_bytes()), *expected, "{path}");
        }
    }
}

#[test]
fn names_without_an_extension_have_the_default_type() {
    let options = SiteOptions::default();
    for path in [
        "",
        "README",
        "folder.html/README",
        "a.",
        "a..",
        ".html",
        "folder/.html",
        "html",
    ] {
        check(&options, path, UNKNOWN);
    }
    check(&options, ".well-known/a.json", "application/json");
    check(&options, "..html", "text/html; charset=utf-8");
    let types = MediaTypes::new(&options);
    assert_eq!(&*types.of(b"\xFF.png"), "image/png");
    assert_eq!(&*types.of(b"a.\xFF"), UNKNOWN);
    assert_eq!(&*types.of(b"a.png\xFF"), UNKNOWN);
}

#[test]
fn the_charset_is_an_option() {
    let mut options = SiteOptions {
        charset: Some("iso-8859-1".into()),
        ..SiteOptions::default()
    };
    check(&options, "a.txt", "text/plain; charset=iso-8859-1");
    check(&options, "a.n3", "text/n3; charset=iso-8859-1");
    check(&options, "a.json", "application/json");
    options.charset = None;
    check(&options, "a.txt", "text/plain");
    check(&options, "a.n3", "text/n3");
    check(&options, "a.svg", "image/svg+xml");
}

#[test]
fn options_override_the_table() {
    let set = |extension: &str, media_type: &str| (extension.to_owned(), media_type.to_owned());
    let options = SiteOptions {
        media_types: vec![
            set("ts", "video/mp2t"),
            set("png", "image/x-mine"),
            set("new", "text/x-new"),
            set("TXT", "Text/Plain; Charset=utf-16"),
            set("flow", "text/plain; format=flowed"),
            set("md", "first/one"),
            set("md", "second/one"),
        ],
        ..SiteOptions::default()
    };
    check(&options, "a.ts", "video/mp2t");
    check(&options, "a.PNG", "image/x-mine");
    check(&options, "a.new", "text/x-new; charset=utf-8");
    check(&options, "a.txt", "Text/Plain; Charset=utf-16");
    check(
        &options,
        "a.flow",
        "text/plain; format=flowed; charset=utf-8",
    );
    check(&options, "a.md", "second/one");
    check(&options, "a.css", "text/css; charset=utf-8");
}

#[test]
fn extensions_are_unique_and_lower_case() {
    let mut seen = std::collections::HashSet::new();
    for extension in TYPES.iter().flat_map(|(_, list)| list.split(' ')) {
        assert!(seen.insert(extension), "{extension} stands twice");
        assert_eq!(extension, extension.to_ascii_lowercase());
        assert!(!extension.is_empty());
    }
}
