//! What is kept, for how long, and for whom.

use std::time::Duration;

use dns::{
    Answer, Data, Flags, Freshness, Message, Mode, Naptr, Question, Rcode, Record, RecordType,
    Reply, Resolver, Srv, Verdict,
};

use crate::bench::{Bench, a, address, alias, answer, name, record, response, soa};

const SECOND: Duration = Duration::from_secs(1);

/// Asks and has this answered.
fn learn(bench: &mut Bench, question: &Question, mode: Mode, fill: impl FnOnce(&mut Message)) {
    bench.ask_as(question, mode);
    let sent = bench.datagram();
    let mut message = response(&sent.query, Rcode::NoError);
    fill(&mut message);
    bench.deliver(&sent, &message);
    bench.reply();
}

fn is_kept(bench: &mut Bench, question: &Question) -> bool {
    matches!(bench.look(question), Some(Reply::Answer(_)))
}

#[test]
fn an_answer_is_kept_for_the_least_ttl_of_its_records_and_aliases() {
    let mut bench = Bench::new(1);
    let question = a("www.test");
    learn(&mut bench, &question, Mode::Answers, |message| {
        message.answers = vec![
            alias("www.test", "pbx.test"),
            address("pbx.test", 200, 1),
            address("pbx.test", 100, 2),
        ];
    });
    bench.wait(SECOND * 99);
    assert!(is_kept(&mut bench, &question));
    bench.wait(SECOND);
    assert!(!is_kept(&mut bench, &question));
}

#[test]
fn a_ttl_of_0_serves_the_question_that_was_asked_and_no_other() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let sent = bench.datagram();
    bench.deliver(&sent, &answer(&sent.query, vec![address("x.test", 0, 1)]));
    assert_eq!(bench.outcome(), "192.0.2.1");
    assert!(bench.look(&a("x.test")).is_none());
}

// RFC 2181 §8
#[test]
fn a_ttl_with_its_top_bit_set_is_0_and_others_are_capped_at_a_day() {
    let mut bench = Bench::new(1);
    for (ttl_s, kept) in [(u32::MAX, 0), (1 << 31, 0), (i32::MAX.unsigned_abs(), 86_400)] {
        bench.ask_as(&a("x.test"), Mode::Bypass);
        let sent = bench.datagram();
        bench.deliver(&sent, &answer(&sent.query, vec![address("x.test", ttl_s, 1)]));
        let Reply::Answer(answer) = bench.reply() else { panic!("failed") };
        assert_eq!(answer.ttl, SECOND * kept);
    }
}

// RFC 2308 §5
#[test]
fn a_negative_answer_is_kept_for_the_lesser_of_soa_ttl_and_minimum() {
    for (rcode, verdict) in
        [(Rcode::NoError, Verdict::NoData), (Rcode::NxDomain, Verdict::NxDomain)]
    {
        for (ttl_s, minimum) in [(60, 900), (900, 60)] {
            let mut bench = Bench::new(1);
            learn(&mut bench, &a("x.test"), Mode::Answers, |message| {
                message.rcode = rcode;
                message.authority = vec![soa("test", ttl_s, minimum)];
            });
            bench.wait(SECOND * 59);
            let Some(Reply::Answer(answer)) = bench.look(&a("x.test")) else { panic!("not kept") };
            assert_eq!(answer.verdict, verdict);
            bench.wait(SECOND);
            assert!(bench.look(&a("x.test")).is_none());
        }
    }
}

// RFC 2308 §5
#[test]
fn a_negative_answer_without_soa_or_with_that_of_another_zone_is_not_kept() {
    for authority in [vec![], vec![soa("other", 900, 900)]] {
        let mut bench = Bench::new(1);
        learn(&mut bench, &a("x.test"), Mode::Answers, |message| message.authority = authority);
        assert!(bench.look(&a("x.test")).is_none());
    }
}

#[test]
fn a_negative_answer_is_kept_for_three_hours_at_the_most() {
    let mut bench = Bench::new(1);
    learn(&mut bench, &a("x.test"), Mode::Answers, |message| {
        message.authority = vec![soa("test", 999_999, 999_999)];
    });
    bench.wait(Answer::NEGATIVE_TTL_MAX - SECOND);
    assert!(is_kept(&mut bench, &a("x.test")));
    bench.wait(SECOND);
    assert!(!is_kept(&mut bench, &a("x.test")));
}

