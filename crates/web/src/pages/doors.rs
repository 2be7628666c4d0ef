//! Who is logged in: passwords and sessions, kept where they outlive the process.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::chance::{digest, token};
use super::passwords::{self, Check, From, Passwords, User};
use super::throttle::Throttle;

/// Where passwords and sessions are kept: a few hundred bytes that only their owner reads.
pub trait Vault: Send + Sync {
    /// What was kept last.
    fn read(&self) -> Option<Vec<u8>>;
    /// Replaces it, whole or not at all.
    ///
    /// # Errors
    /// Says why it cannot be kept.
    fn keep(&self, content: &[u8]) -> Result<(), String>;
}

/// How long somebody who does nothing stays logged in.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(3600);
/// How long anybody does.
const SESSION_MAX: Duration = Duration::from_secs(12 * 3600);
/// How exactly it is kept when somebody was seen last.
const SEEN_EVERY: Duration = Duration::from_secs(300);
/// How many are logged in at once; the one that was idle longest makes room.
const SESSIONS_MAX: usize = 64;
/// How many passwords are compared at once: each costs 19 MiB and a moment of one core.
const CHECKS_MAX: usize = 2;

/// The users of the page.
#[derive(Clone)]
pub struct Doors {
    vault: Arc<dyn Vault>,
    inside: Arc<Mutex<Inside>>,
    checks: Arc<Semaphore>,
}

#[derive(Default)]
struct Inside {
    kept: Kept,
    throttle: Throttle,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Kept {
    passwords: Passwords,
    /// By digest of their token: what is kept lets nobody in.
    sessions: BTreeMap<String, Session>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session {
    user: User,
    /// Seconds since 1970.
    begun: u64,
    seen: u64,
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) user: User,
    token: String,
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// Name or password is wrong.
    Wrong,
    /// The password that everybody knows, from another machine.
    DefaultFromElsewhere,
    /// Too many wrong ones.
    Wait(Duration),
    /// Something is wrong here.
    Fault(String),
}

impl Doors {
    /// The users that `vault` knows; what cannot be read is as if there were none.
    #[must_use]
    pub fn open(vault: Arc<dyn Vault>) -> Self {
        let kept = vault.read().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let inside = Inside { kept: kept.unwrap_or_default(), throttle: Throttle::default() };
        let inside = Arc::new(Mutex::new(inside));
        Self { vault, inside, checks: Arc::new(Semaphore::new(CHECKS_MAX)) }
    }

    /// Gives the administrator a password of its own where it has none yet, and returns it: to be
    /// shown once, where the page can be reached from other machines.
    ///
    /// # Errors
    /// Says why it cannot be kept.
    pub fn first_password(&self) -> Result<Option<String>, String> {
        if !self.inside().kept.passwords.is_default() {
            return Ok(None);
        }
        let password = passwords::generated()?;
        self.change(|kept| kept.passwords.set(User::Admin, &password))?;
        Ok(Some(password))
    }

    /// Takes the passwords of configuration files, for `admin` and `user`: name, password and a
    /// mark that stands for it and tells nothing. Each is taken only once, so that what was changed
    /// on the page since stays.
    ///
    /// # Errors
    /// Says why they cannot be kept.
    pub fn configure<'a>(
        &self,
        users: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    ) -> Result<(), String> {
        let mut passwords = self.inside().kept.passwords.clone();
        let mut changed = false;
        for (name, password, mark) in users {
            let Some(user) = User::from_name(name) else { continue };
            changed |= passwords.configure(user, password, mark);
        }
        if !changed {
            return Ok(());
        }
        self.change(|kept| {
            kept.passwords = passwords;
            kept.sessions.clear();
            Ok(())
        })
    }

    /// Lets somebody in.
    pub(super) async fn log_in(
        &self,
        name: &str,
        password: &str,
        from: IpAddr,
    ) -> Result<Guest, Turned> {
        let user = User::from_name(name);
        self.verify(user, password, from).await?;
        let user = user.ok_or(Turned::Wrong)?;
        let token = token().map_err(Turned::Fault)?;
        let session = Session { user, begun: now(), seen: now() };
        let mut inside = self.inside();
        inside.kept.sweep();
        inside.kept.sessions.insert(session_id(&token), session);
        self.remember(&inside.kept);
        Ok(Guest { user, token })
    }

