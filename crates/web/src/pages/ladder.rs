//! The SIP messages around a move as a ladder: a lane for each party, an arrow for each message.

use std::collections::{BTreeMap, BTreeSet};

use desk::{MoveLine, TraceLine};

use super::chronicle::Memory;

/// How many messages are drawn.
const ARROWS_MAX: usize = 60;
/// A silence longer than this is drawn as one.
const SILENCE_S: f64 = 1.5;

const LEFT: u32 = 92;
/// What a wide page has room for.
const WIDTH: u32 = 1060;
const LANE_MIN: u32 = 210;
const LANE_MAX: u32 = 420;
const RIGHT: u32 = 96;
const TOP: u32 = 56;
const ROW: u32 = 40;
const GAP: u32 = 24;

/// Whose messages are drawn.
pub(super) struct Parties<'a> {
    /// The memory of the account; none: of any.
    pub(super) memory: Option<&'a Memory>,
    /// The next hops that the move is about; none: any.
    pub(super) hops: BTreeSet<String>,
}

/// A ladder, ready to be drawn.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// The event that it is about.
    pub(super) seq: u64,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) lanes: Vec<Lane>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) silences: Vec<Silence>,
    /// How many messages are not drawn.
    pub(super) more: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) x: u32,
    pub(super) name: String,
}

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    pub(super) number: usize,
    pub(super) y: u32,
    pub(super) from: u32,
    pub(super) to: u32,
    /// `REGISTER`, `200 OK`.
    pub(super) label: String,
    /// Since the first message.
    pub(super) after: String,
    pub(super) next_hop: String,
    pub(super) is_sent: bool,
    /// Nobody answered it.
    pub(super) is_lost: bool,
    /// `lost`, `again`, `error` or `plain`.
    pub(super) class: &'static str,
    pub(super) message: String,
}

/// A time in which nothing was said.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    pub(super) y: u32,
    pub(super) text: String,
}

/// A message with what is read from it.
struct Message<'a> {
    line: &'a TraceLine,
    is_sent: bool,
    first: &'a str,
    branch: &'a str,
}

impl Arrow {
    /// The middle, where the label stands.
    pub(super) fn middle(&self) -> u32 {
        self.from.midpoint(self.to)
    }

    pub(super) fn label_y(&self) -> u32 {
        self.y - 7
    }

    /// The points of the arrow's head.
    pub(super) fn head(&self) -> String {
        let (x, y) = (self.to, self.y);
        let back = if self.to > self.from { x - 9 } else { x + 9 };
        format!("{x},{y} {back},{} {back},{}", y - 5, y + 5)
    }

    /// Where the line ends, so that the head stays sharp.
    pub(super) fn end(&self) -> u32 {
        if self.to > self.from { self.to - 6 } else { self.to + 6 }
    }

    /// For screen readers.
    pub(super) fn spoken(&self) -> String {
        let way = if self.is_sent { "to" } else { "from" };
        let lost = if self.is_lost { ", no answer" } else { "" };
        format!("{} {} {way} {}{lost}", self.after, self.label, self.next_hop)
    }
}

impl Silence {
    pub(super) fn text_y(&self) -> u32 {
        self.y + 4
    }
}

