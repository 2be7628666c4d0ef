//! Calls: which next hops an INVITE goes to, and that nobody rings twice (behaviour §1, §2, §4, §6).

use crate::support::{Bench, Does, Invite, SDP, hops, server};
use phone::{Command, EventKind, MediaOrder, Order};

const CONCURRENT: &str = "\
account.1.sip_server.1.address = 192.0.2.1
account.1.sip_server.2.address = 192.0.2.2";
const SUCCESSIVE: &str = "\
account.1.fallback.redundancy_type = 1
account.1.sip_server.1.address = 192.0.2.1
account.1.sip_server.2.address = 192.0.2.2";

fn two(lines: &str) -> Bench {
    let mut bench = Bench::new(lines, &[Does::Grant(3600), Does::Grant(3600)]);
    bench.run_to(10.0);
    bench
}

// Guide, "INVITE Failover" steps 1 to 2, messages 1 to 4: INVITE, three retries, then the secondary.
// Guide, "INVITE Failover": the second call goes to the primary first.
#[test]
fn an_invite_fails_over_and_the_next_one_starts_at_the_primary() {
    let mut bench = two(&hops(2));
    bench.order_invite(1, Invite::Mute);
    let call = bench.dial("1002");
    bench.run_to(30.0);
    let sent: Vec<f64> =
        bench.got_of(1, "INVITE").iter().map(|got| got.at.as_secs_f64().round()).collect();
    assert_eq!(sent.len(), 4);
    assert_eq!(bench.got_of(2, "INVITE").len(), 1);
    assert_eq!(bench.call_story(), ["dialling -", "up 200"]);
    assert_eq!(bench.moves(), ["failover INVITE 192.0.2.1 > 192.0.2.2 timed_out"]);
    bench.world.command(bench.phone, Command::Order { call, order: Order::HangUp });
    bench.run_to(40.0);
    bench.order_invite(1, Invite::Answer);
    bench.dial("1002");
    bench.run_to(41.0);
    assert_eq!(bench.got_of(1, "INVITE").len(), 5);
    assert_eq!(bench.got_of(2, "INVITE").len(), 1);
}

// RFC 3263 §4.3, behaviour §7: Call-ID, From tag and CSeq stay, the branch changes.
#[test]
fn from_candidate_to_candidate_only_the_branch_changes() {
    let mut bench = two(&hops(2));
    bench.order_invite(1, Invite::Mute);
    bench.dial("1002");
    bench.run_to(20.0);
    let (first, second) = (&bench.got_of(1, "INVITE")[0], &bench.got_of(2, "INVITE")[0]);
    assert_eq!((&first.call_id, first.cseq), (&second.call_id, second.cseq));
    assert_ne!(first.branch, second.branch);
    assert_eq!(first.uri, "sip:1002@pbx.test");
}

// A3: INVITE has a retry count of its own.
#[test]
fn invite_retry_counts_counts_for_invites_alone() {
    let mut bench = two(&format!("{}account.1.sip_server.1.invite_retry_counts = 1", hops(2)));
    bench.order_invite(1, Invite::Mute);
    bench.dial("1002");
    bench.run_to(20.0);
    assert_eq!(bench.got_of(1, "INVITE").len(), 2);
}

// Guide, "INVITE Fallback" steps 1 to 2, messages 1 to 4: working server, three retries, fallback
// server. Guide, "INVITE Fallback": REGISTER finds the working server again. A15: its registration is
// in doubt and asked for at once.
#[test]
fn in_concurrent_mode_an_unanswered_invite_goes_to_server_2_and_server_1_is_asked_at_once() {
    let mut bench = two(CONCURRENT);
    bench.order_invite(1, Invite::Mute);
    bench.order(1, Does::Mute);
    let before = bench.got_of(1, "REGISTER").len();
    bench.dial("1002");
    bench.run_to(17.7);
    assert_eq!(bench.got_of(1, "INVITE").len(), 4);
    assert_eq!(bench.got_of(2, "INVITE").len(), 1);
    assert_eq!(bench.got_of(2, "INVITE")[0].uri, "sip:1002@192.0.2.2");
    assert_eq!(bench.moves(), ["fallback INVITE 192.0.2.1 > 192.0.2.2 timed_out"]);
    assert_eq!(bench.got_of(1, "REGISTER").len(), before + 1, "the doubt is asked about");
    assert_eq!(bench.registered(), [2]);
    bench.dial("1003");
    bench.run_to(18.0);
    assert_eq!(bench.got_of(1, "INVITE").len(), 4, "in doubt it is left out");
    bench.order(1, Does::Grant(3600));
    bench.run_to(80.0);
    assert_eq!(bench.registered(), [1, 2]);
    bench.order_invite(1, Invite::Answer);
    bench.dial("1004");
    bench.run_to(81.0);
    assert_eq!(bench.got_of(1, "INVITE").len(), 5, "recovered by REGISTER");
}

