//! The protocol over a scripted transport: no socket, no clock, no luck.
//!
//! - [`cut`]: every stream of the catalogue, cut at every byte, written in
//!   every piece, must come to what the uncut run comes to.
//! - [`deadlines`]: what becomes of a connection that waits too long.
//! - [`turn`]: what one connection is given in one turn.
//! - [`world`]: seeded runs of many connections through the scheduler that
//!   serves them, with cuts, stalls, resets, jumps of the clock, events that
//!   mean nothing, evictions, files that cannot be opened and the end of the
//!   server; what must hold is checked at every step.

mod cut;
mod deadlines;
mod random;
mod reader;
mod run;
mod script;
mod site;
mod streams;
mod turn;
mod world;
