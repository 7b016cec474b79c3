//! What curl makes of the server. Run by `tests/run.sh`.

mod support;

use std::{fs, process::Command};

use support::{Server, content, run};

/// Runs curl with its exit code asserted; gives standard output and error.
#[track_caller]
fn curl(args: &[&str]) -> (String, String) {
    let mut command = Command::new("curl");
    command.args([
        "--disable",
        "--noproxy",
        "*",
        "--silent",
        "--show-error",
        "--max-time",
        "9",
    ]);
    let output = run(command.args(args));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {err}", output.status);
    (out, err)
}

fn site() -> (Server, String) {
    let server = Server::build()
        .file("index.html", "home\n")
        .file("a.txt", "text\n")
        .file("large.bin", content(5 << 20))
        .start();
    let url = format!("http://{}", server.address());
    (server, url)
}

#[test]
#[ignore = "needs curl"]
fn a_kept_connection_is_used_again() {
    let (_server, url) = site();
    let (home, text) = (format!("{url}/"), format!("{url}/a.txt"));
    let format = "%{num_connects} %{http_code}\n";
    let (out, err) = curl(&["-v", "-w", format, &home, &text, &home]);
    assert_eq!(out, "home\n1 200\ntext\n0 200\nhome\n0 200\n");
    assert!(err.contains("Re-using existing connection"), "{err}");
    assert!(err.contains("left intact"), "{err}");
}

#[test]
#[ignore = "needs curl"]
fn a_connection_is_closed_where_curl_asks_for_it() {
    let (_server, url) = site();
    let home = format!("{url}/");
    let format = "%{num_connects}\n";
    let (out, err) = curl(&["-v", "-w", format, "-H", "Connection: close", &home, &home]);
    assert_eq!(out, "home\n1\nhome\n1\n");
    assert!(err.contains("Closing connection"), "{err}");
}

#[test]
#[ignore = "needs curl"]
fn http_1_0_is_spoken_in_both_manners() {
    let (_server, url) = site();
    let home = format!("{url}/");
    let format = "%{num_connects}\n";
    let (out, _) = curl(&["--http1.0", "-w", format, &home, &home]);
    assert_eq!(out, "home\n1\nhome\n1\n");
    let keep = [
        "--http1.0",
        "-H",
        "Connection: keep-alive",
        "-w",
        format,
        &home,
        &home,
    ];
    let (out, _) = curl(&keep);
    assert_eq!(out, "home\n1\nhome\n0\n");
}

#[test]
#[ignore = "needs curl"]
fn head_shows_the_fields_and_no_body() {
    let (_server, url) = site();
    let (out, _) = curl(&["--head", &format!("{url}/large.bin")]);
    assert!(out.starts_with("HTTP/1.1 200 OK\r\n"), "{out}");
    assert!(out.contains("Content-Length: 5242880\r\n"), "{out}");
    assert!(out.ends_with("\r\n\r\n"), "{out}");
}

#[test]
#[ignore = "needs curl"]
fn what_has_not_changed_is_not_sent_again() {
    let (server, url) = site();
    let folder = tempfile::tempdir().expect("a folder");
    let tag = folder.path().join("tag");
    let tag = tag.to_str().expect("UTF-8");
    let page = format!("{url}/a.txt");
    let both = [
        "--etag-save",
        tag,
        "--etag-compare",
        tag,
        "-w",
        "%{http_code}",
        &page,
    ];
    assert_eq!(curl(&both).0, "text\n200");
    assert_eq!(
        curl(&["--etag-compare", tag, "-w", "%{http_code}", &page]).0,
        "304"
    );
    server.write("a.txt", "another\n");
    assert_eq!(
        curl(&["--etag-compare", tag, "-w", "%{http_code}", &page]).0,
        "another\n200"
    );
}

#[test]
#[ignore = "needs curl"]
fn a_download_is_resumed() {
    let (_server, url) = site();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.bin");
    fs::write(&path, &content(5 << 20)[..1_234_567]).expect("a part");
    let to = path.to_str().expect("UTF-8");
    let (out, _) = curl(&[
        "-C",
        "-",
        "-o",
        to,
        "-w",
        "%{http_code} %{size_download}",
        &format!("{url}/large.bin"),
    ]);
    assert_eq!(out, format!("206 {}", (5 << 20) - 1_234_567));
    assert!(
        fs::read(&path).expect("the whole") == content(5 << 20),
        "another content"
    );
}

#[test]
#[ignore = "needs curl"]
fn a_redirect_and_an_upload_end_well() {
    let server = Server::build()
        .file("folder/index.html", "inside\n")
        .start();
    let url = format!("http://{}", server.address());
    assert_eq!(
        curl(&["--location", &format!("{url}/folder?a=b")]).0,
        "inside\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let upload = folder.path().join("upload");
    fs::write(&upload, content(3 << 20)).expect("a file");
    let upload = upload.to_str().expect("UTF-8");
    let (out, _) = curl(&[
        "-T",
        upload,
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("{url}/x"),
    ]);
    assert!(["405", "413"].contains(&out.as_str()), "{out}");
}