// A14: an INVITE that needs server 2 is the move: it registers there first.
#[test]
fn in_successive_mode_an_invite_moves_the_phone_to_server_2() {
    let mut bench = two(SUCCESSIVE);
    bench.order_invite(1, Invite::Mute);
    bench.dial("1002");
    bench.run_to(18.0);
    let registered = bench.got_of(2, "REGISTER")[0].at;
    let invited = bench.got_of(2, "INVITE")[0].at;
    assert!(registered < invited);
    assert_eq!(bench.registered(), [2]);
    assert_eq!(bench.call_story().last().unwrap(), "up 200");
}

// A8: with register_on_enable 1 a secondary is registered at before it gets an INVITE.
#[test]
fn with_register_on_enable_the_secondary_is_registered_at_first() {
    let mut bench = two(&format!("{}account.1.sip_server.1.register_on_enable = 1", hops(2)));
    bench.order_invite(1, Invite::Mute);
    bench.dial("1002");
    bench.run_to(18.0);
    let registered = bench.got_of(2, "REGISTER")[0].at;
    assert!(registered < bench.got_of(2, "INVITE")[0].at);
    assert_eq!(bench.registered(), [2], "its 2xx moves the lease");
    let mut bench = two(&hops(2));
    bench.order_invite(1, Invite::Mute);
    bench.dial("1002");
    bench.run_to(18.0);
    assert_eq!(bench.got_of(2, "REGISTER").len(), 0, "0 sends the request directly");
}

// A9: only_signal_with_registered: the next hop with the lease alone; then the REGISTER moves first.
#[test]
fn an_invite_that_may_go_to_the_registered_server_alone_waits_for_the_register_to_move() {
    let lines = format!("{}account.1.sip_server.1.only_signal_with_registered = 1", hops(2));
    let mut bench = two(&lines);
    bench.order_invite(1, Invite::Mute);
    bench.order(1, Does::Mute);
    bench.dial("1002");
    bench.run_to(30.0);
    assert!(bench.got_of(2, "REGISTER")[0].at < bench.got_of(2, "INVITE")[0].at);
    assert_eq!(bench.call_story().last().unwrap(), "up 200");
    let mut bench = Bench::new(&lines, &[Does::Status(403, ""), Does::Grant(60)]);
    bench.run_to(5.0);
    bench.dial("1002");
    bench.run_to(6.0);
    assert_eq!(bench.call_story().last().unwrap(), "ended - not_registered");
}

// A27: after a provisional response there is no failover; after 180 s CANCEL.
#[test]
fn what_rings_is_not_failed_over_and_is_cancelled_after_three_minutes() {
    let mut bench = two(&hops(2));
    bench.order_invite(1, Invite::Ring);
    bench.dial("1002");
    bench.run_to(180.0);
    assert_eq!(bench.got_of(2, "INVITE").len(), 0);
    assert_eq!(bench.got_of(1, "CANCEL").len(), 0);
    bench.run_to(195.0);
    assert_eq!(bench.got_of(1, "CANCEL").len(), 1);
    assert_eq!(bench.call_story(), ["dialling -", "ringing 180", "ended - no_answer"]);
}

// Behaviour §1: a late 180 of an abandoned INVITE wins while no later candidate has answered; the
// newer one is CANCELled when it answers.
#[test]
fn a_late_answer_of_the_first_server_wins_while_the_second_is_silent() {
    let mut bench = two(&hops(2));
    bench.order_invite(1, Invite::Ring);
    bench.order_invite(2, Invite::Mute);
    let first = bench.servers[0];
    let back = bench.world.fault(sim::Fault::one_way(first, bench.phone, sim::Trouble::Blackhole));
    bench.dial("1002");
    bench.run_to(19.0);
    assert_eq!(bench.got_of(2, "INVITE").len(), 2, "the second is being asked");
    bench.world.heal(back);
    bench.world.node_mut(first).answer_last(180);
    bench.world.command(first, Does::Grant(3600));
    bench.run_to(19.5);
    assert_eq!(bench.call_story().last().unwrap(), "ringing 180");
    let asked = bench.got_of(2, "INVITE").len();
    bench.world.node_mut(first).answer_last(200);
    bench.world.command(first, Does::Grant(3600));
    bench.run_to(25.0);
    assert_eq!(bench.call_story().last().unwrap(), "up 200");
    assert_eq!(bench.got_of(2, "INVITE").len(), asked, "the newer INVITE is not sent again");
}

