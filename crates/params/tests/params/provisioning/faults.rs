//! A server that cuts, redirects, lies, and is not there: everything stays as it was, and says so.

use std::time::Duration;

use net::{Cause, CertificateFault};
use params::provision::{FetchFault, NotAUrl, Outcome, Saved, Trigger, Trouble, Url};
use params::{Device, FILE_BYTES_MAX};

use super::bench::{Bench, COMMON, MAC, OWN_BOOT, Reply, SERVER, SHARED_BOOT, trouble};

const LABEL: &str = "account.1.label";

/// A phone that has taken files once.
fn provisioned(set: &str) -> Bench {
    let mut bench = Bench::new(set);
    bench.serve(&[(COMMON, "account.1.enable = 1\n"), (MAC, "account.1.label = before\n")]);
    bench.run(Trigger::Start);
    bench.log.clear();
    bench
}

#[test]
fn a_bad_file_leaves_everything_as_it_was() {
    let huge = vec![b'#'; FILE_BYTES_MAX + 1];
    for (reply, why) in [
        (Reply::file(""), "empty"),
        (Reply::file("account.1.label = after\naccount.1.ena"), "cut off"),
        (Reply::Closing(b"account.1.label = aft".to_vec()), "cut off"),
        (Reply::file("<html><body>It works!</body></html>"), "web page"),
        (Reply::file("Internal error\n"), "key = value"),
        (Reply::File(vec![3; 63]), "binary"),
        (Reply::File((0..=255).collect()), "aes_key_16.mac is not set"),
        (Reply::File(huge), "larger than a configuration file may be"),
        (Reply::file("[ account ]\npath = /config/x\n"), "INI dialect"),
        (Reply::Fails(FetchFault::TooLarge), "larger than a configuration file may be"),
        (Reply::Cut, "ended before the file did (3 attempts)"),
        (Reply::Status(500), "the server answers 500 (3 attempts)"),
        (Reply::Status(404), "it was there before and is not there any more"),
        (Reply::Silent, "it takes too long (3 attempts)"),
        (Reply::Late(6, b"account.1.label = after\n".to_vec()), "it takes too long (3 attempts)"),
        (Reply::Fails(FetchFault::NoAddress), "no address (3 attempts)"),
        (Reply::Fails(FetchFault::Connection(Cause::Refused)), "connection refused (3 attempts)"),
        (
            Reply::Fails(FetchFault::Connection(Cause::Certificate(CertificateFault::WrongName))),
            "certificate refused: it does not name the configured domain",
        ),
        (Reply::Status(401), "answers 401: set static.auto_provision.server.username"),
    ] {
        let mut bench = provisioned("");
        let before = bench.held.clone();
        bench.script(COMMON, vec![Reply::file("account.1.enable = 0\n")]);
        bench.script(MAC, vec![reply]);

        let report = bench.run(Trigger::Demand);

        let text = trouble(&report);
        assert!(text.starts_with(MAC) && text.contains(why), "{text}");
        assert!(report.headline().starts_with("nothing was changed: "), "{report}");
        assert_eq!(bench.held, before, "{text}");
        assert_eq!(bench.value(LABEL), "before");
    }
}

#[test]
fn three_attempts_are_made_five_seconds_each_and_five_apart() {
    let mut bench = provisioned("");
    bench.script(OWN_BOOT, vec![Reply::Silent]);
    bench.run(Trigger::Demand);
    let get = |at: &str| format!("{at} GET {OWN_BOOT}");
    let cancel = |at: &str| format!("{at} cancel");
    assert_eq!(
        bench.log,
        [get("0.0"), cancel("5.0"), get("10.0"), cancel("15.0"), get("20.0"), cancel("25.0")]
    );
}

#[test]
fn attempts_are_as_the_settings_say() {
    let mut bench = provisioned(
        "static.auto_provision.attempt_before_failed = 2\n\
         static.auto_provision.attempt_expired_time = 2\n\
         static.auto_provision.retry_delay_after_file_transfer_failed = 0\n",
    );
    bench.script(OWN_BOOT, vec![Reply::Silent]);
    bench.run(Trigger::Demand);
    let times: Vec<_> = bench.log.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(times, ["0.0", "2.0", "2.0", "4.0"]);
}

#[test]
fn a_second_attempt_may_succeed_and_an_answer_to_the_first_comes_too_late() {
    let mut bench = provisioned("");
    let late = Reply::Late(12, b"account.1.label = late\n".to_vec());
    bench.script(MAC, vec![late, Reply::file("account.1.label = after\n")]);
    let report = bench.run(Trigger::Demand);
    assert!(!report.failed(), "{report}");
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.value(LABEL), "after");
}

