use std::time::Duration;

use net::{Instant, Output, Transport};
use sip::digest::Asker;
use sip::{NameAddr, Request, Uri};

use super::{Arrival, Event, Pending, Registrar};
use crate::location::{Binding, Home, Locations};
use crate::reply::Reply;

/// How many contacts an address-of-record may have.
const CONTACTS_MAX: usize = 32;

/// A Contact of a REGISTER, and what it asks for.
struct Wish {
    uri: Box<str>,
    params: Box<str>,
    expires_s: u32,
    instance: Option<(Box<str>, u32)>,
}

/// What a REGISTER asks for.
enum Wishes {
    /// Nothing: it only wants to know the bindings.
    None,
    /// To remove every binding.
    RemoveAll,
    /// To bind or remove these.
    Contacts(Vec<Wish>),
}

impl Registrar {
    /// RFC 3261 §10.3.
    pub(super) fn register(&mut self, now: Instant, pending: &Pending) {
        let reply = self.registered(now, pending).unwrap_or_else(|refusal| refusal);
        self.respond(now, pending, reply);
    }

    fn registered(&mut self, now: Instant, pending: &Pending) -> Result<Reply, Reply> {
        let request = &pending.request;
        self.check_extensions(request)?;
        let prover = self.authenticate(now, request, Asker::Server)?;
        // RFC 3261 §10.3 step 5.
        let to = Uri::parse(request.to_uri()).ok_or(Reply::new(400))?;
        let (user, aor) = self.config.aor(&to).ok_or(Reply::new(404))?;
        if !self.users.contains(&*user) {
            return Err(Reply::new(404));
        }
        // RFC 3261 §10.3 step 4.
        if prover.is_some_and(|prover| *prover != *user) {
            return Err(Reply::new(403));
        }
        let wishes = self.wishes(request)?;
        self.carry_out(now, &aor, wishes, pending)?;
        Ok(self.listed(now, &aor, pending))
    }