#[test]
fn bypass_takes_nothing_from_the_cache() {
    let mut bench = Bench::new(1);
    learn(&mut bench, &a("x.test"), Mode::Bypass, |message| {
        message.answers = vec![address("x.test", 60, 1)];
    });
    assert!(bench.look_as(&a("x.test"), Mode::Bypass).is_none());
    assert!(bench.look_as(&a("x.test"), Mode::Answers).is_some());
}

#[test]
fn a_resolver_looks_ahead_at_90_percent_of_a_ttl_of_30_s_or_more() {
    let mut bench = Bench::new(1);
    for (ttl_s, due) in [(100, Some(90)), (30, Some(27)), (29, None)] {
        learn(&mut bench, &a("x.test"), Mode::Bypass, |message| {
            message.answers = vec![address("x.test", ttl_s, 1)];
        });
        let Some(Reply::Answer(answer)) = bench.look(&a("x.test")) else { panic!("not kept") };
        assert_eq!(answer.ahead_at(), due.map(|due| bench.now + SECOND * due));
        let at = answer.ahead_at().unwrap_or(bench.now);
        let look = bench.resolver.look(at, &a("x.test"), Mode::Answers, Freshness::NotDue);
        assert_eq!(look.is_none(), due.is_some());
    }
}

fn services() -> Vec<Record> {
    let srv = |target| Data::Srv(Srv { priority: 1, weight: 1, port: 5060, target: name(target) });
    vec![
        record("_sip._udp.x.test", 60, srv("one.x.test")),
        record("_sip._udp.x.test", 60, srv("bank.test")),
    ]
}

#[test]
fn the_additional_section_counts_only_for_those_who_ask_for_it() {
    let question = Question::new(name("_sip._udp.x.test"), RecordType::Srv);
    for mode in [Mode::Bypass, Mode::Answers, Mode::AnswersAndAdditionals] {
        let mut bench = Bench::new(1);
        learn(&mut bench, &question, mode, |message| {
            message.answers = services();
            message.additional = vec![address("one.x.test", 60, 1)];
        });
        let wants = mode == Mode::AnswersAndAdditionals;
        assert_eq!(bench.look_as(&a("one.x.test"), Mode::AnswersAndAdditionals).is_some(), wants);
        assert!(bench.look_as(&a("one.x.test"), Mode::Answers).is_none());
    }
}

#[test]
fn additionals_that_nothing_points_to_or_of_another_domain_are_ignored() {
    let question = Question::new(name("_sip._udp.x.test"), RecordType::Srv);
    let mut bench = Bench::new(1);
    let mode = Mode::AnswersAndAdditionals;
    learn(&mut bench, &question, mode, |message| {
        message.answers = services();
        message.additional = vec![
            address("one.x.test", 60, 1),
            address("two.x.test", 60, 66),
            address("bank.test", 60, 66),
        ];
    });
    assert!(bench.look_as(&a("one.x.test"), mode).is_some());
    assert!(bench.look_as(&a("two.x.test"), mode).is_none(), "nothing points to it");
    assert!(bench.look_as(&a("bank.test"), mode).is_none(), "another's domain");
}

#[test]
fn additionals_reach_from_a_pointer_over_its_services_to_their_addresses() {
    let question = Question::new(name("x.test"), RecordType::Naptr);
    let naptr = Naptr {
        order: 1,
        preference: 1,
        flags: "s".into(),
        service: "SIP+D2U".into(),
        regexp: "".into(),
        replacement: name("_sip._udp.x.test"),
    };
    let mut bench = Bench::new(1);
    let mode = Mode::AnswersAndAdditionals;
    learn(&mut bench, &question, mode, |message| {
        message.answers = vec![record("x.test", 60, Data::Naptr(Box::new(naptr)))];
        message.additional = services();
        message.additional.push(address("one.x.test", 60, 1));
    });
    assert!(bench.look_as(&a("one.x.test"), mode).is_some());
    let srv = Question::new(name("_sip._udp.x.test"), RecordType::Srv);
    assert!(bench.look_as(&srv, mode).is_some());
}

