//! What identifies a connection, independent of its state.

use std::{net::SocketAddr, time::Duration};

use crate::{config::Moment, observe::story::Story};

/// What identifies a connection.
#[derive(Debug)]
pub struct Identity {
    /// Its number, from 1, unique in this process; 0 on the status listener.
    pub id: u64,
    /// The peer's address; `None` for a Unix domain socket.
    pub peer: Option<SocketAddr>,
    /// Number of requests received.
    pub requests: u64,
    /// When it was accepted.
    pub accepted: Moment,
    /// How long `TCP_DEFER_ACCEPT` delayed the accept if no data had arrived.
    pub waited: Duration,
    /// Its record for the status page, if that is enabled.
    pub story: Option<Box<Story>>,
}

impl Identity {
    /// A connection just accepted, without requests and story.
    pub fn new(id: u64, peer: Option<SocketAddr>, accepted: Moment, waited: Duration) -> Identity {
        Identity {
            id,
            peer,
            requests: 0,
            accepted,
            waited,
            story: None,
        }
    }

    /// When the connection of a client that has sent nothing began: before its
    /// accept, the kernel held it for [`Identity::waited`].
    pub(super) fn began_silent(&self) -> Moment {
        self.accepted - self.waited
    }

    /// When the client's first request began, whose first byte is read `now`.
    /// Data read soon after the accept arrived with the connection, which was not
    /// held. If it is read later, the client was silent, and its time began when
    /// the kernel began to hold it.
    pub(super) fn began(&self, now: Moment) -> Moment {
        if now.since(self.accepted) < self.waited / 2 {
            self.accepted
        } else {
            self.began_silent()
        }
    }
}
