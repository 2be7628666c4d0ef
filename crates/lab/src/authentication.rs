use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use net::{Instant, Rng};
use sip::digest::{Algorithm, Asker, Authorization, Challenge, Qop};
use sip::{Method, Request};

/// Whether a server wants to know who sends a request.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// It trusts everybody.
    None,
    /// It asks for a password by Digest with qop=auth (RFC 7616, RFC 8760).
    Digest(DigestPolicy),
}

/// How a server asks for passwords.
#[derive(Clone, Debug)]
pub struct DigestPolicy {
    /// The hash functions offered, in this order.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce is good.
    pub nonce_life: Duration,
    /// Which requests need credentials.
    pub scope: DigestScope,
}

/// Which requests need credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestScope {
    /// REGISTER alone.
    Registrations,
    /// REGISTER, and whatever users of the domain send outside a dialog.
    AllOfOurs,
}

impl Default for DigestPolicy {
    fn default() -> Self {
        Self {
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_life: Duration::from_secs(300),
            scope: DigestScope::AllOfOurs,
        }
    }
}

/// Somebody who may register.
#[derive(Clone)]
pub struct User {
    /// The user part of the address-of-record.
    pub name: Box<str>,
    /// The name in credentials.
    pub auth_name: Box<str>,
    /// The password.
    pub password: Box<str>,
}

impl User {
    /// A user who authenticates by the name of the address-of-record.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self { name: name.into(), auth_name: name.into(), password: password.into() }
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What credentials are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// They prove this user, named as in the address-of-record.
    User(Box<str>),
    /// There are none for this realm.
    Missing,
    /// The password is right, but the nonce is too old, unknown or used before.
    Stale,
    /// The user is unknown or the password wrong.
    Wrong,
}

/// Hands out nonces and judges credentials.
#[derive(Debug)]
pub(crate) struct Authenticator {
    realm: Box<str>,
    algorithms: Vec<Algorithm>,
    life: Duration,
    users: BTreeMap<Box<str>, User>,
    nonces: VecDeque<Nonce>,
    /// The number of the first nonce kept.
    first: u64,
    rng: Rng,
}

#[derive(Debug)]
struct Nonce {
    secret: u64,
    ends: Instant,
    /// The highest count it was used with.
    nc: u32,
}

impl Authenticator {
    pub(crate) fn new(realm: &str, policy: &DigestPolicy, users: &[User], rng: Rng) -> Self {
        let users = users.iter().map(|user| (user.auth_name.clone(), user.clone())).collect();
        Self {
            realm: realm.into(),
            algorithms: policy.algorithms.clone(),
            life: policy.nonce_life,
            users,
            nonces: VecDeque::new(),
            first: 0,
            rng,
        }
    }

    /// A fresh challenge for each hash function.
    pub(crate) fn challenges(&mut self, now: Instant, asker: Asker, stale: bool) -> Vec<Challenge> {
        let nonce: Box<str> = self.fresh_nonce(now).into();
        let challenge = |algorithm: &Algorithm| Challenge {
            realm: self.realm.clone(),
            nonce: nonce.clone(),
            opaque: None,
            domain: None,
            algorithm: *algorithm,
            qop: Qop::Auth,
            stale,
            proxy: asker == Asker::Proxy,
        };
        self.algorithms.iter().map(challenge).collect()
    }

    /// Judges the credentials of a request; right ones use up their count.
    pub(crate) fn judge(&mut self, now: Instant, request: &Request, asker: Asker) -> Judgement {
        let header = match asker {
            Asker::Server => "Authorization",
            Asker::Proxy => "Proxy-Authorization",
        };
        let of_realm = |answer: &Authorization| answer.realm == self.realm;
        let Some(answer) = request.headers(header).filter_map(Authorization::parse).find(of_realm)
        else {
            return Judgement::Missing;
        };
        let Some(user) = self.users.get(&answer.user) else { return Judgement::Wrong };
        if !self.is_right(&answer, &user.password, request.method(), request) {
            return Judgement::Wrong;
        }
        let name = user.name.clone();
        if self.use_up(now, &answer) { Judgement::User(name) } else { Judgement::Stale }
    }

    fn is_right(
        &self,
        answer: &Authorization,
        password: &str,
        method: &Method,
        request: &Request,
    ) -> bool {
        let offered = self.algorithms.contains(&answer.algorithm) && answer.qop == Qop::Auth;
        // RFC 3261 §22.4, RFC 7616 §3.4.6: the URI has to be the one of the request.
        let about_this = crate::location::same_uri(&answer.uri, request.uri());
        offered && about_this && answer.verify(password, method, request.body())
    }

    /// RFC 7616 §3.4: a count that does not rise is a replay.
    fn use_up(&mut self, now: Instant, answer: &Authorization) -> bool {
        let Some((number, secret)) = read_nonce(&answer.nonce) else { return false };
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let Some(nonce) = place.and_then(|place| self.nonces.get_mut(place)) else { return false };
        let good = nonce.secret == secret && now < nonce.ends && answer.nc > nonce.nc;
        if good {
            nonce.nc = answer.nc;
        }
        good
    }

    fn fresh_nonce(&mut self, now: Instant) -> String {
        while self.nonces.len() >= NONCES_MAX
            || self.nonces.front().is_some_and(|nonce| nonce.ends <= now)
        {
            self.nonces.pop_front();
            self.first += 1;
        }
        let number = self.first + self.nonces.len() as u64;
        let secret = self.rng.next_u64();
        self.nonces.push_back(Nonce { secret, ends: now + self.life, nc: 0 });
        format!("{number:x}.{secret:016x}")
    }
}

fn read_nonce(nonce: &str) -> Option<(u64, u64)> {
    let (number, secret) = nonce.split_once('.')?;
    Some((u64::from_str_radix(number, 16).ok()?, u64::from_str_radix(secret, 16).ok()?))
}

const NONCES_MAX: usize = 500_000;
