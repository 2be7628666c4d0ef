//! Crate `desk` of sureline.