#[test]
fn an_additional_section_changes_no_answer_that_was_asked_for() {
    let mut bench = Bench::new(1);
    learn(&mut bench, &a("one.x.test"), Mode::Answers, |message| {
        message.answers = vec![address("one.x.test", 600, 1)];
    });
    let question = Question::new(name("_sip._udp.x.test"), RecordType::Srv);
    learn(&mut bench, &question, Mode::AnswersAndAdditionals, |message| {
        message.answers = services();
        message.additional = vec![address("one.x.test", 600, 66)];
    });
    let Some(Reply::Answer(answer)) = bench.look_as(&a("one.x.test"), Mode::AnswersAndAdditionals)
    else {
        panic!("not kept")
    };
    assert_eq!(answer.records(), [address("one.x.test", 600, 1)]);
}

// RFC 8767
#[test]
fn a_failure_serves_the_last_good_answer_for_a_day_after_its_ttl() {
    let mut bench = Bench::new(1);
    learn(&mut bench, &a("x.test"), Mode::Answers, |message| {
        message.answers = vec![address("x.test", 60, 1)];
    });
    bench.wait(SECOND * (60 + 86_400 - 10));
    bench.ask(&a("x.test"));
    bench.wait(SECOND * 9);
    let Reply::Failed(failure) = bench.reply() else { panic!("answered") };
    assert!(failure.stale.is_some());
    bench.wait(SECOND * 40);
    bench.ask(&a("x.test"));
    bench.wait(SECOND * 9);
    let Reply::Failed(failure) = bench.reply() else { panic!("answered") };
    assert!(failure.stale.is_none());
}

// RFC 8767 §5
#[test]
fn what_failed_is_served_stale_at_once_and_asked_again_every_30_s() {
    let mut bench = Bench::new(1);
    learn(&mut bench, &a("x.test"), Mode::Answers, |message| {
        message.answers = vec![address("x.test", 60, 1)];
    });
    bench.wait(SECOND * 60);
    bench.ask(&a("x.test"));
    bench.wait(SECOND * 9);
    bench.take_sent();
    bench.reply();
    bench.wait(Resolver::STALE_HOLD - SECOND);
    assert!(matches!(bench.look(&a("x.test")), Some(Reply::Failed(_))));
    assert!(bench.datagrams().is_empty());
    bench.wait(SECOND);
    assert!(matches!(bench.look(&a("x.test")), Some(Reply::Failed(_))), "nobody waits");
    let again = bench.datagram();
    assert!(matches!(bench.look(&a("x.test")), Some(Reply::Failed(_))));
    assert!(bench.datagrams().is_empty(), "one question at a time");
    bench.deliver(&again, &answer(&again.query, vec![address("x.test", 60, 2)]));
    assert_eq!(bench.outcome(), "192.0.2.2");
    assert!(is_kept(&mut bench, &a("x.test")));
}

// RFC 9520 §3.2
#[test]
fn a_failure_without_an_earlier_answer_is_remembered_for_a_second() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let sent = bench.datagram();
    bench.deliver(&sent, &response(&sent.query, Rcode::ServFail));
    bench.reply();
    assert!(matches!(bench.look(&a("x.test")), Some(Reply::Failed(_))));
    assert!(bench.look_as(&a("x.test"), Mode::Bypass).is_none());
    bench.wait(SECOND);
    assert!(bench.look(&a("x.test")).is_none());
}

// RFC 2308 §2.2
#[test]
fn a_referral_is_no_negative_answer() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let sent = bench.datagram();
    let mut message = response(&sent.query, Rcode::NoError);
    message.authority = vec![record("test", 60, Data::Ns(name("ns.test")))];
    bench.deliver(&sent, &message);
    assert_eq!(bench.outcome(), "only a referral from 192.0.2.1:53");
    bench.wait(SECOND);
    bench.ask(&a("x.test"));
    let sent = bench.datagram();
    message.id = sent.query.id;
    message.asked.clone_from(&sent.query.asked);
    message.flags = Flags { authoritative: true, ..message.flags };
    bench.deliver(&sent, &message);
    assert_eq!(bench.outcome(), "NoData", "the zone's own word");
}

#[test]
fn an_answer_with_thousands_of_records_is_cut() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let sent = bench.datagram();
    let records = (0..3000).map(|number: u32| address("x.test", 60, number.to_be_bytes()[3]));
    bench.deliver(&sent, &answer(&sent.query, records.collect()));
    let Reply::Answer(answer) = bench.reply() else { panic!("failed") };
    assert_eq!(answer.records().len(), Answer::RECORDS_MAX);
    assert_eq!(answer.cut, 3000 - Answer::RECORDS_MAX);
    assert_eq!(bench.resolver.counters().cut, 2488);
}
