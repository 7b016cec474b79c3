//! Listings of folders, for people and for programs.

mod support;

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    time::{Duration, Instant, UNIX_EPOCH},
};

use support::{Server, check, equal};

const JSON: &str = "Accept: application/json\r\n";

/// The decoded targets of the links to entries in a page or in JSON, in order.
fn hrefs(text: &str) -> Vec<Vec<u8>> {
    let starts = ["<td><a href=\"./", "\"href\":\"./"];
    let mut found = Vec::new();
    for start in starts {
        for (at, _) in text.match_indices(start) {
            let rest = &text[at + start.len()..];
            found.push(decoded(&rest[..rest.find('"').expect("a closed link")]));
        }
    }
    found
}

fn decoded(href: &str) -> Vec<u8> {
    let mut bytes = href.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [
                    bytes.next().expect("a digit"),
                    bytes.next().expect("a digit"),
                ];
                let text = str::from_utf8(&digits).expect("digits");
                u8::from_str_radix(text, 16).expect("digits")
            }
            _ => byte,
        });
    }
    out
}

fn names(text: &str) -> Vec<String> {
    let bytes = hrefs(text).into_iter();
    bytes
        .map(|name| String::from_utf8_lossy(&name).into_owned())
        .collect()
}

fn site() -> support::server::Builder {
    let builder = Server::build()
        .file("d/b.txt", "four")
        .file("d/A.png", "seven b")
        .file("d/c10.js", "x")
        .file("d/c9.js", "xx")
        .file("d/sub/x", "")
        .file("d/Zub/.keep", "")
        .file("d/.hidden", "hidden")
        .file("d/.git/config", "hidden")
        .args("--listing");
    for (name, age) in [("b.txt", 1), ("A.png", 4), ("c10.js", 2), ("c9.js", 3)] {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777 - age * 86_400);
        support::touch(builder.root().join("d").join(name), time);
    }
    builder
}

#[test]
fn a_listing_is_there_but_has_no_tag_to_be_known_by() {
    let server = site().start();
    let mut client = server.connect();
    for (field, status) in [
        ("If-Match: *", 200),
        ("If-Match: \"a\"", 412),
        ("If-None-Match: *", 304),
        ("If-None-Match: \"a\"", 200),
        ("If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", 200),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 200),
    ] {
        let reply = client.get_with("/d/", &format!("{field}\r\n"));
        assert_eq!(reply.status, status, "{field}");
        if status == 304 {
            assert_eq!(reply.field("vary"), Some("Accept"));
            assert_eq!(reply.field("cache-control"), Some("no-cache"));
            for absent in ["content-type", "content-length", "content-security-policy"] {
                assert_eq!(reply.field(absent), None, "{absent}");
            }
        }
    }
}

