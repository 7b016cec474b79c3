//! The third way: the rows against the real binary, with two well-formed
//! requests behind each, to show that the second is answered or never parsed.

use std::net::SocketAddr;

use crate::{
    row::{After, Row},
    support::{Client, Kind, Server, client::End},
};

/// Requests sent after a row: each is answered, or none is ever parsed.
pub const BEHIND: &[u8] = b"GET /behind HTTP/1.1\r\nHost: b\r\n\r\n\
    OPTIONS /behind HTTP/1.1\r\nHost: b\r\n\r\n";

/// How they are answered.
pub const BEHIND_STATUS: [u16; 2] = [404, 204];

/// A server with the files that the rows ask for, and time-outs as given.
pub fn start(args: &str) -> Server {
    Server::build()
        .file("a.txt", "alpha\n")
        .file("folder/index.html", "<p>index</p>")
        .args(args)
        .start()
}

/// Whether the server answers a row as it expects.
pub fn check(address: SocketAddr, row: &Row) -> Result<(), String> {
    let mut client = Client::connect(address);
    let waits = matches!(row.after, After::Waits | After::WaitsSilently);
    let behind: &[u8] = if waits { b"" } else { BEHIND };
    // A server that has seen enough may have closed before all is sent.
    let sent = client.try_send(&[&row.sent[..], behind].concat());
    if let (Err(why), After::Kept | After::Waits) = (sent, row.after) {
        return Err(format!("sending: {why}"));
    }
    if row.after != After::WaitsSilently {
        answer(&mut client, row)?;
    }
    if row.after == After::Kept {
        for status in BEHIND_STATUS {
            match client.try_reply(Kind::Get)? {
                Some(reply) if reply.status == status => {}
                reply => return Err(format!("behind it: {:?}", reply.map(|r| r.status))),
            }
        }
        return Ok(());
    }
    match client.read_to_any_end() {
        (rest, End::Closed) if rest.is_empty() => Ok(()),
        (rest, end) => Err(format!("{end:?} behind {}", rest.escape_ascii())),
    }
}

/// The row's own answer.
fn answer(client: &mut Client, row: &Row) -> Result<(), String> {
    let kind = if row.is_head() { Kind::Head } else { Kind::Get };
    let reply = client.try_reply(kind)?.ok_or("closed without an answer")?;
    row.check_answer(reply.status, |name| reply.field(name))?;
    match reply.is_last() == (row.after != After::Kept) {
        true => Ok(()),
        false => Err(format!("connection: {:?}", reply.field("connection"))),
    }
}
