use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Data, DomainName, NameError, Naptr, Record, Soa, Srv};

/// What cannot be read of a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ZoneError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: ZoneProblem,
}

/// What is wrong with a line of a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneProblem {
    /// A name that is none.
    #[error("{text:?} is no domain name: {why}")]
    Name {
        /// As written.
        text: String,
        /// Why.
        why: NameError,
    },
    /// A type this server does not hold.
    #[error("{0:?} is no record type that this server holds")]
    Type(String),
    /// Something is missing at the end of a line.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value that is not what has to stand there.
    #[error("{text:?} is no {wanted}")]
    Value {
        /// As written.
        text: String,
        /// What has to stand there.
        wanted: &'static str,
    },
    /// More values than the type has.
    #[error("{0:?} is one value too many")]
    Surplus(String),
    /// A name relative to nothing.
    #[error("a relative name stands before the first $ORIGIN")]
    NoOrigin,
    /// A record without owner.
    #[error("the first record has no name")]
    NoOwner,
    /// A record without TTL before the first `$TTL`.
    #[error("the record has no TTL and no $TTL stands before it")]
    NoTtl,
    /// Another directive than `$ORIGIN` and `$TTL`.
    #[error("{0:?} is no directive that this server knows")]
    Directive(String),
    /// Parentheses or quotes that do not close.
    #[error("a parenthesis or quote is not closed")]
    Open,
}

/// The records of a zone, in order.
pub(crate) fn records(text: &str) -> Result<Vec<Record>, ZoneError> {
    let mut context = Context { origin: None, ttl_s: None, owner: None };
    let mut records = Vec::new();
    for entry in entries(text)? {
        let line = entry.line;
        let record = context.read(entry).map_err(|problem| ZoneError { line, problem })?;
        records.extend(record);
    }
    Ok(records)
}

/// One entry: the words of a line, or of several that parentheses join.
struct Entry {
    line: usize,
    /// Whether it begins with blanks and so has the owner of the entry before.
    indented: bool,
    words: Vec<String>,
}

fn entries(text: &str) -> Result<Vec<Entry>, ZoneError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut depth = 0_usize;
    let mut last = 0;
    for (line, content) in (1..).zip(text.lines()) {
        last = line;
        let words = words(content, &mut depth).map_err(|problem| ZoneError { line, problem })?;
        let (joined, words) = words;
        match entries.last_mut() {
            Some(entry) if joined => entry.words.extend(words),
            _ if words.is_empty() && depth == 0 => {}
            _ => {
                let indented = content.starts_with([' ', '\t']);
                entries.push(Entry { line, indented, words });
            }
        }
    }
    if depth > 0 {
        return Err(ZoneError { line: last, problem: ZoneProblem::Open });
    }
    entries.retain(|entry| !entry.words.is_empty());
    Ok(entries)
}

/// The words of a line, and whether it began inside parentheses.
fn words(line: &str, depth: &mut usize) -> Result<(bool, Vec<String>), ZoneProblem> {
    let joined = *depth > 0;
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            ';' => break,
            '(' => *depth += 1,
            ')' => *depth = depth.checked_sub(1).ok_or(ZoneProblem::Open)?,
            '"' => words.push(quoted(&mut rest)?),
            blank if blank.is_whitespace() => {}
            first => {
                let mut word = String::from(first);
                let mut escaped = first == '\\';
                while let Some(&next) = rest.peek() {
                    if !escaped && (next.is_whitespace() || matches!(next, ';' | '(' | ')' | '"')) {
                        break;
                    }
                    escaped = next == '\\' && !escaped;
                    word.push(next);
                    rest.next();
                }
                words.push(word);
            }
        }
    }
    Ok((joined, words))
}

fn quoted(rest: &mut impl Iterator<Item = char>) -> Result<String, ZoneProblem> {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        match next {
            '"' => return Ok(text),
            '\\' => text.push(rest.next().ok_or(ZoneProblem::Open)?),
            other => text.push(other),
        }
    }
    Err(ZoneProblem::Open)
}

struct Context {
    origin: Option<DomainName>,
    ttl_s: Option<u32>,
    owner: Option<DomainName>,
}

