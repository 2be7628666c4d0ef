//! Addresses of files, as far as provisioning needs them (RFC 3986).

use std::fmt;
use std::net::Ipv6Addr;

use crate::secret::Secret;

/// How a file is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// RFC 1350.
    Tftp,
    /// RFC 959.
    Ftp,
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The word before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tftp => "tftp",
            Self::Ftp => "ftp",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where the address names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Tftp => 69,
            Self::Ftp => 21,
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Tftp, Self::Ftp, Self::Http, Self::Https];
        all.into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
    }
}

/// The address of a file or folder; it never holds a password, so that it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Url {
    scheme: Scheme,
    /// In lower case, an IPv6 address without brackets.
    host: Box<str>,
    port: u16,
    /// Path and query, percent-encoded; it begins with `/`.
    path: Box<str>,
}

/// Who logs in, and with which password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub user: Box<str>,
    /// The password.
    pub password: Secret,
}

/// Why a text is no address of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAUrl {
    /// It begins otherwise.
    #[error("it needs to begin with tftp://, ftp://, http:// or https://")]
    Scheme,
    /// There is no host, or none that could be one.
    #[error("it names no host")]
    Host,
    /// What stands for the port is no port.
    #[error("its port is none")]
    Port,
    /// A control character, which could end a request line.
    #[error("it holds a control character")]
    ControlCharacter,
}

impl Url {
    /// Reads an address; a user name and password before the host come apart from it.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<(Self, Option<Login>), NotAUrl> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err(NotAUrl::ControlCharacter);
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotAUrl::Scheme)?;
        let scheme = Scheme::parse(scheme).ok_or(NotAUrl::Scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (login, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (login(userinfo), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        let url = Self {
            scheme,
            host: host.to_ascii_lowercase().into(),
            port: port.unwrap_or(scheme.default_port()),
            path: normal_path(path).into(),
        };
        Ok((url, login))
    }

    /// As [`Url::parse`]; an address without scheme, as in DHCP option 66, is one of TFTP.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse_server(text: &str) -> Result<(Self, Option<Login>), NotAUrl> {
        let text = text.trim();
        if text.contains("://") {
            Self::parse(text)
        } else {
            Self::parse(&format!("tftp://{text}"))
        }
    }

    /// The address that `reference` means in a file that lies here (RFC 3986 §5.2).
    ///
    /// # Errors
    /// Says what is wrong with `reference`.
    pub fn join(&self, reference: &str) -> Result<(Self, Option<Login>), NotAUrl> {
        let reference = reference.trim();
        if reference.chars().any(char::is_control) {
            return Err(NotAUrl::ControlCharacter);
        }
        let reference = reference.replace('\\', "/");
        if let Some((scheme, _)) = reference.split_once("://")
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Self::parse(&reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{}:{reference}", self.scheme.as_str()));
        }
        let path = if reference.starts_with('/') {
            reference
        } else {
            format!("{}{reference}", self.folder())
        };
        Ok((Self { path: normal_path(&path).into(), ..self.clone() }, None))
    }

    /// How it is fetched.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name in lower case, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query as a request line has them.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path without its first `/`, escapes undone: a file name for TFTP and FTP.
    #[must_use]
    pub fn file_name(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        unescaped(path.strip_prefix('/').unwrap_or(path))
    }

    /// Host and port as a Host header has them.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match self.host.parse::<Ipv6Addr>() {
            Ok(_) => format!("[{}]", self.host),
            Err(_) => self.host.to_string(),
        };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }

    /// The last part of the path.
    #[must_use]
    pub fn last_segment(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether a query stands behind the path, so that no file name could be added to it.
    #[must_use]
    pub fn has_query(&self) -> bool {
        self.path.contains('?')
    }

    /// The file of this name in the folder that this address is.
    #[must_use]
    pub(crate) fn in_folder(&self, name: &str) -> Self {
        let slash = if self.path.ends_with('/') { "" } else { "/" };
        Self { path: format!("{}{slash}{name}", self.path).into(), ..self.clone() }
    }

    /// Whether a password meant for this address may be sent to `other`: the same server, never
    /// less protected than before.
    #[must_use]
    pub(crate) fn trusts_with_login(&self, other: &Self) -> bool {
        let same_service = self.scheme == other.scheme && self.port == other.port;
        let becomes_safe = self.scheme == Scheme::Http && other.scheme == Scheme::Https;
        self.host == other.host && (same_service || becomes_safe)
    }

    fn folder(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or("/")
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path)
    }
}

fn login(userinfo: &str) -> Option<Login> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    (!user.is_empty()).then(|| Login {
        user: unescaped(user).into(),
        password: Secret::new(&unescaped(password)),
    })
}

