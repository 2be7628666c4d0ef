//! Crate `phone` of sureline.
