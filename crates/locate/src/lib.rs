//! Crate `locate` of sureline.
