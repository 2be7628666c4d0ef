//! Provisioning: where files come from and when.

use super::{OPERATING_SYSTEM, PROVISIONING, URL, of, text};
use crate::choices::ProvisionAgent;
use crate::row::{HomeFile, Row, WebPage, When, row};
use crate::value::{INTEGER_MAX, Kind};

const SECONDS: Kind = Kind::Integer { min: 0, max: INTEGER_MAX };
const PROVISION: WebPage = WebPage::SettingsProvision;
const WEEKLY: &[When] = &[When::Is("static.auto_provision.weekly.enable", &["1"])];
const FLEXIBLE: &[When] = &[When::Is("static.auto_provision.flexible.enable", &["1"])];

pub(super) const ROWS: &[Row] = &[
    row(
        "static.auto_provision.server.url",
        URL,
        "",
        "Where configuration files are fetched; $MAC and $PN are filled in.",
    )
    .our_web(PROVISION, "", "Server URL"),
    row(
        "static.auto_provision.server.username",
        text(256),
        "",
        "The user name at the provisioning server.",
    )
    .our_web(PROVISION, "", "User Name"),
    row(
        "static.auto_provision.server.password",
        text(256),
        "",
        "The password at the provisioning server.",
    )
    .secret()
    .our_web(PROVISION, "", "Password"),
    row("static.auto_provision.power_on", Kind::Switch, "1", "1: files are fetched at each start.")
        .our_web(PROVISION, "", "Power On"),
    row(
        "static.auto_provision.repeat.enable",
        Kind::Switch,
        "0",
        "1: files are fetched again and again.",
    )
    .our_web(PROVISION, "", "Repeatedly"),
    row(
        "static.auto_provision.repeat.minutes",
        Kind::Integer { min: 1, max: 43_200 },
        "1440",
        "Minutes from one fetching to the next.",
    )
    .when(&[When::Is("static.auto_provision.repeat.enable", &["1"])])
    .our_web(PROVISION, "", "Interval (Minutes)"),
    row(
        "static.auto_provision.weekly.enable",
        Kind::Switch,
        "0",
        "1: files are fetched on certain days of the week.",
    )
    .our_web(PROVISION, "", "Weekly"),
    row(
        "static.auto_provision.weekly.dayofweek",
        Kind::Weekdays,
        "0123456",
        "The days, 0 for Sunday.",
    )
    .when(WEEKLY)
    .our_web(PROVISION, "", "Day Of Week"),
    row(
        "static.auto_provision.weekly.begin_time",
        Kind::TimeOfDay,
        "00:00",
        "Not before this time of day.",
    )
    .when(WEEKLY)
    .our_web(PROVISION, "", "Weekly Begin Time"),
    row(
        "static.auto_provision.weekly.end_time",
        Kind::TimeOfDay,
        "00:00",
        "Not after this time of day.",
    )
    .when(WEEKLY)
    .our_web(PROVISION, "", "Weekly End Time"),
    row(
        "static.auto_provision.flexible.enable",
        Kind::Switch,
        "0",
        "1: files are fetched on a day that differs from phone to phone.",
    )
    .our_web(PROVISION, "", "Flexible"),
    row(
        "static.auto_provision.flexible.interval",
        Kind::Integer { min: 1, max: 1000 },
        "30",
        "Days from one fetching to the next.",
    )
    .when(FLEXIBLE)
    .our_web(PROVISION, "", "Flexible Interval (Days)"),
    row(
        "static.auto_provision.flexible.begin_time",
        Kind::TimeOfDay,
        "02:00",
        "Not before this time of day.",
    )
    .when(FLEXIBLE)
    .our_web(PROVISION, "", "Flexible Begin Time"),
    row(
        "static.auto_provision.flexible.end_time",
        Kind::TimeOfDay,
        "07:00",
        "Not after this time of day.",
    )
    .when(FLEXIBLE)
    .our_web(PROVISION, "", "Flexible End Time"),
    row(
        "static.auto_provision.pnp_enable",
        Kind::Switch,
        "1",
        "1: the provisioning server is looked for by multicast.",
    )
    .our_web(PROVISION, "", "PNP Active")
    .not_used(PROVISIONING),
    row(
        "static.auto_provision.dhcp_option.enable",
        Kind::Switch,
        "1",
        "1: the provisioning server is taken from DHCP.",
    )
    .our_web(PROVISION, "", "DHCP Active")
    .not_used(PROVISIONING),
    row(
        "static.auto_provision.dhcp_option.list_user_options",
        text(64),
        "",
        "The DHCP options that name it, 128 to 254, up to five.",
    )
    .our_web(PROVISION, "", "DHCP Option")
    .not_used(PROVISIONING),
    row(
        "static.auto_provision.dhcp_option.option60_value",
        text(256),
        "yealink",
        "The vendor class told to DHCP.",
    )
    .not_used(OPERATING_SYSTEM),
    row(
        "static.auto_provision.custom.protect",
        Kind::Switch,
        "0",
        "1: what was changed on the phone or on its web page outlives provisioning.",
    )
    .our_web(PROVISION, "", "Protect Local Changes"),
    row(
        "static.auto_provision.custom.sync",
        Kind::Switch,
        "0",
        "1: local changes are uploaded to the server.",
    )
    .when(&[When::Is("static.auto_provision.custom.protect", &["1"])]),
    row(
        "static.auto_provision.custom.upload_method",
        Kind::Switch,
        "0",
        "How they are uploaded: 0 by PUT.",
    ),
    row("static.auto_provision.aes_key_16.com", text(32), "", "The AES key of the common file.")
        .secret()
        .our_web(PROVISION, "", "Common AES Key"),
    row("static.auto_provision.aes_key_16.mac", text(32), "", "The AES key of the MAC file.")
        .secret()
        .our_web(PROVISION, "", "MAC-Oriented AES Key"),
    row(
        "static.auto_provision.aes_key.com",
        text(64),
        "",
        "The AES key of the common file, as later firmware calls it.",
    )
    .secret(),
    row(
        "static.auto_provision.aes_key.mac",
        text(64),
        "",
        "The AES key of the MAC file, as later firmware calls it.",
    )
    .secret(),
    row(
        "static.auto_provision.aes_key_in_file",
        Kind::Switch,
        "0",
        "1: keys come in a file of their own.",
    )
    .not_used("such files are sealed with the vendor's own key"),
    row(
        "static.auto_provision.update_file_mode",
        Kind::Switch,
        "0",
        "1: only encrypted files are taken.",
    ),
    row(
        "static.auto_provision.encryption.config",
        Kind::Switch,
        "0",
        "1: local changes are encrypted when they are uploaded.",
    ),
    row(
        "static.auto_provision.reboot_force.enable",
        Kind::Switch,
        "0",
        "1: the phone restarts after each provisioning.",
    )
    .not_used("changes act at once, without a restart"),
    row(
        "static.auto_provision.attempt_expired_time",
        Kind::Integer { min: 1, max: 3600 },
        "5",
        "Seconds that one attempt to fetch a file gets.",
    ),
    row(
        "static.auto_provision.attempt_before_failed",
        Kind::Integer { min: 1, max: 100 },
        "3",
        "Attempts to fetch a file.",
    ),
    row(
        "static.auto_provision.retry_delay_after_file_transfer_failed",
        Kind::Integer { min: 0, max: 3600 },
        "5",
        "Seconds between attempts.",
    ),
    row(
        "static.auto_provision.user_agent_mac.enable",
        Kind::Switch,
        "1",
        "1: the server is told the phone's address.",
    ),
    row(
        "static.auto_provision.config_version.com",
        text(256),
        "",
        "The version of the last common file.",
    )
    .not_used("files are told apart by their digest"),
    row(
        "static.auto_provision.config_version.mac",
        text(256),
        "",
        "The version of the last MAC file.",
    )
    .not_used("files are told apart by their digest"),
    row(
        "static.auto_provision.authentication.expired_time",
        SECONDS,
        "7200",
        "Seconds for which an HTTP log-in is remembered.",
    )
    .not_used("the password is sent where the server asks for it, and remembered nowhere"),
    dial_code("autoprovision.N.name"),
    dial_code("autoprovision.N.code"),
    dial_code("autoprovision.N.url"),
    dial_code("autoprovision.N.user"),
    dial_code("autoprovision.N.password").secret(),
    dial_code("autoprovision.N.com_aes").secret(),
    dial_code("autoprovision.N.mac_aes").secret(),
    row(
        "sureline.provision_user_agent",
        of(ProvisionAgent::CHOICES),
        "sureline",
        "As whom the phone presents itself to an HTTP server of configuration files.",
    )
    .our_web(PROVISION, "", "User Agent")
    .ours(),
    row(
        "sureline.client_certificate",
        text(512),
        "",
        "A PEM file with the certificate and key that the phone shows to HTTPS servers of \
         configuration files.",
    )
    .our_web(PROVISION, "", "Client Certificate")
    .ours(),
    row(
        "overwrite_mode",
        Kind::Switch,
        "1",
        "1: a key that is blank or missing goes back to its default; 0: it keeps its \
         value.",
    )
    .in_file(HomeFile::Boot),
    row(
        "static.specific_model.excluded_mode",
        Kind::Switch,
        "0",
        "1: a model named in [ ] fetches its own lines only.",
    )
    .in_file(HomeFile::Boot),
    row("static.custom_mac_cfg.url", URL, "", "Another place for the MAC file."),
    row("static.firmware.url", URL, "", "New firmware.")
        .not_used("sureline is a program: it has no firmware to load"),
];

const fn dial_code(pattern: &'static str) -> Row {
    row(pattern, text(512), "", "Provisioning that starts when a code is dialled.")
        .n_to(50)
        .not_used("provisioning is begun by command, page or server, not by dialling")
}
