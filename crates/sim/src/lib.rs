//! Crate `sim` of sureline.
