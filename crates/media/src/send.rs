//! The way out: captured sound and digits into RTP packets.

use std::collections::VecDeque;
use std::time::Duration;

use net::Rng;
use sdp::{Codec, Events, Payload, Stream};

use crate::codec::Encoder;
use crate::dtmf::{EventPlace, Outgoing, Slot, ToneSlot};
use crate::rtp::Packet;
use crate::tone::Tone;
use crate::{CodecMissing, Digit, DtmfMode, FRAME_MS, Rate};

/// Captured sound that may wait; when there is more, the oldest is dropped.
const CAPTURED_MAX_MS: usize = 200;
/// The level of each of the two waves of a tone digit.
const TONE_DB: f64 = -10.0;

pub(crate) struct Sender {
    rate: Rate,
    ssrc: u32,
    sequence: u16,
    /// Of the next packet.
    timestamp: u32,
    payload: Payload,
    encoder: Encoder,
    ptime_ms: u8,
    /// Time of the packet being filled that has passed.
    filled_ms: u8,
    captured: VecDeque<i16>,
    events: Option<Events>,
    mode: DtmfMode,
    digits: Outgoing,
    /// The timestamp of the event being sent.
    event_timestamp: u32,
    tone: Option<(Digit, Tone)>,
    /// The next audio packet begins a talkspurt.
    begins: bool,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl Sender {
    pub(crate) fn new(
        stream: &Stream,
        rate: Rate,
        mode: DtmfMode,
        rng: &mut Rng,
    ) -> Result<Self, CodecMissing> {
        let payload = stream.send;
        let encoder = Encoder::new(payload.codec, rate).ok_or(CodecMissing(payload.codec))?;
        // RFC 3550 §5.1: sequence number and timestamp begin anywhere.
        let (start, ssrc) = (rng.next_u64(), rng.next_u64() as u32);
        Ok(Self {
            rate,
            ssrc,
            sequence: start as u16,
            timestamp: (start >> 32) as u32,
            payload,
            encoder,
            ptime_ms: stream.ptime_ms,
            filled_ms: 0,
            captured: VecDeque::new(),
            events: stream.events.clone(),
            mode,
            digits: Outgoing::default(),
            event_timestamp: 0,
            tone: None,
            begins: true,
            packets: 0,
            octets: 0,
        })
    }

    /// Goes on with another agreement; source, sequence and timestamp continue.
    pub(crate) fn change(&mut self, stream: &Stream) -> Result<(), CodecMissing> {
        let payload = stream.send;
        if self.encoder.codec() != payload.codec {
            self.encoder =
                Encoder::new(payload.codec, self.rate).ok_or(CodecMissing(payload.codec))?;
        }
        self.payload = payload;
        self.ptime_ms = stream.ptime_ms;
        self.filled_ms = 0;
        self.events = stream.events.clone();
        self.begins = true;
        Ok(())
    }

    pub(crate) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp of now.
    pub(crate) const fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Takes sound at the session's rate.
    pub(crate) fn capture(&mut self, sound: &[i16]) {
        self.captured.extend(sound);
        let surplus = self.captured.len().saturating_sub(self.rate.samples(CAPTURED_MAX_MS));
        self.captured.drain(..surplus);
    }

    /// Queues a digit; `false` if too many wait.
    pub(crate) fn digit(&mut self, digit: Digit, length: Duration) -> bool {
        self.digits.push(digit, length)
    }

    /// Lets 10 ms pass and gives the packet that they complete.
    pub(crate) fn tick(&mut self) -> Option<Vec<u8>> {
        if !self.packet_due() {
            return None;
        }
        let packet = match (self.mode, self.events.clone()) {
            (DtmfMode::Events, Some(events)) => self.event_or_audio(&events),
            (DtmfMode::Events, None) | (DtmfMode::Tones, _) => self.tone_or_audio(),
        };
        self.timestamp = self.timestamp.wrapping_add(self.step());
        packet
    }

    /// Lets 10 ms pass in which nothing is sent.
    pub(crate) fn idle(&mut self) {
        self.captured.clear();
        self.begins = true;
        if self.packet_due() {
            self.timestamp = self.timestamp.wrapping_add(self.step());
        }
    }

    fn packet_due(&mut self) -> bool {
        self.filled_ms += FRAME_MS as u8;
        let due = self.filled_ms >= self.ptime_ms;
        if due {
            self.filled_ms = 0;
        }
        due
    }

    /// Ticks of the codec's clock in one packet.
    fn step(&self) -> u32 {
        self.payload.codec.clock_hz() / 1_000 * u32::from(self.ptime_ms)
    }

    fn event_or_audio(&mut self, events: &Events) -> Option<Vec<u8>> {
        let step = events.clock_hz / 1_000 * u32::from(self.ptime_ms);
        match self.digits.next_slot(step, events.clock_hz) {
            Slot::Free => {
                let sound = self.voice();
                self.audio(&sound)
            }
            Slot::Pause => {
                self.voice();
                self.audio(&self.silence())
            }
            Slot::Event { payload, place } => {
                // The voice is muted while a digit is sent (RFC 4733 §2.2).
                self.voice();
                if place == EventPlace::First {
                    self.event_timestamp = self.timestamp;
                }
                self.begins = true;
                let marker = place == EventPlace::First;
                Some(self.packet(events.send, marker, self.event_timestamp, &payload))
            }
        }
    }

    fn tone_or_audio(&mut self) -> Option<Vec<u8>> {
        let clock_hz = self.rate.hz();
        let step = self.rate.samples(usize::from(self.ptime_ms)) as u32;
        let voice = self.voice();
        let sound = match self.digits.next_tone(step, clock_hz) {
            ToneSlot::Free => voice,
            ToneSlot::Pause => self.silence(),
            ToneSlot::Sound(digit) => self.tone_of(digit).next_samples(voice.len()),
        };
        self.audio(&sound)
    }

    fn tone_of(&mut self, digit: Digit) -> &mut Tone {
        let kept = self.tone.take().filter(|(sounding, _)| *sounding == digit);
        let fresh = || (digit, Tone::dtmf(digit, TONE_DB, self.rate));
        &mut self.tone.insert(kept.unwrap_or_else(fresh)).1
    }

    fn audio(&mut self, sound: &[i16]) -> Option<Vec<u8>> {
        let payload = self.encoder.encode(sound)?;
        let marker = std::mem::take(&mut self.begins);
        Some(self.packet(self.payload.number, marker, self.timestamp, &payload))
    }

    fn packet(&mut self, number: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        Packet { payload_type: number, marker, sequence, timestamp, ssrc, payload }.write()
    }

    /// The user's sound for one packet; silence until there is enough of it.
    fn voice(&mut self) -> Vec<i16> {
        let want = self.rate.samples(usize::from(self.ptime_ms));
        if self.captured.len() < want {
            return self.silence();
        }
        self.captured.drain(..want).collect()
    }

    fn silence(&self) -> Vec<i16> {
        vec![0; self.rate.samples(usize::from(self.ptime_ms))]
    }

    pub(crate) const fn codec(&self) -> Codec {
        self.payload.codec
    }
}