// Behaviour §1: once the newer candidate has answered, a late 2xx gets ACK and BYE: no ghost call.
#[test]
fn a_late_200_after_the_second_server_answered_is_acknowledged_and_ended() {
    let mut bench = two(&hops(2));
    bench.order_invite(1, Invite::Ring);
    let first = bench.servers[0];
    let back = bench.world.fault(sim::Fault::one_way(first, bench.phone, sim::Trouble::Blackhole));
    bench.dial("1002");
    bench.run_to(18.0);
    assert_eq!(bench.call_story().last().unwrap(), "up 200");
    bench.world.heal(back);
    bench.world.node_mut(first).answer_last(200);
    bench.world.command(first, Does::Grant(3600));
    bench.run_to(19.0);
    let other = std::net::SocketAddr::from(([192, 0, 2, 200], 5060));
    let lines: Vec<String> = bench.world.trace().to(other).map(|row| row.first_line()).collect();
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert!(count("ACK") >= 2, "one for each 2xx: {lines:?}");
    assert!(count("BYE") >= 1, "{lines:?}");
    assert_eq!(bench.call_story().last().unwrap(), "up 200", "the call goes on");
}

// Behaviour §2: 482 to a failed-over INVITE: it already rings through the earlier next hop.
#[test]
fn a_482_says_that_it_already_rings_and_asks_nobody_else() {
    let mut bench =
        Bench::new(&hops(3), &[Does::Grant(3600), Does::Grant(3600), Does::Grant(3600)]);
    bench.run_to(10.0);
    bench.order_invite(1, Invite::Mute);
    bench.order_invite(2, Invite::Status(482));
    bench.dial("1002");
    bench.run_to(19.0);
    assert_eq!(bench.call_story().last().unwrap(), "ringing 482 already_ringing");
    assert_eq!(bench.got_of(3, "INVITE").len(), 0);
    bench.run_to(60.0);
    assert!(bench.call_story().last().unwrap().starts_with("ended"), "64·T1 later it is over");
}

#[test]
fn hanging_up_while_it_rings_cancels_and_acknowledges() {
    let mut bench = two(&hops(2));
    bench.order_invite(1, Invite::Ring);
    let call = bench.dial("1002");
    bench.run_to(12.0);
    bench.world.command(bench.phone, Command::Order { call, order: Order::HangUp });
    bench.run_to(13.0);
    assert_eq!(bench.got_of(1, "CANCEL").len(), 1);
    let first = bench.servers[0];
    bench.world.node_mut(first).answer_last(487);
    bench.world.command(first, Does::Grant(3600));
    bench.run_to(14.0);
    assert_eq!(bench.got_of(1, "ACK").len(), 1);
    assert_eq!(bench.call_story().last().unwrap(), "ended - hung_up");
    assert_eq!(bench.got_of(2, "INVITE").len(), 0);
}

#[test]
fn a_busy_answer_is_final_and_a_503_is_not() {
    let mut bench = two(&hops(2));
    bench.order_invite(1, Invite::Status(486));
    bench.dial("1002");
    bench.run_to(12.0);
    assert_eq!(bench.call_story().last().unwrap(), "ended 486 status_486");
    assert_eq!((bench.got_of(1, "ACK").len(), bench.got_of(2, "INVITE").len()), (1, 0));
    bench.order_invite(1, Invite::Status(503));
    bench.dial("1002");
    bench.run_to(14.0);
    assert_eq!((bench.got_of(1, "ACK").len(), bench.got_of(2, "INVITE").len()), (2, 1));
}

