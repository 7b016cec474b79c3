use proptest::prelude::*;

use super::*;

fn check(path: &str, expected: Option<&str>) {
    let resolved = RequestPath::new(path);
    let resolved = resolved.as_ref().map(RequestPath::as_bytes);
    let expected = expected.map(str::as_bytes);
    assert_eq!(resolved, expected, "{path}");
}

#[test]
fn paths_are_decoded_once() {
    check("/", Some(""));
    check("/a", Some("a"));
    check("/a/", Some("a/"));
    check("/a/b.txt", Some("a/b.txt"));
    check("/a%20b", Some("a b"));
    check("/%41%6a%6A", Some("Ajj"));
    check("/%2541", Some("%41"));
    check("/%252e%252e/", Some("%2e%2e/"));
    check("/%5c..%5C", Some("\\..\\"));
    check("/a?b", Some("a?b"));
    check("/%3f%23", Some("?#"));
    check("/%c3%a9", Some("é"));
    check("/a+b", Some("a+b"));
    let bytes = RequestPath::new("/%ff%fe").map(|path| path.as_bytes().to_vec());
    assert_eq!(bytes, Some(vec![0xff, 0xfe]));
}

#[test]
fn malformed_paths_are_refused() {
    for bad in [
        "",
        "a",
        "%2fa",
        "/%",
        "/%4",
        "/%zz",
        "/%4g",
        "/%g4",
        "/%+1",
        "/%%41",
        "/a/%",
        "/%2f",
        "/a%2Fb",
        "/%00",
        "/a%00.html",
        "/\0",
        "/a\0b",
        "/..%2f",
        "/%u0041",
        "/% 1",
    ] {
        check(bad, None);
    }
}

#[test]
fn slashes_merge() {
    for (path, expected) in [
        ("//", ""),
        ("///", ""),
        ("//a", "a"),
        ("/a//b", "a/b"),
        ("/a//", "a/"),
        ("/a///b//", "a/b/"),
    ] {
        check(path, Some(expected));
    }
}

#[test]
fn dot_segments_are_resolved() {
    for (path, expected) in [
        ("/.", ""),
        ("/./", ""),
        ("/a/.", "a/"),
        ("/a/./b", "a/b"),
        ("/a/..", ""),
        ("/a/../", ""),
        ("/a/../b", "b"),
        ("/a/b/..", "a/"),
        ("/a/b/../..", ""),
        ("/a/b/../../c", "c"),
        ("/a//../b", "b"),
        ("/a/%2e", "a/"),
        ("/a/%2E%2e/b", "b"),
        ("/a/.%2e", ""),
        ("/a/%2e./b", "b"),
        ("/...", "..."),
        ("/..a", "..a"),
        ("/a..", "a.."),
        ("/a/.b", "a/.b"),
    ] {
        check(path, Some(expected));
    }
}

#[test]
fn nothing_leads_above_the_root() {
    for path in [
        "/..",
        "/../",
        "/../a",
        "/a/../..",
        "/a/../../a",
        "//..",
        "/./..",
        "/%2e%2e",
        "/%2e%2e/a",
        "/.%2E/etc/passwd",
        "/a/b/../../../c/d/e",
    ] {
        check(path, None);
    }
}

#[test]
fn folders_and_hidden_names_are_known() {
    for (path, folder, hidden) in [
        ("/", true, false),
        ("/a", false, false),
        ("/a/", true, false),
        ("/a.b/c.d", false, false),
        ("/.a", false, true),
        ("/a/.b", false, true),
        ("/a/.b/c/", true, true),
        ("/%2ea", false, true),
        ("/a/%2egit/config", false, true),
        ("/.well-known", false, false),
        ("/.well-known/", true, false),
        ("/.well-known/acme-challenge/a.b", false, false),
        ("/.well-known/.a", false, true),
        ("/.well-known/a/.b", false, true),
        ("/.well-knowns/a", false, true),
        ("/.well-know", false, true),
        ("/.Well-Known/a", false, true),
        ("/a/.well-known/b", false, true),
        ("/a/../.well-known/b", false, false),
    ] {
        let resolved = RequestPath::new(path).expect(path);
        assert_eq!(resolved.is_folder(), folder, "{path}");
        assert_eq!(resolved.is_hidden(), hidden, "{path}");
    }
}

#[test]
fn a_plain_path_is_borrowed() {
    for (path, borrowed) in [
        ("/a/b-c.d", true),
        ("/", true),
        ("/a%62", false),
        ("/a//b", false),
    ] {
        let resolved = RequestPath::new(path).expect(path);
        assert_eq!(
            matches!(resolved.bytes, Cow::Borrowed(_)),
            borrowed,
            "{path}"
        );
    }
}

/// The same rules once more, as plainly as can be: split, decode, walk.
fn model(path: &str) -> Option<Vec<u8>> {
    let segments: Vec<&str> = path.split('/').collect();
    if segments.len() < 2 || !segments[0].is_empty() {
        return None;
    }
    let mut walked: Vec<Vec<u8>> = Vec::new();
    let mut folder = true;
    for segment in &segments[1..] {
        let mut decoded = Vec::new();
        let mut bytes = segment.bytes();
        while let Some(byte) = bytes.next() {
            let byte = if byte == b'%' {
                let pair: Vec<u8> = bytes.by_ref().take(2).collect();
                let valid = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
                if !valid {
                    return None;
                }
                u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap()
            } else {
                byte
            };
            if byte == 0 || byte == b'/' {
                return None;
            }
            decoded.push(byte);
        }
        folder = true;
        match decoded.as_slice() {
            b"" | b"." => {}
            b".." => {
                walked.pop()?;
            }
            _ => {
                walked.push(decoded);
                folder = false;
            }
        }
    }
    let mut bytes = walked.join(&b'/');
    if folder && !walked.is_empty() {
        bytes.push(b'/');
    }
    Some(bytes)
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "/",
        "/",
        ".",
        ".",
        "..",
        "%2e",
        "%2E",
        "%2f",
        "%00",
        "%",
        "%4",
        "%41",
        "a",
        "bc",
        ".well-known",
        "%5c",
        "\\",
        "é",
        "\0",
        "%c3%a9",
        "...",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

fn check_against_model(path: &str) -> Result<(), TestCaseError> {
    let resolved = RequestPath::new(path);
    let bytes = resolved.as_ref().map(|path| path.as_bytes().to_vec());
    prop_assert_eq!(bytes, model(path));
    let Some(resolved) = resolved else {
        return Ok(());
    };
    let bytes = resolved.as_bytes();
    prop_assert!(!bytes.contains(&0) && !bytes.starts_with(b"/"));
    let inner = bytes.strip_suffix(b"/").unwrap_or(bytes);
    let segments: Vec<&[u8]> = inner.split(|&byte| byte == b'/').collect();
    let steps = segments
        .iter()
        .any(|segment| matches!(*segment, b"" | b"." | b".."));
    prop_assert!(bytes.is_empty() || !steps);
    let hidden = segments
        .iter()
        .enumerate()
        .any(|(at, segment)| segment.starts_with(b".") && !(at == 0 && *segment == b".well-known"));
    prop_assert_eq!(resolved.is_hidden(), hidden);
    Ok(())
}

proptest! {
    #[test]
    fn likely_paths_agree_with_the_model(path in pieces()) {
        check_against_model(&path)?;
    }

    #[test]
    fn any_path_agrees_with_the_model(path in "/?\\PC{0,40}") {
        check_against_model(&path)?;
    }
}
