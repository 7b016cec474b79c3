use std::{fs, os::unix::fs::symlink};

use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

#[test]
fn readable_directories_follow_the_links_of_the_root() {
    let (_guard, at) = folder();
    fs::create_dir_all(at.join("releases/1/public")).unwrap();
    fs::create_dir_all(at.join("app/releases/1/b1")).unwrap();
    symlink("b1", at.join("app/releases/1/dist")).unwrap();
    symlink("releases/1", at.join("app/current")).unwrap();
    symlink("app/releases/1", at.join("outer")).unwrap();
    symlink("../app/releases/1", at.join("releases/app")).unwrap();
    symlink("1", at.join("app/releases/now")).unwrap();
    symlink("releases/1", at.join("www")).unwrap();
    symlink("www", at.join("chain")).unwrap();
    symlink("/", at.join("system")).unwrap();
    symlink("releases/1/public", at.join("deep")).unwrap();
    fs::create_dir(at.join("links")).unwrap();
    symlink("../releases/1/public", at.join("links/aside")).unwrap();
    for (root, folders) in [
        ("releases/1", vec!["releases/1", "releases"]),
        ("www", vec!["releases/1", "releases"]),
        ("www/", vec!["releases/1", "releases"]),
        (
            "www/public",
            vec!["releases/1/public", "releases/1", "releases"],
        ),
        ("chain", vec!["releases/1", "releases"]),
        ("deep", vec!["releases/1/public", "releases/1", "releases"]),
        ("deep/", vec!["releases/1/public", "releases/1", "releases"]),
        ("links/aside", vec!["releases/1/public", "releases/1"]),
        (
            "app/current/dist",
            vec!["app/releases/1/b1", "app/releases/1", "app/releases"],
        ),
        (
            "app/releases/now/dist",
            vec!["app/releases/1/b1", "app/releases/1", "app/releases"],
        ),
        (
            "outer/dist",
            vec!["app/releases/1/b1", "app/releases/1", "app"],
        ),
        (
            "releases/app/dist",
            vec!["app/releases/1/b1", "app/releases/1"],
        ),
        ("system", vec!["/"]),
        ("missing", vec![]),
    ] {
        let expected: Vec<_> = folders.iter().map(|folder| at.join(folder)).collect();
        assert_eq!(readable(&at.join(root)), expected, "{root}");
    }
    // Its parent is the root of the whole system.
    let top = at.ancestors().filter(|path| path.parent().is_some()).last();
    assert_eq!(readable(top.unwrap()), [top.unwrap()]);
}

#[test]
fn grants_follow_the_configuration() {
    let (_guard, at) = folder();
    let mut config = Config::default();
    config.site.root = at.clone();
    let read = readable(&at);
    assert_eq!(read[0], at);
    assert_eq!(
        Grants::new(&config),
        Grants {
            read,
            ..Grants::default()
        }
    );

    config.access_log = Some(AccessLogTarget::File(at.join("new.log")));
    config.status = Some("127.0.0.1:0".parse().unwrap());
    config.listen.push(Listen::Unix {
        path: at.join("socket"),
        mode: 0o600,
    });
    assert_eq!(
        Grants::new(&config),
        Grants {
            read: readable(&at),
            write: vec![at.clone()],
            remove: vec![at.clone()],
        }
    );
}

/// The sandbox applies to a thread and those it starts, so one thread can be
/// confined without affecting the others.
#[cfg(target_os = "linux")]
#[test]
fn a_confined_thread_can_use_only_its_grants() {
    use std::{
        io::{ErrorKind::PermissionDenied, Write},
        net::{TcpListener, TcpStream},
        process::Command,
    };

    let (_guard, at) = folder();
    for folder in ["www", "log", "run"] {
        fs::create_dir(at.join(folder)).unwrap();
    }
    fs::write(at.join("www/page"), "page").unwrap();
    fs::write(at.join("secret"), "secret").unwrap();
    symlink("../secret", at.join("www/link")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut bystander = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&bystander);
    let grants = Grants {
        read: vec![at.join("www")],
        write: vec![at.join("log")],
        remove: vec![at.join("run")],
    };
    fs::write(at.join("run/socket"), "").unwrap();
    let client = TcpStream::connect(address).unwrap();

    let tried = std::thread::spawn(move || {
        let confinement = enforce(&grants).unwrap();
        if confinement == Confinement::None {
            eprintln!("not tried: this kernel has no Landlock");
            return;
        }
        let denied = |what: &str, result: std::io::Result<()>| {
            let kind = result.map_err(|error| error.kind());
            assert_eq!(kind, Err(PermissionDenied), "{what}");
        };
        let open = |path: &str| fs::read(at.join(path)).map(drop);
        assert_eq!(fs::read(at.join("www/page")).unwrap(), b"page");
        assert_eq!(fs::read_dir(at.join("www")).unwrap().count(), 2);
        denied("a file beside the root", open("secret"));
        denied("a link that leaves the root", open("www/link"));
        denied("a file of the system", open("/etc/passwd"));
        denied("a folder beside", fs::read_dir(&at).map(drop));
        denied("to create in the root", fs::write(at.join("www/new"), ""));
        denied("to write in the root", fs::write(at.join("www/page"), ""));
        denied("to delete", fs::remove_file(at.join("www/page")));
        let log = at.join("log/access.log");
        let mut options = fs::OpenOptions::new();
        let mut log = options.append(true).create(true).open(log).unwrap();
        log.write_all(b"line\n").unwrap();
        fs::remove_file(at.join("run/socket")).unwrap();
        denied("to create there", fs::write(at.join("run/socket"), ""));
        denied("to read the log", open("log/access.log"));
        denied("to execute", Command::new("/bin/true").status().map(drop));
        listener.accept().unwrap();
        if confinement == Confinement::Full {
            denied("to connect", TcpStream::connect(address).map(drop));
            denied("to bind", TcpListener::bind("127.0.0.1:0").map(drop));
            let signal = rustix::process::Signal::TERM;
            let sent = rustix::process::kill_process(pid, signal);
            denied("to signal", sent.map_err(Into::into));
        }
    });
    let result = tried.join();
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    drop(client);
    result.unwrap();
}
