//! Behaviour §9: what hostile or careless zones can cost.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use locate::{CacheType, Decision, Finding, Hops, Step, TransportType};

use crate::world::{World, in_order};

const UDP: TransportType = TransportType::Udp;
const HOST: &str = "yealink.pbx.com";

fn decisions(hops: &Hops) -> Vec<&Decision> {
    let steps = hops.trail().steps.iter();
    steps
        .filter_map(|step| if let Step::Decided(decision) = step { Some(decision) } else { None })
        .collect()
}

#[test]
fn of_500_srv_targets_the_64_most_preferred_are_taken() {
    let mut records = String::new();
    for number in 0..500_u16 {
        let (high, low) = (number / 250, number % 250);
        writeln!(records, "_sip._udp SRV {} 0 5060 192.0.{high}.{low}.", 1000 - number).unwrap();
    }
    let mut world = World::new(&records);
    let id = world.location(HOST, 0, UDP);
    let hops = world.ready(id);
    let order = in_order(&hops, 1);
    assert_eq!(order.len(), 64);
    assert_eq!(order[0], "udp/192.0.1.249:5060");
    assert!(decisions(&hops).contains(&&Decision::TargetsCut(436)));
}

#[test]
fn twenty_questions_are_asked_for_one_location_and_no_more() {
    let mut records = String::new();
    for number in 0..64 {
        writeln!(records, "_sip._udp SRV {number} 0 5060 n{number}\nn{number} A 192.0.2.{number}")
            .unwrap();
    }
    let mut world = World::new(&records);
    let id = world.location(HOST, 0, TransportType::DnsNaptr);
    let hops = world.ready(id);
    let asked: BTreeSet<String> = world.asked().into_iter().collect();
    assert_eq!(asked.len(), 20, "the truncated one came again over TCP");
    assert_eq!(in_order(&hops, 1).len(), 18, "NAPTR, SRV and 18 addresses");
    assert!(decisions(&hops).iter().any(|one| matches!(one, Decision::QuestionsCut(_))));
}

#[test]
fn additional_sections_spare_questions_and_so_reach_all_64_targets() {
    let mut records = String::new();
    for number in 0..64 {
        writeln!(records, "_sip._udp SRV {number} 0 5060 n{number}\nn{number} A 192.0.2.{number}")
            .unwrap();
    }
    let mut world = World::new(&records);
    world.policy.cache_type = CacheType::AnswersAndAdditionals;
    let id = world.location(HOST, 0, UDP);
    assert_eq!(in_order(&world.ready(id), 1).len(), 64);
    assert_eq!(world.asked().len(), 2, "once truncated, once over TCP");
}

#[test]
fn sixteen_addresses_of_one_name_are_taken() {
    let mut records = String::new();
    for number in 0..100 {
        writeln!(records, "@ A 192.0.2.{number}").unwrap();
    }
    let mut world = World::new(&records);
    let id = world.location(HOST, 5060, UDP);
    let hops = world.ready(id);
    assert_eq!(in_order(&hops, 1).len(), 16);
    assert_eq!(in_order(&hops, 1)[15], "udp/192.0.2.15:5060");
    assert!(matches!(decisions(&hops)[..], [_, Decision::AddressesCut { left_out: 84, .. }]));
}

#[test]
fn eight_aliases_are_followed_and_no_ninth() {
    let chain = |length: usize| -> String {
        let mut records = "@ CNAME c1\n".to_owned();
        for link in 1..length {
            writeln!(records, "c{link} CNAME c{}", link + 1).unwrap();
        }
        records + &format!("c{length} A 192.0.2.1")
    };
    let zone = |length| World::new(&chain(length).replace("@ CNAME", "alias CNAME"));
    let host = "alias.yealink.pbx.com";
    assert_eq!(zone(8).hops_of(host, 5060, UDP), ["udp/192.0.2.1:5060"]);
    let why = zone(9).nothing(host, 5060, UDP).why.to_string();
    assert_eq!(why, "DNS does not answer: more than 8 CNAME records in a row");
}

#[test]
fn aliases_in_a_circle_end() {
    let mut world = World::new("a CNAME b\nb CNAME c\nc CNAME a");
    let why = world.nothing("a.yealink.pbx.com", 5060, UDP).why.to_string();
    assert_eq!(why, "DNS does not answer: the CNAME records lead in a circle");
}

#[test]
fn a_thicket_of_pointers_costs_no_more_than_its_questions() {
    let mut records = String::new();
    for from in 0..30 {
        for to in 0..30 {
            let owner = if from == 0 { "@".to_owned() } else { format!("n{from}") };
            writeln!(records, "{owner} NAPTR 1 1 \"\" \"\" \"\" n{to}").unwrap();
        }
    }
    let mut world = World::new(&format!("{records}@ A 192.0.2.1"));
    let nothing = world.nothing(HOST, 0, TransportType::DnsNaptr);
    assert!(world.asked().len() <= 40, "20 questions, each perhaps again over TCP");
    assert!(nothing.trail.steps.len() < 2000);
}

#[test]
fn addresses_of_another_domain_in_an_additional_section_are_not_believed() {
    let mut world = World::new(
        "_sip._udp SRV 1 0 5060 sip.bank.test.\nsip.bank.test. A 192.0.2.66\n\
         bank.test. SOA ns.bank.test. h.bank.test. 1 1 1 1 60",
    );
    world.policy.cache_type = CacheType::AnswersAndAdditionals;
    world.hops_of(HOST, 0, UDP);
    assert_eq!(world.asked(), ["SRV _sip._udp", "A sip.bank.test"]);
    let id = world.location(HOST, 0, UDP);
    let hops = world.ready(id);
    let of_bank = hops.trail().steps.iter().any(|step| {
        matches!(step, Step::Consulted(consulted)
            if consulted.question.name.to_string() == "sip.bank.test"
                && matches!(&consulted.finding, Finding::Records { .. }))
    });
    assert!(of_bank, "it was asked of DNS instead");
}
