//! What configuration files will make the phone do, said before it does it.
//!
//! [`check`] reads files and lists what is wrong or worth knowing: bytes in, findings out.

pub mod check;
