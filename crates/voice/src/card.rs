//! The machine's own microphone and loudspeaker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Device, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedBufferSize, SupportedStreamConfig, SupportedStreamConfigRange,
};
use media::{Rate, Resampler};
use thiserror::Error;

use crate::ring::Ring;
use crate::{Sink, Source};

/// The default microphone and loudspeaker, running; both stop when this is dropped.
///
/// They belong to one call at a time: two calls would each hear a part.
pub struct Card {
    microphone: End,
    loudspeaker: End,
}

/// One direction of the card.
struct End {
    rate: Rate,
    ring: Shared,
    #[expect(dead_code, reason = "runs until it is dropped")]
    stream: Stream,
}

type Shared = Arc<Mutex<Ring>>;

/// Why there is no sound.
#[derive(Debug, Error)]
pub enum CardError {
    /// The system names no default device.
    #[error("there is no {0}")]
    None(&'static str),
    /// It cannot be had at 48, 16 or 8 kHz.
    #[error("the {0} has no rate of 48, 16 or 8 kHz")]
    Rate(&'static str),
    /// The system refuses it.
    #[error("the {0} cannot be used: {1}")]
    System(&'static str, cpal::Error),
}

impl Card {
    /// Opens the default devices and starts them.
    pub fn open() -> Result<Self, CardError> {
        let host = cpal::default_host();
        let device = host.default_input_device().ok_or(CardError::None(MICROPHONE))?;
        let known = device.supported_input_configs();
        let known = known.map_err(|error| CardError::System(MICROPHONE, error))?;
        let microphone = End::open(MICROPHONE, known, |format, config, ring| {
            if format == SampleFormat::F32 {
                capture::<f32>(&device, config, ring)
            } else {
                capture::<i16>(&device, config, ring)
            }
        })?;
        let device = host.default_output_device().ok_or(CardError::None(LOUDSPEAKER))?;
        let known = device.supported_output_configs();
        let known = known.map_err(|error| CardError::System(LOUDSPEAKER, error))?;
        let loudspeaker = End::open(LOUDSPEAKER, known, |format, config, ring| {
            if format == SampleFormat::F32 {
                play::<f32>(&device, config, ring)
            } else {
                play::<i16>(&device, config, ring)
            }
        })?;
        Ok(Self { microphone, loudspeaker })
    }

    /// What the microphone hears.
    #[must_use]
    pub fn source(&self) -> Source {
        let (card, ring) = (self.microphone.rate, Arc::clone(&self.microphone.ring));
        let mut converter = None;
        Source::Live(Box::new(move |rate, count| {
            let wanted = count * card.hz() as usize / rate.hz() as usize;
            let sound: Option<Vec<i16>> = lock(&ring).take(wanted).map(Iterator::collect);
            let converter = converter.get_or_insert_with(|| Resampler::new(card, rate));
            sound.map_or_else(Vec::new, |sound| converter.convert(&sound))
        }))
    }

    /// The loudspeaker.
    #[must_use]
    pub fn sink(&self) -> Sink {
        let (card, ring) = (self.loudspeaker.rate, Arc::clone(&self.loudspeaker.ring));
        let mut converter = None;
        Sink::Live(Box::new(move |rate, sound| {
            let converter = converter.get_or_insert_with(|| Resampler::new(rate, card));
            let sound = converter.convert(sound);
            lock(&ring).push(sound);
        }))
    }
}

impl End {
    fn open(
        name: &'static str,
        known: impl Iterator<Item = SupportedStreamConfigRange>,
        build: impl FnOnce(SampleFormat, StreamConfig, Shared) -> Result<Stream, cpal::Error>,
    ) -> Result<Self, CardError> {
        let (rate, chosen) = choose(known).ok_or(CardError::Rate(name))?;
        let ring = Ring::new(rate.samples(START_MS), rate.samples(MOST_MS));
        let ring = Arc::new(Mutex::new(ring));
        let stream = build(chosen.sample_format(), config(rate, &chosen), Arc::clone(&ring))
            .map_err(|error| CardError::System(name, error))?;
        stream.play().map_err(|error| CardError::System(name, error))?;
        Ok(Self { rate, ring, stream })
    }
}

/// The way of working that needs the least conversion.
fn choose(
    known: impl Iterator<Item = SupportedStreamConfigRange>,
) -> Option<(Rate, SupportedStreamConfig)> {
    known
        .filter(|range| matches!(range.sample_format(), SampleFormat::I16 | SampleFormat::F32))
        .filter_map(|range| {
            let rates = [Rate::Khz48, Rate::Khz16, Rate::Khz8].into_iter();
            let mut fitting =
                rates.filter_map(|rate| Some((rate, range.try_with_sample_rate(rate.hz())?)));
            fitting.next()
        })
        .min_by_key(|(rate, config)| {
            let linear = config.sample_format() == SampleFormat::I16;
            (std::cmp::Reverse(*rate), config.channels(), !linear)
        })
}

fn config(rate: Rate, chosen: &SupportedStreamConfig) -> StreamConfig {
    let frame = u32::try_from(rate.samples(FRAME_MS)).unwrap_or(u32::MAX);
    let buffer_size = match chosen.buffer_size() {
        SupportedBufferSize::Range { min, max } => BufferSize::Fixed(frame.clamp(*min, *max)),
        SupportedBufferSize::Unknown => BufferSize::Default,
    };
    StreamConfig { buffer_size, ..chosen.config() }
}

fn capture<T>(device: &Device, config: StreamConfig, ring: Shared) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    i16: FromSample<T>,
{
    let channels = usize::from(config.channels);
    let take = move |sound: &[T], _: &_| {
        // The first channel is enough of one voice.
        lock(&ring).push(sound.iter().step_by(channels).map(|sample| i16::from_sample(*sample)));
    };
    device.build_input_stream(config, take, ignore, None)
}

fn play<T>(device: &Device, config: StreamConfig, ring: Shared) -> Result<Stream, cpal::Error>
where
    T: SizedSample + FromSample<i16>,
{
    let channels = usize::from(config.channels);
    let give = move |sound: &mut [T], _: &_| {
        let mut ring = lock(&ring);
        let mut next = ring.take(sound.len() / channels);
        for frame in sound.chunks_mut(channels) {
            let sample = next.as_mut().and_then(Iterator::next).unwrap_or_default();
            frame.fill(T::from_sample(sample));
        }
    };
    device.build_output_stream(config, give, ignore, None)
}

/// A card that stumbles is heard; one that is pulled out leaves silence.
fn ignore(_: cpal::Error) {}

fn lock(ring: &Shared) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

const MICROPHONE: &str = "microphone";
const LOUDSPEAKER: &str = "loudspeaker";
/// What the card handles at once.
const FRAME_MS: usize = 10;
/// Sound that is gathered before it is passed on: what two clocks and two threads may differ by.
const START_MS: usize = 30;
/// Sound that may wait.
const MOST_MS: usize = 90;
