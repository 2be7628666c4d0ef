//! Settings as a file.

use std::cmp::Ordering;

use crate::choices::Profile;
use crate::key::Key;
use crate::layers::Layers;
use crate::row::HomeFile;
use crate::secret::without_login;

impl Layers {
    /// What differs from the defaults, as a file that loads to the same settings, secrets apart.
    ///
    /// Keys are sorted, `static.` keys last; a password stands as a comment without its value.
    /// `title` is its first comment.
    #[must_use]
    pub fn export(&self, title: &str) -> String {
        let mut keys: Vec<(String, Key)> = self
            .keys()
            .filter(|key| self.is_exported(*key))
            .map(|key| (key.to_string(), key))
            .collect();
        keys.sort_by(|(a, _), (b, _)| by_segment(a, b));
        let (fixed, plain): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|(name, _)| name.starts_with("static."));
        let title = title.replace(char::is_control, " ");
        let mut text = format!("# {title}\n# Passwords and keys are left out: fill them in.\n");
        self.write(&mut text, &plain);
        if !fixed.is_empty() {
            text.push_str("\n# static: network, security, provisioning\n");
            self.write(&mut text, &fixed);
        }
        text
    }

    fn write(&self, text: &mut String, keys: &[(String, Key)]) {
        for (name, key) in keys {
            let value = self.effective(*key).map_or("", |effective| effective.value);
            if key.row().secret {
                text.push_str(&format!("###{name} =\n"));
            } else {
                text.push_str(&format!("{name} = {}\n", without_login(value)));
            }
        }
    }

    fn is_exported(&self, key: Key) -> bool {
        let value = self.effective(key).map(|effective| effective.value);
        key.row().file != HomeFile::Boot && value != Some(key.row().default_in(self.profile()))
    }

    /// The profile that the files name.
    #[must_use]
    pub fn profile(&self) -> Profile {
        let key = Key::of("sureline.profile", [0, 0]);
        let written = key.and_then(|key| self.effective(key));
        written.and_then(|written| Profile::from_value(written.value)).unwrap_or(Profile::Compat)
    }
}

/// Segment by segment, numbers by their size.
pub(crate) fn by_segment(a: &str, b: &str) -> Ordering {
    let order = |(a, b): (&str, &str)| match (a.parse::<u16>(), b.parse::<u16>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    };
    let differing = a.split('.').zip(b.split('.')).map(order).find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.len().cmp(&b.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Source;
    use crate::origin::Layer;

    #[test]
    fn what_differs_from_the_defaults_is_written_in_order_and_without_secrets() {
        let file = "account.10.enable = 1\n\
            account.2.password = hush\n\
            account.2.enable = 1\n\
            account.2.sip_server.1.port = 5060\n\
            account.2.sip_server.1.failback_timeout = 5\n\
            static.security.user_password = admin:hush\n\
            sureline.profile = fast\n\
            account.2.sureline.liveness = off\n\
            account.2.sureline.adaptive_budget = 1\n\
            static.network.ip_address_mode = 2\n\
            static.auto_provision.server.url = http://bob:hush@a/b\n\
            static.network.primary_dns =\n\
            sip.timer_t1 = 1\n";
        let source = Source { name: "a.cfg", layer: Layer::Mac, bytes: file.as_bytes() };
        let (layers, _) = Layers::load(&[source]);
        assert_eq!(
            layers.export("SIP-T46G\n001565000001"),
            "# SIP-T46G 001565000001\n\
             # Passwords and keys are left out: fill them in.\n\
             account.2.enable = 1\n\
             ###account.2.password =\n\
             account.2.sip_server.1.failback_timeout = 60\n\
             account.2.sureline.liveness = off\n\
             account.10.enable = 1\n\
             sip.timer_t1 = 1\n\
             sureline.profile = fast\n\
             \n# static: network, security, provisioning\n\
             static.auto_provision.server.url = http://a/b\n\
             static.network.ip_address_mode = 2\n\
             ###static.security.user_password =\n"
        );
    }
}
