//! HTTPS: nginx with good and six kinds of bad certificate, and the phone's own certificate.

use std::fs;
use std::path::Path;

use host::certs::{Authority, Validity};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

use crate::phone::{HASTY, NAMED, Phone, first_failure};
use crate::servers::{Nginx, free_tcp_port, has};

const MAC: &str = "001565000001";
const NAME: &str = "files.test";

/// A certificate and its key in PEM form.
struct Own {
    certificate: String,
    key: String,
}

fn issued(authority: &Authority, names: &[&str], validity: Validity) -> Own {
    let pem = authority.issue_pem(names, validity).unwrap();
    Own { certificate: pem.certificate, key: pem.key }
}

/// A certificate that nobody signed but its owner, after `change`.
fn own(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Own {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap().pem();
    Own { certificate, key: key.serialize_pem() }
}

fn block(folder: &Path, name: &str, port: u16, shown: &Own, more: &str) -> String {
    let at = folder.join(name);
    fs::write(at.with_extension("pem"), &shown.certificate).unwrap();
    fs::write(at.with_extension("key"), &shown.key).unwrap();
    let (at, root) = (at.display(), folder.join("root"));
    format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {at}.pem; \
         ssl_certificate_key {at}.key; root {}; {more} }}\n",
        root.display()
    )
}

#[test]
fn six_kinds_of_bad_certificate_change_nothing_and_each_is_named() {
    if !has(&["nginx"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let early = own(&[NAME], |params| {
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2095, 1, 1);
    });
    let common_name = own(&[], |params| params.distinguished_name.push(DnType::CommonName, NAME));
    let (name, time, issuer) = (
        "certificate refused: it does not name the configured domain",
        "certificate refused: it has expired or is not valid yet",
        "certificate refused: its issuer is not trusted",
    );
    let kinds = [
        ("good", issued(&ours, &[NAME], Validity::Present), "1 value changed"),
        ("othername", issued(&ours, &["other.test"], Validity::Present), name),
        ("expired", issued(&ours, &[NAME], Validity::Expired), time),
        ("early", early, time),
        ("selfsigned", own(&[NAME], |_| {}), issuer),
        ("otherca", issued(&theirs, &[NAME], Validity::Present), issuer),
        ("commonname", common_name, name),
    ];
    let ports: Vec<u16> = kinds.iter().map(|_| free_tcp_port()).collect();
    let blocks: String = kinds
        .iter()
        .zip(&ports)
        .map(|((kind, own, _), port)| block(dir, kind, *port, own, ""))
        .collect();
    fs::create_dir(dir.join("root")).unwrap();
    fs::write(dir.join("root").join(format!("{MAC}.cfg")), "account.1.label = safe\n").unwrap();
    let nginx = Nginx::start(dir, ports[0], &blocks);
    for ((kind, own, said), port) in kinds.iter().zip(&ports) {
        let folder = dir.join("state").join(kind);
        fs::create_dir_all(&folder).unwrap();
        // What is wrong with those two is not who signed them.
        let is_trusted = ["early", "commonname"].contains(kind);
        let trusted = if is_trusted { &own.certificate } else { ours.pem() };
        fs::write(folder.join("trusted.pem"), trusted).unwrap();
        let trusted = folder.join("trusted.pem");
        let trust = format!("static.trusted_certificates.url={}", trusted.display());
        let options = [&["--set", &trust], &HASTY[..], &NAMED[..]].concat();
        let line = first_failure(&format!("https://{NAME}:{port}/"), &folder, &options);
        assert!(line.contains(said), "{kind}: {line}");
        assert_eq!(
            folder.join("phone").join(format!("{MAC}-provisioned")).exists(),
            *kind == "good"
        );
    }
    // Who was not believed was not even asked.
    assert_eq!(nginx.heard().len(), 4, "{:?}", nginx.heard());
}

#[test]
fn a_server_that_wants_to_know_who_asks_sees_the_phones_certificate() {
    if !has(&["nginx"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (authority, port) = (Authority::new("ours").unwrap(), free_tcp_port());
    fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
    let own = issued(&authority, &[MAC], Validity::Present);
    let client = dir.join("client.pem");
    fs::write(&client, [own.certificate, own.key].concat()).unwrap();
    let verify = format!("ssl_client_certificate {}/ca.pem; ssl_verify_client on;", dir.display());
    let good = issued(&authority, &[NAME], Validity::Present);
    fs::create_dir(dir.join("root")).unwrap();
    fs::write(dir.join("root").join(format!("{MAC}.cfg")), "account.1.label = known\n").unwrap();
    let _nginx = Nginx::start(dir, port, &block(dir, "good", port, &good, &verify));
    let trust = format!("static.trusted_certificates.url={}", dir.join("ca.pem").display());
    let mut options = [&["--set", &trust], &HASTY[..], &NAMED[..]].concat();
    let url = format!("https://{NAME}:{port}/");
    let line = first_failure(&url, &dir.join("stranger"), &options);
    assert!(line.contains("nothing was changed: ") && line.contains("400"), "{line}");
    let own = format!("sureline.client_certificate={}", client.display());
    options.extend(["--set", &own]);
    let phone = Phone::start(&url, &dir.join("known"), &options);
    assert_eq!(phone.label(1), "known");
}
