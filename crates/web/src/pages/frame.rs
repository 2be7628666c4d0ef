//! What stands around every page: name, phone, tabs and the pages of the tab.

use params::WebPage;

use super::Pages;
use super::assets::address;
use super::doors::Guest;
use super::passwords::User;

/// Where in the menu a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    /// Status → Accounts.
    Accounts,
    /// Status → Log.
    Log,
    /// A form of parameters.
    Form(WebPage),
    /// Settings → Configuration.
    Configuration,
    /// Security → Password.
    Password,
}

impl Tab {
    /// All, in the order of the menu.
    const ALL: [Self; 9] = [
        Self::Accounts,
        Self::Log,
        Self::Form(WebPage::AccountRegister),
        Self::Form(WebPage::AccountAdvanced),
        Self::Form(WebPage::NetworkDns),
        Self::Form(WebPage::SettingsSip),
        Self::Form(WebPage::SettingsProvision),
        Self::Configuration,
        Self::Password,
    ];

    /// Tab and page as the menu calls them.
    const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Accounts => ("Status", "Accounts"),
            Self::Log => ("Status", "Log"),
            Self::Form(WebPage::AccountRegister) => ("Account", "Register"),
            Self::Form(WebPage::AccountAdvanced) => ("Account", "Advanced"),
            Self::Form(WebPage::NetworkDns) => ("Network", "DNS"),
            Self::Form(WebPage::SettingsSip) => ("Settings", "SIP"),
            Self::Form(WebPage::SettingsProvision) => ("Settings", "Auto Provision"),
            Self::Configuration => ("Settings", "Configuration"),
            Self::Password => ("Security", "Password"),
        }
    }

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Accounts => "/status",
            Self::Log => "/status/log",
            Self::Form(page) => path_of(page),
            Self::Configuration => "/settings/configuration",
            Self::Password => "/security/password",
        }
    }

    /// Whether only the administrator sees it.
    const fn is_for_admin(self) -> bool {
        match self {
            Self::Accounts | Self::Log | Self::Password => false,
            Self::Form(_) | Self::Configuration => true,
        }
    }
}

/// The path of a form.
pub(super) const fn path_of(page: WebPage) -> &'static str {
    match page {
        WebPage::AccountRegister => "/account/register",
        WebPage::AccountAdvanced => "/account/advanced",
        WebPage::NetworkDns => "/network/dns",
        WebPage::SettingsSip => "/settings/sip",
        WebPage::SettingsProvision => "/settings/provision",
    }
}

/// A link of the menu.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) text: &'static str,
    pub(super) href: String,
    pub(super) is_here: bool,
}

/// A phone to choose.
#[derive(Debug)]
pub(super) struct PhoneLink {
    pub(super) mac: String,
    pub(super) model: String,
    pub(super) is_here: bool,
}

/// Everything around a page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) heading: &'static str,
    pub(super) tabs: Vec<Link>,
    pub(super) pages: Vec<Link>,
    pub(super) phones: Vec<PhoneLink>,
    /// The model and MAC of the phone that the page is about, where it is known.
    pub(super) phone: String,
    pub(super) path: &'static str,
    pub(super) user: &'static str,
    pub(super) csrf: String,
    /// The administrator still has the password that everybody knows.
    pub(super) is_default: bool,
    pub(super) version: String,
    pub(super) style: String,
    pub(super) scripts: [String; 3],
    pub(super) icon: String,
}

impl Frame {
    /// The frame of a page about `phone`, or about the only one there is.
    pub(super) async fn new(pages: &Pages, guest: &Guest, tab: Tab, phone: Option<String>) -> Self {
        let status = pages.desk.status().await.ok();
        let all = status.as_ref().map_or(&[][..], |status| &status.phones);
        let here = status.as_ref().and_then(|status| status.phone(phone.as_deref()));
        let phones = all.iter().map(|it| PhoneLink {
            mac: it.mac.clone(),
            model: it.model.clone(),
            is_here: here.is_some_and(|here| here.mac == it.mac),
        });
        let (heading, name) = tab.title();
        let about = here.map(|here| format!("{} {}", here.model, spaced_mac(&here.mac)));
        let is_admin = guest.user == User::Admin;
        let query = phone.as_ref().map_or(String::new(), |mac| format!("?phone={mac}"));
        let seen = Tab::ALL.into_iter().filter(|tab| is_admin || !tab.is_for_admin());
        let link =
            |of: Tab, text, is_here| Link { text, href: format!("{}{query}", of.path()), is_here };
        let mut tabs: Vec<Link> = Vec::new();
        for of in seen.clone() {
            let (text, _) = of.title();
            if tabs.last().is_none_or(|last| last.text != text) {
                tabs.push(link(of, text, text == heading));
            }
        }
        let siblings = seen.filter(|of| of.title().0 == heading);
        Self {
            title: format!("{heading} → {name}"),
            heading: name,
            tabs,
            pages: siblings.map(|of| link(of, of.title().1, of == tab)).collect(),
            phones: phones.collect(),
            phone: about.unwrap_or_default(),
            path: tab.path(),
            user: guest.user.name(),
            csrf: guest.form_token(),
            is_default: pages.doors.is_default(),
            version: status.as_ref().map_or(String::new(), |status| status.version.clone()),
            style: address("style.css"),
            scripts: ["htmx.js", "hx-sse.js", "page.js"].map(address),
            icon: address("icon.svg"),
        }
    }
}

/// `00:15:65:00:00:01`.
pub(super) fn spaced_mac(mac: &str) -> String {
    let figures: Vec<char> = mac.chars().collect();
    figures.chunks(2).map(String::from_iter).collect::<Vec<_>>().join(":")
}
