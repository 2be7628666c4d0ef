//! What nobody can guess.

use std::fs::File;
use std::io::Read as _;

use sha2::{Digest as _, Sha256};

/// Bytes of the system's generator.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map(|()| bytes).map_err(|error| format!("cannot read /dev/urandom: {error}"))
}

/// 256 bits in hexadecimal figures.
pub(super) fn token() -> Result<String, String> {
    bytes::<32>().map(|bytes| hex(&bytes))
}

/// A digest of `text` that serves `purpose` and no other.
pub(super) fn digest(purpose: &str, text: &str) -> String {
    hex(&Sha256::new().chain_update(purpose).chain_update([0]).chain_update(text).finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares without telling by its duration how much agrees.
pub(super) fn same(one: &str, other: &str) -> bool {
    let differing = one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differing == 0
}
