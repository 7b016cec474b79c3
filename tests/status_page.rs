//! The status page in a browser, while wrk uses kept-alive and then short
//! connections: what it shows of either, and that its refresh does not disturb
//! a visitor. Run by `tests/run.sh`.

mod support;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use support::{
    Client, Server,
    browser::{assert_no_console_error, bounded, chromium},
    content, wait_until,
};

/// A server with a status listener, and the URL of its page.
fn watched() -> (Server, String) {
    let server = Server::build()
        .file("a.txt", content(1_024))
        .file("index.html", "<!doctype html><title>a page</title>\n")
        .args("--threads 2 --status 127.0.0.1:0")
        .start();
    let line = server.next_output();
    let url = line.strip_prefix("status on ").expect("the status line");
    let url = url.to_owned();
    (server, url)
}

/// wrk for longer than the browser looks; ended when dropped.
struct Load(Child);

impl Load {
    fn start(server: &Server, args: &[&str]) -> Load {
        let mut command = Command::new("wrk");
        command.args(["--threads", "1", "--connections", "40", "--duration", "60s"]);
        command
            .args(args)
            .arg(format!("http://{}/a.txt", server.address()));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Load(command.spawn().expect("wrk starts"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the status listener answers.
fn status_file(url: &str, name: &str) -> String {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut client = Client::connect(address.parse().expect("an address"));
    client.get(&format!("/{name}")).text().to_owned()
}

fn json(url: &str) -> Value {
    serde_json::from_str(&status_file(url, "status.json")).expect("JSON")
}

/// The share of requests that reused a connection, and the most frequent
/// number of requests that a closed connection had carried.
fn seen(url: &str) -> (f64, Option<u64>) {
    let now = json(url);
    let count = |key: &str| now[key].as_u64().expect(key) as f64;
    let buckets = now["requests_per_connection"].as_array().expect("buckets");
    let fullest = buckets
        .iter()
        .max_by_key(|bucket| bucket["connections"].as_u64())
        .and_then(|bucket| bucket["from"].as_u64());
    (count("requests_reused") / count("requests"), fullest)
}

/// The page as the browser has it after its script ran for a while.
fn dom(url: &str) -> String {
    let profile = tempfile::tempdir().expect("a folder");
    let mut browser = chromium(profile.path());
    browser.args(["--dump-dom", url]);
    let (dom, log) = bounded(browser);
    assert!(dom.contains("</html>"), "no page: {dom}");
    assert_no_console_error(&log);
    dom
}

/// The value of the tile with this title.
fn tile<'d>(dom: &'d str, title: &str) -> &'d str {
    let (_, rest) = dom
        .split_once(&format!("<dt>{title}</dt>"))
        .unwrap_or_else(|| panic!("no tile {title:?} in {dom}"));
    let (_, rest) = rest.split_once("<dd>").expect("a value");
    rest.split(['<', '\n']).next().expect("a text")
}

fn photograph(url: &str, name: &str, args: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&folder).expect("a folder for screenshots");
    let file = folder.join(format!("status-{name}.png"));
    let _ = fs::remove_file(&file);
    let profile = tempfile::tempdir().expect("a folder");
    let mut browser = chromium(profile.path());
    browser.args(args);
    browser.arg(format!("--screenshot={}", file.display()));
    browser.arg(url);
    let (_, log) = bounded(browser);
    assert_no_console_error(&log);
    let image = fs::read(&file).expect("a screenshot");
    assert!(image.starts_with(b"\x89PNG") && image.len() > 10_000);
}

#[test]
#[ignore = "needs chromium and wrk"]
fn short_and_kept_connections_look_different() {
    let (server, url) = watched();
    let short = Load::start(&server, &["--header", "Connection: close"]);
    wait_until("short connections", || {
        json(&url)["closed"].as_u64() > Some(1_000)
    });
    let page = dom(&url);
    assert_eq!(tile(&page, "reused connection"), "0&nbsp;%");
    assert!(page.contains("client asked"), "{page}");
    photograph(&url, "short", &[]);
    drop(short);
    let (reused, fullest) = seen(&url);
    assert_eq!((reused, fullest), (0.0, Some(1)));

    // The same server, so that both stand side by side in the histogram.
    let kept = Load::start(&server, &[]);
    wait_until("kept connections", || seen(&url).0 > 0.5);
    drop(kept);
    wait_until("all are closed", || json(&url)["open"]["count"] == 0);
    let buckets = json(&url)["requests_per_connection"].clone();
    let many = buckets.as_array().expect("buckets").iter().any(|bucket| {
        bucket["from"].as_u64() > Some(10) && bucket["connections"].as_u64() > Some(0)
    });
    assert!(many, "{buckets}");

    let kept = Load::start(&server, &[]);
    let share_of = |page: &str| {
        let share = tile(page, "reused connection");
        let share = share.trim_start_matches("&gt;&nbsp;");
        share.trim_end_matches("&nbsp;%").parse().unwrap_or(0.0)
    };
    wait_until("the page says so", || share_of(&dom(&url)) > 90.0);
    photograph(&url, "kept", &[]);
    photograph(&url, "dark", &["--blink-settings=preferredColorScheme=0"]);
    photograph(&url, "phone", &["--window-size=500,4400"]);
    drop(kept);
}

/// What a visitor does to the page, and what is left of it after a refresh.
const VISITOR: &str = r##"
const noted = document.documentElement.dataset;
const pass = ms => new Promise(done => setTimeout(done, ms));
addEventListener("load", async () => {
  document.body.style.paddingBottom = "5000px";
  document.getElementById("pause").focus();
  scrollTo(0, 1000);
  await pass(2500);
  noted.scroll = scrollY;
  noted.focus = document.activeElement.id;

  const stories = document.querySelectorAll("details");
  stories[0].id = "displaced";
  for (const story of stories) story.open = true;
  stories[1].querySelector("summary").focus();
  await pass(2500);
  noted.open = document.querySelectorAll("details[open]").length;
  noted.displaced = document.querySelectorAll("#displaced li").length > 1;
  noted.kept = document.activeElement.parentElement.id === stories[1].id;
});
"##;

/// Copies the page, with one more script, to the server of files, which sends it
/// without its policy.
fn copy(server: &Server, url: &str, script: &str) {
    let page = status_file(url, "");
    let both = "defer></script><script src=visitor.js defer></script>";
    server.write("index.html", page.replace("defer></script>", both));
    server.write("visitor.js", script);
    for name in ["status.js", "status.css"] {
        server.write(name, status_file(url, name));
    }
}

#[test]
#[ignore = "needs chromium"]
fn a_refresh_leaves_scroll_focus_and_open_stories_alone() {
    let (server, url) = watched();
    for _ in 0..2 {
        server.connect().get_with("/a.txt", "Connection: close\r\n");
    }
    wait_until("both are closed", || json(&url)["closed"] == 2);
    copy(&server, &url, VISITOR);

    let dom = dom(&format!("http://{}/", server.address()));
    for noted in [
        "data-scroll=\"1000\"",
        "data-focus=\"pause\"",
        // The two of the page anew, and the one that is no longer among them.
        "data-open=\"2\"",
        "data-displaced=\"true\"",
        "data-kept=\"true\"",
    ] {
        assert!(dom.contains(noted), "{noted}: {}", &dom[..400]);
    }
}

/// Counts the colours of the key to the states of connections.
const KEY: &str = r#"
const key = [...document.querySelectorAll(".legend i")];
const colours = new Set(key.map(square => getComputedStyle(square).backgroundColor));
document.documentElement.dataset.colours = `${colours.size} of ${key.length}`;
document.documentElement.dataset.forced = matchMedia("(forced-colors: active)").matches;
"#;

#[test]
#[ignore = "needs chromium"]
fn the_states_of_connections_keep_their_colours_in_high_contrast() {
    let (server, url) = watched();
    copy(&server, &url, KEY);
    let profile = tempfile::tempdir().expect("a folder");
    let mut browser = chromium(profile.path());
    browser.args(["--force-high-contrast", "--dump-dom"]);
    browser.arg(format!("http://{}/", server.address()));
    let (dom, _) = bounded(browser);
    for noted in ["data-forced=\"true\"", "data-colours=\"4 of 4\""] {
        assert!(dom.contains(noted), "{noted}: {}", &dom[..400]);
    }
}
