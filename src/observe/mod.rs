//! What people are told: values and lines.
