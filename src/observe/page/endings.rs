//! Why connections were closed, and what the kernel keeps of them.

use super::{
    figures::{grouped, share},
    picture::bar,
};
use crate::observe::{
    close_reason::CloseReason,
    counters::{Count, Totals},
    kernel::{KernelView, SOCKET_STATES},
};

/// Closed connections by reason, the most frequent first.
pub fn reasons(totals: &Totals) -> String {
    let closed = totals.closed().iter().sum();
    let mut counts: Vec<(&CloseReason, u64)> = CloseReason::ALL
        .iter()
        .zip(totals.closed().iter().copied())
        .filter(|(_, count)| *count > 0)
        .collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let item = |(reason, count): (&CloseReason, u64)| {
        let (name, first) = (reason.name().replace('_', " "), reason.first());
        format!(
            "<li><div><b>{name}</b> <span class=\"side {first}\">{first} first</span>\
             <span class=\"n\">{} · {}</span></div>{}<p>{}</p>\n",
            grouped(count),
            share(count, closed),
            bar(first, count, closed),
            reason.explain()
        )
    };
    let list = match counts.is_empty() {
        true => "<p class=\"nothing\">No connection has been closed yet.</p>".to_owned(),
        false => {
            let items: String = counts.into_iter().map(item).collect();
            format!("<ul class=\"reasons\">\n{items}</ul>")
        }
    };
    format!(
        "<section><h2>Why connections were closed</h2><p>{} accepted, {} closed. The side that closes \
         first keeps the connection's address pair in TIME_WAIT (60 s on Linux); a reset leaves \
         none.</p>\n{list}</section>\n",
        grouped(totals[Count::Accepted]),
        grouped(closed)
    )
}

/// The kernel's sockets by side and state.
pub fn kernel(kernel: Option<&KernelView>) -> String {
    let body = kernel.map_or_else(
        || "<p class=\"nothing\">Not available on this system.</p>".to_owned(),
        sockets,
    );
    format!("<section><h2>Sockets in the kernel</h2>\n{body}</section>\n")
}

fn sockets(kernel: &KernelView) -> String {
    let sides = kernel.server.into_iter().zip(kernel.clients);
    let rows: String = (SOCKET_STATES.iter().zip(sides))
        .map(|((state, words), (ours, theirs))| {
            let state = state.to_ascii_uppercase();
            let (ours, theirs) = (grouped(ours), grouped(theirs));
            format!("<tr><th>{state}<td class=\"n\">{ours}<td class=\"n\">{theirs}<td>{words}\n")
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table class=\"sockets\"><thead><tr><th>Sockets on our addresses\
         <th class=\"n\"><span class=\"side server\">server's ends</span>\
         <th class=\"n\"><span class=\"side client\">clients' ends</span><th>Meaning</thead>\n\
         {rows}</table></div>\n\
         <p>Clients' ends are counted only for clients on this machine. <b>{}</b> connections wait \
         to be accepted; <b>{}</b> were dropped since the start because a listen queue of this \
         machine was full.</p>\n",
        grouped(kernel.listen_queue),
        grouped(kernel.listen_overflows)
    )
}