#[test]
fn what_will_not_pass_is_tried_once() {
    let refused = Cause::Certificate(CertificateFault::UnknownIssuer);
    for reply in [
        Reply::Status(400),
        Reply::Status(401),
        Reply::file("<html>"),
        Reply::Fails(FetchFault::Connection(refused)),
        Reply::Fails(FetchFault::Protocol("no status line")),
    ] {
        let mut bench = provisioned("");
        bench.script(OWN_BOOT, vec![reply]);
        bench.run(Trigger::Demand);
        assert_eq!(bench.log.len(), 1, "{:?}", bench.log);
    }
}

#[test]
fn a_boot_file_that_fails_otherwise_than_by_its_absence_ends_the_run() {
    // A fault of a moment must not lead to other files.
    for reply in [Reply::Status(503), Reply::Cut, Reply::file("OK")] {
        let mut bench = provisioned("");
        bench.script(SHARED_BOOT, vec![reply]);
        bench.script(MAC, vec![Reply::file("account.1.label = other\n")]);
        assert!(trouble(&bench.run(Trigger::Demand)).starts_with(SHARED_BOOT));
        assert_eq!(bench.value(LABEL), "before");
    }
}

#[test]
fn a_forbidden_boot_file_counts_as_absent_and_a_forbidden_file_does_not() {
    let mut bench = provisioned("");
    bench.script(OWN_BOOT, vec![Reply::Status(403)]);
    bench.script(SHARED_BOOT, vec![Reply::Status(403)]);
    bench.script(MAC, vec![Reply::file("account.1.label = after\n")]);
    let report = bench.run(Trigger::Demand);
    assert_eq!(bench.value(LABEL), "after");
    assert!(report.to_string().contains("counts as not there"), "{report}");
    bench.script(MAC, vec![Reply::Status(403)]);
    assert!(trouble(&bench.run(Trigger::Demand)).contains("answers 403"));
}

#[test]
fn an_included_file_that_is_not_there_ends_the_run() {
    let mut bench = provisioned("");
    bench.script(OWN_BOOT, vec![Reply::file("#!version:1.0.0.1\ninclude:config <gone.cfg>")]);
    assert_eq!(
        trouble(&bench.run(Trigger::Demand)),
        "http://pbx.test/cfg/gone.cfg: it is not there"
    );
    bench.script(OWN_BOOT, vec![Reply::file("#!version:1.0.0.1\ninclude:config <ldap://x/y>")]);
    let why = NotAUrl::Scheme;
    assert_eq!(trouble(&bench.run(Trigger::Demand)), format!("{OWN_BOOT}:2: ldap://x/y: {why}"));
}

#[test]
fn a_server_without_any_file_is_told() {
    let mut bench = Bench::new("");
    let report = bench.run(Trigger::Start);
    assert_eq!(trouble(&report), format!("{SERVER}: there is no file for this phone"));
}

#[test]
fn redirects_are_followed_five_times() {
    let mut bench = Bench::new("");
    bench.script(MAC, vec![Reply::Moved("/1")]);
    for (from, to) in [("1", "2"), ("2", "3"), ("3", "4")] {
        let to = Box::leak(format!("http://pbx.test/{to}").into_boxed_str());
        bench.script(&format!("http://pbx.test/{from}"), vec![Reply::Moved(to)]);
    }
    bench.script("http://pbx.test/4", vec![Reply::Moved("https://new.test/5")]);
    bench.script("https://new.test/5", vec![Reply::file("account.1.label = there\n")]);
    bench.run(Trigger::Start);
    assert_eq!(bench.value(LABEL), "there");
    // The file keeps the name by which it was asked for.
    assert_eq!(&*bench.held.files[0].name, MAC);

    bench.script("http://pbx.test/4", vec![Reply::Moved("/4")]);
    assert_eq!(
        trouble(&bench.run(Trigger::Demand)),
        format!("{MAC}: it leads from address to address")
    );
}

