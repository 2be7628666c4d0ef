//! Crate `params` of sureline.
