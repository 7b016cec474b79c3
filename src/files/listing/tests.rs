use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::*;

fn entry(is_folder: bool, name: &[u8], size: u64, mtime: i64) -> Entry {
    let name = name.into();
    Entry {
        name,
        is_folder,
        size,
        mtime,
    }
}

fn file(name: &[u8]) -> Entry {
    entry(false, name, 1_234_567, 784_111_777)
}

fn folder(name: &[u8]) -> Entry {
    entry(true, name, 4096, 0)
}

/// A complete listing.
fn text(form: Form, path: &[u8], entries: &mut [Entry], sort: Sort) -> Vec<u8> {
    entries.sort_by(|a, b| sort.compare(a, b));
    let mut summary = Summary::default();
    entries.iter().for_each(|entry| summary.add(entry));
    let mut out = Vec::new();
    form.push_begin(&mut out, path, sort, summary);
    for entry in entries {
        form.push_entry(&mut out, entry);
    }
    form.push_end(&mut out);
    out
}

fn html(path: &[u8], entries: &mut [Entry], sort: Sort) -> Vec<u8> {
    text(Form::Html, path, entries, sort)
}

fn json(entries: &mut [Entry], sort: Sort) -> Vec<u8> {
    text(Form::Json, b"", entries, sort)
}

fn page(path: &str, entries: &mut [Entry], query: &str) -> String {
    let page = html(path.as_bytes(), entries, Sort::from_query(Some(query)));
    String::from_utf8(page).expect("a page is UTF-8")
}

/// The text between the first `start` and the next `end`.
fn between<'p>(page: &'p str, start: &str, end: &str) -> &'p str {
    let (_, behind) = page.split_once(start).expect(start);
    behind.split_once(end).expect(end).0
}

