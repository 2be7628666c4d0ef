//! What a key permits: one parser for files, the web page, the API and `--set`.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::choices::Choice;
use crate::codes::FailoverCodes;

/// The values that a key permits. A blank value is permitted everywhere and means the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1.
    Switch,
    /// One of a few words or figures.
    Choice(&'static [Choice]),
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// 0, or a whole number within limits.
    ZeroOr {
        /// The least that is not 0.
        min: i64,
        /// The greatest.
        max: i64,
        /// What becomes of a number between 0 and the least.
        between: Between,
    },
    /// Seconds with up to three decimals.
    Decimal {
        /// The least, in thousandths.
        min: u32,
        /// The greatest, in thousandths.
        max: u32,
    },
    /// -1, which means "as another key says" or "by itself", or what the inner kind permits.
    MinusOneOr(&'static Kind),
    /// Any characters but control characters.
    Text {
        /// The greatest number of characters.
        max: u16,
    },
    /// An IP address or a domain name, without port.
    Host,
    /// A domain name.
    Domain,
    /// An IPv4 or IPv6 address.
    Address,
    /// A NAPTR flag.
    NaptrFlag,
    /// Statuses that fail over, `500,502,5??`.
    FailoverCodes,
    /// A time of day, `hh:mm`.
    TimeOfDay,
    /// Days of the week, figures from 0 (Sunday) to 6.
    Weekdays,
}

/// What becomes of a number between 0 and the least permitted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// It is refused.
    Refused,
    /// It counts as the least (A13).
    CountsAsLeast,
}

/// A permitted value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted<'a> {
    /// The value as settings take it: without blanks around it, an address without brackets.
    pub value: Cow<'a, str>,
    /// Whether the value was replaced by the nearest permitted one.
    pub mended: bool,
}

/// Why a value is refused; shown as a clause that says what is permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is none of the permitted values.
    NotPermitted(Kind),
    /// It has more characters than this.
    TooLong(u16),
    /// It has a control character, which could end a header or a line.
    ControlCharacter(char),
}

/// The greatest value of the guide's whole numbers.
pub const INTEGER_MAX: i64 = 2_147_483_647;

/// Guide, `account.X.sip_server.Y.address`: within 256 characters.
const HOST_CHARACTERS: u16 = 256;

impl Kind {
    /// Checks a value that is not blank.
    ///
    /// # Errors
    /// Says what is permitted where `raw` is not.
    pub fn check<'a>(&self, raw: &'a str) -> Result<Permitted<'a>, Fault> {
        let text = raw.trim_matches(BLANKS);
        // behaviour.md §9: CR, LF and NUL are refused in settings that end up in a header.
        if let Some(control) = text.chars().find(|c| c.is_control() && *c != '\t') {
            return Err(Fault::ControlCharacter(control));
        }
        let plain = |fits: bool| fits.then_some(Cow::Borrowed(text));
        let value = match *self {
            Self::Switch => plain(matches!(text, "0" | "1")),
            Self::Choice(choices) => plain(choices.iter().any(|choice| choice.value == text)),
            Self::Integer { min, max } => {
                integer(text).filter(|n| within(*n, min, max)).map(number)
            }
            Self::ZeroOr { min, max, between } => {
                return zero_or(text, min, max, between).ok_or_else(|| self.refused());
            }
            Self::Decimal { min, max } => {
                plain(decimal(text).is_some_and(|n| n >= min && n <= max))
            }
            Self::MinusOneOr(_) if text == "-1" => plain(true),
            Self::MinusOneOr(inner) => return inner.check(raw).map_err(|_| self.refused()),
            Self::Text { max } => plain(fits(text, max)?),
            Self::Host => plain(fits(text, HOST_CHARACTERS)?).and_then(|_| host(text)),
            Self::Domain => plain(fits(text, HOST_CHARACTERS)? && is_name(text)),
            Self::Address => text.parse().ok().map(|ip: IpAddr| Cow::Owned(ip.to_string())),
            Self::NaptrFlag => naptr_flag(text),
            Self::FailoverCodes => FailoverCodes::parse(text).map(|codes| codes.to_string().into()),
            Self::TimeOfDay => plain(is_time_of_day(text)),
            Self::Weekdays => {
                plain(text.len() <= 7 && text.bytes().all(|b| (b'0'..=b'6').contains(&b)))
            }
        };
        value.map(|value| Permitted { value, mended: false }).ok_or_else(|| self.refused())
    }

    /// The labels of the permitted values, where they have any.
    #[must_use]
    pub fn choices(&self) -> &'static [Choice] {
        match *self {
            Self::Switch => SWITCH,
            Self::Choice(choices) => choices,
            Self::MinusOneOr(inner) => inner.choices(),
            Self::Integer { .. }
            | Self::ZeroOr { .. }
            | Self::Decimal { .. }
            | Self::Text { .. }
            | Self::Host
            | Self::Domain
            | Self::Address
            | Self::NaptrFlag
            | Self::FailoverCodes
            | Self::TimeOfDay
            | Self::Weekdays => &[],
        }
    }

    /// A permitted value, for manuals and empty fields.
    #[must_use]
    pub fn example(&self) -> &'static str {
        match self {
            Self::Switch => "1",
            Self::Choice(choices) => choices.first().map_or("", |choice| choice.value),
            Self::Integer { .. } | Self::ZeroOr { .. } | Self::Decimal { .. } => "60",
            Self::MinusOneOr(_) => "-1",
            Self::Text { .. } => "text",
            Self::Host | Self::Domain => "pbx.example.com",
            Self::Address => "192.0.2.10",
            Self::NaptrFlag => "S",
            Self::FailoverCodes => "500,502,5??",
            Self::TimeOfDay => "02:00",
            Self::Weekdays => "06",
        }
    }

    fn refused(&self) -> Fault {
        Fault::NotPermitted(*self)
    }
}

