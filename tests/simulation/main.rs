//! The protocol over a scripted transport: no socket, no real clock, and the same run
//! for the same seed.
//!
//! - [`cut`]: every stream of the catalogue, split at every byte and written in pieces
//!   of every size, must have the same outcome as the uncut run.
//! - [`deadlines`]: the time-outs.
//! - [`turn`]: what one connection may do in one turn.
//! - [`world`]: seeded runs of many connections through the scheduler that serves
//!   them, with splits, stalls, resets, clock steps, spurious events, evictions, files
//!   that cannot be opened, and a shutdown; the invariants are checked at every step.

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
