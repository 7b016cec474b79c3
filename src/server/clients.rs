//! The number of connections per client address, if it is limited.

use std::{collections::HashMap, net::IpAddr, sync::Mutex};

use super::pool::lock;

/// Connections per client. Without a limit it costs nothing.
#[derive(Debug)]
pub struct Clients {
    /// The most connections per client; 0: unlimited.
    connections_max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Clients {
    /// No client has a connection yet.
    pub fn new(connections_max: usize) -> Clients {
        Clients {
            connections_max,
            open: Mutex::default(),
        }
    }

    /// Counts a new connection and returns true, unless it would exceed the
    /// limit.
    pub fn admit(&self, client: IpAddr) -> bool {
        if self.connections_max == 0 {
            return true;
        }
        let mut open = lock(&self.open);
        let count = open.entry(holder(client)).or_default();
        let admitted = *count < self.connections_max;
        if admitted {
            *count += 1;
        }
        admitted
    }

    /// Counts a closed connection.
    pub fn leave(&self, client: IpAddr) {
        if self.connections_max == 0 {
            return;
        }
        let mut open = lock(&self.open);
        if let Some(count) = open.get_mut(&holder(client)) {
            *count -= 1;
            if *count == 0 {
                open.remove(&holder(client));
            }
        }
    }
}

/// The key a connection is counted under: an IPv4 address, or the /64 within
/// which an IPv6 host chooses its own addresses (RFC 4291 section 2.5.1).
fn holder(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(clients: &Clients, client: &str, admitted: bool) {
        assert_eq!(clients.admit(client.parse().unwrap()), admitted, "{client}");
    }

    #[test]
    fn each_client_has_its_own_bound() {
        let clients = Clients::new(2);
        check(&clients, "192.0.2.1", true);
        check(&clients, "::ffff:192.0.2.1", true);
        check(&clients, "192.0.2.1", false);
        check(&clients, "192.0.2.2", true);
        check(&clients, "2001:db8::1", true);
        check(&clients, "2001:db8::ffff:0:0:2", true);
        check(&clients, "2001:db8::3", false);
        check(&clients, "2001:db8:0:1::1", true);
        clients.leave("192.0.2.1".parse().unwrap());
        check(&clients, "192.0.2.1", true);
        // The other connection still counts.
        check(&clients, "192.0.2.1", false);
    }

    #[test]
    fn a_client_without_connections_is_removed() {
        let clients = Clients::new(1);
        check(&clients, "192.0.2.1", true);
        clients.leave("192.0.2.1".parse().unwrap());
        clients.leave("192.0.2.1".parse().unwrap());
        assert!(lock(&clients.open).is_empty());
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        let clients = Clients::new(0);
        check(&clients, "192.0.2.1", true);
        assert!(lock(&clients.open).is_empty());
    }
}
