//! Findings that depend on more than one file: boot files, layers, models, firmware and DNS.

use advise::check::{Detail, Finding, Options, Report, Severity, check, lookups};
use params::{Device, Layer, Source};

use crate::support::{Wanted, check_as, check_text, codes};

const ACCOUNT: &str = "account.1.enable = 1\naccount.1.user_name = 1001\n";

fn find<'a>(report: &'a Report, code: &str) -> Option<&'a Finding> {
    report.findings.iter().find(|finding| finding.code == code)
}

fn boot(text: &str) -> Vec<(Severity, u32, String)> {
    let report = check_as(&Wanted::default(), &[("y.boot", Layer::Common, text.as_bytes())]);
    assert!(report.findings.iter().all(|finding| matches!(finding.code, "boot-file" | "template")));
    let boot = report.findings.into_iter().filter(|finding| finding.code == "boot-file");
    boot.map(|finding| (finding.severity, finding.line, finding.message)).collect()
}

#[test]
fn a_boot_file_without_include_means_that_nothing_is_fetched() {
    let found = boot("#!version:1.0.0.1\n# nothing\noverwrite_mode = 1\n");
    assert_eq!(found, [(Severity::Error, 0, "this boot file includes nothing".to_owned())]);
}

#[test]
fn what_a_boot_file_may_hold_is_taken() {
    let text = "#!version:1.0.0.1\n[T46S,T23G]include:config <a.cfg>\ninclude:config \"b.CFG?x=1\"\n\
                overwrite_mode = 0\nspecific_model.excluded_mode = 1\n";
    assert_eq!(boot(text), []);
    let template = "#!version:1.0.0.1\ninclude:config \"{$mac}.cfg\"\noverwrite_mode = {$mode}\n";
    assert_eq!(boot(template), []);
}

#[test]
fn a_boot_file_without_version_is_pointed_out() {
    assert_eq!(boot("include:config <a.cfg>\n")[0].0, Severity::Warning);
    assert_eq!(boot("#!version:1.0.0.1\ninclude:config <a.cfg>\noverwrite_mode = 2\n").len(), 1);
}

#[test]
fn an_include_without_brackets_is_mended() {
    let text = b"#!version:1.0.0.1\r\n[T46S] include:config 'a.cfg'\r\n";
    let report = check_as(&Wanted::default(), &[("a.boot", Layer::Common, text)]);
    let fixed = report.fixed("a.boot").unwrap();
    assert_eq!(fixed, b"#!version:1.0.0.1\r\n[T46S] include:config <a.cfg>\r\n");
}

#[test]
fn overwrite_mode_0_makes_blank_values_keep_what_holds() {
    let config = "account.1.label = A\naccount.1.label =\n";
    let files = |mode: &str| {
        let boot = format!("#!version:1.0.0.1\ninclude:config <a.cfg>\noverwrite_mode = {mode}\n");
        let files: [(&str, Layer, &[u8]); 2] =
            [("a.boot", Layer::Common, boot.as_bytes()), ("a.cfg", Layer::Mac, config.as_bytes())];
        codes(&check_as(&Wanted::default(), &files))
    };
    assert_eq!(files("1"), ["twice"]);
    assert_eq!(files("0"), [""; 0]);
}

#[test]
fn a_key_of_two_files_is_layered_and_not_twice() {
    let (common, own) = ("account.1.label = A\n", "account.1.label = B\n");
    let files: [(&str, Layer, &[u8]); 2] =
        [("c.cfg", Layer::Common, common.as_bytes()), ("m.cfg", Layer::Mac, own.as_bytes())];
    let report = check_as(&Wanted::default(), &files);
    assert_eq!(codes(&report), ["layered"]);
    let finding = &report.findings[0];
    assert_eq!((&*finding.file, finding.line), ("m.cfg", 1));
    assert_eq!((&*finding.related[0].file, finding.related[0].line), ("c.cfg", 1));
    // The same value twice overrides nothing.
    let files: [(&str, Layer, &[u8]); 2] =
        [("c.cfg", Layer::Common, common.as_bytes()), ("m.cfg", Layer::Mac, common.as_bytes())];
    assert_eq!(codes(&check_as(&Wanted::default(), &files)), [""; 0]);
}

