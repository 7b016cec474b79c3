//! How connections ended, and what the kernel keeps of them.

use std::fmt::{self, Write};

use super::{
    figures::{Grouped, share},
    picture::bar,
};
use crate::observe::{
    close_reason::CloseReason,
    counters::Count,
    kernel::{KernelView, SOCKET_STATES},
    snapshot::{Snapshot, Totals},
};

/// Closed connections by reason, the most frequent first.
pub fn reasons(totals: &Totals, out: &mut String) -> fmt::Result {
    let closed = totals.closed_count();
    let mut rows: Vec<(CloseReason, u64)> = CloseReason::ALL
        .iter()
        .copied()
        .zip(totals.closed)
        .filter(|(_, count)| *count > 0)
        .collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    writeln!(
        out,
        "<section><h2>How connections ended</h2><p>{} accepted, {} closed. Whoever closes first keeps the port in TIME_WAIT for a minute.</p>",
        Grouped(totals[Count::Accepted]),
        Grouped(closed)
    )?;
    if rows.is_empty() {
        out.push_str("<p class=\"nothing\">None has ended yet.</p></section>\n");
        return Ok(());
    }
    out.push_str("<ul class=\"reasons\">\n");
    for (reason, count) in rows {
        let (name, first) = (reason.name().replace('_', " "), reason.first().name());
        write!(
            out,
            "<li><div><b>{name}</b> <span class=\"side {first}\">{first} first</span>"
        )?;
        write!(
            out,
            "<span class=\"n\">{} · {}</span></div>",
            Grouped(count),
            share(count, closed)
        )?;
        bar(first, count, closed, out)?;
        writeln!(out, "<p>{}</p>", reason.explain())?;
    }
    out.push_str("</ul></section>\n");
    Ok(())
}

/// The kernel's sockets: which side paid for the close.
pub fn kernel(snapshot: &Snapshot, out: &mut String) -> fmt::Result {
    out.push_str("<section><h2>What the kernel sees</h2>\n");
    let Some(kernel) = &snapshot.kernel else {
        out.push_str("<p class=\"nothing\">This system does not tell.</p></section>\n");
        return Ok(());
    };
    out.push_str(
        "<div class=\"scroll\"><table class=\"sockets\"><thead><tr><th>Sockets of our addresses\
         <th class=\"n\"><span class=\"side server\">server's ends</span>\
         <th class=\"n\"><span class=\"side client\">clients' ends</span><th>Meaning</thead>\n",
    );
    let sides = kernel.server.into_iter().zip(kernel.clients);
    for ((state, words), (ours, theirs)) in SOCKET_STATES.iter().zip(sides) {
        let (state, ours, theirs) = (state.to_ascii_uppercase(), Grouped(ours), Grouped(theirs));
        writeln!(
            out,
            "<tr><th>{state}<td class=\"n\">{ours}<td class=\"n\">{theirs}<td>{words}"
        )?;
    }
    out.push_str("</table></div>\n");
    queue(kernel, out)?;
    out.push_str("</section>\n");
    Ok(())
}

fn queue(kernel: &KernelView, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "<p>Clients' ends are seen where the client is on this machine. <b>{}</b> connections wait \
         to be accepted; <b>{}</b> were dropped since the start because a listen queue of this \
         machine was full.</p>",
        Grouped(kernel.listen_queue),
        Grouped(kernel.listen_overflows)
    )
}
