//! Who a connection is, whatever state it is in.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::observe::story::Story;

/// Who a connection is.
#[derive(Debug)]
pub struct Identity {
    /// Its number, from 1, unique in this process; 0 if it is one to the status
    /// listener.
    pub id: u64,
    /// The peer; `None` where it has no address.
    pub peer: Option<SocketAddr>,
    /// Requests it has brought so far.
    pub requests: u64,
    /// When it was accepted.
    pub accepted: Instant,
    /// How long the kernel held it back before that, if it brought nothing.
    pub waited: Duration,
    /// Its story, where somebody may look.
    pub story: Option<Box<Story>>,
}

impl Identity {
    /// That of a connection just accepted, which has brought nothing yet and has
    /// no story.
    pub fn new(id: u64, peer: Option<SocketAddr>, accepted: Instant, waited: Duration) -> Identity {
        Identity {
            id,
            peer,
            requests: 0,
            accepted,
            waited,
            story: None,
        }
    }

    /// When a client that has been silent so far had its connection: by the time
    /// it is accepted the kernel has held it back for [`Identity::waited`].
    pub(super) fn began_silent(&self) -> Instant {
        self.accepted
            .checked_sub(self.waited)
            .unwrap_or(self.accepted)
    }

    /// When the client's first request began, of which the first byte is read
    /// `now`. A client that is read soon after the accept came with its request
    /// and was not held back; one that is read later was silent, and its time
    /// began when the kernel began to hold it back.
    pub(super) fn began(&self, now: Instant) -> Instant {
        if now.saturating_duration_since(self.accepted) < self.waited / 2 {
            self.accepted
        } else {
            self.began_silent()
        }
    }
}
