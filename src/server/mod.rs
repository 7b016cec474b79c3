//! Sockets, threads, poll and clock.
