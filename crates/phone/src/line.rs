//! The `line` parameter of our Contacts: how an incoming request finds its account.

use params::Mac;

/// The token of one account at one server: a keyed hash, so that it survives a restart (another one
/// after a crash would leave a second binding, and the phone would ring twice) and no stranger knows
/// it.
pub(crate) fn token(secret: &[u8; 16], mac: Mac, account: u8, server: u8) -> u64 {
    let (low, high) = secret.split_at(8);
    let keys = [key(low), key(high)];
    let words = [mac.seed(), u64::from(account) << 8 | u64::from(server)];
    siphash(keys, words)
}

fn key(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// SipHash-2-4 of 16 bytes (Aumasson and Bernstein, 2012).
fn siphash([k0, k1]: [u64; 2], words: [u64; 2]) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    for word in words.into_iter().chain([16 << 56]) {
        let [_, _, _, last] = &mut v;
        *last ^= word;
        v = round(round(v));
        let [first, ..] = &mut v;
        *first ^= word;
    }
    let [_, _, third, _] = &mut v;
    *third ^= 0xff;
    let [a, b, c, d] = round(round(round(round(v))));
    a ^ b ^ c ^ d
}

const fn round([mut a, mut b, mut c, mut d]: [u64; 4]) -> [u64; 4] {
    a = a.wrapping_add(b);
    c = c.wrapping_add(d);
    b = b.rotate_left(13) ^ a;
    d = d.rotate_left(16) ^ c;
    a = a.rotate_left(32);
    c = c.wrapping_add(b);
    a = a.wrapping_add(d);
    b = b.rotate_left(17) ^ c;
    d = d.rotate_left(21) ^ a;
    c = c.rotate_left(32);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector for a 16-byte message of the SipHash paper's reference implementation.
    #[test]
    fn the_hash_is_siphash() {
        let keys = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let words = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(siphash(keys, words), 0x3f2a_cc7f_57c2_9bdb);
    }

    #[test]
    fn tokens_differ_by_account_server_and_secret() {
        let mac: Mac = "001565000001".parse().unwrap();
        let tokens = [
            token(&[0; 16], mac, 1, 1),
            token(&[0; 16], mac, 1, 2),
            token(&[0; 16], mac, 2, 1),
            token(&[1; 16], mac, 1, 1),
        ];
        let mut unique = tokens.to_vec();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), tokens.len());
    }
}
