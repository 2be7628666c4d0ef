//! The transactions of RFC 3261 §17.
