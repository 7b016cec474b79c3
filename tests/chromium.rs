//! What a browser makes of the site in `www/`, and of a listing. Run by
//! `tests/run.sh`.

mod support;

use std::{fs, path::Path};

use support::{
    Server,
    browser::{assert_no_console_error, bounded, chromium},
};

/// The value of an attribute of the root element.
fn attribute<'d>(dom: &'d str, name: &str) -> Option<&'d str> {
    let start = dom.find("<html")?;
    let tag = &dom[start..start + dom[start..].find('>')?];
    let rest = tag.split_once(&format!(" {name}=\""))?.1;
    rest.split_once('"').map(|(value, _)| value)
}

#[test]
#[ignore = "needs chromium"]
fn the_site_loads_and_its_live_part_sees_a_connection_reused() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let server = Server::build().serve(project.join("www")).debug().start();
    let url = format!("http://{}/", server.address());
    let profile = tempfile::tempdir().expect("a folder");

    let mut browser = chromium(profile.path());
    browser.args(["--dump-dom", &url]);
    let (dom, log) = bounded(browser);
    assert!(dom.contains("</html>"), "no page: {dom}");
    assert_eq!(
        attribute(&dom, "data-live"),
        Some("done"),
        "the live part did not finish"
    );
    let reused = attribute(&dom, "data-reused").and_then(|n| n.parse::<u32>().ok());
    assert!(reused.is_some_and(|n| n >= 1), "reused: {reused:?}");
    assert_no_console_error(&log);
    let refused: Vec<String> = server
        .log()
        .into_iter()
        .filter(|line| line.contains("\" 404, ") || line.contains("\" 400, "))
        .collect();
    assert_eq!(refused, [""; 0], "the page asks for what is not there");
}

#[test]
#[ignore = "needs chromium"]
fn the_site_is_photographed() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = project.join("target/screenshots");
    fs::create_dir_all(&folder).expect("a folder for screenshots");
    let server = Server::build().serve(project.join("www")).start();
    let profile = tempfile::tempdir().expect("a folder");
    let file = folder.join("site.png");
    let _ = fs::remove_file(&file);

    let mut browser = chromium(profile.path());
    browser.arg(format!("--screenshot={}", file.display()));
    browser.arg(format!("http://{}/", server.address()));
    let (_, log) = bounded(browser);
    assert_no_console_error(&log);
    let image = fs::read(&file).expect("a screenshot");
    assert!(
        image.starts_with(b"\x89PNG") && image.len() > 10_000,
        "{} bytes",
        image.len()
    );
}

/// Counts the colours of the phases of a fetch.
const PHASES: &str = r#"<script type="module">
const seen = ["open", "think", "read"].map(phase => {
  const key = document.querySelector(`.swatch.${phase}`);
  const bar = document.createElement("i");
  bar.className = phase;
  const track = document.createElement("span");
  track.className = "track";
  track.append(bar);
  document.body.append(track);
  return [key, bar].map(element => getComputedStyle(element).backgroundColor);
});
document.documentElement.dataset.colours = new Set(seen.flat()).size;
document.documentElement.dataset.forced = matchMedia("(forced-colors: active)").matches;
</script>"#;

#[test]
#[ignore = "needs chromium"]
fn the_phases_of_a_fetch_keep_their_colours_in_high_contrast() {
    let www = Path::new(env!("CARGO_MANIFEST_DIR")).join("www");
    let read = |name| fs::read_to_string(www.join(name)).expect("a file of the site");
    let server = Server::build()
        .file("index.html", read("index.html") + PHASES)
        .file("style.css", read("style.css"))
        .start();
    let profile = tempfile::tempdir().expect("a folder");

    let mut browser = chromium(profile.path());
    browser.args(["--force-high-contrast", "--dump-dom"]);
    browser.arg(format!("http://{}/", server.address()));
    let (dom, _) = bounded(browser);
    assert_eq!(attribute(&dom, "data-forced"), Some("true"));
    assert_eq!(attribute(&dom, "data-colours"), Some("3"));
}

/// A page that takes a listing in, types into its filter box and notes how many
/// rows are left, and how far the last column moves if none is.
const TYPIST: &str = r#"<!doctype html>
<meta charset="utf-8">
<script>
addEventListener("load", async () => {
  const text = await (await fetch("./")).text();
  const listing = new DOMParser().parseFromString(text, "text/html");
  document.head.append(listing.querySelector("style"));
  document.body.innerHTML = listing.body.innerHTML;
  (0, eval)(listing.querySelector("script").textContent);
  const box = document.querySelector("input");
  const last = () => document.querySelector("th:last-child").getBoundingClientRect().left;
  const left = last();
  const type = text => {
    box.value = text;
    box.dispatchEvent(new Event("input"));
  };
  type("\u00c9tude");
  document.documentElement.dataset.shown = document.querySelector("header p").textContent;
  type("nothing");
  document.documentElement.dataset.moved = Math.round(Math.abs(last() - left));
});
</script>
"#;

#[test]
#[ignore = "needs chromium"]
fn the_filter_finds_accents_and_leaves_the_columns_in_place() {
    let server = Server::build()
        .args("--listing")
        .file("typist.html", TYPIST)
        .file("one \u{e9}tude.txt", "")
        .file("two e\u{301}tude.txt", "")
        .file("three etude.txt", "")
        .start();
    let profile = tempfile::tempdir().expect("a folder");

    let mut browser = chromium(profile.path());
    browser.arg("--dump-dom");
    browser.arg(format!("http://{}/typist.html", server.address()));
    let (dom, log) = bounded(browser);
    assert_eq!(attribute(&dom, "data-shown"), Some("2 of 4"), "{dom}");
    // A column without cells is as wide as its head, which is a little less.
    let moved = attribute(&dom, "data-moved").and_then(|n| n.parse::<u32>().ok());
    assert!(moved.is_some_and(|pixels| pixels < 40), "{moved:?}");
    assert_no_console_error(&log);
}
