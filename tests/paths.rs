//! What a target names: decoding, dot segments, odd names, redirects.

mod support;

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use support::{Server, check, equal};

/// Writes a file whose name need not be text.
fn write_raw(root: &std::path::Path, name: &[u8], content: &str) {
    fs::write(root.join(OsStr::from_bytes(name)), content).expect("a file");
}

#[test]
fn every_name_a_file_can_have_can_be_asked_for() {
    let builder = Server::build();
    let names: &[(&[u8], &str)] = &[
        (b"a b", "/a%20b"),
        (b"a+b", "/a+b"),
        (b"a+b", "/a%2Bb"),
        (b"%", "/%25"),
        (b"%41", "/%2541"),
        (b"100%", "/100%25"),
        ("grün".as_bytes(), "/gr%C3%BCn"),
        ("grün".as_bytes(), "/gr%c3%bcn"),
        ("日本.txt".as_bytes(), "/%E6%97%A5%E6%9C%AC.txt"),
        ("👩‍💻".as_bytes(), "/%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB"),
        (b"\xff\xfe", "/%FF%FE"),
        (b"\xe9t\xe9", "/%e9t%e9"),
        (b"a\nb", "/a%0Ab"),
        (b"a\r\nX: y", "/a%0d%0aX:%20y"),
        (b"a\tb\x7f\x01", "/a%09b%7F%01"),
        (b"a?b", "/a%3Fb"),
        (b"a#b", "/a%23b"),
        (b"a\\b", "/a%5Cb"),
        (b"a;b=c", "/a;b=c"),
        (b"a:b@c", "/a:b@c"),
        (b"!$&'()*,~_-=", "/!$&'()*,~_-="),
        (b"<\">`{|}^[]", "/%3C%22%3E%60%7B%7C%7D%5E%5B%5D"),
        (b"[x]{y}|^`", "/[x]{y}|^`"),
        (b"~user", "/~user"),
        (b"a..b", "/a..b"),
        (b"a.", "/a."),
        (b"a..", "/a.%2e"),
        (b" ", "/%20"),
        (b"x ", "/x%20"),
        (b"Case", "/Case"),
        (b"case", "/case"),
        (b"index.htm", "/index.htm"),
    ];
    for (name, target) in names {
        write_raw(builder.root(), name, &String::from_utf8_lossy(name));
        assert!(target.is_ascii());
    }
    let server = builder.start();
    check(names, |(name, target)| {
        let reply = server.connect().get(target);
        equal("the status", reply.status, 200)?;
        equal("the body", reply.text(), &*String::from_utf8_lossy(name))
    });
}

#[test]
fn one_file_has_many_spellings() {
    let server = Server::build()
        .file("a/b/c.txt", "c")
        .file("a/index.html", "a")
        .file("index.html", "home")
        .start();
    check(
        &[
            ("//", "home"),
            ("///", "home"),
            ("/.", "home"),
            ("/./", "home"),
            ("/%2e", "home"),
            ("/%2E/", "home"),
            ("/a/..", "home"),
            ("/a/../", "home"),
            ("/a/b/../..", "home"),
            ("/a/%2e%2E/", "home"),
            ("/?", "home"),
            ("/?/../..", "home"),
            ("/a/", "a"),
            ("/a//", "a"),
            ("/a/.", "a"),
            ("/a/./", "a"),
            ("/a/b/..", "a"),
            ("/a/b/../", "a"),
            ("/a/none/../", "a"),
            ("//a//b//c.txt", "c"),
            ("/a/b/./c.txt", "c"),
            ("/a/./b/.//c.txt", "c"),
            ("/./a/../a/b/c.txt", "c"),
            ("/a/b/d/../c.txt", "c"),
            ("/%61/%62/%63%2Etxt", "c"),
            ("/a/b/c.txt?", "c"),
            ("/a/b/c.txt?x=%zz&y", "c"),
            ("/a/b/c.txt?../../../etc/passwd", "c"),
            ("http://localhost/a/b/c.txt", "c"),
            ("HTTP://other.example:81/a/b/c.txt?q", "c"),
            ("http://localhost//a/../a/b/c.txt", "c"),
            ("http://localhost", "home"),
            ("http://localhost?x", "home"),
            ("http://localhost/", "home"),
            ("http://[::1]:8080/", "home"),
        ],
        |(target, body)| {
            let mut client = server.connect();
            let reply = client.get(target);
            equal("the status", reply.status, 200)?;
            equal("the body", reply.text(), body)?;
            client.assert_open();
            Ok(())
        },
    );
}

