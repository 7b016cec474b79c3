//! The rig: what the benches that start servers share.
//!
//! It makes the files that are served ([`site`]), starts the server and its peers ([`servers`], [`configs`], [`limit`]),
//! drives them ([`load`], [`client`], [`idle`]), reads what they cost ([`cpu`]) and shows it ([`summary`], [`machine`],
//! [`picture`]). Everything listens on 127.0.0.1, on ports the rig found free, with configurations in a folder of its
//! own, and ends with the bench.

// Each bench is a crate of its own and uses a part of the rig.
#![allow(dead_code)]

pub mod arguments;
pub mod chart;
pub mod client;
pub mod configs;
pub mod cpu;
pub mod idle;
pub mod interruption;
pub mod limit;
pub mod load;
pub mod machine;
pub mod picture;
pub mod servers;
pub mod site;
pub mod summary;