// Media: the ports are asked for before the offer, and given back at the end.
#[test]
fn media_is_opened_run_and_closed_in_this_order() {
    let mut bench = two(&hops(1));
    let call = bench.dial("1002");
    bench.run_to(11.0);
    bench.world.command(bench.phone, Command::Order { call, order: Order::HangUp });
    bench.run_to(12.0);
    let orders: Vec<&str> = bench
        .events()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::Media { order: MediaOrder::Open { .. }, .. } => Some("open"),
            EventKind::Media { order: MediaOrder::Run(_), .. } => Some("run"),
            EventKind::Media { order: MediaOrder::Close, .. } => Some("close"),
            _ => None,
        })
        .collect();
    assert_eq!(orders, ["open", "run", "close"]);
}

/// An INVITE to the phone from 192.0.2.`from`, with the Contact that the phone registered.
pub fn invite(bench: &mut Bench, from: u8, call_id: &str) {
    let contact = bench.got_of(1, "REGISTER")[0].contact.clone();
    let uri = contact.split(['<', '>']).nth(1).unwrap().to_owned();
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.{from}:5060;branch=z9hG4bK{call_id}{from}\r\n\
         Max-Forwards: 69\r\nFrom: \"Bob\" <sip:1002@pbx.test>;tag=bob\r\nTo: <sip:1001@pbx.test>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:1002@192.0.2.200:5060>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    );
    deliver(bench, from, &text);
}

fn deliver(bench: &mut Bench, from: u8, text: &str) {
    let now = bench.world.now();
    let input =
        net::Input::Datagram { socket: net::Socket(0), from: server(from), bytes: text.as_bytes() };
    net::Node::handle(bench.world.node_mut(bench.phone), now, input);
    let phone = crate::support::MAC.parse().unwrap();
    bench.world.command(bench.phone, Command::SetBusy { phone, calls: 0 });
}

pub fn sent_to(bench: &Bench, last: u8) -> Vec<String> {
    bench.world.trace().to(server(last)).map(|row| row.first_line()).collect()
}

// Behaviour §9: a call from the secondary after a failover must ring; a scanner's must not.
#[test]
fn a_call_from_any_next_hop_rings_and_one_from_a_stranger_gets_no_answer() {
    let mut bench = two(&hops(2));
    invite(&mut bench, 66, "scan");
    bench.run_to(10.5);
    assert_eq!(sent_to(&bench, 66), [] as [&str; 0]);
    assert_eq!(bench.call_story(), [] as [&str; 0]);
    invite(&mut bench, 2, "real");
    bench.run_to(11.0);
    assert!(sent_to(&bench, 2).contains(&"SIP/2.0 180 Ringing".to_owned()));
    assert_eq!(bench.call_story(), ["ringing -"]);
}

// Behaviour §6: the same call arriving twice rings once, the second gets 482.
#[test]
fn the_same_call_from_both_servers_rings_once() {
    let mut bench = two(&hops(2));
    invite(&mut bench, 1, "twice");
    invite(&mut bench, 2, "twice");
    bench.run_to(11.0);
    assert!(sent_to(&bench, 2).iter().any(|line| line.starts_with("SIP/2.0 482")));
    assert_eq!(bench.call_story(), ["ringing -"]);
}