impl fmt::Display for Kind {
    /// The permitted values, as in "permitted are 0 to 20".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("0 or 1"),
            Self::Choice(choices) => alternatives(f, choices),
            Self::Integer { min, max } => write!(f, "{min} to {max}"),
            Self::ZeroOr { min, max, .. } => write!(f, "0 or {min} to {max}"),
            Self::Decimal { min, max } => {
                write!(f, "{} to {}", Thousandths(*min), Thousandths(*max))
            }
            Self::MinusOneOr(inner) => write!(f, "-1, {inner}"),
            Self::Text { max } => write!(f, "at most {max} characters"),
            Self::Host => {
                write!(
                    f,
                    "an IP address or a domain name of at most {HOST_CHARACTERS} characters, \
                     without port"
                )
            }
            Self::Domain => f.write_str("a domain name"),
            Self::Address => f.write_str("an IPv4 or IPv6 address"),
            Self::NaptrFlag => f.write_str("S, A, U or P"),
            Self::FailoverCodes => f.write_str(
                "statuses of 4xx and 5xx with ? for any figure, as in 500,502,5?? (401, 403, 404, \
                 407, 423, 439, 482 and 487 never fail over)",
            ),
            Self::TimeOfDay => f.write_str("a time of day from 00:00 to 23:59"),
            Self::Weekdays => f.write_str("figures from 0 (Sunday) to 6"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted(Kind::FailoverCodes | Kind::Weekdays) => {
                write!(f, "permitted are {}", self.kind_text())
            }
            Self::NotPermitted(Kind::Host | Kind::Domain | Kind::Address | Kind::TimeOfDay) => {
                write!(f, "permitted is {}", self.kind_text())
            }
            Self::NotPermitted(kind) => write!(f, "permitted are {kind}"),
            Self::TooLong(max) => write!(f, "permitted are at most {max} characters"),
            Self::ControlCharacter(c) => {
                write!(f, "the control character U+{:04X} is not permitted", u32::from(*c))
            }
        }
    }
}

impl Fault {
    fn kind_text(&self) -> String {
        match self {
            Self::NotPermitted(kind) => kind.to_string(),
            Self::TooLong(_) | Self::ControlCharacter(_) => String::new(),
        }
    }
}

/// Thousandths, shown with as many decimals as they need.
pub(crate) struct Thousandths(pub(crate) u32);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / 1000)?;
        match self.0 % 1000 {
            0 => Ok(()),
            rest => write!(f, ".{}", format!("{rest:03}").trim_end_matches('0')),
        }
    }
}

/// The whole number that `text` writes in decimal figures; no `+`, no blanks.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let figures = text.strip_prefix('-').unwrap_or(text);
    let all_figures = !figures.is_empty() && figures.bytes().all(|b| b.is_ascii_digit());
    if all_figures { text.parse().ok() } else { None }
}

