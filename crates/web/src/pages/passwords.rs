//! Users of the page and their passwords, kept as argon2id hashes.

use std::collections::BTreeMap;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Argon2, Params};
use serde::{Deserialize, Serialize};

use super::chance::bytes;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum User {
    /// Looks at the status.
    User,
    /// Changes everything.
    Admin,
}

impl User {
    /// Both, the one that everybody knows first.
    pub(super) const ALL: [Self; 2] = [Self::Admin, Self::User];

    /// The vendor's name for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|user| user.name() == name)
    }
}

/// The password of the administrator while nobody has set one; from loopback alone.
pub(super) const DEFAULT: &str = "admin";
/// A password has at least so many characters.
pub(super) const CHARACTERS_MIN: usize = 6;
/// A password has at most so many bytes, so that hashing costs little.
pub(super) const BYTES_MAX: usize = 256;

/// Hashes by user; a user without one cannot log in, but for the first log-in of the administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Passwords(BTreeMap<User, Kept>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    hash: String,
    /// The mark of the configured password that it comes from, even where it was changed since.
    #[serde(default)]
    configured: Option<String>,
}

/// Whether a password may be the one that everybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The browser runs on this machine.
    Loopback,
    /// Anywhere else.
    Elsewhere,
}

/// What a look at the passwords came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// It is the user's.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// It is the one that everybody knows, and the browser is elsewhere.
    DefaultFromElsewhere,
}

impl Passwords {
    /// Whether the administrator still has the password that everybody knows.
    pub(super) fn is_default(&self) -> bool {
        !self.0.contains_key(&User::Admin)
    }

    /// Whether the user can log in.
    pub(super) fn has(&self, user: User) -> bool {
        user == User::Admin || self.0.contains_key(&user)
    }

    /// Compares; takes as long for a user that is not there.
    pub(super) fn check(&self, user: Option<User>, password: &str, from: From) -> Check {
        let kept = user.and_then(|user| self.0.get(&user));
        let Some(kept) = kept else {
            let is_default = user == Some(User::Admin) && password == DEFAULT;
            if !is_default {
                let _hash = hash(password);
            }
            return match (is_default, from) {
                (true, From::Loopback) => Check::Right,
                (true, From::Elsewhere) => Check::DefaultFromElsewhere,
                (false, _) => Check::Wrong,
            };
        };
        let agrees = PasswordHash::new(&kept.hash)
            .is_ok_and(|hash| hasher().verify_password(password.as_bytes(), &hash).is_ok());
        if agrees { Check::Right } else { Check::Wrong }
    }

    /// Gives the user this password.
    pub(super) fn set(&mut self, user: User, password: &str) -> Result<(), String> {
        let configured = self.0.get(&user).and_then(|kept| kept.configured.clone());
        let hash = hash(password)?;
        self.0.insert(user, Kept { hash, configured });
        Ok(())
    }

    /// Gives the user the password of a configuration file, unless it was given before: what was
    /// changed on the page since stays. Says whether anything changed.
    pub(super) fn configure(&mut self, user: User, password: &str, mark: &str) -> bool {
        let known = self.0.get(&user).and_then(|kept| kept.configured.as_deref());
        if known == Some(mark) {
            return false;
        }
        let Ok(hash) = hash(password) else { return false };
        self.0.insert(user, Kept { hash, configured: Some(mark.to_owned()) });
        true
    }
}

/// Why a password is not taken.
pub(super) fn fault(password: &str) -> Option<String> {
    if password.chars().count() < CHARACTERS_MIN {
        return Some(format!("permitted are at least {CHARACTERS_MIN} characters"));
    }
    if password.len() > BYTES_MAX {
        return Some(format!("permitted are at most {BYTES_MAX} bytes"));
    }
    None
}

/// A password that can be read out: 80 bits in groups, without letters that look alike.
pub(super) fn generated() -> Result<String, String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; 16] = bytes()?;
    let letters = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 32)));
    let letters: Vec<char> = letters.map(|letter| char::from(*letter)).collect();
    Ok(letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-"))
}

fn hash(password: &str) -> Result<String, String> {
    let salt: [u8; 16] = bytes()?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
    let hash = hasher().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// OWASP's least for argon2id: 19 MiB, two passes; tests take less.
fn hasher() -> Argon2<'static> {
    let params =
        if cfg!(test) { Params::new(8, 1, 1, None) } else { Params::new(19 << 10, 2, 1, None) };
    let params = params.unwrap_or_default();
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_password_works_on_this_machine_until_it_is_changed() {
        let mut passwords = Passwords::default();
        let admin = Some(User::Admin);
        assert_eq!(passwords.check(admin, DEFAULT, From::Loopback), Check::Right);
        assert_eq!(passwords.check(admin, DEFAULT, From::Elsewhere), Check::DefaultFromElsewhere);
        assert_eq!(passwords.check(admin, "guess", From::Elsewhere), Check::Wrong);
        passwords.set(User::Admin, "long enough").unwrap();
        assert!(!passwords.is_default());
        assert_eq!(passwords.check(admin, DEFAULT, From::Loopback), Check::Wrong);
        assert_eq!(passwords.check(admin, "long enough", From::Elsewhere), Check::Right);
    }

    #[test]
    fn a_user_without_a_password_cannot_log_in() {
        let mut passwords = Passwords::default();
        for password in ["", "user", DEFAULT] {
            assert_eq!(passwords.check(Some(User::User), password, From::Loopback), Check::Wrong);
            assert_eq!(passwords.check(None, password, From::Loopback), Check::Wrong);
        }
        assert!(!passwords.has(User::User));
        passwords.set(User::User, "reception").unwrap();
        assert_eq!(passwords.check(Some(User::User), "reception", From::Loopback), Check::Right);
    }

    #[test]
    fn a_configured_password_holds_until_the_page_changes_it_or_the_file_does() {
        let mut passwords = Passwords::default();
        let right = |passwords: &Passwords, password: &str| {
            passwords.check(Some(User::Admin), password, From::Elsewhere) == Check::Right
        };
        assert!(passwords.configure(User::Admin, "from file", "m1"));
        assert!(right(&passwords, "from file"));
        passwords.set(User::Admin, "from page").unwrap();
        assert!(!passwords.configure(User::Admin, "from file", "m1"));
        assert!(right(&passwords, "from page"));
        assert!(passwords.configure(User::Admin, "other file", "m2"));
        assert!(right(&passwords, "other file"));
    }

    #[test]
    fn nothing_kept_tells_the_password() {
        let mut passwords = Passwords::default();
        passwords.set(User::Admin, "long enough").unwrap();
        let kept = serde_json::to_string(&passwords).unwrap();
        assert!(kept.contains("$argon2id$") && !kept.contains("long enough"), "{kept}");
        assert_eq!(serde_json::from_str::<Passwords>(&kept).unwrap(), passwords);
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        assert!(fault("12345").is_some() && fault(&"x".repeat(257)).is_some());
        assert_eq!(fault("123456"), None);
    }

    #[test]
    fn a_generated_password_is_long_and_another_each_time() {
        let (one, two) = (generated().unwrap(), generated().unwrap());
        assert_ne!(one, two);
        assert_eq!((one.len(), one.matches('-').count()), (19, 3));
    }
}
