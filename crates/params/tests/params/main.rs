//! The table against the guide, files in layers, settings on models and firmware, hostile input.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod guide;
mod hostile;
mod layers;
mod provisioning;
mod round_trip;
mod settings;
mod table;

use params::{Device, Finding, Interner, Layer, Layers, ParamError, PhoneSettings, Source};

/// One MAC file.
fn load(text: &str) -> (Layers, Vec<Finding>) {
    Layers::load(&[Source { name: "phone.cfg", layer: Layer::Mac, bytes: text.as_bytes() }])
}

/// The settings of a file that has no findings.
fn settings_on(device: &Device, text: &str) -> (PhoneSettings, Vec<ParamError>) {
    let (layers, findings) = load(text);
    assert_eq!(findings, []);
    layers.settings(device, &mut Interner::default())
}

/// The same on the guide's SIP-T46G with firmware 81, where nothing is to be complained of.
fn settings(text: &str) -> PhoneSettings {
    let (settings, errors) = settings_on(&Device::default(), text);
    assert_eq!(errors, []);
    settings
}

/// Findings as they are shown.
fn shown(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}
