//! Bytes to requests and responses to bytes, over any transport.