    /// RFC 3261 §8.2.2.3.
    fn check_extensions(&self, request: &Request) -> Result<(), Reply> {
        let known = |tag: &str| {
            tag.eq_ignore_ascii_case("path")
                || (tag.eq_ignore_ascii_case("outbound") && self.config.outbound.is_some())
        };
        let unknown: Vec<&str> = request.list("Require").filter(|tag| !known(tag)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(Reply::new(420).with("Unsupported", unknown.join(", ")))
    }

    fn wishes(&self, request: &Request) -> Result<Wishes, Reply> {
        let general = request.expires();
        let contacts: Vec<&str> = request.list("Contact").collect();
        if contacts.contains(&"*") {
            // RFC 3261 §10.3 step 6.
            let alone = contacts.len() == 1 && general == Some(0);
            return if alone { Ok(Wishes::RemoveAll) } else { Err(Reply::new(400)) };
        }
        if contacts.is_empty() {
            return Ok(Wishes::None);
        }
        let wishes: Option<Vec<Wish>> =
            contacts.iter().map(|contact| self.wish(contact, general)).collect();
        let wishes = wishes.ok_or(Reply::new(400))?;
        let min_s = self.config.expires.min_s;
        // RFC 3261 §10.3 step 7: shorter than the minimum, but not a removal.
        if wishes.iter().any(|wish| wish.expires_s > 0 && wish.expires_s < min_s) {
            return Err(Reply::new(423).with("Min-Expires", min_s));
        }
        Ok(Wishes::Contacts(wishes))
    }

    fn wish(&self, contact: &str, general: Option<u32>) -> Option<Wish> {
        let address = NameAddr::parse(contact)?;
        let mut params = String::new();
        for (name, value) in address.params().iter() {
            if !name.eq_ignore_ascii_case("expires") {
                let equals = if value.is_empty() { "" } else { "=" };
                params.push_str(&format!(";{name}{equals}{value}"));
            }
        }
        let limits = self.config.expires;
        let own = address.params().get("expires").map(|seconds| seconds.parse().ok());
        let asked = match own {
            Some(own) => own.unwrap_or(limits.default_s),
            None => general.unwrap_or(limits.default_s),
        };
        let instance = address.params().get("+sip.instance").and_then(|instance| {
            let reg_id = address.params().get("reg-id")?.parse().ok()?;
            Some((instance.into(), reg_id))
        });
        Some(Wish {
            uri: address.uri().into(),
            params: params.into(),
            expires_s: asked.min(limits.max_s),
            instance: instance.filter(|_| self.config.outbound.is_some()),
        })
    }

    /// All of a REGISTER is carried out, or nothing (RFC 3261 §10.3 step 7).
    fn carry_out(
        &mut self,
        now: Instant,
        aor: &str,
        wishes: Wishes,
        pending: &Pending,
    ) -> Result<(), Reply> {
        let database = self.database.clone();
        let mut locations = database.lock();
        match wishes {
            Wishes::None => {}
            Wishes::RemoveAll => {
                locations.unbind_all(aor);
                self.tell_unbound(aor, "*");
            }
            Wishes::Contacts(wishes) => {
                check_order(&locations, now, aor, &wishes, &pending.request)?;
                if locations.live(aor, now).count() + wishes.len() > CONTACTS_MAX {
                    let full = Event::LimitReached("contacts of an address-of-record");
                    self.outputs.push_back(Output::Event(full));
                    return Err(Reply::new(403));
                }
                for wish in wishes {
                    self.grant(now, &mut locations, aor, wish, pending);
                }
            }
        }
        Ok(())
    }

    fn grant(
        &mut self,
        now: Instant,
        locations: &mut Locations,
        aor: &str,
        wish: Wish,
        pending: &Pending,
    ) {
        if wish.expires_s == 0 {
            locations.unbind(aor, &wish.uri);
            self.tell_unbound(aor, &wish.uri);
            return;
        }
        if locations.find(aor, &wish.uri, now).is_none() {
            self.outputs.push_back(Output::Event(Event::Bound {
                aor: aor.into(),
                contact: wish.uri.clone(),
                expires_s: wish.expires_s,
            }));
        }
        let request = &pending.request;
        let binding = Binding {
            uri: wish.uri,
            params: wish.params,
            call_id: request.call_id().into(),
            cseq: request.cseq(),
            ends: now + Duration::from_secs(wish.expires_s.into()),
            home: self.home(&pending.arrival),
            transport: pending.arrival.transport,
            source: pending.arrival.from,
            path: request.list("Path").map(Into::into).collect(),
            instance: wish.instance,
        };
        locations.bind(aor, binding, now);
    }

    fn home(&self, arrival: &Arrival) -> Home {
        Home {
            server: self.name.clone(),
            flow: arrival.flow,
            addr: self.config.own(Transport::Udp, arrival.from.ip()),
        }
    }

    /// RFC 3261 §10.3 step 8: 200 with every binding.
    fn listed(&self, now: Instant, aor: &str, pending: &Pending) -> Reply {
        let locations = self.database.lock();
        let mut reply = Reply::new(200);
        for binding in locations.live(aor, now) {
            let (uri, params) = (&binding.uri, &binding.params);
            let left = binding.seconds_left(now);
            reply = reply.with("Contact", format_args!("<{uri}>{params};expires={left}"));
        }
        // RFC 3327 §5.3: Path comes back as it was taken.
        for path in pending.request.list("Path") {
            reply = reply.with("Path", path);
        }
        for route in &self.config.service_route {
            reply = reply.with("Service-Route", route);
        }
        match self.config.outbound {
            // RFC 5626 §6.
            Some(flow_timer_s) if pending.request.supports("outbound") => {
                reply.with("Require", "outbound").with("Flow-Timer", flow_timer_s)
            }
            Some(_) | None => reply,
        }
    }

    fn tell_unbound(&mut self, aor: &str, contact: &str) {
        let event = Event::Unbound { aor: aor.into(), contact: contact.into() };
        self.outputs.push_back(Output::Event(event));
    }
}

/// RFC 3261 §10.3 step 7: within one Call-ID, CSeq has to rise.
fn check_order(
    locations: &Locations,
    now: Instant,
    aor: &str,
    wishes: &[Wish],
    request: &Request,
) -> Result<(), Reply> {
    let overtaken = |wish: &Wish| {
        locations.find(aor, &wish.uri, now).is_some_and(|known| {
            *known.call_id == *request.call_id() && request.cseq() <= known.cseq
        })
    };
    if wishes.iter().any(overtaken) { Err(Reply::new(500)) } else { Ok(()) }
}