#[test]
fn an_incoming_call_is_answered_held_and_ended_by_the_other_side() {
    let mut bench = two(&hops(1));
    invite(&mut bench, 1, "in");
    let call = bench.world.node(bench.phone).views(bench.world.now())[0].calls[0].id;
    bench.open_media(call);
    bench.world.command(bench.phone, Command::Order { call, order: Order::Answer });
    bench.run_to(10.2);
    assert_eq!(bench.call_story(), ["ringing -", "up 200"]);
    let accepted = bench
        .world
        .trace()
        .to(server(1))
        .find(|row| row.first_line() == "SIP/2.0 200 OK" && row.bytes.len() > 500);
    let accepted = String::from_utf8_lossy(&accepted.unwrap().bytes).into_owned();
    let tag = accepted
        .lines()
        .find(|line| line.starts_with("To:"))
        .unwrap()
        .split("tag=")
        .nth(1)
        .unwrap()
        .to_owned();
    let bye = |method: &str, cseq: u32| {
        format!(
            "{method} sip:1001@192.0.2.100:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bKx{cseq}{method}\r\n\
             Max-Forwards: 69\r\nFrom: <sip:1002@pbx.test>;tag=bob\r\nTo: <sip:1001@pbx.test>;tag={tag}\r\n\
             Call-ID: in\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    // Without Record-Route ACK and BYE come from the other phone itself.
    deliver(&mut bench, 200, &bye("ACK", 1));
    bench.run_to(15.0);
    let accepted = sent_to(&bench, 1).iter().filter(|line| *line == "SIP/2.0 200 OK").count();
    assert_eq!(accepted, 1, "the ACK has come: the 200 is not sent again");
    let spoofed = bye("BYE", 2).replace(&tag, "0.0000000000000000");
    deliver(&mut bench, 200, &spoofed);
    bench.run_to(16.0);
    assert_eq!(bench.call_story().last().unwrap(), "up 200", "a BYE with a wrong tag ends nothing");
    deliver(&mut bench, 200, &bye("BYE", 3));
    bench.run_to(17.0);
    assert_eq!(bench.call_story().last().unwrap(), "ended - other_hung_up");
}

#[test]
fn a_caller_who_gives_up_ends_the_ringing() {
    let mut bench = two(&hops(1));
    invite(&mut bench, 1, "gone");
    let contact = bench.got_of(1, "REGISTER")[0].contact.clone();
    let uri = contact.split(['<', '>']).nth(1).unwrap().to_owned();
    let cancel = format!(
        "CANCEL {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKgone1\r\nMax-Forwards: 69\r\n\
         From: \"Bob\" <sip:1002@pbx.test>;tag=bob\r\nTo: <sip:1001@pbx.test>\r\nCall-ID: gone\r\n\
         CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"
    );
    deliver(&mut bench, 1, &cancel);
    bench.run_to(10.3);
    let sent = sent_to(&bench, 1);
    assert!(sent.contains(&"SIP/2.0 487 Request Terminated".to_owned()), "{sent:?}");
    assert_eq!(bench.call_story(), ["ringing -", "ended 487 cancelled"]);
}

// A29: a call makes the phone busy: the failback of modes 1 to 3 waits for its end.
#[test]
fn a_failback_waits_for_the_end_of_a_call() {
    let lines = format!(
        "{}account.1.sip_server.1.failback_mode = 3\naccount.1.sip_server.1.failback_timeout = 60",
        hops(2)
    );
    let mut bench = Bench::new(&lines, &[Does::Mute, Does::Grant(3600)]);
    bench.run_to(10.0);
    assert_eq!(bench.registered(), [2]);
    bench.order(1, Does::Grant(3600));
    let call = bench.dial("1002");
    bench.run_to(100.0);
    assert_eq!(bench.registered(), [2]);
    bench.world.command(bench.phone, Command::Order { call, order: Order::HangUp });
    bench.run_to(103.0);
    assert_eq!(bench.registered(), [1]);
}

// An account in a call is changed when the call has ended.
#[test]
fn settings_of_an_account_in_a_call_wait_for_its_end() {
    let mut bench = two(&hops(1));
    let call = bench.dial("1002");
    bench.run_to(12.0);
    bench.apply(&format!("{}account.1.user_name = 2002", hops(1)));
    bench.run_to(15.0);
    assert_eq!(bench.got_of(1, "REGISTER").len(), 1);
    bench.world.command(bench.phone, Command::Order { call, order: Order::HangUp });
    bench.run_to(20.0);
    let registers = bench.got_of(1, "REGISTER");
    let last: Vec<_> = registers[1..].iter().map(|got| (got.to.as_str(), got.expires)).collect();
    assert_eq!(last, [("sip:1001@pbx.test", Some(0)), ("sip:2002@pbx.test", Some(3600))]);
}

// A26: a route that is a name is located with failover; the call whose server died can be ended.
#[test]
fn a_bye_fails_over_where_the_route_is_a_name() {
    let names = "dns_cache_a.5.name = route.test\ndns_cache_a.5.ip = 192.0.2.1\n\
                 dns_cache_a.6.name = route.test\ndns_cache_a.6.ip = 192.0.2.2";
    let mut bench = two(&format!("{}{names}", hops(2)));
    let first = bench.servers[0];
    bench.world.node_mut(first).record_route = Some("<sip:route.test:5060;lr>");
    let call = bench.dial("1002");
    bench.run_to(12.0);
    assert_eq!(bench.call_story().last().unwrap(), "up 200");
    bench.world.fault(sim::Fault::at(first, sim::Trouble::Blackhole));
    bench.world.command(bench.phone, Command::Order { call, order: Order::HangUp });
    bench.run_to(13.0);
    assert_eq!(bench.call_story().last().unwrap(), "ended - hung_up", "the user does not wait");
    bench.run_to(25.0);
    assert_eq!(bench.got_of(2, "BYE").len(), 1);
}