#[test]
fn many_overridden_keys_are_counted_and_listed_only_if_wanted() {
    let lines = |value: u8| (1..=16).map(|n| format!("account.{n}.label = {value}\n")).collect();
    let (common, own): (String, String) = (lines(1), lines(2));
    let files: [(&str, Layer, &[u8]); 2] =
        [("c.cfg", Layer::Common, common.as_bytes()), ("m.cfg", Layer::Mac, own.as_bytes())];
    let usual = check_as(&Wanted::default(), &files);
    assert_eq!(usual.findings.len(), 6);
    let all = Wanted { detail: Detail::All, ..Wanted::default() };
    let all = check_as(&all, &files);
    assert_eq!(all.findings.iter().filter(|finding| finding.code == "layered").count(), 16);
}

#[test]
fn user_passwords_stand_on_several_lines_and_all_count() {
    let text = "static.security.user_password = admin:a\nstatic.security.user_password = user:b\n";
    assert_eq!(codes(&check_text(text)), [""; 0]);
}

#[test]
fn the_names_of_firmware_80_are_right_there_and_wrong_later() {
    let text = format!(
        "{ACCOUNT}account.1.outbound_host = 192.0.2.9\naccount.1.outbound_proxy_enable = 1\n\
                        account.1.sip_server.1.address = 192.0.2.1\n"
    );
    let on = |firmware: &str| {
        let mut wanted = Wanted::default();
        wanted.device.firmware = firmware.parse().unwrap();
        let report = check_as(&wanted, &[("a.cfg", Layer::Mac, text.as_bytes())]);
        find(&report, "old-key").map(|finding| (finding.severity, finding.fix.is_some()))
    };
    assert_eq!(on("80"), None);
    assert_eq!(on("81"), Some((Severity::Error, true)));
}

#[test]
fn an_old_name_that_is_read_is_renamed_without_a_change() {
    let text = format!("{ACCOUNT}account.1.sip_server_host = 192.0.2.1\n");
    let mut wanted = Wanted::default();
    wanted.device.firmware = "80".parse().unwrap();
    let report = check_as(&wanted, &[("a.cfg", Layer::Mac, text.as_bytes())]);
    assert_eq!(find(&report, "old-key").unwrap().severity, Severity::Warning);
    let fixed = String::from_utf8(report.fixed("a.cfg").unwrap()).unwrap();
    assert_eq!(fixed, format!("{ACCOUNT}account.1.sip_server.1.address = 192.0.2.1\n"));
}

#[test]
fn accounts_beyond_the_model_are_no_error_while_nothing_wants_them() {
    let text =
        "# check --model T23G\naccount.4.enable = 0\naccount.4.label = x\naccount.5.label = y\n";
    let report = check_text(text);
    let finding = find(&report, "account-range").unwrap();
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.message.contains("accounts 4 to 5"), "{}", finding.message);
}

#[test]
fn an_account_out_of_service_says_nothing_of_its_servers() {
    let text = "account.1.enable = 0\naccount.1.sip_server.1.address = 192.0.2.1\n\
                account.1.sip_server.1.transport_type = 3\naccount.1.sip_server.1.failback_mode = 3\n";
    assert_eq!(codes(&check_text(text)), [""; 0]);
}

#[test]
fn the_same_of_several_accounts_is_said_once() {
    let text: String = (1..=6)
        .map(|n| {
            format!(
                "account.{n}.enable = 1\naccount.{n}.sip_server.1.address = 192.0.2.1\n\
                     account.{n}.sip_server.1.transport_type = 3\n"
            )
        })
        .collect();
    let report = check_text(&text);
    let found: Vec<_> =
        report.findings.iter().filter(|finding| finding.code == "naptr-on-ip").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].accounts, [1, 2, 3, 4, 5, 6]);
}

