//! The status page in a browser, while wrk uses kept-alive and then short
//! connections: what it shows of either. Run by `tests/run.sh`.

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

fn json(url: &str) -> Value {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut client = Client::connect(address.parse().expect("an address"));
    serde_json::from_slice(&client.get("/status.json").body).expect("JSON")
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
