//! All rules, for the manual and for tools.

use std::fmt::Write as _;

use super::finding::Severity;

/// What a rule is about.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The stable code.
    pub code: &'static str,
    /// The highest severity that its findings have.
    pub severity: Severity,
    /// What it finds, as a clause.
    pub title: &'static str,
    /// What the phone does there, and what to write instead.
    pub why: &'static str,
    /// A file that has the finding, and one that has not; blank for a rule without example.
    pub examples: [&'static [u8]; 2],
}

/// A rule with its two files, which are those of its test.
macro_rules! rule {
    ($severity:ident $code:literal, $title:literal, $why:literal) => {
        rule!($severity $code ".cfg", $title, $why)
    };
    ($severity:ident $code:literal $extension:literal, $title:literal, $why:literal) => {
        Rule {
            code: $code,
            severity: Severity::$severity,
            title: $title,
            why: $why,
            examples: [
                include_bytes!(concat!("../../tests/rules/", $code, "/bad", $extension)),
                include_bytes!(concat!("../../tests/rules/", $code, "/good", $extension)),
            ],
        }
    };
}

/// Every rule, by code.
pub const RULES: &[Rule] = &[
    rule!(Error "account-range", "an account number that the model does not have",
        "Models have from 1 to 16 accounts. What a file says of an account beyond is left out; where nothing puts that account into service, that is no more than worth knowing."),
    rule!(Warning "attempt-time", "the seconds after which each server is given up",
        "N retries are N retransmissions, and a server is given up when the next would be due. The last server, which nothing can follow, gets Timer B or F of RFC 3261 in full: 32 s. Retries that come near that figure gain nothing; there the finding is a warning."),
    rule!(Error "boot-file" ".boot", "a boot file that does not name its files",
        "A boot file that is found ends the search for files: one without `include:config` means that nothing is fetched. The file stands between < and > or quotes and is a `.cfg`; parameters are not read there."),
    rule!(Info "both-servers-now", "two servers and concurrent registration",
        "`fallback.redundancy_type` 0 registers at both servers at once; 1 registers at server 2 only while server 1 fails."),
    rule!(Info "dead-air", "every call first waits for a dead primary",
        "`failback_mode` 0 sends each new request to the primary first, also while it is down. Modes 1 to 3 go to the last used server first."),
    rule!(Warning "default-password", "the administrator's default password",
        "Everybody knows it. On a hardware phone it opens the web page to the whole network."),
    rule!(Info "double-ring", "concurrent registration at servers that look like one system",
        "A system that finds the phone registered twice may ring it twice. It rings once where both calls in have the same Call-ID and From tag."),
    rule!(Warning "encoding", "bytes that are no UTF-8",
        "They are read as Latin-1. Other phones may show something else."),
    rule!(Warning "failover-needs-name", "keys of failover on a server with one address",
        "Failover goes from one next hop of a name to another. An IP address has one, and so has a name with one address."),
    rule!(Error "ini-dialect", "the old dialect with sections",
        "Phones of the guide do not read it. It has to be written anew as `key = value` lines."),
    rule!(Error "inline-comment", "a comment behind a value",
        "There are no comments behind values: what stands there is part of the value. In a text the finding is a warning."),
    rule!(Warning "late-fallback", "calls in that are lost until the fallback",
        "With successive registration the phone goes to server 2 when the registration at server 1 has run out: until then calls in are lost. Above 600 s that is a warning."),
    rule!(Info "later-firmware", "a key that later firmware reads differently",
        "`only_signal_with_registered` acts here as the guide says; later firmware wants `register_on_enable` 1 and `failback_mode` 1 to 3 as well."),
    rule!(Info "layered", "a later file overrides an earlier one",
        "Later files win: common file, MAC file, local file, command line."),
    Rule {
        code: "limit",
        severity: Severity::Info,
        title: "more findings than are listed",
        why: "Of each file the first thousand findings of reading it are kept.",
        examples: [b"", b""],
    },
    rule!(Warning "lost-subscriptions", "lamps and message waiting that a move leaves behind",
        "Subscriptions stay at the server that they were made at until their next refresh. `failback_subscribe.enable` 1 with `failback_mode` 1 to 3 makes them anew at once; server 2 never has any."),
    rule!(Info "loud-failure", "a registrar that answers with failures keeps the phone",
        "Silence, a refused connection and 503 move the phone on. Any other answer does not, unless `redundancy_with_reg_fail.enable` is 1."),
    rule!(Warning "naptr-on-ip", "transport 3 on an IP address",
        "There is nothing to ask DNS for: the address is reached by UDP, and there is no failover."),
    rule!(Error "never-asked", "a static record that no lookup can reach",
        "Which records are asked for follows from port and transport: a port other than 0 asks for addresses alone. For services beside `_sip._udp` that are found by static records alone the finding is only worth knowing: hardware phones may need `naptr_build` 1."),
    rule!(Warning "no-effect", "a key whose condition is not met",
        "It does nothing until another key has another value."),
    rule!(Error "not-a-config", "a file that is no configuration file",
        "A web page, binary or encrypted bytes, UTF-16: nothing of it is taken, and a running phone keeps what it has."),
    rule!(Info "not-used", "keys that sureline accepts without effect",
        "They concern functions that this phone does not have. `--all` lists them."),
    rule!(Error "old-key", "a key that this model and firmware do not read",
        "Firmware 81 renamed keys. One that is not read has no effect; one that is still read under its old name is a warning."),
    rule!(Info "our-default", "a default of ours that is safer than the vendor's",
        "It holds where files say nothing."),
    rule!(Error "out-of-range", "a value that is not permitted",
        "The phone keeps the former value or the default. Only `failback_timeout` from 1 to 59 is mended, to 60."),
    rule!(Warning "pass-exceeds-lease", "a registration that ends before every server was tried",
        "A pass gives each silent server its time. Where that is longer than what a registration has left at its refresh, the phone can be unregistered although a server works."),
    rule!(Warning "password-shown", "a file with passwords that every user can read",
        "Passwords of accounts let anybody register and call at your cost."),
    rule!(Error "port-hides-srv", "transport 3 with a port other than 0",
        "An explicit port means that addresses alone are asked for: NAPTR and SRV are not, and the transport is UDP. Port 0 asks for them. Where static A records of the name show that this is meant, the finding is a warning."),
    rule!(Info "port-zero-fixed", "port 0 with a fixed transport",
        "The SRV records of that transport are asked for, then the address with the default port."),
    rule!(Warning "server2-behind-proxy", "server 2 beside outbound proxies",
        "While proxies are enabled there is one registration, in the domain of server 1."),
    rule!(Warning "srv-name", "names of services that are misspelled or do not fit",
        "RFC 3263 has `_sip._udp`, `_sip._tcp` and `_sips._tcp`. The transport of a NAPTR record comes from its service, not from the name that it leads to; records of one order and preference leave open which comes first."),
    rule!(Error "static-limits", "a static record beyond the limits",
        "Records have numbers from 1 to 12 and a ttl of at least 30; one without name or content is left out."),
    rule!(Warning "static-naptr-flag", "a static NAPTR record that nothing follows",
        "Flag S asks for SRV records of the replacement next, A for addresses. A blank flag asks for NAPTR again, U and P for nothing."),
    rule!(Info "static-unused", "static records beside a DNS that answers",
        "With `static_cache_pri` 0 they serve where DNS has no answer."),
    rule!(Warning "storm", "many phones that register in step",
        "After a power cut or an outage all phones come at once, unless their first REGISTER is spread and their pauses grow."),
    rule!(Info "template", "a file that a provisioning system fills in",
        "Keys are checked; values that are filled in are not, and nothing is said of what follows from them."),
    rule!(Info "tls-name", "what the certificate has to name",
        "The configured domain, not the name that SRV leads to (RFC 5922)."),
    rule!(Error "torn-line", "a line that is no assignment, or two in one",
        "A line needs the form `key = value`. A comment starts with # in the first column."),
    rule!(Error "transports-differ", "server 2 by UDP beside server 1 by TLS",
        "Each server has its own `transport_type`, 0 by default: a fallback would leave TLS."),
    rule!(Warning "ttl", "failback by TTL without a cache",
        "`failback_mode` 1 waits for the TTL of a record; `dns_cache_type` 0 keeps none."),
    rule!(Error "twice", "one key on two lines with different values",
        "The last line wins. Where the last is blank, it takes the value back."),
    rule!(Warning "unknown-key", "a key that this phone does not have",
        "The line is left out. Keys of functions that a phone without screen does not have are counted, and listed with `--all`."),
    rule!(Warning "unresolved", "a server that DNS does not know",
        "With `--resolve`, DNS is asked as the phone would ask it."),
    rule!(Info "weights", "weights of SRV records do not spread load",
        "Of one priority the heaviest is asked first, by every phone, as the guide says. Equal weights spread phones; `sureline.srv_weight = rfc2782` rolls the weighted die."),
];

