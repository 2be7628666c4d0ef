//! Settings of `params` as `locate` takes them, equal ones shared.

use std::collections::HashSet;
use std::sync::Arc;

use dns::{DomainName, Naptr, Srv};
use locate::{
    AddressMode, CacheType, LocatePolicy, NaptrBuild, SrvWeight, StaticA, StaticNaptr,
    StaticRecords, StaticSrv,
};
use params::{CommonSettings, DnsCacheType, Policy};

/// The locating policies of a process.
#[derive(Debug, Default)]
pub(crate) struct PolicyPool(HashSet<Arc<LocatePolicy>>);

impl PolicyPool {
    /// How an account with `policy` locates its servers.
    pub(crate) fn locating(
        &mut self,
        policy: &Policy,
        common: &CommonSettings,
    ) -> Arc<LocatePolicy> {
        let wanted = LocatePolicy {
            cache_type: match policy.dns_cache_type {
                DnsCacheType::Bypass => CacheType::RealTime,
                DnsCacheType::Answers => CacheType::Answers,
                DnsCacheType::AnswersAndAdditionals => CacheType::AnswersAndAdditionals,
            },
            static_first: policy.static_cache_pri,
            naptr_build: if policy.naptr_build {
                NaptrBuild::UdpTcpTls
            } else {
                NaptrBuild::UdpOnly
            },
            address_mode: match common.address_mode {
                params::AddressMode::V4 => AddressMode::V4,
                params::AddressMode::V6 => AddressMode::V6,
                params::AddressMode::Both => AddressMode::Both,
            },
            srv_weight: match common.srv_weight {
                params::SrvWeight::Guide => SrvWeight::Guide,
                params::SrvWeight::Rfc2782 => SrvWeight::Rfc2782,
            },
            static_records: Arc::new(static_records(&common.static_records)),
        };
        if let Some(known) = self.0.get(&wanted) {
            return known.clone();
        }
        let wanted = Arc::new(wanted);
        self.0.insert(wanted.clone());
        wanted
    }
}

/// The static DNS cache as `locate` takes it; a record with a name that is none is left out.
#[must_use]
pub fn static_records(records: &params::StaticRecords) -> StaticRecords {
    let name = |text: &str| DomainName::parse(text).ok();
    StaticRecords {
        a: records
            .a
            .iter()
            .filter_map(|a| Some(StaticA { name: name(&a.name)?, ip: a.ip, ttl_s: a.ttl_s }))
            .collect(),
        srv: records.srv.iter().filter_map(static_srv).collect(),
        naptr: records.naptr.iter().filter_map(static_naptr).collect(),
    }
}

fn static_srv(record: &params::StaticSrv) -> Option<StaticSrv> {
    let target = DomainName::parse(&record.target).ok()?;
    Some(StaticSrv {
        name: DomainName::parse(&record.name).ok()?,
        srv: Srv { priority: record.priority, weight: record.weight, port: record.port, target },
        ttl_s: record.ttl_s,
    })
}

fn static_naptr(record: &params::StaticNaptr) -> Option<StaticNaptr> {
    Some(StaticNaptr {
        name: DomainName::parse(&record.name).ok()?,
        naptr: Naptr {
            order: record.order,
            preference: record.preference,
            flags: (&*record.flags).into(),
            service: (&*record.service).into(),
            regexp: "".into(),
            replacement: DomainName::parse(&record.replacement).ok()?,
        },
        ttl_s: record.ttl_s,
    })
}
