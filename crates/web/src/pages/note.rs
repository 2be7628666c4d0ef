//! The notes beside the forms: what a page is about, in a sentence or two each.

use params::WebPage;

/// A heading and a text.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

const REGISTRATION: Note = Note {
    title: "Account Registration",
    text: "An account is a line of the phone. Once it is active it registers at SIP server 1, so \
           that calls find it.",
};
const REDUNDANCY: Note = Note {
    title: "Server Redundancy",
    text: "A name with several addresses gives the phone a primary and secondaries to fail over \
           to. SIP server 2 is the fallback server for when all of server 1 is gone.",
};
const NAT: Note = Note {
    title: "NAT Traversal",
    text: "Behind a router that translates addresses the phone has to learn how it is seen from \
           outside; STUN is one way to.",
};
const FAILBACK: Note = Note {
    title: "Failback",
    text: "After a failover the phone goes up again with each new request, when the TTL of the \
           record has run, at the refresh, or after a time. All but the first wait for an idle \
           phone.",
};
const PROFILE: Note = Note {
    title: "Profile",
    text: "compat behaves as the vendor's guide says; fast is what a new deployment wants. A value \
           that is set here wins over the profile.",
};
const RESOLVER: Note = Note {
    title: "DNS",
    text: "Port 0 and transport DNS-NAPTR let DNS choose server, transport and port: NAPTR, then \
           SRV, then A.",
};
const STATIC: Note = Note {
    title: "Static DNS Cache",
    text: "Records kept in the phone serve where DNS has no answer, or before it where the account \
           prefers them. Records with the same name belong together, in the order of their numbers.",
};
const TRUST: Note = Note {
    title: "Trust",
    text: "With trust control only the servers of an account may ring the phone; others get no \
           answer.",
};
const AGAIN: Note = Note {
    title: "Fields for the next start",
    text: "Sockets and certificates are set up once, when the phone starts. Fields marked so wait \
           for that.",
};
const PROVISIONING: Note = Note {
    title: "Auto Provision",
    text: "The phone reads its files again now, and only what changed in them is touched. A file \
           that is as it was does not undo what was changed here.",
};

/// The notes of a page.
pub(super) const fn notes(page: WebPage) -> &'static [Note] {
    match page {
        WebPage::AccountRegister => &[REGISTRATION, REDUNDANCY, NAT],
        WebPage::AccountAdvanced => &[REDUNDANCY, FAILBACK, PROFILE],
        WebPage::NetworkDns => &[RESOLVER, STATIC],
        WebPage::SettingsSip => &[TRUST, PROFILE, AGAIN],
        WebPage::SettingsProvision => &[PROVISIONING],
    }
}