impl Ladder {
    /// The messages of an account among those of a trace; none where there are none.
    pub(super) fn new(seq: u64, trace: &[TraceLine], parties: &Parties<'_>) -> Option<Self> {
        let own = |message: &Message<'_>| parties.have(message);
        let messages: Vec<_> = trace.iter().map(Message::new).filter(own).collect();
        let more = messages.len().saturating_sub(ARROWS_MAX);
        let messages = messages.get(..ARROWS_MAX).unwrap_or(&messages);
        let start = messages.first()?.line.t;
        let lanes = lanes(messages);
        let x_of = |hop: &str| lanes.iter().find(|lane| lane.name == hop).map_or(LEFT, |it| it.x);
        let answered: BTreeSet<&str> =
            messages.iter().filter(|it| !it.is_sent).map(|it| it.branch).collect();
        let mut sent: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let (mut arrows, mut silences) = (Vec::new(), Vec::new());
        let (mut y, mut before) = (TOP, start);
        for (number, message) in (1..).zip(messages) {
            let pause = message.line.t - before;
            if pause > SILENCE_S {
                silences
                    .push(Silence { y: y + GAP / 2 + 4, text: format!("{pause:.1} s of silence") });
                y += GAP;
            }
            before = message.line.t;
            y += ROW;
            let times = sent.entry((message.branch, message.method())).or_default();
            *times += 1;
            let is_again = message.is_sent && *times > 1;
            let is_lost = message.is_sent && !answered.contains(message.branch);
            let x = x_of(&message.line.next_hop);
            let (from, to) = if message.is_sent { (LEFT, x) } else { (x, LEFT) };
            arrows.push(Arrow {
                number,
                y,
                from,
                to,
                label: message.label(if is_again { Some(*times) } else { None }),
                after: format!("+{:.3} s", message.line.t - start),
                next_hop: message.line.next_hop.clone(),
                is_sent: message.is_sent,
                is_lost,
                class: class(message, is_lost, is_again),
                message: message.line.message.clone(),
            });
        }
        let width = lanes.last().map_or(LEFT, |lane| lane.x) + RIGHT;
        Some(Self { seq, width, height: y + ROW / 2, lanes, arrows, silences, more })
    }

    pub(super) fn bottom(&self) -> u32 {
        self.height - 6
    }
}

impl<'a> Parties<'a> {
    /// Those of a move: both ends of it, and what was tried between.
    pub(super) fn of(moved: &MoveLine, memory: Option<&'a Memory>) -> Self {
        let tale = memory.and_then(|memory| memory.tale(moved.seq));
        let tried = tale.into_iter().flat_map(|tale| &tale.failed);
        let tried = tried.map(|ended| ended.next_hop.clone());
        let hops = tried.chain([moved.from.clone(), moved.to.clone()]).collect();
        Self { memory, hops }
    }

    fn have(&self, message: &Message<'_>) -> bool {
        let call_id = header(&message.line.message, &["call-id", "i"]);
        let known = |memory: &Memory| call_id.is_some_and(|id| memory.has_call(id));
        let is_party = self.hops.is_empty() || self.hops.contains(&message.line.next_hop);
        is_party && self.memory.is_none_or(known)
    }
}

impl<'a> Message<'a> {
    fn new(line: &'a TraceLine) -> Self {
        let via = header(&line.message, &["via", "v"]).unwrap_or_default();
        let branch = via.split(';').find_map(|part| part.trim().strip_prefix("branch="));
        Self {
            line,
            is_sent: line.direction == "out",
            first: line.message.lines().next().unwrap_or_default().trim(),
            branch: branch.unwrap_or_default(),
        }
    }

    fn status(&self) -> Option<&'a str> {
        self.first.strip_prefix("SIP/2.0 ")
    }

    fn method(&self) -> &'a str {
        self.first.split(' ').next().unwrap_or_default()
    }

    fn label(&self, nth: Option<u32>) -> String {
        let name = match self.status() {
            Some(status) => status.chars().take(28).collect(),
            None => self.method().to_owned(),
        };
        match nth {
            Some(nth) => format!("{name} again ({nth})"),
            None => name,
        }
    }
}