#[test]
fn a_folder_is_listed_where_it_has_no_index() {
    let server = site().file("index.html", "home").start();
    let mut client = server.connect();
    assert_eq!(client.get("/").text(), "home");
    let redirect = client.get("/d?sort=size");
    assert_eq!(redirect.field("location"), Some("/d/?sort=size"));
    let reply = client.get("/d/");
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.field("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(reply.field("vary"), Some("Accept"));
    assert_eq!(reply.field("cache-control"), Some("no-cache"));
    let policy = reply.must("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    let text = reply.text();
    assert_eq!(
        names(text),
        ["sub/", "Zub/", "A.png", "b.txt", "c9.js", "c10.js"]
    );
    assert!(text.contains("title=\"4 bytes\"") && text.contains("4 B"));
    assert!(text.contains("1994-11-05"), "times are shown");
    assert!(text.contains("href=\"../\""), "a way up");
    for target in ["/d/?sort=size", "/d/.", "/d//"] {
        assert_eq!(client.get(target).status, 200, "{target}");
    }
    let head = client.request("HEAD", "/d/", "");
    assert_eq!(head.timeless().1, client.get("/d/").timeless().1);
    // A new file is there at once.
    server.write("d/new.txt", "");
    assert!(names(client.get("/d/").text()).contains(&"new.txt".into()));
}

#[test]
fn without_the_option_nothing_is_listed() {
    let server = Server::build().file("d/x.txt", "").start();
    for target in ["/", "/d/", "/d/?sort=size"] {
        let reply = server.connect().get_with(target, JSON);
        assert_eq!(reply.status, 404);
        assert!(!reply.text().contains("x.txt"));
    }
}

#[test]
fn links_sort_without_any_script() {
    let server = site().start();
    let orders: &[(&str, &[&str])] = &[
        (
            "?sort=name&order=desc",
            &["Zub/", "sub/", "c10.js", "c9.js", "b.txt", "A.png"],
        ),
        (
            "?sort=size&order=asc",
            &["sub/", "Zub/", "c10.js", "c9.js", "b.txt", "A.png"],
        ),
        (
            "?sort=size&order=desc",
            &["Zub/", "sub/", "A.png", "b.txt", "c9.js", "c10.js"],
        ),
    ];
    check(orders, |(query, expected)| {
        for fields in ["", JSON] {
            let reply = server.connect().get_with(&format!("/d/{query}"), fields);
            let names = names(reply.text());
            equal(
                "the order",
                names.iter().map(String::as_str).collect::<Vec<_>>(),
                expected.to_vec(),
            )?;
        }
        Ok(())
    });
    let by_time = |order: &str| {
        let reply = server
            .connect()
            .get(&format!("/d/?sort=time&order={order}"));
        names(reply.text()).split_off(2)
    };
    assert_eq!(by_time("desc"), ["b.txt", "c10.js", "c9.js", "A.png"]);
    assert_eq!(by_time("asc"), ["A.png", "c9.js", "c10.js", "b.txt"]);
    // Each column's head is a link to an order, and unknown ones do no harm.
    let page = server.connect().get("/d/");
    for key in ["name", "size", "time"] {
        assert!(
            page.text()
                .contains(&format!("href=\"?sort={key}&amp;order="))
        );
    }
    for query in [
        "?sort=<script>",
        "?sort=%zz&order",
        "?C=M;O=D",
        "?",
        "?sort=size=1",
    ] {
        let reply = server
            .connect()
            .get(&format!("/d/{}", query.replace(['<', '>'], "")));
        assert_eq!(names(reply.text()), names(page.text()), "{query}");
    }
}

#[test]
fn accept_chooses_json() {
    let server = site().start();
    for (accept, json) in [
        ("application/json", true),
        ("application/json, text/plain, */*", true),
        ("application/json, text/html;q=0.9", true),
        ("text/html;q=0.5, application/json;q=0.9", true),
        ("application/json;q=0.5, text/html", false),
        ("application/json;q=0", false),
        ("text/html,application/xhtml+xml,*/*;q=0.8", false),
        ("*/*", false),
    ] {
        let mut client = server.connect();
        let fields = format!("Accept: {accept}\r\n");
        let reply = client.get_with("/d/", &fields);
        let expected = if json {
            "application/json"
        } else {
            "text/html; charset=utf-8"
        };
        assert_eq!(reply.field("content-type"), Some(expected), "{accept}");
        assert_eq!(reply.field("vary"), Some("Accept"));
        let head = client.request("HEAD", "/d/", &fields);
        assert_eq!(head.timeless().1, reply.timeless().1);
    }
    let text = server.connect().get_with("/d/", JSON).text().to_owned();
    assert!(text.starts_with('[') && text.trim_end().ends_with(']'));
    let file = "{\"name\":\"b.txt\",\"type\":\"file\",\"size\":4,\"mtime\":\"1994-11-05T08:49:37Z\",\"href\":\"./b.txt\"}";
    assert!(text.contains(file), "{text}");
    assert!(text.contains("{\"name\":\"sub\",\"type\":\"directory\",\"mtime\":\""));
    assert!(!text.contains(".hidden") && !text.contains(".git"));
    let empty = server.connect().get_with("/d/Zub/", JSON);
    assert_eq!(empty.text().split_whitespace().collect::<String>(), "[]");
}

/// Names that would be markup, another path or another host, were they not
/// escaped.
const HOSTILE: &[&[u8]] = &[
    b"<script>alert(1)<",
    b"\"onmouseover=\"alert(1)",
    b"' onload='x",
    b"a&lt;b&amp;c",
    b"100%",
    b"%2e%2e%2f",
    b"a#b",
    b"a?b=c",
    b"a b+c",
    b"new\nline\r\n",
    b"tab\tbell\x07esc\x1b[31m",
    "\u{202E}gpj.exe".as_bytes(),
    "zero\u{200B}width\u{FEFF}".as_bytes(),
    b"\xff\xfe not text",
    b"back\\slash",
    b"javascript:alert(1)",
    b"https:example.org",
    b"{\"json\":[1]}",
    b"-->",
    b"]]>",
    b" ",
    b"~",
    "日本語 👩‍💻".as_bytes(),
    b"<base href=x><title><a>",
];

#[test]
fn hostile_names_are_shown_safely_and_linked_rightly() {
    let builder = Server::build().args("--listing");
    for name in HOSTILE {
        let path = builder.root().join(OsStr::from_bytes(name));
        fs::create_dir(&path).expect("a folder");
        fs::write(path.join("inside"), name).expect("a file");
    }
    let server = builder.start();
    let mut client = server.connect();
    for fields in ["", JSON] {
        let reply = client.get_with("/", fields);
        let text = reply.text().to_owned();
        let mut got = hrefs(&text);
        got.sort();
        let mut wanted: Vec<_> = HOSTILE.iter().map(|name| [*name, b"/"].concat()).collect();
        wanted.sort();
        assert_eq!(got, wanted);
        // JSON is never read as markup: its type is sent, sniffing forbidden.
        assert!(!fields.is_empty() || !text.contains("<script>alert"));
        assert!(!text.contains('\u{202E}'));
        assert!(!text.contains("\u{7}") && !text.contains("\u{1b}"));
        for href in text.split("href=\"./").skip(1) {
            let href = href.split('"').next().expect("a link");
            assert_eq!(client.get(&format!("/{href}")).status, 200, "{href}");
        }
    }
    // Each is the title and a crumb of its own page, with as many tags as any.
    let plain = server.connect().get("/~/").text().matches('<').count();
    for name in HOSTILE {
        let encoded: String = name.iter().map(|byte| format!("%{byte:02x}")).collect();
        let reply = client.get(&format!("/{encoded}/"));
        let text = reply.text();
        assert!(text.contains("./inside"), "{}", name.escape_ascii());
        let marks = text.matches("<b>").count() * 2;
        assert_eq!(
            text.matches('<').count(),
            plain + marks,
            "{}",
            name.escape_ascii()
        );
    }
}

#[test]
fn only_what_could_be_asked_for_is_listed() {
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("secret"), "s").expect("a file");
    let builder = site();
    let at = |name: &str| builder.root().join("d").join(name);
    symlink(outside.path(), at("out-folder")).expect("a link");
    symlink(outside.path().join("secret"), at("out-file")).expect("a link");
    symlink("nowhere", at("dangling")).expect("a link");
    symlink("loop", at("loop")).expect("a link");
    symlink("/etc/passwd", at("passwd")).expect("a link");
    symlink("b.txt", at("link-file")).expect("a link");
    symlink("sub", at("link-folder")).expect("a link");
    let socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
    let server = builder.start();
    for fields in ["", JSON] {
        let mut client = server.connect();
        let text = client.get_with("/d/", fields).text().to_owned();
        let names = names(&text);
        for name in &names {
            assert_eq!(client.get(&format!("/d/{name}")).status, 200, "{name}");
        }
        assert_eq!(names.len(), 8, "{names:?}");
        assert!(names.contains(&"link-folder/".into()) && names.contains(&"link-file".into()));
    }
    drop(socket);
}

#[test]
fn ten_thousand_entries_are_listed_fast() {
    let builder = Server::build().args("--listing --threads 1");
    for number in 0..10_000 {
        let name = format!("file-{number}.txt");
        fs::write(builder.root().join(name), "x").expect("a file");
    }
    let server = builder.start();
    let mut client = server.connect();
    for fields in ["", JSON] {
        let start = Instant::now();
        let reply = client.get_with("/", fields);
        // A build without optimisations on a busy machine; far from a hang.
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        println!("{:?} for {} bytes", start.elapsed(), reply.body.len());
        let names = names(reply.text());
        assert_eq!(names.len(), 10_000);
        assert!(names[9_999] == "file-9999.txt" && names[10] == "file-10.txt");
    }
}
