//! Crate `sip` of sureline.