/// The phone, then each next hop in the order in which it was heard of.
fn lanes(messages: &[Message<'_>]) -> Vec<Lane> {
    let mut names: Vec<&str> = Vec::new();
    for message in messages {
        if !names.contains(&message.line.next_hop.as_str()) {
            names.push(&message.line.next_hop);
        }
    }
    let count = u32::try_from(names.len()).unwrap_or(u32::MAX).max(1);
    let apart = ((WIDTH - LEFT - RIGHT) / count).clamp(LANE_MIN, LANE_MAX);
    let others =
        (1..).zip(names).map(|(nth, name)| Lane { x: LEFT + nth * apart, name: name.to_owned() });
    [Lane { x: LEFT, name: "this phone".to_owned() }].into_iter().chain(others).collect()
}

fn class(message: &Message<'_>, is_lost: bool, is_again: bool) -> &'static str {
    let status = message.status().and_then(|status| status.get(..1));
    match (is_lost, is_again, status) {
        (true, ..) => "lost",
        (_, true, _) => "again",
        (.., Some("2")) => "fine",
        (.., Some("5" | "6")) => "error",
        _ => "plain",
    }
}

/// The first value of a header field.
fn header<'a>(message: &'a str, names: &[&str]) -> Option<&'a str> {
    let head = message.lines().skip(1).take_while(|line| !line.trim().is_empty());
    let mut fields = head.filter_map(|line| line.split_once(':'));
    let known = |name: &str| names.iter().any(|known| name.trim().eq_ignore_ascii_case(known));
    fields.find(|(name, _)| known(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(t: f64, direction: &str, hop: &str, first: &str, branch: &str) -> TraceLine {
        TraceLine {
            t,
            direction: direction.into(),
            next_hop: hop.into(),
            message: format!(
                "{first}\r\nVia: SIP/2.0/UDP 127.0.0.1;branch={branch};rport\r\nCall-ID: a1\r\n\r\n"
            ),
        }
    }

    fn anybody() -> Parties<'static> {
        Parties { memory: None, hops: BTreeSet::new() }
    }

    const ASKED: &str = "REGISTER sip:lab.test SIP/2.0";

    fn failover() -> Vec<TraceLine> {
        vec![
            line(10.0, "out", "udp/a:1", ASKED, "z1"),
            line(10.5, "out", "udp/a:1", ASKED, "z1"),
            line(17.5, "out", "udp/b:1", ASKED, "z2"),
            line(17.6, "in", "udp/b:1", "SIP/2.0 200 OK", "z2"),
        ]
    }

    #[test]
    fn a_failover_shows_what_was_lost_what_was_repeated_and_what_was_answered() {
        let ladder = Ladder::new(7, &failover(), &anybody()).unwrap();
        let names: Vec<_> = ladder.lanes.iter().map(|lane| lane.name.as_str()).collect();
        assert_eq!(names, ["this phone", "udp/a:1", "udp/b:1"]);
        let arrows: Vec<_> = ladder.arrows.iter().map(|it| (it.label.as_str(), it.class)).collect();
        assert_eq!(
            arrows,
            [
                ("REGISTER", "lost"),
                ("REGISTER again (2)", "lost"),
                ("REGISTER", "plain"),
                ("200 OK", "fine")
            ]
        );
        assert_eq!(ladder.silences.len(), 1);
        assert_eq!(ladder.arrows[0].spoken(), "+0.000 s REGISTER to udp/a:1, no answer");
        assert!(ladder.arrows.windows(2).all(|pair| pair[0].y < pair[1].y));
        assert!(ladder.arrows.last().unwrap().y < ladder.height);
    }

    #[test]
    fn messages_of_other_accounts_and_too_many_are_left_out() {
        let memory = Memory::default();
        let strangers = Parties { memory: Some(&memory), ..anybody() };
        assert!(Ladder::new(7, &failover(), &strangers).is_none());
        let one = Parties { hops: ["udp/b:1".to_owned()].into(), ..anybody() };
        assert_eq!(Ladder::new(7, &failover(), &one).unwrap().arrows.len(), 2);
        let many: Vec<_> = (0..100).map(|_| failover().remove(0)).collect();
        let ladder = Ladder::new(7, &many, &anybody()).unwrap();
        assert_eq!((ladder.arrows.len(), ladder.more), (ARROWS_MAX, 40));
    }

    #[test]
    fn what_is_no_message_breaks_nothing() {
        let odd = TraceLine {
            t: 0.0,
            direction: "in".into(),
            next_hop: String::new(),
            message: "\r\n\u{0}".into(),
        };
        let ladder = Ladder::new(1, &[odd], &anybody()).unwrap();
        assert_eq!(ladder.arrows[0].label, "");
        assert!(Ladder::new(1, &[], &anybody()).is_none());
    }
}