    /// Compares a password, as often as the throttle permits.
    pub(super) async fn verify(
        &self,
        user: Option<User>,
        password: &str,
        from: IpAddr,
    ) -> Result<(), Turned> {
        if let Some(wait) = self.inside().throttle.wait(from, Instant::now()) {
            return Err(Turned::Wait(wait));
        }
        let fault = |error: &dyn ToString| Turned::Fault(error.to_string());
        let permit = Arc::clone(&self.checks).acquire_owned().await;
        let permit = permit.map_err(|error| fault(&error))?;
        let (passwords, password) = (self.inside().kept.passwords.clone(), password.to_owned());
        let place =
            if from.to_canonical().is_loopback() { From::Loopback } else { From::Elsewhere };
        let checked = tokio::task::spawn_blocking(move || {
            let checked = match password.len() > passwords::BYTES_MAX {
                true => Check::Wrong,
                false => passwords.check(user, &password, place),
            };
            drop(permit);
            checked
        });
        let checked = checked.await.map_err(|error| fault(&error))?;
        let mut inside = self.inside();
        match checked {
            Check::Right => {
                inside.throttle.pass(from);
                Ok(())
            }
            Check::Wrong => {
                inside.throttle.fail(from, Instant::now());
                Err(Turned::Wrong)
            }
            Check::DefaultFromElsewhere => Err(Turned::DefaultFromElsewhere),
        }
    }

    /// Who has this token; being asked for counts as doing something.
    pub(super) fn guest(&self, token: &str) -> Option<Guest> {
        let mut inside = self.inside();
        let session = inside.kept.sessions.get_mut(&session_id(token))?;
        if !session.lasts() {
            return None;
        }
        let user = session.user;
        if now().saturating_sub(session.seen) >= SEEN_EVERY.as_secs() {
            session.seen = now();
            self.remember(&inside.kept);
        }
        Some(Guest { user, token: token.to_owned() })
    }

    /// Ends a session.
    pub(super) fn log_out(&self, guest: &Guest) {
        let mut inside = self.inside();
        inside.kept.sessions.remove(&session_id(&guest.token));
        self.remember(&inside.kept);
    }

    /// Gives a user another password, and ends all its sessions but the one that asks.
    pub(super) async fn set_password(
        &self,
        guest: &Guest,
        user: User,
        password: String,
    ) -> Result<(), String> {
        let (doors, own) = (self.clone(), session_id(&guest.token));
        let set = tokio::task::spawn_blocking(move || {
            doors.change(|kept| {
                kept.passwords.set(user, &password)?;
                kept.sessions.retain(|id, session| session.user != user || *id == own);
                Ok(())
            })
        });
        set.await.map_err(|error| error.to_string())?
    }

    /// Whether the administrator still has the password that everybody knows.
    pub(super) fn is_default(&self) -> bool {
        self.inside().kept.passwords.is_default()
    }

    pub(super) fn has_password(&self, user: User) -> bool {
        self.inside().kept.passwords.has(user)
    }

    /// Changes what is kept; where it cannot be written, nothing changes.
    fn change(&self, change: impl FnOnce(&mut Kept) -> Result<(), String>) -> Result<(), String> {
        let mut inside = self.inside();
        let mut kept = inside.kept.clone();
        change(&mut kept)?;
        let json = serde_json::to_vec(&kept).map_err(|error| error.to_string())?;
        self.vault.keep(&json)?;
        inside.kept = kept;
        Ok(())
    }

