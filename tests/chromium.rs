//! What a browser makes of the site in `www/`. Run by `tests/run.sh`.

mod support;

use std::{fs, path::Path, process::Command};

use support::Server;

/// Chromium without a window, a profile of its own and nothing that talks to
/// others than us.
fn chromium(profile: &Path) -> Command {
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-extensions",
        "--disable-sync",
        "--no-first-run",
        "--no-proxy-server",
        "--enable-logging=stderr",
        "--virtual-time-budget=15000",
        "--window-size=1280,2400",
        "--hide-scrollbars",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command
}

/// Runs it under `timeout`, which ends a browser that hangs.
fn bounded(browser: Command) -> (String, String) {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", "60"])
        .arg(browser.get_program())
        .args(browser.get_args());
    let output = command.output().expect("timeout(1) and chromium start");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {err}", output.status);
    (out, err)
}

/// The value of an attribute of the root element.
fn attribute<'d>(dom: &'d str, name: &str) -> Option<&'d str> {
    let start = dom.find("<html")?;
    let tag = &dom[start..start + dom[start..].find('>')?];
    let rest = tag.split_once(&format!(" {name}=\""))?.1;
    rest.split_once('"').map(|(value, _)| value)
}

fn assert_no_console_error(log: &str) {
    let console: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    let faults = ["error", "refused", "failed", "uncaught", "warning"];
    let bad = console.iter().find(|line| {
        let line = line.to_lowercase();
        faults.iter().any(|fault| line.contains(fault))
    });
    assert!(bad.is_none(), "{}", console.join("\n"));
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
        .filter(|line| line.contains("GET /") && (line.contains(" 404") || line.contains(" 400")))
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
