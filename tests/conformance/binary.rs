//! The third way to test a row: against the real binary. Two well-formed requests follow each row,
//! to show that they are answered, or that they are not processed after a close.

use std::net::SocketAddr;

use crate::{
    row::{After, Row},
    support::{Client, Kind, Server, client::End},
};

/// The requests sent after a row: either both are answered or none is processed.
pub const FOLLOWING: &[u8] = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n\
    OPTIONS /next HTTP/1.1\r\nHost: b\r\n\r\n";

/// The statuses of the responses to them.
pub const FOLLOWING_STATUSES: [u16; 2] = [404, 204];

/// A server with the files that the rows request, and with the given time-outs.
pub fn start(args: &str) -> Server {
    Server::build()
        .file("a.txt", "alpha\n")
        .file("folder/index.html", "<p>index</p>")
        .args(args)
        .start()
}

/// Checks that the server answers a row as expected.
pub fn check(address: SocketAddr, row: &Row) -> Result<(), String> {
    let mut client = Client::connect(address);
    let waits = matches!(row.after, After::Waits | After::WaitsSilently);
    let following: &[u8] = if waits { b"" } else { FOLLOWING };
    // A server that rejects a request may close before everything is sent.
    let sent = client.try_send(&[&row.sent[..], following].concat());
    if let (Err(why), After::Kept | After::Waits) = (sent, row.after) {
        return Err(format!("sending: {why}"));
    }
    if row.after != After::WaitsSilently {
        answer(&mut client, row)?;
    }
    if row.after == After::Kept {
        for status in FOLLOWING_STATUSES {
            match client.try_reply(Kind::Get)? {
                Some(reply) if reply.status == status => {}
                reply => return Err(format!("following request: {:?}", reply.map(|r| r.status))),
            }
        }
        return Ok(());
    }
    match client.read_to_any_end() {
        (rest, End::Closed) if rest.is_empty() => Ok(()),
        (rest, end) => Err(format!("{end:?} after {}", rest.escape_ascii())),
    }
}

/// Checks the response to the row itself.
fn answer(client: &mut Client, row: &Row) -> Result<(), String> {
    let kind = if row.is_head() { Kind::Head } else { Kind::Get };
    let reply = client.try_reply(kind)?.ok_or("closed without a response")?;
    row.check_answer(reply.status, |name| reply.field(name))?;
    match reply.is_last() == (row.after != After::Kept) {
        true => Ok(()),
        false => Err(format!("connection: {:?}", reply.field("connection"))),
    }
}
