//! Where the files of a phone lie.

use std::fmt;

use super::report::Trouble;
use super::settings::ProvisionSettings;
use super::url::{Login, NotAUrl, Url};
use crate::model::Model;
use crate::origin::Layer;
use crate::secret::Secret;
use crate::view::Device;

/// A file, and who may ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) login: Option<Login>,
}

/// The server of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// A folder, or one file.
    pub(crate) url: Url,
    login: Option<Login>,
    device: Device,
}

impl Server {
    /// Reads the address that `text` gives, from the command line or, where that has none, from the
    /// settings.
    pub(crate) fn of(
        given: Option<&str>,
        settings: &ProvisionSettings,
        device: &Device,
    ) -> Result<Self, Box<Trouble>> {
        let (text, from) = match given {
            Some(text) => (text, "the address given"),
            None => (&*settings.url, "static.auto_provision.server.url"),
        };
        if text.is_empty() {
            return Err(Box::new(Trouble::NoServer));
        }
        let filled = filled(text, device);
        let (url, own) =
            Url::parse_server(&filled).map_err(|why| bad_address(&filled, from, why))?;
        let login = own.or_else(|| {
            let (user, password) = (settings.user.clone(), settings.password.clone());
            (!user.is_empty()).then_some(Login { user, password })
        });
        Ok(Self { url, login, device: *device })
    }

    /// Whether the address is that of one file rather than of a folder.
    pub(crate) fn is_one_file(&self) -> bool {
        let name = self.url.last_segment().to_ascii_lowercase();
        self.url.has_query() || name.ends_with(".boot") || name.ends_with(".cfg")
    }

    /// The file that the address itself is.
    pub(crate) fn itself(&self) -> Target {
        Target { url: self.url.clone(), login: self.login.clone() }
    }

    /// The boot file of this phone alone.
    pub(crate) fn own_boot(&self) -> Target {
        self.file(&format!("{}.boot", self.device.mac))
    }

    /// The boot file of all phones.
    pub(crate) fn shared_boot(&self) -> Target {
        self.file("y000000000000.boot")
    }

    /// The file of all phones of the model.
    pub(crate) fn common_file(&self) -> Target {
        self.file(&format!("y{:012}.cfg", self.device.model.code()))
    }

    /// The file of this phone alone.
    pub(crate) fn mac_file(&self, settings: &ProvisionSettings) -> Result<Target, Box<Trouble>> {
        if settings.mac_file.is_empty() {
            return Ok(self.file(&format!("{}.cfg", self.device.mac)));
        }
        self.join(&self.folder(), &settings.mac_file)
            .map_err(|why| bad_address(&settings.mac_file, "static.custom_mac_cfg.url", why))
    }

    /// What was changed on the phone.
    pub(crate) fn local_file(&self) -> Target {
        self.file(&format!("{}-local.cfg", self.device.mac))
    }

    /// A file that another one names.
    pub(crate) fn include(
        &self,
        base: &Url,
        target: &str,
        line: u32,
    ) -> Result<Target, Box<Trouble>> {
        self.join(base, target).map_err(|why| bad_address(target, &format!("{base}:{line}"), why))
    }

    /// Whether a file has values for this phone alone, by its name.
    pub(crate) fn layer_of(&self, url: &Url) -> Layer {
        let name = url.last_segment().to_ascii_lowercase();
        let is_own = name.contains(&self.device.mac.to_string());
        if is_own { Layer::Mac } else { Layer::Common }
    }

    fn join(&self, base: &Url, target: &str) -> Result<Target, NotAUrl> {
        let (url, own) = base.join(&filled(target, &self.device))?;
        let login = own.or_else(|| self.login_for(&url));
        Ok(Target { url, login })
    }

    fn file(&self, name: &str) -> Target {
        Target { url: self.folder().in_folder(name), login: self.login.clone() }
    }

    fn folder(&self) -> Url {
        if !self.is_one_file() {
            return self.url.clone();
        }
        self.url.join(".").map_or_else(|_| self.url.clone(), |(folder, _)| folder)
    }