fn resolved(lines: &str) -> Report {
    check_text(&format!("# check --resolve\n{ACCOUNT}{lines}"))
}

#[test]
fn a_name_that_dns_gives_one_address_has_nothing_to_fail_over_to() {
    let keys = "account.1.sip_server.1.failback_mode = 3\n";
    let report = resolved(&format!("account.1.sip_server.1.address = one.example.com\n{keys}"));
    let finding = find(&report, "failover-needs-name").unwrap();
    assert!(finding.message.contains("one.example.com has one next hop"), "{}", finding.message);
    let report = resolved(&format!("account.1.sip_server.1.address = pbx.example.com\n{keys}"));
    assert_eq!(find(&report, "failover-needs-name"), None);
}

#[test]
fn weights_and_times_come_from_what_dns_says() {
    let report = resolved(
        "account.1.sip_server.1.address = pbx.example.com\naccount.1.sip_server.1.port = 0\n\
         account.1.sip_server.1.expires = 60\n",
    );
    assert!(find(&report, "weights").unwrap().message.contains("a.example.com"));
    let lease = find(&report, "pass-exceeds-lease").unwrap();
    assert!(lease.message.contains("its 2 next hops takes up to 39.5 s"), "{}", lease.message);
}

#[test]
fn what_has_to_be_resolved_is_told_once() {
    let text: String = (1..=4)
        .map(|n| {
            format!("account.{n}.enable = 1\naccount.{n}.sip_server.1.address = pbx.example.com\n")
        })
        .chain(["account.1.sip_server.2.address = 192.0.2.1\n".to_owned()])
        .collect();
    let source = Source { name: "a.cfg", layer: Layer::Mac, bytes: text.as_bytes() };
    let lookups = lookups(&[source], &Device::default());
    assert_eq!(lookups.len(), 1);
    assert_eq!(&*lookups[0].target.host, "pbx.example.com");
    let report = check(&[source], &Device::default(), &Options::default());
    assert_eq!(report.work.locations, 1);
}

#[test]
fn keys_of_functions_that_are_not_here_are_listed_on_wish_and_never_unknown() {
    let usual = check_text("account.1.path.enable = 1\nphone_setting.backlight_time = 1\n");
    assert!(usual.findings.iter().all(|finding| finding.severity == Severity::Info));
    assert_eq!(codes(&usual), ["unknown-key"]);
    let all =
        check_text("# check --all\naccount.1.path.enable = 1\nphone_setting.backlight_time =\n");
    assert_eq!(codes(&all), ["not-used", "unknown-key"]);
    assert!(all.findings[1].notes[1].contains("phone_setting.backlight_time (line 3)"));
}

#[test]
fn a_fix_in_a_line_that_is_there_adds_none() {
    let text = format!(
        "{ACCOUNT}account.1.sip_server.1.address = pbx.example.com\n\
                        account.1.sip_server.1.port =\naccount.1.sip_server.1.transport_type = 3\n"
    );
    let report = check_text(&text);
    let fix = find(&report, "port-hides-srv").unwrap().fix.as_ref().unwrap();
    assert_eq!(fix.edits[0].line, 4);
}

#[test]
fn fallback_at_now_shortens_what_is_lost() {
    let text = format!(
        "{ACCOUNT}account.1.fallback.redundancy_type = 1\n\
                        account.1.sip_server.1.address = 192.0.2.1\naccount.1.sip_server.2.address = 192.0.2.2\n"
    );
    let late = |more: &str| {
        let report = check_text(&format!("{text}{more}"));
        find(&report, "late-fallback").unwrap().message.clone()
    };
    assert!(late("").ends_with("3607.5 s"), "{}", late(""));
    let probed =
        late("account.1.sureline.fallback_at = now\naccount.1.sureline.liveness = options\n");
    assert!(!probed.contains("3607"), "{probed}");
}
