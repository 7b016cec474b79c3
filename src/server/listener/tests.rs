use std::{io::Write, net::TcpStream, os::unix::net::UnixStream};

use super::*;

fn loopback(config: &Config) -> Listener {
    bind((Ipv4Addr::LOCALHOST, 0).into(), config).unwrap()
}

/// Accepts a connection that must arrive.
#[track_caller]
fn accept_awaited(listener: &Listener) -> Accepted<Stream> {
    let begun = Moment::now();
    loop {
        match listener.accept() {
            Ok(accepted) => return accepted,
            Err(AcceptError::WouldBlock) if begun.elapsed() < Duration::from_secs(10) => {
                std::thread::yield_now();
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn address(listener: &Listener) -> SocketAddr {
    listener.endpoint().tcp().unwrap()
}

#[test]
fn an_accepted_stream_is_ready_for_the_poll() {
    let listener = loopback(&Config::default());
    assert!(matches!(listener.accept(), Err(AcceptError::WouldBlock)));
    let mut client = TcpStream::connect(address(&listener)).unwrap();
    client.write_all(b"x").unwrap();
    let accepted = accept_awaited(&listener);
    assert_eq!(accepted.identity.peer, client.local_addr().ok());
    let stream = accepted.stream;
    let nodelay = SockRef::from(&stream).tcp_nodelay().unwrap();
    assert!(nodelay, "inherited from the listener");
    assert!(SockRef::from(&stream).nonblocking().unwrap());
    let flags = rustix::io::fcntl_getfd(&stream).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[cfg(target_os = "linux")]
#[test]
fn the_accept_of_a_silent_client_is_deferred() {
    let listener = loopback(&Config::default());
    assert!(listener.defers);
    let mut client = TcpStream::connect(address(&listener)).unwrap();
    assert!(matches!(listener.accept(), Err(AcceptError::WouldBlock)));
    client.write_all(b"x").unwrap();
    accept_awaited(&listener);
}

#[cfg(target_os = "linux")]
#[test]
fn loopback_connections_are_not_paced() {
    use std::{fs, net::IpAddr};

    let system = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap();
    let check = |address: IpAddr, to: IpAddr, congestion_control: &str| {
        let listener = bind((address, 0).into(), &Config::default()).unwrap();
        let port = listener.endpoint().tcp().unwrap().port();
        let mut client = TcpStream::connect((to, port)).unwrap();
        client.write_all(b"x").unwrap();
        let stream = accept_awaited(&listener).stream;
        let chosen = rustix::net::sockopt::tcp_congestion(&stream).unwrap();
        assert_eq!(chosen, congestion_control, "{address}");
    };
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    check(localhost, localhost, LOOPBACK_CONGESTION_CONTROL);
    check(Ipv4Addr::UNSPECIFIED.into(), localhost, system.trim());
}

#[test]
fn a_short_header_time_out_disables_deferred_accepts() {
    let mut config = Config::default();
    config.timeouts.header = Duration::from_millis(1999);
    let listener = loopback(&config);
    assert!(!listener.defers);
    let _client = TcpStream::connect(address(&listener)).unwrap();
    accept_awaited(&listener);
}

#[test]
fn localhost_is_one_port_of_both_families() {
    let listeners = bind_localhost(0, &Config::default()).unwrap();
    let port = address(&listeners[0]).port();
    assert_ne!(port, 0);
    for listener in &listeners {
        assert_eq!(address(listener).port(), port);
        assert!(!listener.endpoint().is_exposed());
    }
}

#[test]
fn an_address_in_use_is_an_error_with_its_name() {
    let taken = loopback(&Config::default());
    let address = address(&taken);
    let line = format!("cannot listen on {address}: Address already in use");
    for error in [
        bind(address, &Config::default()).unwrap_err(),
        bind_localhost(address.port(), &Config::default()).unwrap_err(),
    ] {
        assert!(error.to_string().starts_with(&line), "{error}");
    }
}

#[test]
fn no_address_is_an_error() {
    let config = Config {
        listen: Vec::new(),
        ..Config::default()
    };
    let error = open(&config).unwrap_err().to_string();
    assert_eq!(error, "cannot listen: no address is given");
}

#[test]
fn a_port_is_shared_when_both_ask_for_it() {
    let sharing = Config {
        reuse_port: true,
        ..Config::default()
    };
    let first = loopback(&sharing);
    bind(address(&first), &sharing).unwrap();
    assert!(bind(address(&first), &Config::default()).is_err());
}

#[test]
fn only_a_missing_address_family_is_skipped() {
    for (errno, missing) in [
        (Errno::AFNOSUPPORT, true),
        (Errno::ADDRNOTAVAIL, true),
        (Errno::ADDRINUSE, false),
        (Errno::ACCESS, false),
    ] {
        let error = StartError::cannot("listen")(errno.into());
        assert_eq!(is_family_missing(&error), missing, "{errno}");
    }
}

#[test]
fn a_unix_socket_accepts_and_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let mut listener = bind_unix(&path, 0o600).unwrap();
    assert!(!listener.endpoint().is_exposed() && !listener.defers);
    assert_eq!(listener.file(), Some(&*path));
    assert!(matches!(listener.accept(), Err(AcceptError::WouldBlock)));
    let _client = UnixStream::connect(&path).unwrap();
    listener.withdraw();
    assert!(!path.exists());
    let accepted = accept_awaited(&listener);
    assert_eq!(accepted.identity.peer, None);
    assert!(SockRef::from(&accepted.stream).nonblocking().unwrap());
    let error = bind_unix(folder.path(), 0o600).unwrap_err().to_string();
    let named = format!("cannot listen on unix:{}: ", folder.path().display());
    assert!(error.starts_with(&named), "{error}");
}

#[track_caller]
fn check_accept_error(errno: Errno, kind: &str) {
    let text = format!("{:?}", AcceptError::from(errno));
    assert!(text.starts_with(kind), "{errno:?} is {text}");
}

#[test]
fn accept_errors_are_classified() {
    check_accept_error(Errno::AGAIN, "WouldBlock");
    check_accept_error(Errno::MFILE, "Exhausted");
    check_accept_error(Errno::NFILE, "Exhausted");
    check_accept_error(Errno::NOBUFS, "Exhausted");
    check_accept_error(Errno::NOMEM, "Exhausted");
    check_accept_error(Errno::CONNABORTED, "Transient");
    check_accept_error(Errno::INTR, "Transient");
    check_accept_error(Errno::PROTO, "Transient");
    check_accept_error(Errno::PERM, "Transient");
    check_accept_error(Errno::HOSTUNREACH, "Transient");
    check_accept_error(Errno::BADF, "Fatal");
    check_accept_error(Errno::INVAL, "Fatal");
    check_accept_error(Errno::NOTSOCK, "Fatal");
}