    /// Keeps who is logged in, if it can be: a full disk locks nobody out.
    fn remember(&self, kept: &Kept) {
        if let Ok(json) = serde_json::to_vec(kept) {
            drop(self.vault.keep(&json));
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn sweep(&mut self) {
        self.sessions.retain(|_, session| session.lasts());
        while self.sessions.len() >= SESSIONS_MAX {
            let idle = self.sessions.iter().min_by_key(|(_, session)| session.seen);
            let Some(idle) = idle.map(|(id, _)| id.clone()) else { return };
            self.sessions.remove(&idle);
        }
    }
}

impl Session {
    fn lasts(&self) -> bool {
        let age = |since: u64| Duration::from_secs(now().saturating_sub(since));
        age(self.seen) < IDLE_MAX && age(self.begun) < SESSION_MAX
    }
}

impl Guest {
    /// What the browser shows from now on.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// What its forms carry, so that no other page can send them.
    pub(super) fn form_token(&self) -> String {
        digest("form", &self.token)
    }
}

fn session_id(token: &str) -> String {
    digest("session", token)
}

fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// Keeps in memory, or refuses.
    #[derive(Default)]
    struct Drawer {
        content: Mutex<Option<Vec<u8>>>,
        is_full: bool,
    }

    impl Vault for Drawer {
        fn read(&self) -> Option<Vec<u8>> {
            self.content.lock().unwrap().clone()
        }

        fn keep(&self, content: &[u8]) -> Result<(), String> {
            if self.is_full {
                return Err("the disk is full".into());
            }
            *self.content.lock().unwrap() = Some(content.to_vec());
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_session_outlives_the_process_and_ends_with_the_log_out() {
        let drawer = Arc::new(Drawer::default());
        let doors = Doors::open(drawer.clone());
        let guest = doors.log_in("admin", "admin", HERE).await.unwrap();
        let restarted = Doors::open(drawer.clone());
        assert_eq!(restarted.guest(guest.token()).unwrap().user, User::Admin);
        let kept = String::from_utf8(drawer.read().unwrap()).unwrap();
        assert!(!kept.contains(guest.token()), "the token itself is kept");
        restarted.log_out(&guest);
        assert!(restarted.guest(guest.token()).is_none());
        assert!(Doors::open(drawer).guest(guest.token()).is_none());
    }

    #[tokio::test]
    async fn wrong_passwords_are_counted_and_then_cost_time() {
        let doors = Doors::open(Arc::new(Drawer::default()));
        for _ in 0..3 {
            assert_eq!(doors.log_in("admin", "guess", THERE).await.unwrap_err(), Turned::Wrong);
        }
        let turned = doors.log_in("admin", "admin", THERE).await.unwrap_err();
        assert!(matches!(turned, Turned::Wait(_)), "{turned:?}");
        assert!(doors.log_in("admin", "admin", HERE).await.is_ok());
        let turned = doors.log_in("nobody", "admin", HERE).await.unwrap_err();
        assert_eq!(turned, Turned::Wrong);
    }

    #[tokio::test]
    async fn a_first_password_is_generated_once_and_replaces_the_known_one() {
        let doors = Doors::open(Arc::new(Drawer::default()));
        let turned = doors.log_in("admin", "admin", THERE).await.unwrap_err();
        assert_eq!(turned, Turned::DefaultFromElsewhere);
        let first = doors.first_password().unwrap().unwrap();
        assert_eq!(doors.first_password(), Ok(None));
        assert!(doors.log_in("admin", &first, THERE).await.is_ok());
        assert_eq!(doors.log_in("admin", "admin", HERE).await.unwrap_err(), Turned::Wrong);
    }

    #[tokio::test]
    async fn another_password_ends_the_other_sessions() {
        let doors = Doors::open(Arc::new(Drawer::default()));
        let own = doors.log_in("admin", "admin", HERE).await.unwrap();
        let other = doors.log_in("admin", "admin", HERE).await.unwrap();
        doors.set_password(&own, User::Admin, "long enough".into()).await.unwrap();
        assert!(doors.guest(own.token()).is_some());
        assert!(doors.guest(other.token()).is_none());
    }

    #[tokio::test]
    async fn a_full_disk_locks_nobody_out_and_changes_no_password() {
        let doors = Doors::open(Arc::new(Drawer { is_full: true, ..Drawer::default() }));
        assert_eq!(doors.first_password(), Err("the disk is full".into()));
        assert!(doors.is_default());
        let guest = doors.log_in("admin", "admin", HERE).await.unwrap();
        let set = doors.set_password(&guest, User::Admin, "long enough".into()).await;
        assert_eq!(set, Err("the disk is full".into()));
        doors.log_out(&guest);
        assert!(doors.guest(guest.token()).is_none());
    }

    #[tokio::test]
    async fn configured_passwords_let_in_by_name() {
        let doors = Doors::open(Arc::new(Drawer::default()));
        let users = [("admin", "from file", "m1"), ("user", "reception", "m2"), ("var", "x", "m3")];
        doors.configure(users).unwrap();
        assert_eq!(doors.log_in("user", "reception", THERE).await.unwrap().user, User::User);
        assert_eq!(doors.log_in("admin", "from file", THERE).await.unwrap().user, User::Admin);
        assert!(doors.log_in("var", "x", THERE).await.is_err());
    }

    #[test]
    fn idle_sessions_make_room() {
        let mut kept = Kept::default();
        let start = now();
        for number in 0..70 {
            kept.sweep();
            let session = Session { user: User::User, begun: start, seen: start - number };
            kept.sessions.insert(number.to_string(), session);
        }
        assert_eq!(kept.sessions.len(), SESSIONS_MAX);
        let old = start.saturating_sub(IDLE_MAX.as_secs());
        kept.sessions.insert("old".into(), Session { user: User::User, begun: start, seen: old });
        kept.sweep();
        assert!(!kept.sessions.contains_key("old"));
    }
}