fn host_and_port(place: &str) -> Result<(&str, Option<u16>), NotAUrl> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(NotAUrl::Host)?;
        let _is_address: Ipv6Addr = host.parse().map_err(|_| NotAUrl::Host)?;
        (host, rest.strip_prefix(':').or(rest.is_empty().then_some("")).ok_or(NotAUrl::Port)?)
    } else {
        let (host, port) = place.split_once(':').unwrap_or((place, ""));
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if host.is_empty() || host.len() > HOST_BYTES_MAX || !host.bytes().all(fits) {
            return Err(NotAUrl::Host);
        }
        (host, port)
    };
    match port {
        "" => Ok((host, None)),
        figures if figures.bytes().all(|byte| byte.is_ascii_digit()) => {
            { figures.parse().ok().filter(|port| *port > 0).map(|port| (host, Some(port))) }
                .ok_or(NotAUrl::Port)
        }
        _ => Err(NotAUrl::Port),
    }
}

const HOST_BYTES_MAX: usize = 253;

/// A path without `.` and `..`, its fragment cut off, odd characters escaped.
fn normal_path(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        is_folder = matches!(segment, "" | "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let mut normal = format!("/{}", kept.join("/"));
    if is_folder && !normal.ends_with('/') {
        normal.push('/');
    }
    if let Some(query) = query {
        normal.push('?');
        normal.push_str(query);
    }
    escaped(&normal)
}

fn escaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_escape = |at: usize| {
        bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    let mut out = String::with_capacity(text.len());
    for (at, byte) in bytes.iter().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(byte);
        if plain || (*byte == b'%' && is_escape(at)) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap().0
    }

    #[test]
    fn an_address_is_read_and_shown_without_its_password() {
        let (url, login) =
            Url::parse("HTTPS://bob:s%40cret@PBX.example.com:8443/a b/x.cfg#f").unwrap();
        assert_eq!(url.to_string(), "https://pbx.example.com:8443/a%20b/x.cfg");
        let login = login.unwrap();
        assert_eq!((&*login.user, login.password.reveal()), ("bob", "s@cret"));
        assert_eq!(url.file_name(), "a b/x.cfg");
        for (text, shown) in [
            ("tftp://192.0.2.1", "tftp://192.0.2.1/"),
            ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]/x"),
            ("http://a/b/../c/./d/..", "http://a/c/"),
            ("http://a/../../etc", "http://a/etc"),
            ("http://a?x=1", "http://a/?x=1"),
            ("http://a/%zz%41", "http://a/%25zz%41"),
        ] {
            assert_eq!(self::url(text).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, why) in [
            ("", NotAUrl::Scheme),
            ("pbx.example.com", NotAUrl::Scheme),
            ("file:///etc/passwd", NotAUrl::Scheme),
            ("http:///x", NotAUrl::Host),
            ("http://a b/x", NotAUrl::Host),
            ("http://[fe80::1%25eth0]/x", NotAUrl::Host),
            ("http://a:0/", NotAUrl::Port),
            ("http://a:65536/", NotAUrl::Port),
            ("http://a:x/", NotAUrl::Port),
            ("http://a/x\r\nHost: b", NotAUrl::ControlCharacter),
        ] {
            assert_eq!(Url::parse(text), Err(why), "{text}");
        }
        assert_eq!(
            Url::parse_server("192.0.2.1/boot").unwrap().0.to_string(),
            "tftp://192.0.2.1/boot"
        );
    }

    #[test]
    fn a_reference_is_read_from_where_it_stands() {
        let base = url("http://a:8080/dir/x.boot?v=1");
        for (reference, joined) in [
            ("y.cfg", "http://a:8080/dir/y.cfg"),
            ("sub/y.cfg", "http://a:8080/dir/sub/y.cfg"),
            ("sub\\y.cfg", "http://a:8080/dir/sub/y.cfg"),
            ("../y.cfg", "http://a:8080/y.cfg"),
            ("/y.cfg", "http://a:8080/y.cfg"),
            ("//b/y.cfg", "http://b/y.cfg"),
            ("https://b/y.cfg", "https://b/y.cfg"),
            ("y.cfg?from=http://b/", "http://a:8080/dir/y.cfg?from=http://b/"),
        ] {
            assert_eq!(base.join(reference).unwrap().0.to_string(), joined);
        }
        assert_eq!(base.join("gopher://b/"), Err(NotAUrl::Scheme));
    }

    #[test]
    fn a_password_goes_to_its_own_server_alone() {
        let trusts = |from: &str, to: &str| url(from).trusts_with_login(&url(to));
        assert!(trusts("http://a/x", "http://a/y"));
        assert!(trusts("http://a/x", "https://a/x"));
        for other in ["http://b/x", "http://a:81/x", "http://a.b/x", "tftp://a/x"] {
            assert!(!trusts("http://a/x", other), "{other}");
        }
        assert!(!trusts("https://a/x", "http://a/x"));
    }

    #[test]
    fn files_of_a_folder_are_named_below_it() {
        for folder in ["http://a/dir", "http://a/dir/"] {
            assert_eq!(url(folder).in_folder("x.cfg").to_string(), "http://a/dir/x.cfg");
        }
        assert_eq!(url("http://a").in_folder("x.cfg").to_string(), "http://a/x.cfg");
    }
}
