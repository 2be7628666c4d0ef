//! SRTP and SRTCP with AES-CM and HMAC-SHA1 (RFC 3711), keys from SDES.

use std::collections::VecDeque;

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, Mac};
use sdp::{Key, Suite};
use sha1::Sha1;

use crate::read::{array_at, u16_at, u32_at};
use crate::rtp::{HEADER_LEN, header_len};

/// Bytes of the tag of every SRTCP packet (RFC 4568 §6.2.2: also of the suite with short tags).
const RTCP_TAG_LEN: usize = 10;
/// Bytes of an RTCP packet that stay readable.
const RTCP_CLEAR_LEN: usize = 8;
/// The bit of the SRTCP index that says "encrypted".
const ENCRYPTED: u32 = 1 << 31;
/// Numbers behind the highest that are still told apart (RFC 3711 §3.3.2 wants 64 at least).
const REPLAY_WINDOW: u64 = 128;
/// Sources whose roll-over counters are kept for one stream.
const SOURCES_MAX: usize = 4;

/// Why a protected packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// Too short, or no RTP or RTCP.
    Malformed,
    /// The tag does not fit the key: forged, damaged or another call's.
    Forged,
    /// Seen before, or too old to tell.
    Replayed,
}

/// One source that we send; another source needs another key.
#[derive(Clone, Debug)]
pub(crate) struct Protector {
    keys: Keys,
    rollover: u32,
    last: Option<u16>,
    rtcp_index: u32,
}

impl Protector {
    pub(crate) fn new(suite: Suite, key: &Key) -> Self {
        Self { keys: Keys::new(suite, key), rollover: 0, last: None, rtcp_index: 0 }
    }

    /// Encrypts and signs an RTP packet in place; `None` when the key is used up, or for what is
    /// no RTP: such a packet must not leave.
    pub(crate) fn rtp(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let (header, sequence) = (header_len(&packet)?, u16_at(&packet, 2)?);
        let ssrc = u32_at(&packet, 8)?;
        if self.last.is_some_and(|last| sequence < last) {
            // RFC 3711 §9.2: 2^48 packets with one key at the most.
            self.rollover = self.rollover.checked_add(1)?;
        }
        self.last = Some(sequence);
        let index = u64::from(self.rollover) << 16 | u64::from(sequence);
        self.keys.rtp.crypt(ssrc, index, packet.get_mut(header..)?);
        let tag = self.keys.rtp.tag(&[&packet, &self.rollover.to_be_bytes()]);
        packet.extend(tag.get(..self.keys.rtp_tag_len)?);
        Some(packet)
    }

    /// Encrypts and signs an RTCP packet; `None` as for RTP.
    pub(crate) fn rtcp(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let ssrc = u32_at(&packet, 4)?;
        let index = self.rtcp_index;
        // RFC 3711 §9.2: 2^31 packets at the most.
        self.rtcp_index = index.checked_add(1).filter(|next| next & ENCRYPTED == 0)?;
        self.keys.rtcp.crypt(ssrc, u64::from(index), packet.get_mut(RTCP_CLEAR_LEN..)?);
        packet.extend((index | ENCRYPTED).to_be_bytes());
        let tag = self.keys.rtcp.tag(&[&packet]);
        packet.extend(tag.get(..RTCP_TAG_LEN)?);
        Some(packet)
    }
}

/// One direction of one stream that we receive.
#[derive(Clone, Debug)]
pub(crate) struct Unprotector {
    keys: Keys,
    mki_len: usize,
    /// The sources heard, the one heard first in front.
    sources: VecDeque<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    ssrc: u32,
    rtp: Replay,
    rtcp: Replay,
}

impl Unprotector {
    pub(crate) fn new(suite: Suite, key: &Key, mki_len: u8) -> Self {
        let keys = Keys::new(suite, key);
        Self { keys, mki_len: usize::from(mki_len), sources: VecDeque::new() }
    }

