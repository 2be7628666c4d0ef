//! Files that are encrypted with the user's own key: AES in ECB mode with PKCS#7 padding.

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use aes::{Aes128, Aes256};

use crate::secret::Secret;

/// The key of encrypted files: 16 characters for AES-128, 32 for AES-256, or 64 hexadecimal digits.
#[derive(Clone)]
pub struct AesKey(Cipher);

#[derive(Clone)]
enum Cipher {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
}

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an AES key has 16 characters (AES-128), 32 (AES-256) or 64 hexadecimal digits")]
pub struct NotAnAesKey;

/// The bytes were not encrypted with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongKey;

const BLOCK: usize = 16;

impl AesKey {
    /// The key that a user wrote.
    ///
    /// # Errors
    /// Where it has another length.
    pub fn new(text: &Secret) -> Result<Self, NotAnAesKey> {
        let bytes = text.reveal().as_bytes();
        let cipher = match bytes.len() {
            16 => Aes128::new_from_slice(bytes).ok().map(|aes| Cipher::Aes128(Box::new(aes))),
            32 => Aes256::new_from_slice(bytes).ok().map(|aes| Cipher::Aes256(Box::new(aes))),
            64 => {
                let key = from_hex(bytes).ok_or(NotAnAesKey)?;
                Aes256::new_from_slice(&key).ok().map(|aes| Cipher::Aes256(Box::new(aes)))
            }
            _ => None,
        };
        cipher.map(Self).ok_or(NotAnAesKey)
    }

    pub(crate) fn decrypt(&self, bytes: &[u8]) -> Result<Vec<u8>, WrongKey> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
            return Err(WrongKey);
        }
        let mut plain = bytes.to_vec();
        for block in plain.chunks_exact_mut(BLOCK) {
            let block = GenericArray::from_mut_slice(block);
            match &self.0 {
                Cipher::Aes128(aes) => aes.decrypt_block(block),
                Cipher::Aes256(aes) => aes.decrypt_block(block),
            }
        }
        let padding = plain.last().map_or(0, |last| usize::from(*last));
        let end = plain.len().checked_sub(padding).ok_or(WrongKey)?;
        let is_padding = plain.get(end..).is_some_and(|rest| {
            (1..=BLOCK).contains(&rest.len()) && rest.iter().all(|b| usize::from(*b) == padding)
        });
        if !is_padding {
            return Err(WrongKey);
        }
        plain.truncate(end);
        Ok(plain)
    }

    /// Encrypts a file.
    #[must_use]
    pub fn encrypt(&self, bytes: &[u8]) -> Vec<u8> {
        let padding = BLOCK - bytes.len() % BLOCK;
        let mut sealed = bytes.to_vec();
        sealed.extend(std::iter::repeat_n(u8::try_from(padding).unwrap_or(0), padding));
        for block in sealed.chunks_exact_mut(BLOCK) {
            let block = GenericArray::from_mut_slice(block);
            match &self.0 {
                Cipher::Aes128(aes) => aes.encrypt_block(block),
                Cipher::Aes256(aes) => aes.encrypt_block(block),
            }
        }
        sealed
    }
}

impl std::fmt::Debug for AesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Cipher::Aes128(_) => "AesKey(128)",
            Cipher::Aes256(_) => "AesKey(256)",
        })
    }
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let pairs = text.chunks_exact(2).map(|pair| {
        let pair =
            std::str::from_utf8(pair).ok().filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> AesKey {
        AesKey::new(&Secret::new(text)).unwrap()
    }

    const KEY_128: &str = "0123456789abcdef";
    const KEY_256: &str = "0123456789abcdef0123456789ABCDEF";
    const VECTOR_128: &str = "d8880eb6736378d999b37b9031e9b0e2c8b65f3d6cdbce5cfc20014d985ae103";
    const VECTOR_256: &str = "16a1f4c74c62ce452e46b850141f9b8566dfbc845f8ff0fe9be12cbf61ceeb68";

    /// `printf 'account.1.enable = 1\n' | openssl enc -aes-128-ecb -K KEY`, and with 256 bits.
    #[test]
    fn what_openssl_encrypted_is_read() {
        for (key, sealed) in [(self::key(KEY_128), VECTOR_128), (self::key(KEY_256), VECTOR_256)] {
            let sealed = from_hex(sealed.as_bytes()).unwrap();
            assert_eq!(key.decrypt(&sealed).unwrap(), b"account.1.enable = 1\n");
            assert_eq!(key.encrypt(b"account.1.enable = 1\n"), sealed);
        }
    }

    #[test]
    fn files_of_every_length_come_back_as_they_were() {
        let key = key(KEY_128);
        for length in 0..50 {
            let plain = vec![b'x'; length];
            let sealed = key.encrypt(&plain);
            assert!(sealed.len() > length && sealed.len().is_multiple_of(16));
            assert_eq!(key.decrypt(&sealed).unwrap(), plain);
        }
    }

    #[test]
    fn another_key_and_torn_files_are_seen() {
        let sealed = key(KEY_128).encrypt(b"account.1.enable = 1\n");
        assert_eq!(key("fedcba9876543210").decrypt(&sealed), Err(WrongKey));
        assert_eq!(key(KEY_128).decrypt(&sealed[..31]), Err(WrongKey));
        assert_eq!(key(KEY_128).decrypt(b""), Err(WrongKey));
    }

    #[test]
    fn keys_have_16_or_32_characters_or_64_digits() {
        assert!(format!("{:?}", key(&"0f".repeat(32))).contains("256"));
        for text in ["", "short", &"x".repeat(17), &"x".repeat(64), &"é".repeat(9)] {
            assert!(AesKey::new(&Secret::new(text)).is_err(), "{text}");
        }
    }
}
