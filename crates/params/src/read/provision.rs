//! What concerns provisioning.

use std::time::Duration;

use super::Reader;
use crate::layers::Layers;
use crate::provision::{AesKeys, Days, ProvisionSettings, UploadMethod, Window};
use crate::secret::Secret;
use crate::view::{Device, View};

impl Layers {
    /// How `device` is to fetch its files.
    #[must_use]
    pub fn provision_settings(&self, device: &Device) -> ProvisionSettings {
        provision(Reader { view: View::new(self, device), numbers: [0, 0] })
    }
}

impl Default for ProvisionSettings {
    /// The defaults of the table: no address.
    fn default() -> Self {
        Layers::default().provision_settings(&Device::default())
    }
}

fn provision(at: Reader<'_>) -> ProvisionSettings {
    let minutes: u64 = at.number("static.auto_provision.repeat.minutes");
    let is_repeated = at.switch("static.auto_provision.repeat.enable");
    ProvisionSettings {
        url: at.owned("static.auto_provision.server.url"),
        user: at.owned("static.auto_provision.server.username"),
        password: Secret::new(at.text("static.auto_provision.server.password")),
        mac_file: at.owned("static.custom_mac_cfg.url"),
        power_on: at.switch("static.auto_provision.power_on"),
        repeat: is_repeated.then(|| Duration::from_secs(minutes * 60)),
        weekly: weekly(at),
        flexible: flexible(at),
        protect: at.switch("static.auto_provision.custom.protect"),
        sync: sync(at),
        keys: AesKeys {
            common: first(
                at,
                "static.auto_provision.aes_key_16.com",
                "static.auto_provision.aes_key.com",
            ),
            mac: first(
                at,
                "static.auto_provision.aes_key_16.mac",
                "static.auto_provision.aes_key.mac",
            ),
        },
        only_encrypted: at.switch("static.auto_provision.update_file_mode"),
        encrypt_upload: at.switch("static.auto_provision.encryption.config"),
        attempts: at.number("static.auto_provision.attempt_before_failed"),
        attempt_time: Duration::from_secs(at.number("static.auto_provision.attempt_expired_time")),
        retry_delay: Duration::from_secs(
            at.number("static.auto_provision.retry_delay_after_file_transfer_failed"),
        ),
        tells_mac: at.switch("static.auto_provision.user_agent_mac.enable"),
        agent: at.choice("sureline.provision_user_agent"),
        client_certificate: at.owned("sureline.client_certificate"),
    }
}

fn weekly(at: Reader<'_>) -> Option<Window> {
    let figures = at.text("static.auto_provision.weekly.dayofweek");
    let mut days = [false; 7];
    for (figure, day) in (b'0'..).zip(&mut days) {
        *day = figures.as_bytes().contains(&figure);
    }
    let window = Window {
        days: Days::OfWeek(days),
        begin_s: time_of_day(at.text("static.auto_provision.weekly.begin_time")),
        end_s: time_of_day(at.text("static.auto_provision.weekly.end_time")),
    };
    at.switch("static.auto_provision.weekly.enable").then_some(window)
}

fn flexible(at: Reader<'_>) -> Option<Window> {
    let window = Window {
        days: Days::Every(at.number("static.auto_provision.flexible.interval")),
        begin_s: time_of_day(at.text("static.auto_provision.flexible.begin_time")),
        end_s: time_of_day(at.text("static.auto_provision.flexible.end_time")),
    };
    at.switch("static.auto_provision.flexible.enable").then_some(window)
}

fn sync(at: Reader<'_>) -> Option<UploadMethod> {
    let is_post = at.switch("static.auto_provision.custom.upload_method");
    let method = if is_post { UploadMethod::Post } else { UploadMethod::Put };
    at.switch("static.auto_provision.custom.sync").then_some(method)
}

/// Seconds after midnight of `hh:mm`, which the row has checked.
fn time_of_day(text: &str) -> u32 {
    let (hours, minutes) = text.split_once(':').unwrap_or_default();
    hours.parse().unwrap_or(0) * 3600 + minutes.parse().unwrap_or(0) * 60
}

fn first(at: Reader<'_>, older: &'static str, later: &'static str) -> Secret {
    let (older, later) = (at.text(older), at.text(later));
    Secret::new(if older.is_empty() { later } else { older })
}