/// The manual of the rules in Markdown.
#[must_use]
pub fn rules_manual() -> String {
    let mut manual = String::from(
        "# What `sureline check` says\n\n\
         Each finding names file, line and column. An *error* means that the phone will not do what the \
         line says, a *warning* that it will, but hardly as meant; the rest is worth knowing. The exit \
         status is 2 for errors, 1 for warnings with `--strict`, else 0. `--fix` makes the changes that \
         are safe: the phone does the same afterwards, or what the line says beyond doubt.\n\n\
         | code | finding | severity |\n|---|---|---|\n",
    );
    for rule in RULES {
        let Rule { code, severity, title, .. } = rule;
        let _ = writeln!(manual, "| [{code}](#{code}) | {title} | {severity} |");
    }
    for rule in RULES {
        let _ = write!(
            manual,
            "\n## {}\n\n{}: {}.\n\n{}\n",
            rule.code, rule.severity, rule.title, rule.why
        );
        let [bad, good] = rule.examples.map(std::str::from_utf8);
        for (label, text) in [("Found", bad), ("Not found", good)] {
            // An example with bytes that are no text cannot be printed.
            if let Ok(text) = text
                && !text.is_empty()
            {
                let _ = write!(manual, "\n{label} in:\n\n```ini\n{}\n```\n", text.trim_end());
            }
        }
    }
    manual
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_in_order_and_each_stands_once() {
        let wrong = RULES.windows(2).find(|pair| pair[0].code >= pair[1].code);
        assert!(wrong.is_none(), "{wrong:?}");
    }

    #[test]
    fn the_manual_has_every_rule_with_its_examples() {
        let manual = rules_manual();
        for rule in RULES {
            assert!(manual.contains(&format!("\n## {}\n", rule.code)), "{}", rule.code);
        }
        assert!(manual.contains("account.1.sip_server.1.transport_type = 3"));
    }
}