#[test]
fn a_missing_file_is_404_and_keeps_the_connection() {
    let long = "/".to_owned() + &"n".repeat(256);
    let longest = "/".to_owned() + &"n".repeat(255);
    let deep = "/d".repeat(3_000);
    let server = Server::build()
        .file("a/b/c.txt", "c")
        .file("a/index.html/x", "the index is a folder")
        .file("empty/x.txt", "")
        .file("under/.well-known/x", "not the root's")
        .file(".well-known/.hidden", "hidden all the same")
        .file(".well-known-not/x", "hidden")
        .file("...", "begins with a dot")
        .file("..a", "begins with a dot")
        .file("d/.x/y", "hidden")
        .file(".git/config", "hidden")
        .file(".env", "hidden")
        .file("a\\b", "a backslash is no slash")
        .start();
    check(
        &[
            "/none",
            "/none/",
            "/none/index.html",
            "/a/",
            "/a/b/",
            "/empty/",
            "/a/b/c.txt/",
            "/a/b/c.txt//",
            "/a/b/c.txt/.",
            "/a/b/c.txt/x",
            "/a/b/c.txt/index.html",
            "/A/b/c.txt",
            "/a/b/C.TXT",
            "/a/b/c",
            "/a/b/c.txt%20",
            "/a/b/c.txt.",
            "/a/b/c.txt%0a",
            "/a/b%5Cc.txt",
            "/a%5Cb/c.txt",
            "/a+b",
            "/%C0%AE%C0%AE/x",
            "/%c0%afetc",
            "/%252e%252e/a",
            "/%2525",
            "/a/b/c.txt;x=1",
            "/...",
            "/..a",
            "/%2e%2ea",
            "/d/.x/y",
            "/d/%2Ex/y",
            "/d/.x",
            "/.x/../.y",
            "/.well-known/.hidden",
            "/.well-known-not/x",
            "/.Well-Known/x",
            "/under/.well-known/x",
            "/.git",
            "/.git/",
            "/.git/config",
            "/.env",
            "/%2eenv",
            long.as_str(),
            longest.as_str(),
            deep.as_str(),
        ],
        |target| {
            let mut client = server.connect();
            let reply = client.get(target);
            equal("the status", reply.status, 404)?;
            let head = client.request("HEAD", target, "");
            equal(
                "HEAD",
                (head.status, head.fields.len()),
                (404, reply.fields.len()),
            )?;
            client.assert_open();
            Ok(())
        },
    );
}

#[test]
fn a_path_that_can_name_no_file_is_400() {
    let server = Server::build()
        .file("index.html", "home")
        .file("a/b.txt", "b")
        .start();
    check(
        &[
            "/..",
            "/../",
            "/../a/b.txt",
            "/a/../../a/b.txt",
            "/a/%2e%2e/%2e%2e/",
            "//..",
            "/./..",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/.%2e/",
            "/%2e./",
            "/..%2f",
            "/..%2Fa",
            "/%2f",
            "/a%2Fb.txt",
            "/a%2fb.txt",
            "/%2e%2e%2f%2e%2e%2f",
            "/%00",
            "/a/b.txt%00",
            "/a/b.txt%00.html",
            "/%",
            "/%a",
            "/%g1",
            "/%1g",
            "/a%",
            "/%u0041",
            "/%-1",
            "/%+1",
            "/% 1",
            "/a\\b",
            "\\",
            "/\"",
            "/<script>",
            "/a#b",
            "/#",
            "a/b.txt",
            "index.html",
            "*",
            "?x",
            "http:/a",
            "http:///a/b.txt",
            "http://localhost/../a",
            "http://localhost/%zz",
            "https://localhost/",
            "ftp://localhost/a/b.txt",
            "file:///etc/passwd",
            "//..//",
            "/\u{e9}",
            "/\u{7f}",
            "/\u{1}",
            "/a\tb",
        ],
        |target| {
            let mut client = server.connect();
            let reply = client.get(target);
            equal("the status", reply.status, 400)?;
            equal("last", reply.is_last(), true)?;
            client.assert_closed();
            Ok(())
        },
    );
}

