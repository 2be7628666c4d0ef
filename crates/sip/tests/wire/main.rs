//! The wrapper as a whole: torture messages, streams in pieces, mutants, and what is written read
//! again.

mod torture;
