//! CNAME records.

use dns::{Answer, Rcode};

use crate::bench::{Bench, a, address, alias, answer, response, server, soa};

#[test]
fn aliases_within_an_answer_are_followed_in_any_order() {
    let mut bench = Bench::new(1);
    bench.ask(&a("www.test"));
    let sent = bench.datagram();
    let records =
        vec![address("c.test", 60, 1), alias("b.test", "c.test"), alias("www.test", "b.test")];
    bench.deliver(&sent, &answer(&sent.query, records));
    let dns::Reply::Answer(reply) = bench.reply() else { panic!("failed") };
    assert_eq!(reply.aliases, [alias("www.test", "b.test"), alias("b.test", "c.test")]);
    assert_eq!(reply.records(), [address("c.test", 60, 1)]);
}

#[test]
fn an_alias_that_ends_the_answer_is_asked_for_by_itself() {
    let mut bench = Bench::new(2);
    bench.ask(&a("www.test"));
    let first = bench.datagram();
    bench.deliver(&first, &answer(&first.query, vec![alias("www.test", "pbx.other")]));
    let second = bench.datagram();
    assert_eq!(second.query.asked.as_ref().unwrap().question, a("pbx.other"));
    assert_ne!((second.socket, second.query.id), (first.socket, first.query.id));
    assert_eq!(second.to, server(1));
    bench.deliver(&second, &answer(&second.query, vec![address("pbx.other", 60, 1)]));
    let dns::Reply::Answer(reply) = bench.reply() else { panic!("failed") };
    assert_eq!((reply.question.clone(), reply.steps), (a("www.test"), 2));
}

#[test]
fn an_alias_to_a_name_without_records_is_a_negative_answer() {
    let mut bench = Bench::new(1);
    bench.ask(&a("www.test"));
    let sent = bench.datagram();
    let mut message = answer(&sent.query, vec![alias("www.test", "pbx.test")]);
    message.authority = vec![soa("test", 60, 60)];
    bench.deliver(&sent, &message);
    assert_eq!(bench.outcome(), "NoData");
    bench.ask(&a("ftp.test"));
    let sent = bench.datagram();
    let mut message = answer(&sent.query, vec![alias("ftp.test", "pbx.test")]);
    message.rcode = Rcode::NxDomain;
    bench.deliver(&sent, &message);
    assert_eq!(bench.outcome(), "NxDomain");
}

#[test]
fn aliases_in_a_circle_are_refused_within_one_answer_and_across_answers() {
    let mut bench = Bench::new(1);
    bench.ask(&a("a.test"));
    let sent = bench.datagram();
    let records = vec![alias("a.test", "b.test"), alias("b.test", "a.test")];
    bench.deliver(&sent, &answer(&sent.query, records));
    assert_eq!(bench.outcome(), "the CNAME records lead in a circle");

    bench.ask(&a("c.test"));
    for (owner, to) in [("c.test", "d.test"), ("d.test", "c.test")] {
        let sent = bench.datagram();
        bench.deliver(&sent, &answer(&sent.query, vec![alias(owner, to)]));
    }
    assert_eq!(bench.outcome(), "the CNAME records lead in a circle");

    bench.ask(&a("e.test"));
    let sent = bench.datagram();
    bench.deliver(&sent, &answer(&sent.query, vec![alias("e.test", "e.test")]));
    assert_eq!(bench.outcome(), "the CNAME records lead in a circle");
}

// Behaviour §9: 8 CNAMEs.
#[test]
fn eight_aliases_are_followed_and_no_ninth() {
    for (count, outcome) in [
        (Answer::ALIASES_MAX, "192.0.2.1"),
        (Answer::ALIASES_MAX + 1, "more than 8 CNAME records in a row"),
    ] {
        let mut bench = Bench::new(1);
        bench.ask(&a("n0.test"));
        let sent = bench.datagram();
        let mut records: Vec<_> = (0..count)
            .map(|link| alias(&format!("n{link}.test"), &format!("n{}.test", link + 1)))
            .collect();
        records.push(address(&format!("n{count}.test"), 60, 1));
        bench.deliver(&sent, &answer(&sent.query, records));
        assert_eq!(bench.outcome(), outcome);
    }
}

#[test]
fn the_chain_goes_on_at_the_next_server_where_one_fails_in_the_middle() {
    let mut bench = Bench::new(2);
    bench.ask(&a("www.test"));
    let first = bench.datagram();
    bench.deliver(&first, &answer(&first.query, vec![alias("www.test", "pbx.other")]));
    let second = bench.datagram();
    bench.deliver(&second, &response(&second.query, Rcode::ServFail));
    let third = bench.datagram();
    assert_eq!(third.to, server(2));
    assert_eq!(third.query.asked.as_ref().unwrap().question, a("pbx.other"));
    bench.deliver(&third, &answer(&third.query, vec![address("pbx.other", 60, 1)]));
    assert_eq!(bench.outcome(), "192.0.2.1");
}