#[test]
fn a_redirect_takes_no_password_to_another_server() {
    let set = "static.auto_provision.server.username = bob\n\
        static.auto_provision.server.password = pw\n";
    let mut bench = Bench::new(set);
    bench.script(OWN_BOOT, vec![Reply::Moved("http://evil.test/x")]);
    bench.script("http://evil.test/x", vec![Reply::Moved(OWN_BOOT_AGAIN)]);
    bench.script(OWN_BOOT_AGAIN, vec![Reply::Status(401)]);
    let report = bench.run(Trigger::Start);
    assert_eq!(
        bench.log,
        [
            format!("0.0 GET {OWN_BOOT} as bob"),
            "0.0 GET http://evil.test/x".to_owned(),
            format!("0.0 GET {OWN_BOOT_AGAIN}"),
        ]
    );
    assert!(trouble(&report).contains("answers 401"));

    let mut bench = Bench::new(set);
    bench.script(OWN_BOOT, vec![Reply::Moved("https://pbx.test/safe")]);
    bench.run(Trigger::Start);
    assert_eq!(bench.log[1], "0.0 GET https://pbx.test/safe as bob");
}

const OWN_BOOT_AGAIN: &str = "http://pbx.test/cfg/again.boot";

#[test]
fn a_redirect_leaves_neither_tls_nor_http() {
    let secure = "https://pbx.test/cfg/";
    for (to, why) in [
        ("http://pbx.test/x", "leave TLS"),
        ("tftp://pbx.test/x", "HTTP alone"),
        ("file:///etc/passwd", "no address"),
        ("http://a/\r\nx", "no address"),
    ] {
        let mut bench = Bench::of(Device::default(), Some(secure), "", Saved::default(), 1);
        let url = "https://pbx.test/cfg/001565000001.boot";
        bench.script(url, vec![Reply::Moved(to)]);
        let text = trouble(&bench.run(Trigger::Start));
        assert!(text.starts_with(url) && text.contains(why), "{text}");
        assert!(!text.contains('\n'));
    }
}

#[test]
fn includes_are_read_from_where_the_boot_file_was_found() {
    let mut bench = Bench::new("");
    bench.script(OWN_BOOT, vec![Reply::Moved("http://files.test/t46/boot")]);
    let boot = "#!version:1.0.0.1\ninclude:config <a.cfg>";
    bench.script("http://files.test/t46/boot", vec![Reply::file(boot)]);
    bench.script("http://files.test/t46/a.cfg", vec![Reply::file("account.1.label = a\n")]);
    bench.run(Trigger::Start);
    assert_eq!(bench.value(LABEL), "a");
}

#[test]
fn files_that_the_owner_cannot_keep_are_not_taken() {
    let mut bench = provisioned("");
    let before = bench.held.clone();
    bench.refuses = Some("cannot write provisioned: No space left on device");
    bench.script(MAC, vec![Reply::file("account.1.label = after\n")]);
    let report = bench.run(Trigger::Demand);
    assert!(report.headline().contains("No space left"), "{report}");
    assert_eq!(bench.machine.saved(), &before);

    bench.refuses = None;
    assert!(!bench.run(Trigger::Demand).failed());
    assert_eq!(bench.value(LABEL), "after");
}

#[test]
fn all_files_together_have_a_limit() {
    let mut bench = Bench::new("");
    let includes = "include:config <big.cfg>\n".repeat(4);
    bench.script(OWN_BOOT, vec![Reply::file(&format!("#!version:1.0.0.1\n{includes}"))]);
    let comment = format!("#{}\n", "x".repeat(8000));
    let big = format!("account.1.label = a\n{}", comment.repeat(FILE_BYTES_MAX / 8002 - 1));
    bench.script("http://pbx.test/cfg/big.cfg", vec![Reply::file(&big)]);
    let report = bench.run(Trigger::Start);
    assert_eq!(report.outcome, Outcome::Failed(Box::new(Trouble::TooMuch)));
}

#[test]
fn no_password_is_ever_shown() {
    let set = "static.auto_provision.server.url = http://bob:hush@pbx.test/cfg\n\
        static.auto_provision.aes_key_16.com = hushhushhushhush\n";
    let mut bench = Bench::of(Device::default(), None, set, Saved::default(), 1);
    let boot = "#!version:1.0.0.1\ninclude:config <http://eve:hush@pbx.test/x.cfg>";
    bench.script(OWN_BOOT, vec![Reply::file(boot)]);
    bench.script(
        "http://pbx.test/x.cfg",
        vec![Reply::Guarded("hush", b"account.1.label = a\n".to_vec())],
    );
    let report = bench.run(Trigger::Start);
    assert_eq!(bench.value(LABEL), "a");
    let machine = format!("{:?}", bench.machine);
    for text in
        [format!("{report} {report:?}"), format!("{:?}", bench.held.files), bench.log.join("")]
    {
        assert!(!text.contains("hush"), "{text}");
    }
    assert!(!machine.contains("hushhush"), "keys are hidden");
    assert_eq!(Url::parse("http://bob:hush@a/").unwrap().0.to_string(), "http://a/");
}