    /// The password, if it may go there.
    fn login_for(&self, url: &Url) -> Option<Login> {
        self.login.clone().filter(|_| self.url.trusts_with_login(url))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// The text with `$MAC` and `$PN` filled in.
fn filled(text: &str, device: &Device) -> String {
    text.replace("$MAC", &device.mac.to_string()).replace("$PN", &product_name(device.model))
}

/// The model as folders are named after it: `T46G`, `T21P_E2`.
#[must_use]
pub fn product_name(model: Model) -> String {
    let name = model.name();
    let short = name.strip_prefix("SIP-").or_else(|| name.strip_prefix("SIP ")).unwrap_or(name);
    short.replace(['(', ')'], "").replace(' ', "_")
}

fn bad_address(text: &str, from: &str, why: NotAUrl) -> Box<Trouble> {
    // A password stands before the last @.
    let shown = match text.rsplit_once('@') {
        Some((_, behind)) => format!("…@{behind}"),
        None => text.to_owned(),
    };
    let shown = shown.chars().filter(|c| !c.is_control()).collect();
    Box::new(Trouble::Address { text: shown, from: from.into(), why })
}

/// The key of encrypted files of a layer, and the parameter that holds it.
pub(crate) fn key_of(settings: &ProvisionSettings, layer: Layer) -> (&Secret, &'static str) {
    match layer {
        Layer::Common => (&settings.keys.common, "static.auto_provision.aes_key_16.com"),
        Layer::Mac | Layer::Local | Layer::Set => {
            (&settings.keys.mac, "static.auto_provision.aes_key_16.mac")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str, user: &str) -> Server {
        let settings = ProvisionSettings {
            url: url.into(),
            user: user.into(),
            password: Secret::new("pw"),
            ..ProvisionSettings::default()
        };
        Server::of(None, &settings, &Device::default()).unwrap()
    }

    #[test]
    fn files_are_named_after_mac_and_model() {
        for (url, common) in [
            ("http://a/dir", "http://a/dir/y000000000028.cfg"),
            ("http://a/$PN/$MAC/", "http://a/T46G/001565000001/y000000000028.cfg"),
            ("http://a/dir/$MAC.boot", "http://a/dir/y000000000028.cfg"),
            ("192.0.2.1", "tftp://192.0.2.1/y000000000028.cfg"),
        ] {
            assert_eq!(server(url, "").common_file().url.to_string(), common);
        }
        let server = server("http://a", "");
        assert_eq!(server.own_boot().url.last_segment(), "001565000001.boot");
        assert_eq!(server.shared_boot().url.last_segment(), "y000000000000.boot");
        assert_eq!(server.local_file().url.last_segment(), "001565000001-local.cfg");
    }

    #[test]
    fn every_model_has_a_name_that_fits_an_address() {
        for model in Model::all() {
            let name = product_name(model);
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            assert!(name.chars().all(fits) && !name.starts_with("SIP-"), "{name}");
            assert_eq!(name.parse(), Ok(model), "{name}");
        }
    }

    #[test]
    fn the_mac_file_may_lie_elsewhere_and_then_gets_no_password() {
        let server = server("http://a/dir/", "bob");
        let settings = |url: &str| ProvisionSettings { mac_file: url.into(), ..Default::default() };
        let own = server.mac_file(&settings("")).unwrap();
        assert_eq!(own.url.to_string(), "http://a/dir/001565000001.cfg");
        assert!(own.login.is_some());
        let elsewhere = server.mac_file(&settings("http://b/$MAC.txt")).unwrap();
        assert_eq!(elsewhere.url.to_string(), "http://b/001565000001.txt");
        assert_eq!(elsewhere.login, None);
    }

    #[test]
    fn an_include_on_another_server_has_its_own_password_or_none() {
        let server = server("http://a/", "bob");
        let include = |target| server.include(&server.url, target, 3).unwrap().login;
        assert_eq!(include("x.cfg").unwrap().user, "bob".into());
        assert_eq!(include("http://b/x.cfg"), None);
        assert_eq!(include("http://eve:x@b/x.cfg").unwrap().user, "eve".into());
        let bad = server.include(&server.url, "file://bob:secret@x/y", 3).unwrap_err().to_string();
        assert!(bad.starts_with("http://a/:3: …@x/y: it needs to begin with"), "{bad}");
    }

    #[test]
    fn a_password_in_the_address_wins_over_the_settings() {
        assert_eq!(server("http://eve:x@a/", "bob").itself().login.unwrap().user, "eve".into());
        assert_eq!(server("http://a/", "bob").itself().login.unwrap().user, "bob".into());
        assert_eq!(server("http://a/", "").itself().login, None);
    }
}