    /// The plain packet. Nothing is remembered of a packet that is refused.
    pub(crate) fn rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
        let (signed, tag) = self.split(packet, self.keys.rtp_tag_len)?;
        let header = header_len(signed).ok_or(Rejected::Malformed)?;
        let sequence = u16_at(signed, 2).ok_or(Rejected::Malformed)?;
        let ssrc = u32_at(signed, 8).ok_or(Rejected::Malformed)?;
        let seen = self.seen(ssrc, |source| source.rtp);
        let index = seen.index_of(sequence);
        if seen.has(index) {
            return Err(Rejected::Replayed);
        }
        let rollover = ((index >> 16) as u32).to_be_bytes();
        self.keys.rtp.verify(&[signed, &rollover], tag)?;
        let mut plain = signed.to_vec();
        let payload = plain.get_mut(header..).ok_or(Rejected::Malformed)?;
        self.keys.rtp.crypt(ssrc, index, payload);
        self.remember(ssrc).rtp.note(index);
        Ok(plain)
    }

    /// The plain compound packet. Nothing is remembered of a packet that is refused.
    pub(crate) fn rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
        let (signed, tag) = self.split(packet, RTCP_TAG_LEN)?;
        let (body, trailer) = signed.split_last_chunk().ok_or(Rejected::Malformed)?;
        let word = u32::from_be_bytes(*trailer);
        let ssrc = u32_at(body, 4).ok_or(Rejected::Malformed)?;
        let index = u64::from(word & !ENCRYPTED);
        if self.seen(ssrc, |source| source.rtcp).has(index) {
            return Err(Rejected::Replayed);
        }
        self.keys.rtcp.verify(&[signed], tag)?;
        let mut plain = body.to_vec();
        if word & ENCRYPTED != 0 {
            let secret = plain.get_mut(RTCP_CLEAR_LEN..).ok_or(Rejected::Malformed)?;
            self.keys.rtcp.crypt(ssrc, index, secret);
        }
        self.remember(ssrc).rtcp.note(index);
        Ok(plain)
    }

    /// What is signed, and the tag; the key identifier between them is neither.
    fn split<'a>(&self, packet: &'a [u8], tag: usize) -> Result<(&'a [u8], &'a [u8]), Rejected> {
        let tag_at = packet.len().checked_sub(tag).ok_or(Rejected::Malformed)?;
        let mki_at = tag_at.checked_sub(self.mki_len).ok_or(Rejected::Malformed)?;
        match (packet.get(..mki_at), packet.get(tag_at..)) {
            (Some(signed), Some(tag)) if signed.len() >= RTCP_CLEAR_LEN => Ok((signed, tag)),
            (_, _) => Err(Rejected::Malformed),
        }
    }

    fn seen(&self, ssrc: u32, of: fn(&Source) -> Replay) -> Replay {
        let known = self.sources.iter().find(|source| source.ssrc == ssrc);
        known.map_or_else(Replay::default, of)
    }

    fn remember(&mut self, ssrc: u32) -> &mut Source {
        let at = self.sources.iter().position(|source| source.ssrc == ssrc);
        let source = at.and_then(|at| self.sources.remove(at));
        let source =
            source.unwrap_or(Source { ssrc, rtp: Replay::default(), rtcp: Replay::default() });
        self.sources.truncate(SOURCES_MAX - 1);
        self.sources.push_front(source);
        #[expect(clippy::indexing_slicing, reason = "an element was just pushed to the front")]
        &mut self.sources[0]
    }
}

/// Which packet numbers of a source have come (RFC 3711 §3.3.2).
#[derive(Clone, Copy, Debug, Default)]
struct Replay {
    highest: Option<u64>,
    /// Bit `n`: the number `n` below the highest has come.
    window: u128,
}

impl Replay {
    /// The 48-bit index that a sequence number most probably stands for (RFC 3711 §3.3.1).
    fn index_of(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else { return u64::from(sequence) };
        let ahead = i64::from(sequence.wrapping_sub(highest as u16).cast_signed());
        // Below the first cycle there is none; the index of the cycle above is then meant.
        highest.checked_add_signed(ahead).unwrap_or_else(|| u64::from(sequence))
    }

    fn has(&self, index: u64) -> bool {
        let Some(highest) = self.highest else { return false };
        match highest.checked_sub(index) {
            None => false,
            Some(behind) => behind >= REPLAY_WINDOW || self.window >> behind & 1 == 1,
        }
    }

