//! Files one over the other.

use params::{Blank, Found, HIDDEN, Key, Layer, Layers, NotAConfig, Source, Verdict};

use super::{load, shown};

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn source<'a>(name: &'a str, layer: Layer, text: &'a str) -> Source<'a> {
    Source { name, layer, bytes: text.as_bytes() }
}

fn value<'a>(layers: &'a Layers, name: &str) -> Option<(&'a str, String)> {
    layers.effective(key(name)).map(|effective| (effective.value, effective.origin.to_string()))
}

#[test]
fn the_later_layer_wins_and_every_value_knows_its_line() {
    let (layers, findings) = Layers::load(&[
        source(
            "y000000000028.cfg",
            Layer::Common,
            "account.1.sip_server.1.expires = 60\nsip.timer_t1 = 1\n",
        ),
        source(
            "001565000001.cfg",
            Layer::Mac,
            "\naccount.1.sip_server.1.expires = 120\naccount.1.label = A",
        ),
        source("001565000001-local.cfg", Layer::Local, "account.1.label = B"),
        source("--set", Layer::Set, "sip.timer_t1 = 2"),
    ]);
    assert_eq!(findings, []);
    let at = |value, origin: &str| Some((value, origin.to_owned()));
    assert_eq!(value(&layers, "account.1.sip_server.1.expires"), at("120", "001565000001.cfg:2"));
    assert_eq!(value(&layers, "account.1.label"), at("B", "001565000001-local.cfg:1"));
    assert_eq!(value(&layers, "sip.timer_t1"), at("2", "--set"));
    assert_eq!(value(&layers, "sip.timer_t2"), None);
    let all = layers.assignments_of(key("account.1.sip_server.1.expires"));
    let all: Vec<_> =
        all.map(|a| (a.origin.layer, a.origin.line, a.origin.column, &*a.value)).collect();
    assert_eq!(all, [(Layer::Common, 1, 34, "60"), (Layer::Mac, 2, 34, "120")]);
}

#[test]
fn the_last_line_of_a_key_wins_within_a_file() {
    let (layers, findings) = load("account.1.label = A\naccount.1.label = B\n");
    assert_eq!(findings, []);
    assert_eq!(value(&layers, "account.1.label"), Some(("B", "phone.cfg:2".to_owned())));
}

#[test]
fn a_blank_value_takes_the_key_back_to_its_default() {
    for blank in ["", "%NULL%", "%EMPTY%"] {
        let (layers, findings) = load(&format!("account.1.label = A\naccount.1.label = {blank}\n"));
        assert_eq!(findings, []);
        assert_eq!(value(&layers, "account.1.label"), None);
        assert_eq!(layers.accounts().len(), 0);
    }
}

#[test]
fn with_overwrite_mode_0_only_a_written_null_does() {
    let of = |second: &str| {
        let text = format!("account.1.label = A\naccount.1.label = {second}\n");
        let (layers, _) = Layers::load_with(&[source("a", Layer::Mac, &text)], Blank::Keeps);
        value(&layers, "account.1.label").map(|(value, _)| value.to_owned())
    };
    assert_eq!(of("").as_deref(), Some("A"));
    assert_eq!(of("%NULL%"), None);
}

#[test]
fn a_value_out_of_range_is_reported_and_the_former_is_kept() {
    let (layers, findings) = Layers::load(&[
        source("common.cfg", Layer::Common, "account.1.sip_server.1.expires = 600\n"),
        source(
            "phone.cfg",
            Layer::Mac,
            "#\naccount.1.sip_server.1.expires = 5\naccount.2.sip_server.1.expires = x\n\
             account.1.sip_server.1.address = a b\naccount.1.sip_server.2.failback_timeout = 30",
        ),
    ]);
    assert_eq!(
        shown(&findings),
        [
            "phone.cfg:2: account.1.sip_server.1.expires = 5: permitted are 30 to 2147483647; \
             600 is kept",
            "phone.cfg:3: account.2.sip_server.1.expires = x: permitted are 30 to 2147483647; \
             3600 is kept",
            "phone.cfg:4: account.1.sip_server.1.address = a b: permitted is an IP address or \
             a domain name of at most 256 characters, without port; it stays blank",
            "phone.cfg:5: account.1.sip_server.2.failback_timeout = 30: 60 is taken, the least \
             but 0",
        ]
    );
    assert_eq!(findings[0].origin.column, 34);
    assert!(findings.iter().all(|finding| finding.code() == "out-of-range"));
    assert_eq!(value(&layers, "account.1.sip_server.1.expires").unwrap().0, "600");
    assert_eq!(value(&layers, "account.1.sip_server.2.failback_timeout").unwrap().0, "60");
    assert!(matches!(layers.assignments()[1].verdict, Verdict::Refused(_)));
}

