//! A headless browser.

use std::{path::Path, process::Command};

/// Headless Chromium with a profile of its own, without network services in the background.
pub fn chromium(profile: &Path) -> Command {
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
pub fn bounded(browser: Command) -> (String, String) {
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

/// Fails if the console contains an error.
#[track_caller]
pub fn assert_no_console_error(log: &str) {
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
