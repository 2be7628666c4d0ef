//! Text of settings as it may stand in a SIP message.

/// A host as a URI takes it: an IPv6 address in brackets.
pub(crate) fn host(address: &str) -> String {
    if address.contains(':') && !address.starts_with('[') {
        return format!("[{address}]");
    }
    address.to_owned()
}

/// A user part with what a URI does not permit escaped (RFC 3261 §25.1, user-unreserved).
pub(crate) fn user(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
        if plain {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// A display name as a quoted string with a blank behind it, or nothing.
pub(crate) fn display(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let mut quoted = String::from("\"");
    for character in name.chars().filter(|c| !c.is_control()) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push_str("\" ");
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_hosts_and_names_are_written_as_the_grammar_wants() {
        assert_eq!(user("100#2 x"), "100%232%20x");
        assert_eq!(host("2001:db8::1"), "[2001:db8::1]");
        assert_eq!(display("A \"B\"\r\n"), "\"A \\\"B\\\"\" ");
    }
}
