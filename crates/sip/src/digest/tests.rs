use super::*;
use crate::method::Method;

fn server(value: &str) -> Vec<Challenge> {
    Challenge::parse_all(value, Asker::Server).collect()
}

fn one(value: &str) -> Challenge {
    let mut all = server(value);
    assert_eq!(all.len(), 1, "{value}");
    all.remove(0)
}

fn get() -> Method {
    Method::parse("GET")
}

/// The answer to `challenge`, and what its `response` is.
fn answer(
    challenge: &Challenge,
    user: &str,
    password: &str,
    uri: &str,
    cnonce: &str,
) -> (String, String) {
    let credentials = Credentials { user, password };
    let (_, value) = authorization(challenge, &credentials, &get(), uri, 1, cnonce, b"");
    let response = value.split("response=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (value, response)
}

// RFC 2617 §3.5.
#[test]
fn the_example_of_rfc_2617_gives_its_digest() {
    let challenge = one("Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
    assert_eq!((challenge.algorithm, challenge.qop), (Algorithm::Md5, Qop::Auth));
    let (value, response) =
        answer(&challenge, "Mufasa", "Circle Of Life", "/dir/index.html", "0a4f113b");
    assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    assert!(value.contains("qop=auth, nc=00000001, cnonce=\"0a4f113b\""), "{value}");
    assert!(value.ends_with("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""), "{value}");
}

// RFC 7616 §3.9.1; erratum 4495 on the password.
#[test]
fn the_examples_of_rfc_7616_give_their_digests() {
    for (algorithm, expected) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let challenge = one(&format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        ));
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let (_, response) =
            answer(&challenge, "Mufasa", "Circle of Life", "/dir/index.html", cnonce);
        assert_eq!(response, expected, "{algorithm}");
    }
}

// RFC 7616 §3.9.2 as erratum 4897 corrects it: SHA-512/256, and a user name beyond ASCII.
#[test]
fn sha_512_256_is_the_function_of_fips_180_4() {
    let challenge = one("Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
         nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
         opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true");
    let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
    let (_, response) =
        answer(&challenge, "J\u{e4}s\u{f8}n Doe", "Secret, or not?", "/doe.json", cnonce);
    assert_eq!(response, "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
}

// RFC 2617 §3.2.2.1: without qop as in RFC 2069. The hash was computed with md5sum.
#[test]
fn a_challenge_without_qop_is_answered_without_nonce_count() {
    let challenge = one("Digest realm=\"r\", nonce=\"n\"");
    let (value, response) = answer(&challenge, "u", "p", "sip:h", "c");
    assert_eq!(challenge.qop, Qop::None);
    assert!(!value.contains("nc=") && !value.contains("cnonce="), "{value}");
    assert_eq!(response, MD5_WITHOUT_QOP);
}

#[test]
fn every_algorithm_and_protection_verifies_its_own_answer_and_no_other() {
    for algorithm in
        ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"]
    {
        for qop in ["", ", qop=\"auth\"", ", qop=\"auth-int\""] {
            let challenge =
                one(&format!("Digest realm=\"r\", nonce=\"n\", algorithm={algorithm}{qop}"));
            let credentials = Credentials { user: "7", password: "s3" };
            let method = Method::Register;
            let (name, value) =
                authorization(&challenge, &credentials, &method, "sip:h", 2, "c", b"body");
            assert_eq!(name, "Authorization");
            let sent = Authorization::parse(&value).unwrap();
            assert_eq!((&*sent.user, &*sent.realm, &*sent.nonce), ("7", "r", "n"));
            assert_eq!(sent.nc, if qop.is_empty() { 0 } else { 2 });
            assert!(sent.verify("s3", &method, b"body"), "{value}");
            assert!(!sent.verify("s4", &method, b"body"));
            assert!(!sent.verify("s3", &Method::Invite, b"body"));
            assert_eq!(sent.verify("s3", &method, b"other"), !qop.contains("auth-int"));
        }
    }
}

#[test]
fn a_realm_in_utf_8_and_escapes_survive_the_round_trip() {
    let challenge =
        one(r#"Digest realm="Büro \"Süd\" \\ 中", nonce="a\"b", opaque="o\\", qop=auth"#);
    assert_eq!(&*challenge.realm, r#"Büro "Süd" \ 中"#);
    assert_eq!(one(&challenge.to_string()), challenge);
    let credentials = Credentials { user: r#"a"\b"#, password: "pässword" };
    let (_, value) =
        authorization(&challenge, &credentials, &Method::Register, "sip:h", 1, "c", b"");
    let sent = Authorization::parse(&value).unwrap();
    assert_eq!(sent.realm, challenge.realm);
    assert_eq!((&*sent.user, sent.opaque.as_deref()), (r#"a"\b"#, Some(r"o\")));
    assert!(sent.verify("pässword", &Method::Register, b""));
}

#[test]
fn what_a_server_asks_is_read_however_it_is_written() {
    let challenge = one("dIgEsT  REALM = \"r\" ,nonce=\"n,m\",,stale=TRUE, Algorithm=sha-256 ,x=y");
    assert_eq!((&*challenge.realm, &*challenge.nonce), ("r", "n,m"));
    assert!(challenge.stale && !challenge.proxy);
    assert_eq!(challenge.algorithm, Algorithm::Sha256);
    let quoted = one("Digest realm=\"r\", nonce=\"n\", algorithm=\"MD5\", stale=\"true\"");
    assert!(quoted.stale);
}

// RFC 8760 §2.4: what is not understood is ignored.
#[test]
fn challenges_that_cannot_be_answered_are_left_out() {
    for value in [
        "Basic realm=\"r\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5",
        "Digest realm=\"r\", nonce=\"n\", qop=\"future\"",
        "Digest realm=\"r\"",
        "Digest nonce=\"n\"",
        "Digest",
        "",
    ] {
        assert_eq!(server(value), [], "{value}");
    }
}

#[test]
fn several_challenges_in_one_field_are_told_apart() {
    let found = server(
        "Basic realm=\"b\", Digest realm=\"r, Digest x=1\", nonce=\"1\", algorithm=MD5, \
         Digest realm=\"r\", nonce=\"2\", algorithm=SHA-256",
    );
    let nonces: Vec<_> = found.iter().map(|challenge| &*challenge.nonce).collect();
    assert_eq!(nonces, ["1", "2"]);
}

#[test]
fn the_strongest_hash_of_the_first_realm_is_chosen() {
    let offer = |realm: &str, algorithm| {
        one(&format!("Digest realm=\"{realm}\", nonce=\"{algorithm}\", algorithm={algorithm}"))
    };
    let offers = [
        offer("a", "MD5"),
        offer("b", "SHA-512-256"),
        offer("a", "SHA-256-sess"),
        offer("a", "SHA-256"),
    ];
    assert_eq!(choose(&offers).map(|chosen| &*chosen.nonce), Some("SHA-256-sess"));
    let each: Vec<_> = best_per_realm(&offers).map(|chosen| &*chosen.nonce).collect();
    assert_eq!(each, ["SHA-256-sess", "SHA-512-256"]);
    assert_eq!(choose(&[]), None);
}

#[test]
fn a_proxy_is_answered_in_its_own_field() {
    let challenge =
        Challenge::parse_all("Digest realm=\"r\", nonce=\"n\"", Asker::Proxy).next().unwrap();
    let credentials = Credentials { user: "u", password: "p" };
    let (name, _) = authorization(&challenge, &credentials, &get(), "sip:h", 1, "c", b"");
    assert_eq!(name, "Proxy-Authorization");
}

#[test]
fn credentials_that_are_incomplete_or_foreign_are_not_read() {
    let whole = "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:h\", response=\"x\"";
    assert!(Authorization::parse(whole).is_some());
    for missing in ["username", "realm", "nonce", "uri", "response"] {
        assert_eq!(Authorization::parse(&whole.replace(missing, "other")), None, "{missing}");
    }
    for value in
        ["Bearer x", "", "Digest", &format!("{whole}, qop=auth"), &format!("{whole}, algorithm=x")]
    {
        assert_eq!(Authorization::parse(value), None, "{value}");
    }
}

#[test]
fn a_password_is_never_shown() {
    let shown = format!("{:?}", Credentials { user: "u", password: "secret" });
    assert!(shown.contains("\"u\"") && !shown.contains("secret"));
}

const MD5_WITHOUT_QOP: &str = "619eb10c8b0e7c903adb725673b817f3";
