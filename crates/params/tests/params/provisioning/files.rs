//! Which files are asked for, in which order, and what they make together.

use params::Device;
use params::provision::{AesKey, Outcome, Saved, Trigger};

use super::bench::{Bench, COMMON, MAC, OWN_BOOT, Reply, SERVER, SHARED_BOOT, changed, trouble};

const HEAD: &str = "#!version:1.0.0.1\n";
const LABEL: &str = "account.1.label";

fn on_firmware_80() -> Device {
    Device { firmware: "80".parse().unwrap(), ..Device::default() }
}

fn urls(bench: &Bench) -> Vec<&str> {
    bench.log.iter().filter_map(|line| line.split(' ').nth(2)).collect()
}

#[test]
fn the_own_boot_file_comes_first_and_ends_the_search() {
    let mut bench = Bench::new("");
    let boot = format!("{HEAD}include:config <all.cfg>\ninclude:config \"/own/$MAC.txt\"\n");
    bench.serve(&[
        (OWN_BOOT, &boot),
        ("http://pbx.test/cfg/all.cfg", "account.1.label = all\naccount.1.enable = 1\n"),
        ("http://pbx.test/own/001565000001.txt", "account.1.label = own\n"),
        (MAC, "account.1.label = never\n"),
    ]);

    let report = bench.run(Trigger::Start);

    assert_eq!(
        urls(&bench),
        [OWN_BOOT, "http://pbx.test/cfg/all.cfg", "http://pbx.test/own/001565000001.txt"]
    );
    assert_eq!(changed(&report), ["account.1.enable", LABEL]);
    assert_eq!(bench.value(LABEL), "own");
    assert_eq!(
        report.to_string().lines().collect::<Vec<_>>()[..3],
        [
            "2 values changed",
            "  account.1.enable from http://pbx.test/cfg/all.cfg:2",
            "  account.1.label from http://pbx.test/own/001565000001.txt:1",
        ]
    );
}

#[test]
fn without_an_own_boot_file_that_of_all_phones_counts_then_the_old_mechanism() {
    let mut bench = Bench::new("");
    bench.serve(&[(SHARED_BOOT, &format!("{HEAD}include:config <a.cfg>")), (MAC, "# no\n")]);
    bench.script("http://pbx.test/cfg/a.cfg", vec![Reply::file("account.1.label = a\n")]);
    bench.run(Trigger::Start);
    assert_eq!(urls(&bench), [OWN_BOOT, SHARED_BOOT, "http://pbx.test/cfg/a.cfg"]);

    let mut bench = Bench::new("");
    bench.serve(&[(COMMON, "account.1.label = common\n"), (MAC, "account.1.label = mac\n")]);
    bench.run(Trigger::Start);
    assert_eq!(urls(&bench), [OWN_BOOT, SHARED_BOOT, COMMON, MAC]);
    assert_eq!(bench.value(LABEL), "mac");
}

#[test]
fn firmware_80_knows_the_old_mechanism_alone() {
    let mut bench = Bench::of(on_firmware_80(), Some(SERVER), "", Saved::default(), 1);
    bench.serve(&[(OWN_BOOT, HEAD), (COMMON, "account.1.label = common\n")]);
    bench.run(Trigger::Start);
    assert_eq!(urls(&bench), [COMMON, MAC]);
    assert_eq!(bench.value(LABEL), "common");
}

#[test]
fn a_boot_file_without_includes_means_that_nothing_is_fetched() {
    let mut bench = Bench::new("");
    bench.serve(&[(OWN_BOOT, HEAD), (MAC, "account.1.label = never\n")]);
    let report = bench.run(Trigger::Start);
    assert_eq!(report.outcome, Outcome::NothingNamed);
    assert_eq!(urls(&bench), [OWN_BOOT]);
    assert!(report.headline().contains("names no file for this phone"));
}

#[test]
fn an_address_may_be_that_of_one_file() {
    for (url, content, asked) in [
        ("http://pbx.test/x/$MAC.cfg", "account.1.label = one\n", 1),
        ("http://pbx.test/x/give?mac=$MAC", "account.1.label = one\n", 1),
        ("http://pbx.test/x/special.boot", "#!version:1.0.0.1\ninclude:config <one.cfg>", 2),
        ("http://pbx.test/x/give?boot=$MAC", "#!version:1.0.0.1\ninclude:config <one.cfg>", 2),
    ] {
        let mut bench = Bench::of(Device::default(), Some(url), "", Saved::default(), 1);
        bench.serve(&[
            (&url.replace("$MAC", "001565000001"), content),
            ("http://pbx.test/x/one.cfg", "account.1.label = one\n"),
        ]);
        bench.run(Trigger::Start);
        assert_eq!((bench.value(LABEL).as_str(), bench.log.len()), ("one", asked), "{url}");
    }
}