impl Context {
    fn read(&mut self, entry: Entry) -> Result<Option<Record>, ZoneProblem> {
        let mut words = Words(entry.words.into_iter());
        if !entry.indented {
            let first = words.next("a name")?;
            if first.starts_with('$') {
                self.direct(&first, &mut words)?;
                return words.end().map(|()| None);
            }
            self.owner = Some(self.name(&first)?);
        }
        let name = self.owner.clone().ok_or(ZoneProblem::NoOwner)?;
        let mut ttl_s = self.ttl_s;
        let kind = loop {
            let word = words.next("a record type")?;
            if let Some(seconds) = seconds(&word) {
                ttl_s = Some(seconds);
            } else if !word.eq_ignore_ascii_case("IN") {
                break word;
            }
        };
        let data = self.data(&kind, &mut words)?;
        words.end()?;
        // RFC 1035 §5.1: an SOA record without TTL has its own minimum.
        let own = match &data {
            Data::Soa(soa) => Some(soa.minimum),
            Data::A(_)
            | Data::Aaaa(_)
            | Data::Cname(_)
            | Data::Ns(_)
            | Data::Srv(_)
            | Data::Naptr(_)
            | Data::Other { .. } => None,
        };
        let ttl_s = ttl_s.or(own).ok_or(ZoneProblem::NoTtl)?;
        Ok(Some(Record { name, ttl_s, data }))
    }

    fn direct(&mut self, directive: &str, words: &mut Words) -> Result<(), ZoneProblem> {
        match directive.to_ascii_uppercase().as_str() {
            "$ORIGIN" => self.origin = Some(self.name(&words.next("the origin")?)?),
            "$TTL" => self.ttl_s = Some(words.seconds()?),
            _ => return Err(ZoneProblem::Directive(directive.to_owned())),
        }
        Ok(())
    }

    fn data(&self, kind: &str, words: &mut Words) -> Result<Data, ZoneProblem> {
        Ok(match kind.to_ascii_uppercase().as_str() {
            "A" => Data::A(words.value::<Ipv4Addr>("IPv4 address")?),
            "AAAA" => Data::Aaaa(words.value::<Ipv6Addr>("IPv6 address")?),
            "CNAME" => Data::Cname(self.next_name(words)?),
            "NS" => Data::Ns(self.next_name(words)?),
            "SOA" => Data::Soa(Box::new(Soa {
                mname: self.next_name(words)?,
                rname: self.next_name(words)?,
                serial: words.value("serial number")?,
                refresh: words.seconds()?,
                retry: words.seconds()?,
                expire: words.seconds()?,
                minimum: words.seconds()?,
            })),
            "SRV" => Data::Srv(Srv {
                priority: words.value("priority")?,
                weight: words.value("weight")?,
                port: words.value("port")?,
                target: self.next_name(words)?,
            }),
            "NAPTR" => Data::Naptr(Box::new(Naptr {
                order: words.value("order")?,
                preference: words.value("preference")?,
                flags: words.text("flags")?,
                service: words.text("service")?,
                regexp: words.text("regexp")?,
                replacement: self.next_name(words)?,
            })),
            _ => return Err(ZoneProblem::Type(kind.to_owned())),
        })
    }

    fn next_name(&self, words: &mut Words) -> Result<DomainName, ZoneProblem> {
        self.name(&words.next("a name")?)
    }

    fn name(&self, text: &str) -> Result<DomainName, ZoneProblem> {
        let wrong = |why| ZoneProblem::Name { text: text.to_owned(), why };
        if text == "@" {
            return self.origin.clone().ok_or(ZoneProblem::NoOrigin);
        }
        let name = DomainName::parse(text).map_err(wrong)?;
        if text.ends_with('.') && !text.ends_with("\\.") {
            return Ok(name);
        }
        let origin = self.origin.as_ref().ok_or(ZoneProblem::NoOrigin)?;
        name.below(origin).map_err(wrong)
    }
}

struct Words(std::vec::IntoIter<String>);

impl Words {
    fn next(&mut self, wanted: &'static str) -> Result<String, ZoneProblem> {
        self.0.next().ok_or(ZoneProblem::Missing(wanted))
    }

    fn value<T: std::str::FromStr>(&mut self, wanted: &'static str) -> Result<T, ZoneProblem> {
        let text = self.next(wanted)?;
        text.parse().map_err(|_| ZoneProblem::Value { text, wanted })
    }

    fn seconds(&mut self) -> Result<u32, ZoneProblem> {
        let wanted = "number of seconds";
        let text = self.next(wanted)?;
        seconds(&text).ok_or(ZoneProblem::Value { text, wanted })
    }

