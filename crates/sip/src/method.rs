use std::fmt;

/// A request method; compared with case, as RFC 3261 §7.1 says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Binds a contact to an address-of-record (RFC 3261 §10).
    Register,
    /// Opens or changes a session (RFC 3261 §13, §14).
    Invite,
    /// Confirms the final response to an INVITE (RFC 3261 §13.2.2.4, §17.1.1.3).
    Ack,
    /// Ends a session (RFC 3261 §15).
    Bye,
    /// Withdraws a pending INVITE (RFC 3261 §9).
    Cancel,
    /// Asks for capabilities (RFC 3261 §11).
    Options,
    /// Subscribes to an event (RFC 6665).
    Subscribe,
    /// Tells of an event (RFC 6665).
    Notify,
    /// Asks the receiver to call somebody (RFC 3515).
    Refer,
    /// Carries application data inside a dialog (RFC 6086).
    Info,
    /// Changes a session before or after it is answered (RFC 3311).
    Update,
    /// Confirms a reliable provisional response (RFC 3262).
    Prack,
    /// Carries a text (RFC 3428).
    Message,
    /// Publishes event state (RFC 3903).
    Publish,
    /// Any other token.
    Other(Box<str>),
}

impl Method {
    /// Reads a method token; one that is not known is [`Method::Other`].
    #[must_use]
    pub fn parse(token: &str) -> Self {
        Self::KNOWN
            .iter()
            .find(|known| known.as_str() == token)
            .cloned()
            .unwrap_or_else(|| Self::Other(token.into()))
    }

    /// The token as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Register => "REGISTER",
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Refer => "REFER",
            Self::Info => "INFO",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Message => "MESSAGE",
            Self::Publish => "PUBLISH",
            Self::Other(token) => token,
        }
    }

    /// Whether a response to it can make a dialog, so that Record-Route is copied into that response
    /// (RFC 3261 §12.1.1, RFC 6665 §4.2.1, RFC 3515 §2.4.6).
    #[must_use]
    pub const fn opens_dialog(&self) -> bool {
        matches!(self, Self::Invite | Self::Subscribe | Self::Refer)
    }

    /// Every method that has a variant of its own, the frequent ones first.
    const KNOWN: [Self; 14] = [
        Self::Register,
        Self::Invite,
        Self::Ack,
        Self::Bye,
        Self::Cancel,
        Self::Options,
        Self::Notify,
        Self::Subscribe,
        Self::Info,
        Self::Update,
        Self::Prack,
        Self::Refer,
        Self::Message,
        Self::Publish,
    ];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_reads_back_as_itself() {
        for method in &Method::KNOWN {
            assert_eq!(&Method::parse(method.as_str()), method);
        }
    }

    // RFC 3261 §7.1: method names are case-sensitive.
    #[test]
    fn a_method_in_another_case_is_another_method() {
        assert_eq!(Method::parse("invite"), Method::Other("invite".into()));
    }
}