/// The thousandths that `text` writes as `4`, `0.5` or `2.125`.
pub(crate) fn decimal(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let figures = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !figures(whole) || !figures(part) || part.len() > 3 {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(part)
}

/// Whether `text` is an IP address, with or without the brackets of IPv6.
#[must_use]
pub fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || bracketed(text).is_some()
}

fn zero_or(text: &str, min: i64, max: i64, between: Between) -> Option<Permitted<'_>> {
    let n = integer(text).filter(|n| within(*n, 0, max))?;
    match between {
        // A13: from 1 to 59 the timeout is 60 seconds (guide, `failback_timeout`).
        Between::CountsAsLeast if n > 0 && n < min => {
            Some(Permitted { value: number(min), mended: true })
        }
        Between::Refused if n > 0 && n < min => None,
        Between::CountsAsLeast | Between::Refused => {
            Some(Permitted { value: number(n), mended: false })
        }
    }
}

fn within(n: i64, min: i64, max: i64) -> bool {
    n >= min && n <= max
}

fn number(n: i64) -> Cow<'static, str> {
    Cow::Owned(n.to_string())
}

fn fits(text: &str, max: u16) -> Result<bool, Fault> {
    if text.chars().count() > usize::from(max) { Err(Fault::TooLong(max)) } else { Ok(true) }
}

fn host(text: &str) -> Option<Cow<'_, str>> {
    if let Some(ip) = bracketed(text) {
        return Some(Cow::Owned(ip.to_string()));
    }
    (text.parse::<IpAddr>().is_ok() || is_name(text)).then_some(Cow::Borrowed(text))
}

fn bracketed(text: &str) -> Option<Ipv6Addr> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// A last label of figures alone is a mistyped IPv4 address (RFC 3696 §2), no name.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let figures = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    name.split('.').all(label) && !name.rsplit('.').next().is_some_and(figures)
}

fn naptr_flag(text: &str) -> Option<Cow<'_, str>> {
    let flag = text.to_ascii_uppercase();
    matches!(flag.as_str(), "S" | "A" | "U" | "P").then_some(Cow::Owned(flag))
}

fn is_time_of_day(text: &str) -> bool {
    let two = |s: &str, end: u8| s.len() == 2 && integer(s).is_some_and(|n| n < i64::from(end));
    text.split_once(':').is_some_and(|(hour, minute)| two(hour, 24) && two(minute, 60))
}

fn alternatives(f: &mut fmt::Formatter<'_>, choices: &[Choice]) -> fmt::Result {
    for (place, choice) in choices.iter().enumerate() {
        let before = match choices.len() - place {
            _ if place == 0 => "",
            1 => " or ",
            _ => ", ",
        };
        write!(f, "{before}{}", choice.value)?;
    }
    Ok(())
}

/// What is cut around keys and values.
pub(crate) const BLANKS: [char; 2] = [' ', '\t'];

