//! Base 64 (RFC 4648 §4) for the key of `a=crypto`.

const ALPHABET: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or(0)));
        let group = a << 16 | b << 8 | c;
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let symbol = ALPHABET.get((group >> shift & 63) as usize).filter(|_| at <= chunk.len());
            text.push(symbol.map_or('=', |&symbol| char::from(symbol)));
        }
    }
    text
}

/// Reads padded and unpadded text; `None` for anything else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let symbols = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(symbols.len() * 3 / 4);
    for chunk in symbols.chunks(4) {
        let mut group = 0;
        for at in 0..4 {
            let value = chunk.get(at).map_or(Some(0), |&symbol| value(symbol))?;
            group = group << 6 | value;
        }
        let count = match chunk.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        bytes.extend(group.to_be_bytes().into_iter().skip(1).take(count));
    }
    Some(bytes)
}

fn value(symbol: u8) -> Option<u32> {
    ALPHABET.iter().position(|&known| known == symbol).and_then(|at| u32::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648_section_10_vectors() {
        let vectors = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let coded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (plain, coded) in vectors.into_iter().zip(coded) {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn what_is_not_base_64_is_refused() {
        assert_eq!(decode("Zm9v!"), None);
        assert_eq!(decode("Z"), None);
        assert_eq!(decode("Zm-v"), None);
    }
}