    fn note(&mut self, index: u64) {
        let highest = self.highest.unwrap_or(index);
        match index.checked_sub(highest) {
            Some(ahead) => {
                let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
                self.window = self.window.checked_shl(shift).unwrap_or(0) | 1;
                self.highest = Some(index);
            }
            None => self.window |= 1_u128.checked_shl((highest - index) as u32).unwrap_or(0),
        }
    }
}

#[derive(Clone, Debug)]
struct Keys {
    rtp: Session,
    rtcp: Session,
    rtp_tag_len: usize,
}

impl Keys {
    fn new(suite: Suite, key: &Key) -> Self {
        let rtp_tag_len = match suite {
            Suite::AesCm128HmacSha1_80 => 10,
            Suite::AesCm128HmacSha1_32 => 4,
        };
        // RFC 3711 §4.3.2: labels 0 to 2 for SRTP, 3 to 5 for SRTCP.
        Self { rtp: Session::new(key, 0), rtcp: Session::new(key, 3), rtp_tag_len }
    }
}

/// The session keys of SRTP or of SRTCP.
#[derive(Clone)]
struct Session {
    cipher_key: [u8; 16],
    salt: [u8; 14],
    mac: Hmac<Sha1>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(secret)")
    }
}

impl Session {
    fn new(master: &Key, label: u8) -> Self {
        let auth_key: [u8; 20] = derive(master, label + 1);
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let mac = Hmac::new_from_slice(&auth_key).expect("a key of 20 bytes");
        Self { cipher_key: derive(master, label), salt: derive(master, label + 2), mac }
    }

    /// Encrypts or decrypts (RFC 3711 §4.1.1).
    fn crypt(&self, ssrc: u32, index: u64, bytes: &mut [u8]) {
        let salt = widen(&self.salt);
        let position = salt ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16;
        keystream(&self.cipher_key, position).apply_keystream(bytes);
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; 20] {
        self.fed(parts).finalize().into_bytes().into()
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), Rejected> {
        self.fed(parts).verify_truncated_left(tag).map_err(|_| Rejected::Forged)
    }