#[test]
fn a_folder_redirects_to_its_slash_and_never_elsewhere() {
    let builder = Server::build();
    for name in [
        &b"f/index.html"[..],
        b"f g/index.html",
        b"f%g/index.html",
        b"f?g/index.html",
        b"f#g/index.html",
        b"\\host/index.html",
        b"host.example/index.html",
        b"f/n/x.txt",
        b"javascript:alert(1)/x",
        b"a\r\nX: y/x",
        b"<b>/x",
        b"\xff/x",
        b".well-known/x",
    ] {
        let path = builder.root().join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, "x").expect("a file");
    }
    let server = builder.start();
    check(
        &[
            ("/f", "/f/"),
            ("/f?", "/f/?"),
            ("/f?a=b&c=d", "/f/?a=b&c=d"),
            ("/f?a=%20?&/../x", "/f/?a=%20?&/../x"),
            ("/f?a=//host.example", "/f/?a=//host.example"),
            // What is no query (RFC 3986 section 3.4) is not handed on as one.
            ("/f?a={b}[c]|^`", "/f/?a=%7Bb%7D%5Bc%5D%7C%5E%60"),
            ("/f?%zz%2f%a%", "/f/?%25zz%2f%25a%25"),
            ("/f?%2g%g2", "/f/?%252g%25g2"),
            ("//f", "/f/"),
            ("///f", "/f/"),
            ("/./f", "/f/"),
            ("/.//f", "/f/"),
            ("//host.example/../f", "/f/"),
            ("/f/..//host.example", "/host.example/"),
            ("//host.example", "/host.example/"),
            ("/%5chost", "/%5Chost/"),
            ("/%5Chost?x", "/%5Chost/?x"),
            ("/f%20g", "/f%20g/"),
            ("/f%25g", "/f%25g/"),
            ("/f%3fg", "/f%3Fg/"),
            ("/f%23g?h", "/f%23g/?h"),
            ("/f/n", "/f/n/"),
            ("/f/./n", "/f/n/"),
            ("/f//n", "/f/n/"),
            ("/f/n/../n", "/f/n/"),
            ("/javascript:alert(1)", "/javascript:alert(1)/"),
            ("/a%0d%0aX:%20y", "/a%0D%0AX:%20y/"),
            ("/%3cb%3e", "/%3Cb%3E/"),
            ("/%ff", "/%FF/"),
            ("/%66", "/f/"),
            ("/.well-known", "/.well-known/"),
            ("http://evil.example/f?x", "/f/?x"),
            ("http://evil.example//f", "/f/"),
        ],
        |(target, location)| {
            let mut client = server.connect();
            let reply = client.get(target);
            equal("the status", reply.status, 301)?;
            equal("Location", reply.field("location"), Some(*location))?;
            let head = client.request("HEAD", target, "");
            equal("HEAD", head.timeless().1, reply.timeless().1)?;
            let (path, _) = location.split_once('?').unwrap_or((location, ""));
            let followed = client.get(path).status;
            equal("followed", [200, 404].contains(&followed), true)
        },
    );
    // Names that must not become a host or climb out by way of a redirect.
    check(
        &[
            "//f/..",
            "//host.example/%2e%2e",
            "//host.example/",
            "/f/..",
            "/%5chost/..",
            "/a%0d%0aX:%20y/..",
        ],
        |target| {
            let reply = server.connect().get(target);
            equal("Location", reply.field("location"), None)
        },
    );
}

#[test]
fn a_redirect_waits_for_no_precondition_and_keeps_no_range() {
    let server = Server::build().file("f/index.html", "f").start();
    for fields in [
        "If-None-Match: *\r\n",
        "If-Match: \"x\"\r\n",
        "Range: bytes=0-0\r\n",
        "Accept-Encoding: identity;q=0\r\n",
    ] {
        assert_eq!(
            server.connect().get_with("/f", fields).status,
            301,
            "{fields}"
        );
    }
}