#[test]
fn lines_that_are_no_assignments_are_left_out_and_said() {
    let (layers, findings) = load(
        "account.1.enable 1\n\
         account.1.enabel = 1\n\
         \u{20}# account.1.enable = 1\n\
         include:config <a.cfg>\n\
         account.17.enable = 1\n\
         account.1.sip_server.3.port = 1\n\
         dns_cache_a.13.ip = 10.0.0.1\n\
         account.1.password 4711\n\
         wallpaper.url = x\n",
    );
    assert_eq!(layers.assignments().len(), 0);
    assert_eq!(
        shown(&findings),
        [
            "phone.cfg:1: account.1.enable…: a line needs the form key = value; it is left out",
            "phone.cfg:2: account.1.enabel is no key of this phone; the line is left out \
             (did you mean account.1.enable?)",
            "phone.cfg:3: a comment starts with # in the first column; the line is left out",
            "phone.cfg:4: include: belongs in a boot file; the line is left out",
            "phone.cfg:5: account.17.enable has 17 where 1 to 16 are permitted; the line is \
             left out",
            "phone.cfg:6: account.1.sip_server.3.port has 3 where 1 to 2 are permitted; the \
             line is left out",
            "phone.cfg:7: dns_cache_a.13.ip has 13 where 1 to 12 are permitted; the line is \
             left out",
            "phone.cfg:8: account.1.password…: a line needs the form key = value; it is left out",
            "phone.cfg:9: wallpaper.url is no key of this phone; the line is left out",
        ]
    );
    let codes: Vec<&str> = findings.iter().map(params::Finding::code).collect();
    assert_eq!(
        codes,
        [
            "torn-line",
            "unknown-key",
            "torn-line",
            "boot-file",
            "account-range",
            "unknown-key",
            "static-limits",
            "torn-line",
            "unknown-key"
        ]
    );
}

#[test]
fn a_refused_file_gives_nothing_and_the_others_hold() {
    let (layers, findings) = Layers::load(&[
        source("good.cfg", Layer::Common, "account.1.label = A\n"),
        source("old.cfg", Layer::Mac, "account.1.label = B\n[ account ]\npath = /config/x\n"),
    ]);
    assert_eq!(value(&layers, "account.1.label").unwrap().0, "A");
    assert_eq!(findings[0].found, Found::Refused(NotAConfig::IniDialect));
    assert!(findings[0].refuses_file());
    assert_eq!(
        shown(&findings),
        ["old.cfg:2: this is the old INI dialect ([ section ], path = /config/…); it needs to be \
          rewritten as lines of the form account.1.enable = 1; nothing of it is taken"]
    );
}

#[test]
fn the_local_file_keeps_no_static_keys() {
    let text = "static.network.ip_address_mode = 2\naccount.1.label = A";
    let (layers, findings) = Layers::load(&[source("m-local.cfg", Layer::Local, text)]);
    assert_eq!(layers.assignments().len(), 1);
    assert_eq!(
        shown(&findings),
        ["m-local.cfg:1: static.network.ip_address_mode: the local file keeps no static. keys; \
          the line is left out"]
    );
}

#[test]
fn every_line_of_user_passwords_counts() {
    let (layers, _) = load(
        "static.security.user_password = user:one\n\
         static.security.user_password = admin:a:b\n\
         static.security.user_password = user:two\n",
    );
    let users = layers.user_passwords();
    assert_eq!(users.keys().copied().collect::<Vec<_>>(), ["admin", "user"]);
    assert_eq!((users["admin"].reveal(), users["user"].reveal()), ("a:b", "two"));
}

#[test]
fn no_message_and_no_debug_output_shows_a_secret() {
    let long = "s3cret".repeat(300);
    let text = format!(
        "account.1.password = {long}\naccount.2.password = s3cret\naccount.1.passwort s3cret\n\
         account.1.password:s3cret\naccount.1.password s3cret = 1\n"
    );
    let (layers, findings) = load(&text);
    let all = format!("{layers:?} {findings:?} {:?}", shown(&findings));
    assert!(all.contains(HIDDEN) && !all.contains("s3cret"), "{all}");
    let (settings, errors) =
        layers.settings(&params::Device::default(), &mut params::Interner::default());
    assert!(!format!("{settings:?} {errors:?}").contains("s3cret"));
    assert_eq!(settings.accounts[0].identity.password.reveal(), "s3cret");
}

#[test]
fn latin_1_is_read_and_said() {
    let bytes = b"account.1.label = B\xfcro\n";
    let (layers, findings) = Layers::load(&[Source { name: "a.cfg", layer: Layer::Mac, bytes }]);
    assert_eq!(value(&layers, "account.1.label").unwrap().0, "Büro");
    assert_eq!(
        shown(&findings),
        ["a.cfg:1: bytes that are no UTF-8 were read as Latin-1; save the file as UTF-8"]
    );
}