#[test]
fn an_unchanged_file_is_not_applied_again() {
    let mut bench = Bench::new("");
    bench.serve(&[(COMMON, "account.1.enable = 1\n"), (MAC, "account.1.label = a\n")]);
    bench.run(Trigger::Start);
    bench.user_changes("account.1.label = user\n");

    let report = bench.run(Trigger::Demand);

    assert_eq!(report.outcome, Outcome::Unchanged);
    assert!(report.details().all(|line| line.contains(": unchanged (")), "{report}");
    assert_eq!(bench.value(LABEL), "user");

    bench.serve(&[(COMMON, "account.1.enable = 1\n"), (MAC, "account.2.label = b\n")]);
    let report = bench.run(Trigger::Demand);
    let news: Vec<_> = report.details().filter(|line| line.contains("bytes")).collect();
    assert!(news[0].contains("unchanged") && news[1].contains(": changed"), "{news:?}");
    assert_eq!(bench.value("account.2.label"), "b");
}

#[test]
fn what_was_taken_before_counts_after_a_restart() {
    let mut bench = Bench::new("");
    bench.serve(&[(MAC, "account.1.label = a\n")]);
    bench.run(Trigger::Start);

    let mut again = Bench::of(Device::default(), Some(SERVER), "", bench.held.clone(), 2);
    again.serve(&[(MAC, "account.1.label = a\n")]);
    assert_eq!(again.run(Trigger::Start).outcome, Outcome::Unchanged);
    again.serve(&[(MAC, "account.1.label = b\n")]);
    assert_eq!(changed(&again.run(Trigger::Start)), [LABEL]);
}

#[test]
fn overwrite_mode_1_takes_deleted_keys_back_but_for_static_ones() {
    let mut bench = Bench::new("");
    let boot = format!("{HEAD}overwrite_mode = 1\ninclude:config <a.cfg>\n");
    let url = "http://pbx.test/cfg/a.cfg";
    let first = "account.1.label = a\naccount.2.label = b\nstatic.network.ip_address_mode = 2\n";
    bench.serve(&[(OWN_BOOT, &boot), (url, first)]);
    bench.run(Trigger::Start);

    bench.serve(&[(OWN_BOOT, &boot), (url, "account.2.label =\n")]);
    let report = bench.run(Trigger::Demand);

    assert_eq!(changed(&report), [LABEL, "account.2.label"]);
    assert!(report.to_string().contains("account.2.label is back at its default"), "{report}");
    assert_eq!(bench.value("static.network.ip_address_mode"), "2");
}

#[test]
fn overwrite_mode_0_keeps_what_is_blank_or_deleted() {
    let mut bench = Bench::new("");
    let boot = format!("{HEAD}overwrite_mode = 0\ninclude:config <a.cfg>\n");
    let url = "http://pbx.test/cfg/a.cfg";
    let serve = |bench: &mut Bench, text| bench.serve(&[(OWN_BOOT, &boot), (url, text)]);
    serve(&mut bench, "account.1.label = a\naccount.2.label = b\naccount.3.label = c\n");
    bench.run(Trigger::Start);

    serve(&mut bench, "account.2.label =\naccount.3.label = %NULL%\n");
    assert_eq!(changed(&bench.run(Trigger::Demand)), ["account.3.label"]);
    serve(&mut bench, "account.2.label = x\n");
    assert_eq!(changed(&bench.run(Trigger::Demand)), ["account.2.label"]);

    let values = [LABEL, "account.2.label", "account.3.label"].map(|key| bench.value(key));
    assert_eq!(values, ["a", "x", ""]);
}

