//! The protocol over a scripted transport: without sockets and without a real clock, so that every
//! run with the same seed is identical.
//!
//! - [`budget`]: what counts as work of a turn.
//! - [`clock`]: when a worker reads the clock.
//! - [`cut`]: every stream of the catalogue, split at every byte and written in pieces of every
//!   size, must have the same outcome as when it is not split.
//! - [`deadlines`]: the time-outs.
//! - [`hit`]: requests that are answered from the response cache.
//! - [`spare`]: connections that may be evicted, and at whose request.
//! - [`turn`]: the limits on the work of one connection in one turn.
//! - [`world`]: seeded runs of many connections through the real scheduler, with splits, stalls,
//!   resets, clock steps, spurious events, evictions, files that cannot be opened, and a shutdown;
//!   the invariants are checked at every step.

mod budget;
mod clock;
mod cut;
mod deadlines;
mod hit;
mod random;
mod reader;
mod run;
mod script;
mod site;
mod spare;
mod streams;
mod turn;
mod world;