    fn fed(&self, parts: &[&[u8]]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

/// A session key (RFC 3711 §4.3.1) with a key derivation rate of zero.
fn derive<const N: usize>(master: &Key, label: u8) -> [u8; N] {
    let mut out = [0; N];
    let (Some(key), Some(salt)) = (array_at(&master.0, 0), array_at(&master.0, 16)) else {
        return out;
    };
    keystream(&key, widen(&salt) ^ u128::from(label) << 64).apply_keystream(&mut out);
    out
}

/// The salt as a number, two zero bytes below it.
fn widen(salt: &[u8; 14]) -> u128 {
    salt.iter().fold(0, |wide, &byte| wide << 8 | u128::from(byte)) << 16
}

fn keystream(key: &[u8; 16], position: u128) -> Ctr128BE<Aes128> {
    Ctr128BE::new(key.into(), &position.to_be_bytes().into())
}

const _: () = assert!(HEADER_LEN > RTCP_CLEAR_LEN);

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// The master key and salt of RFC 3711 §B.3.
    fn master() -> Key {
        let key = bytes("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        Key(key.try_into().unwrap())
    }

    const SUITE: Suite = Suite::AesCm128HmacSha1_80;

    #[test]
    fn rfc_3711_b_2_key_stream() {
        let key: [u8; 16] = bytes("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
        let salt: [u8; 14] = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
        let mut stream = vec![0; 16 * 0xff02];
        keystream(&key, widen(&salt)).apply_keystream(&mut stream);
        for (block, expected) in [
            (0, "E03EAD0935C95E80E166B16DD92B4EB4"),
            (1, "D23513162B02D0F72A43A2FE4A5F97AB"),
            (2, "41E95B3BB0A2E8DD477901E4FCA894C0"),
            (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
            (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
            (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
        ] {
            assert_eq!(stream[16 * block..16 * block + 16], bytes(expected), "block {block:x}");
        }
    }

    #[test]
    fn rfc_3711_b_3_key_derivation() {
        assert_eq!(derive::<16>(&master(), 0)[..], bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derive::<14>(&master(), 2)[..], bytes("30CBBC08863D8C85D49DB34A9AE1"));
        let auth = bytes(
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD1755\
             78EF72270986371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59\
             BBFC2F34DB60DBDFB2",
        );
        assert_eq!(derive::<94>(&master(), 1)[..], auth);
    }

    /// The packets that libsrtp checks itself with, under the key of RFC 3711 §B.3.
    #[test]
    fn a_reference_packet_is_protected_and_read_bit_for_bit() {
        let plain = bytes("800f1234decafbadcafebabe abababababababababababababababab");
        let wire =
            bytes("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
        assert_eq!(Protector::new(SUITE, &master()).rtp(plain.clone()).unwrap(), wire);
        assert_eq!(Unprotector::new(SUITE, &master(), 0).rtp(&wire), Ok(plain));
    }

    #[test]
    fn a_reference_report_is_protected_and_read_bit_for_bit() {
        let plain = bytes("81c8000bcafebabe abababababababababababababababab");
        let wire = bytes(
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        );
        let mut protector = Protector::new(SUITE, &master());
        protector.rtcp(plain.clone()).unwrap();
        assert_eq!(protector.rtcp(plain.clone()).unwrap(), wire);
        assert_eq!(Unprotector::new(SUITE, &master(), 0).rtcp(&wire), Ok(plain));
    }

    fn packet(sequence: u16) -> Vec<u8> {
        let ssrc = 7;
        let payload = &sequence.to_be_bytes();
        let (payload_type, marker, timestamp) = (0, false, 0);
        crate::Packet { payload_type, marker, sequence, timestamp, ssrc, payload }.write()
    }

    #[test]
    fn packets_survive_the_wrap_reordering_and_loss_and_replays_do_not_pass() {
        let mut sender = Protector::new(Suite::AesCm128HmacSha1_32, &master());
        let mut receiver = Unprotector::new(Suite::AesCm128HmacSha1_32, &master(), 0);
        let mut wire: Vec<Vec<u8>> =
            (0..200).map(|n| sender.rtp(packet(65_400_u16.wrapping_add(n))).unwrap()).collect();
        assert_eq!(wire[0].len(), HEADER_LEN + 2 + 4);
        wire.chunks_mut(5).for_each(<[Vec<u8>]>::reverse);
        for (at, sealed) in wire.iter().enumerate().filter(|(at, _)| at % 7 != 0) {
            receiver.rtp(sealed).unwrap_or_else(|why| panic!("packet {at}: {why:?}"));
        }
        assert_eq!(receiver.rtp(&wire[199]), Err(Rejected::Replayed));
        assert_eq!(receiver.rtp(&wire[20]), Err(Rejected::Replayed), "too old to tell");
        assert!(receiver.rtp(&wire[196]).is_ok(), "late, but not seen yet");
    }

    #[test]
    fn a_changed_bit_anywhere_or_another_key_is_noticed_and_nothing_is_remembered() {
        let wire = Protector::new(SUITE, &master()).rtp(packet(1)).unwrap();
        let mut receiver = Unprotector::new(SUITE, &master(), 0);
        for at in 0..wire.len() * 8 {
            let mut forged = wire.clone();
            forged[at / 8] ^= 1 << (at % 8);
            assert!(receiver.rtp(&forged).is_err(), "bit {at}");
        }
        assert!(receiver.sources.is_empty());
        assert_eq!(Unprotector::new(SUITE, &Key([1; 30]), 0).rtp(&wire), Err(Rejected::Forged));
        assert!(receiver.rtp(&wire).is_ok());
        let plain = [packet(2), vec![0; 160]].concat();
        assert_eq!(receiver.rtp(&plain), Err(Rejected::Forged), "a plain packet");
    }

    #[test]
    fn a_key_identifier_is_passed_over() {
        let wire = Protector::new(SUITE, &master()).rtp(packet(1)).unwrap();
        let (head, tag) = wire.split_at(wire.len() - 10);
        let with_mki = [head, &[0, 0, 0, 1], tag].concat();
        assert_eq!(Unprotector::new(SUITE, &master(), 4).rtp(&with_mki), Ok(packet(1)));
    }

    #[test]
    fn the_sources_remembered_are_limited_to_the_latest() {
        let mut receiver = Unprotector::new(SUITE, &master(), 0);
        for ssrc in 0..10 {
            receiver.remember(ssrc);
        }
        assert_eq!(receiver.sources.iter().map(|s| s.ssrc).collect::<Vec<_>>(), [9, 8, 7, 6]);
    }
}
