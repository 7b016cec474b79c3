//! What the kernel says of our ports.
