//! A minimal HTTP/1.1 server on raw std sockets.

pub mod cli;
pub mod config;
pub mod connection;
pub mod files;
pub mod handler;
pub mod http;
pub mod observe;
pub mod server;