#[test]
fn the_policy_allows_the_style_and_script_of_the_page() {
    let page = page("", &mut [], "");
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    let style = hash(between(&page, "<style>", "</style>"));
    let script = hash(between(&page, "<script>", "</script>"));
    assert_eq!(
        CSP,
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    assert_eq!(page.matches("<style").count(), 1);
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn nothing_of_a_name_is_markup() {
    let hostile: &[&[u8]] = &[
        b"<script>alert(1)",
        b"\"onmouseover=\"alert(1)",
        b"' style='x",
        b"--><h1><base href=x>",
        b"&lt;",
        b"a\nb",
        b"\xFF<svg onload=alert(1)>\xC3",
        "\u{202E}gpj.exe".as_bytes(),
    ];
    let plain = page("a/", &mut [file(b"a")], "").matches('<').count();
    for name in hostile {
        let path = [b"a/", *name, b"/"].concat();
        let mut entries = [file(name)];
        let bytes = html(&path, &mut entries, Sort::default());
        let page = String::from_utf8(bytes).expect("a page is UTF-8");
        // Only its breadcrumb and the marks of invisible characters are added to the page of a
        // plain name.
        let marks = page.matches("<b>").count() * 2;
        let crumb = "<a></a><i></i><bdi></bdi>".matches('<').count();
        let name = name.escape_ascii();
        assert_eq!(page.matches('<').count(), plain + crumb + marks, "{name}");
        assert!(!page.contains('\u{202E}'));
        let attributes = between(&page, "<tr><td><a ", "><svg");
        assert_eq!(attributes.matches('"').count(), 2, "{name}");
        assert!(!attributes.contains('\''), "{name}");
    }
}

#[test]
fn rows_link_to_their_entries() {
    let row =
        |entry: Entry| between(&page("", &mut [entry], ""), "<tbody>\n", "</tbody>").to_owned();
    assert_eq!(
        row(file(b"a b:#?%.png")),
        "<tr><td><a href=\"./a%20b%3A%23%3F%25.png\"><svg class=\"image\"><use href=\"#image\"/></svg>\
         <bdi>a b:#?%.png</bdi></a></td><td title=\"1,234,567 bytes\">1.2 MB</td>\
         <td><time datetime=\"1994-11-06T08:49:37Z\">1994-11-06 08:49</time></td></tr>\n"
    );
    assert_eq!(
        row(folder(b"d\xFF")),
        "<tr><td><a href=\"./d%FF/\"><svg class=\"folder\"><use href=\"#folder\"/></svg>\
         <bdi>d\u{FFFD}/</bdi></a></td><td></td>\
         <td><time datetime=\"1970-01-01T00:00:00Z\">1970-01-01 00:00</time></td></tr>\n"
    );
    assert!(row(entry(false, b"one", 1, 0)).contains("title=\"1 byte\">1 B<"));
}

#[test]
fn breadcrumbs_and_parent() {
    for (path, crumbs, parent) in [
        ("", "Index", false),
        ("/", "Index", false),
        ("a/", "<a href=\"../\">Index</a><i>/</i><bdi>a</bdi>", true),
        (
            "/a&b/c d/e/",
            "<a href=\"../../../\">Index</a><i>/</i>\
             <a href=\"../../\"><bdi>a&amp;b</bdi></a><i>/</i>\
             <a href=\"../\"><bdi>c d</bdi></a><i>/</i><bdi>e</bdi>",
            true,
        ),
    ] {
        let page = page(path, &mut [], "");
        assert_eq!(between(&page, "<h1>", "</h1>"), crumbs);
        assert_eq!(page.contains("Parent folder"), parent, "{path}");
    }
    let titled = page("/a&b/c d", &mut [], "");
    assert_eq!(
        between(&titled, "<title>", "</title>"),
        "Index of /a&amp;b/c d/"
    );
}

#[test]
fn columns_sort_without_a_script() {
    let head = |query| between(&page("", &mut [], query), "<tr>", "</tr>").to_owned();
    let column = |aria: &str, key: &str, order: &str, title: &str| {
        format!(
            "<th scope=\"col\"{aria}><a href=\"?sort={key}&amp;order={order}\">{title}</a></th>"
        )
    };
    let (ascending, descending) = (" aria-sort=\"ascending\"", " aria-sort=\"descending\"");
    assert_eq!(
        head(""),
        column(ascending, "name", "desc", "Name")
            + &column("", "size", "desc", "Size")
            + &column("", "time", "desc", "Modified (UTC)")
    );
    assert_eq!(
        head("sort=size&order=desc"),
        column("", "name", "asc", "Name")
            + &column(descending, "size", "asc", "Size")
            + &column("", "time", "desc", "Modified (UTC)")
    );
}

#[test]
fn entries_are_in_the_requested_order() {
    let mut entries = [file(b"a"), folder(b"z"), file(b"b")];
    let page = page("", &mut entries, "order=desc");
    let names: Vec<_> = page.split("<bdi>").skip(1).collect();
    assert!(
        names[0].starts_with("z/<") && names[1].starts_with("b<") && names[2].starts_with("a<")
    );
}

#[test]
fn the_summary_counts_folders_files_and_bytes() {
    let mut entries = [file(b"a"), folder(b"z"), file(b"b")];
    let summary = |page: &str| between(page, "<p role=\"status\">", "</p>").to_owned();
    assert_eq!(
        summary(&page("", &mut entries, "")),
        "1 folder, 2 files, 2.4 MB"
    );
    assert_eq!(summary(&page("", &mut [], "")), "0 folders, 0 files");
    assert!(page("", &mut [], "").contains("This folder is empty."));
}

#[test]
fn json_has_one_object_per_entry() {
    let sort = Sort::default();
    assert_eq!(json(&mut [], sort), b"[\n]\n");
    let mut entries = [file(b"a \"b\"\n\xFF"), folder(b"d:")];
    let text = String::from_utf8(json(&mut entries, sort)).expect("JSON is UTF-8");
    assert_eq!(
        text,
        concat!(
            "[\n",
            r#"{"name":"d:","type":"directory","mtime":"1970-01-01T00:00:00Z","href":"./d%3A/"},"#,
            "\n",
            r#"{"name":"a \"b\"\u000a"#,
            "\u{FFFD}",
            r#"","type":"file","size":1234567,"mtime":"1994-11-06T08:49:37Z","href":"./a%20%22b%22%0A%FF"}"#,
            "\n]\n"
        )
    );
}

#[test]
fn icons_follow_the_extension() {
    for (icon, _) in ICONS_BY_ENDING {
        assert!(ICONS.contains(&format!("id=\"{icon}\"")), "{icon}");
    }
    for (name, expected) in [
        (&b"a.PNG"[..], "image"),
        (b"a.tar.gz", "archive"),
        (b"README", "file"),
        (b".zip", "file"),
        (b"a.\xFF", "file"),
        (b"a.an-ending-longer-than-any", "file"),
    ] {
        assert_eq!(file(name).icon(), expected, "{}", name.escape_ascii());
    }
}