    fn text(&mut self, wanted: &'static str) -> Result<Box<str>, ZoneProblem> {
        let text = self.next(wanted)?;
        if text.len() > 255 {
            return Err(ZoneProblem::Value { text, wanted });
        }
        Ok(text.into())
    }

    fn end(mut self) -> Result<(), ZoneProblem> {
        self.0.next().map_or(Ok(()), |word| Err(ZoneProblem::Surplus(word)))
    }
}

/// Reads `300` or, as BIND writes it, `1h30m`.
fn seconds(text: &str) -> Option<u32> {
    let mut total = 0_u32;
    let mut number = None;
    for next in text.chars() {
        if let Some(digit) = next.to_digit(10) {
            number = Some(number.unwrap_or(0_u32).checked_mul(10)?.checked_add(digit)?);
            continue;
        }
        let unit = match next.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match number {
        Some(number) => total.checked_add(number),
        None => (!text.is_empty()).then_some(total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        records(text).unwrap().iter().map(ToString::to_string).collect()
    }

    fn problem(text: &str) -> String {
        records(text).unwrap_err().to_string()
    }

    #[test]
    fn the_guides_zone_is_read() {
        let text = r#"
$ORIGIN yealink.pbx.com.
$TTL 5m
@   IN SOA ns hostmaster ( 1 ; serial
        1h 10m 1w
        60 )
    IN NS ns
    IN NAPTR 90 50 "s" "SIP+D2T" "" _sip._tcp
_sip._tcp 60 IN SRV 0 1 5060 server1.yealink.pbx.com.
          IN 60 SRV 0 2 5060 server2
server1 A 192.168.1.13
server2 aaaa 2001:db8::14 ; the other family
www CNAME @
"#;
        assert_eq!(
            read(text),
            [
                "yealink.pbx.com 300 IN SOA ns.yealink.pbx.com hostmaster.yealink.pbx.com 1 3600 600 604800 60",
                "yealink.pbx.com 300 IN NS ns.yealink.pbx.com",
                r#"yealink.pbx.com 300 IN NAPTR 90 50 "s" "SIP+D2T" "" _sip._tcp.yealink.pbx.com"#,
                "_sip._tcp.yealink.pbx.com 60 IN SRV 0 1 5060 server1.yealink.pbx.com",
                "_sip._tcp.yealink.pbx.com 60 IN SRV 0 2 5060 server2.yealink.pbx.com",
                "server1.yealink.pbx.com 300 IN A 192.168.1.13",
                "server2.yealink.pbx.com 300 IN AAAA 2001:db8::14",
                "www.yealink.pbx.com 300 IN CNAME yealink.pbx.com",
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        assert_eq!(
            problem("a.test. 30 A 192.0.2.1\nb A 192.0.2.2"),
            "line 2: a relative name stands before the first $ORIGIN"
        );
        assert_eq!(
            problem("a.test. A 192.0.2.1"),
            "line 1: the record has no TTL and no $TTL stands before it"
        );
        assert_eq!(
            problem("a.test. 30 A 192.0.2.256"),
            "line 1: \"192.0.2.256\" is no IPv4 address"
        );
        assert_eq!(problem("a.test. 30 A"), "line 1: IPv4 address is missing");
        assert_eq!(problem("a.test. 30 A 192.0.2.1 7"), "line 1: \"7\" is one value too many");
        assert_eq!(
            problem("a.test. 30 MX 10 b."),
            "line 1: \"MX\" is no record type that this server holds"
        );
        assert_eq!(
            problem("$INCLUDE other"),
            "line 1: \"$INCLUDE\" is no directive that this server knows"
        );
        assert_eq!(
            problem("\n\na.test. 30 NAPTR 1 1 \"s"),
            "line 3: a parenthesis or quote is not closed"
        );
        assert_eq!(
            problem("a.test. 30 SOA ( a. b."),
            "line 1: a parenthesis or quote is not closed"
        );
        assert_eq!(problem(" 30 A 192.0.2.1"), "line 1: the first record has no name");
        assert_eq!(
            problem("a..test. 30 A 192.0.2.1"),
            "line 1: \"a..test.\" is no domain name: a part between dots is empty"
        );
    }

    #[test]
    fn seconds_may_have_units() {
        assert_eq!(seconds("300"), Some(300));
        assert_eq!(seconds("1h30m"), Some(5_400));
        assert_eq!(seconds("1w"), Some(604_800));
        assert_eq!(seconds("h"), None);
        assert_eq!(seconds("99999999999"), None);
    }
}