const SWITCH: &[Choice] =
    &[Choice { value: "0", label: "Disabled" }, Choice { value: "1", label: "Enabled" }];

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(kind: Kind, raw: &str) -> Option<String> {
        kind.check(raw).ok().map(|permitted| permitted.value.into_owned())
    }

    #[test]
    fn the_edges_of_a_range_are_permitted_and_what_lies_beyond_is_not() {
        let expires = Kind::Integer { min: 30, max: INTEGER_MAX };
        assert_eq!(checked(expires, "30").as_deref(), Some("30"));
        assert_eq!(checked(expires, "2147483647").as_deref(), Some("2147483647"));
        for raw in
            ["29", "2147483648", "-30", "+60", "6e2", "60 s", "0x3c", "٣٠", "99999999999999999999"]
        {
            assert_eq!(checked(expires, raw), None, "{raw}");
        }
        assert_eq!(expires.check("5").unwrap_err().to_string(), "permitted are 30 to 2147483647");
    }

    // A12
    // A13
    #[test]
    fn a_failback_timeout_of_1_to_59_counts_as_60_and_0_stays_0() {
        let kind = Kind::ZeroOr { min: 60, max: 65535, between: Between::CountsAsLeast };
        let mended = |raw| kind.check(raw).map(|p| (p.value.into_owned(), p.mended)).ok();
        assert_eq!(mended("0"), Some(("0".to_owned(), false)));
        assert_eq!(mended("1"), Some(("60".to_owned(), true)));
        assert_eq!(mended("59"), Some(("60".to_owned(), true)));
        assert_eq!(mended("60"), Some(("60".to_owned(), false)));
        assert_eq!(mended("65535"), Some(("65535".to_owned(), false)));
        assert_eq!((mended("65536"), mended("-1")), (None, None));
    }

    #[test]
    fn hosts_are_names_and_addresses_without_port_or_scheme() {
        for (raw, value) in [
            ("yealink.pbx.com", "yealink.pbx.com"),
            ("PBX", "PBX"),
            ("_sip_tcp.yealink.pbx.com", "_sip_tcp.yealink.pbx.com"),
            ("pbx.com.", "pbx.com."),
            ("192.168.1.14", "192.168.1.14"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:DB8::1]", "2001:db8::1"),
        ] {
            assert_eq!(checked(Kind::Host, raw).as_deref(), Some(value));
        }
        for raw in [
            "sip:pbx.com",
            "pbx.com:5060",
            "300.1.1.1",
            "1.2.3",
            "a b",
            "a..b",
            "pbx,com",
            "bü.de",
            "[1.2.3.4]",
        ] {
            assert_eq!(checked(Kind::Host, raw), None, "{raw}");
        }
        assert!(checked(Kind::Host, &"a".repeat(256)).is_some());
        assert_eq!(Kind::Host.check(&"a".repeat(257)), Err(Fault::TooLong(256)));
    }

    #[test]
    fn no_value_carries_a_control_character() {
        for raw in ["a\rb", "a\nb", "a\0b", "a\u{7f}b", "a\u{85}b"] {
            let fault = Kind::Text { max: 99 }.check(raw).unwrap_err();
            assert!(matches!(fault, Fault::ControlCharacter(_)), "{raw:?}");
        }
    }

    #[test]
    fn a_port_that_lies_between_0_and_the_least_is_refused() {
        let kind = Kind::ZeroOr { min: 1024, max: 65535, between: Between::Refused };
        assert_eq!(checked(kind, "0").as_deref(), Some("0"));
        assert_eq!((checked(kind, "1"), checked(kind, "1023")), (None, None));
        assert_eq!(checked(kind, "1024").as_deref(), Some("1024"));
    }

    #[test]
    fn decimals_have_up_to_three_places() {
        let t1 = Kind::Decimal { min: 500, max: 10_000 };
        for raw in ["0.5", "0.500", "10", "2.125"] {
            assert_eq!(checked(t1, raw).as_deref(), Some(raw));
        }
        for raw in ["0.4", "10.001", ".5", "1.", "1,5", "0.5000", "1.-5"] {
            assert_eq!(checked(t1, raw), None, "{raw}");
        }
        assert_eq!(t1.to_string(), "0.5 to 10");
    }

    #[test]
    fn minus_one_is_permitted_where_another_key_may_decide() {
        let kind = Kind::MinusOneOr(&Kind::ZeroOr {
            min: 60,
            max: 65535,
            between: Between::CountsAsLeast,
        });
        assert_eq!(checked(kind, "-1").as_deref(), Some("-1"));
        assert_eq!(checked(kind, "30").as_deref(), Some("60"));
        assert_eq!(kind.check("-2").unwrap_err().to_string(), "permitted are -1, 0 or 60 to 65535");
    }

    #[test]
    fn the_smaller_kinds_refuse_what_they_do_not_know() {
        let cases: [(Kind, &[&str], &[&str]); 6] = [
            (Kind::Switch, &["0", "1"], &["2", "true", "01"]),
            (Kind::Address, &["::1", "10.0.0.1"], &["a.b", "10.0.0"]),
            (Kind::NaptrFlag, &["s", "A", "U", "P"], &["SA", "X"]),
            (Kind::TimeOfDay, &["00:00", "23:59"], &["24:00", "1:00", "12:60", "12"]),
            (Kind::Weekdays, &["0123456", "0"], &["7", "01234560"]),
            (Kind::Domain, &["a.b", "_sip._udp.a"], &["10.0.0.1", "::1", "a b"]),
        ];
        for (kind, good, bad) in cases {
            assert!(good.iter().all(|raw| checked(kind, raw).is_some()), "{kind}");
            assert!(bad.iter().all(|raw| checked(kind, raw).is_none()), "{kind}");
        }
    }
}
