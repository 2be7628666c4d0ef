//! What the user changed on the phone: uploaded, and brought back.

use std::time::Duration;

use params::provision::{Note, Outcome, Trigger};

use super::bench::{Bench, LOCAL, MAC, Reply};

const LABEL: &str = "account.1.label";
const SYNC: &str =
    "static.auto_provision.custom.protect = 1\nstatic.auto_provision.custom.sync = 1\n";

/// A phone whose user has changed a value.
fn changed_by_user(set: &str) -> Bench {
    let mut bench = Bench::new(set);
    bench.serve(&[(MAC, "account.1.label = a\n")]);
    bench.run(Trigger::Start);
    bench.user_changes("account.1.label = user\naccount.2.label = too\n");
    bench.pass(Duration::from_secs(1));
    bench
}

#[test]
fn local_changes_are_uploaded_when_they_are_made_and_once() {
    let mut bench = changed_by_user(SYNC);
    assert_eq!(bench.stored[LOCAL], b"account.1.label = user\naccount.2.label = too\n");
    let puts = |bench: &Bench| bench.log.iter().filter(|line| line.contains(" PUT ")).count();
    assert_eq!(puts(&bench), 1);
    bench.run(Trigger::Demand);
    assert_eq!(puts(&bench), 1);
    bench.user_changes("account.1.label = again\n");
    bench.pass(Duration::from_secs(1));
    assert_eq!((puts(&bench), &bench.stored[LOCAL][..]), (2, &b"account.1.label = again\n"[..]));
}

#[test]
fn an_upload_that_fails_is_said_and_made_up_for_with_the_next_run() {
    let mut bench = Bench::new(SYNC);
    bench.serve(&[(MAC, "account.1.label = a\n")]);
    bench.run(Trigger::Start);
    bench.script(LOCAL, vec![Reply::Status(405)]);
    bench.user_changes("account.1.label = user\n");
    bench.pass(Duration::from_secs(30));
    let report = bench.reports.last().unwrap();
    assert_eq!(report.outcome, Outcome::NotDue);
    let note = report.notes[0].to_string();
    assert!(note.contains("not uploaded") && note.contains("405"), "{note}");

    bench.script(LOCAL, vec![]);
    let report = bench.run(Trigger::Demand);
    assert!(matches!(report.notes[..], [Note::Uploaded { .. }]), "{report}");
    assert_eq!(report.outcome, Outcome::Unchanged);
}

#[test]
fn an_upload_goes_where_it_is_to_go_or_nowhere() {
    let mut bench = Bench::new(SYNC);
    bench.serve(&[(MAC, "account.1.label = a\n")]);
    bench.run(Trigger::Start);
    bench.script(LOCAL, vec![Reply::Moved("http://evil.test/")]);
    bench.user_changes("account.1.password = hush\n");
    bench.pass(Duration::from_secs(1));
    assert!(!bench.stored.contains_key("http://evil.test/"));
    assert!(matches!(bench.reports.last().unwrap().notes[..], [Note::NotUploaded(_)]));
}

#[test]
fn an_upload_may_be_encrypted() {
    let key = "0123456789abcdef";
    let set = format!(
        "{SYNC}static.auto_provision.encryption.config = 1\n\
         static.auto_provision.aes_key_16.mac = {key}\n\
         static.auto_provision.custom.upload_method = 1\n"
    );
    let bench = changed_by_user(&set);
    let sealed = params::provision::AesKey::new(&params::Secret::new(key)).unwrap();
    assert_eq!(bench.stored[LOCAL], sealed.encrypt(&bench.local));

    let bench = changed_by_user(&format!("{SYNC}static.auto_provision.encryption.config = 1\n"));
    assert!(!bench.stored.contains_key(LOCAL));
    assert!(bench.reports.last().unwrap().notes[0].to_string().contains("aes_key_16.mac"));
}

#[test]
fn a_phone_without_a_local_file_gets_back_that_of_the_server() {
    let mut bench = Bench::new("");
    let back = "account.1.label = user\nstatic.network.ip_address_mode = 2\naccount.2.label = x\n";
    bench.serve(&[(MAC, &format!("account.1.label = a\n{SYNC}")), (LOCAL, back)]);
    let report = bench.run(Trigger::Start);
    assert_eq!(bench.value(LABEL), "user");
    assert_eq!(bench.local, b"account.1.label = user\naccount.2.label = x\n");
    assert!(matches!(report.notes[..], [Note::LocalBack { .. }]), "{report}");
    assert!(!bench.log.iter().any(|line| line.contains("PUT")), "{:?}", bench.log);
}

#[test]
fn a_local_file_that_does_not_come_back_stops_nothing() {
    for reply in [Reply::Status(500), Reply::file("<html>"), Reply::Silent] {
        let mut bench = Bench::new(SYNC);
        bench.serve(&[(MAC, "account.1.label = a\n")]);
        bench.script(LOCAL, vec![reply]);
        let report = bench.run(Trigger::Start);
        assert!(matches!(report.notes[..], [Note::NotBack(_)]), "{report}");
        assert_eq!(bench.value(LABEL), "a");
    }
}