#[test]
fn files_are_decrypted_with_the_key_of_their_kind() {
    let set = "static.auto_provision.aes_key_16.com = 0123456789abcdef\n\
        static.auto_provision.aes_key.mac = 0123456789abcdef0123456789abcdef\n";
    let key = |text: &str| AesKey::new(&params::Secret::new(text)).unwrap();
    let common = key("0123456789abcdef").encrypt(b"account.1.enable = 1\n");
    let own = key("0123456789abcdef0123456789abcdef").encrypt(b"account.1.label = secret\n");
    let mut bench = Bench::new(set);
    bench.script(COMMON, vec![Reply::File(common.clone())]);
    bench.script(MAC, vec![Reply::File(own.clone())]);
    bench.run(Trigger::Start);
    assert_eq!(bench.value(LABEL), "secret");

    let mut bench = Bench::new(set);
    bench.script(COMMON, vec![Reply::File(own)]);
    assert_eq!(
        trouble(&bench.run(Trigger::Start)),
        format!(
            "{COMMON}: the file cannot be decrypted: it was encrypted with another key, or is damaged"
        )
    );

    let mut bench = Bench::new("static.auto_provision.update_file_mode = 1\n");
    bench.serve(&[(COMMON, "account.1.enable = 1\n")]);
    assert!(trouble(&bench.run(Trigger::Start)).contains("update_file_mode is 1"));

    let mut bench = Bench::new("static.auto_provision.aes_key_16.com = short\n");
    bench.script(COMMON, vec![Reply::File(common)]);
    assert!(
        trouble(&bench.run(Trigger::Start)).starts_with("static.auto_provision.aes_key_16.com: an")
    );
}

// static.auto_provision.aes_key_16.com, .aes_key.com, .aes_key_16.mac, .aes_key.mac
#[test]
fn a_key_has_the_name_of_either_firmware() {
    const KEY: &str = "0123456789abcdef";
    let secret = AesKey::new(&params::Secret::new(KEY)).unwrap();
    for (key, file) in [
        ("static.auto_provision.aes_key_16.com", COMMON),
        ("static.auto_provision.aes_key.com", COMMON),
        ("static.auto_provision.aes_key_16.mac", MAC),
        ("static.auto_provision.aes_key.mac", MAC),
    ] {
        let mut bench = Bench::new(&format!("{key} = {KEY}\n"));
        bench.script(file, vec![Reply::File(secret.encrypt(b"account.1.label = secret\n"))]);
        bench.run(Trigger::Start);
        assert_eq!(bench.value(LABEL), "secret", "{key}");
    }
}

#[test]
fn the_server_is_told_who_asks() {
    for (set, agent) in [
        ("", "sureline/0.1.0 00:15:65:00:00:01"),
        ("static.auto_provision.user_agent_mac.enable = 0", "sureline/0.1.0"),
        ("sureline.provision_user_agent = vendor", "Yealink SIP-T46G 28.81.0.25 00:15:65:00:00:01"),
    ] {
        let mut bench = Bench::new(set);
        bench.run(Trigger::Demand);
        assert_eq!(bench.agents[0], agent);
    }
}

#[test]
fn the_address_of_the_settings_counts_where_none_is_given() {
    let set = "static.auto_provision.server.url = http://bob:pw@pbx.test/cfg\n";
    let mut bench = Bench::of(Device::default(), None, set, Saved::default(), 1);
    bench.script(MAC, vec![Reply::Guarded("pw", b"account.1.label = a\n".to_vec())]);
    bench.run(Trigger::Start);
    assert_eq!(bench.log[3], format!("0.0 GET {MAC} as bob"));
    assert_eq!(bench.value(LABEL), "a");

    let mut bench = Bench::of(Device::default(), None, "", Saved::default(), 1);
    assert_eq!(bench.run(Trigger::Start).outcome, Outcome::NotDue);
    assert!(trouble(&bench.run(Trigger::Demand)).starts_with("no provisioning server is known"));
    let set = "static.auto_provision.server.url = file://bob:pw@x\n";
    let mut bench = Bench::of(Device::default(), None, set, Saved::default(), 1);
    assert_eq!(
        trouble(&bench.run(Trigger::Start)),
        "static.auto_provision.server.url: …@x: it needs to begin with tftp://, ftp://, http:// or \
         https://"
    );
}

#[test]
fn the_mac_file_may_lie_elsewhere() {
    let mut bench = Bench::new("static.custom_mac_cfg.url = http://other.test/$PN/$MAC\n");
    bench.serve(&[("http://other.test/T46G/001565000001", "account.1.label = there\n")]);
    bench.run(Trigger::Start);
    assert_eq!(bench.value(LABEL), "there");
}
