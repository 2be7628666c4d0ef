//! The values of keys that permit a few words or figures, as enums.

/// One permitted value and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As it stands in a file.
    pub value: &'static str,
    /// The guide's word for it.
    pub label: &'static str,
}

/// A type of the choices that one key permits.
pub(crate) trait Choices: Sized {
    /// The choice that `value` names in a file.
    fn from_value(value: &str) -> Option<Self>;
}

macro_rules! choices {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident = $value:literal $label:literal,)*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub enum $name { $($(#[$variant_doc])* $variant,)* }

            impl $name {
                /// The permitted values, in the order of the manual.
                pub const CHOICES: &'static [Choice] =
                    &[$(Choice { value: $value, label: $label },)*];

                /// The value as it stands in a file.
                #[must_use]
                pub const fn value(self) -> &'static str {
                    match self { $(Self::$variant => $value,)* }
                }

                /// The guide's word for the value.
                #[must_use]
                pub const fn label(self) -> &'static str {
                    match self { $(Self::$variant => $label,)* }
                }

                /// The choice that `value` names in a file.
                #[must_use]
                pub fn from_value(value: &str) -> Option<Self> {
                    match value { $($value => Some(Self::$variant),)* _ => None }
                }
            }

            impl Choices for $name {
                fn from_value(value: &str) -> Option<Self> {
                    Self::from_value(value)
                }
            }
        )*
    };
}

choices! {
    /// How the phone talks to a server, `transport_type`.
    TransportType {
        /// UDP only.
        Udp = "0" "UDP",
        /// TCP only.
        Tcp = "1" "TCP",
        /// TLS only.
        Tls = "2" "TLS",
        /// As NAPTR says, with port 0; UDP with any other port.
        DnsNaptr = "3" "DNS-NAPTR",
    }
    /// When requests go to the primary again after a failover, `failback_mode`.
    FailbackMode {
        /// With each new request.
        NewRequests = "0" "newRequests",
        /// When the TTL of the current next hop's record has run.
        DnsTtl = "1" "DNSTTL",
        /// With the next refresh of the registration.
        Registration = "2" "registration",
        /// After `failback_timeout` seconds.
        Duration = "3" "duration",
    }
    /// How the two servers are registered at, `fallback.redundancy_type`.
    Redundancy {
        /// At both at once.
        Concurrent = "0" "Concurrent Registration",
        /// At one at a time, server 1 first.
        Successive = "1" "Successive Registration",
    }
    /// What DNS answers are kept, `dns_cache_type`.
    DnsCacheType {
        /// Nothing: each pass asks.
        Bypass = "0" "no cache",
        /// Answers for their TTL.
        Answers = "1" "answers",
        /// Answers and additional records.
        AnswersAndAdditionals = "2" "answers and additional records",
    }
    /// Which set of defaults applies, `sureline.profile`.
    Profile {
        /// The guide with the tagged decisions.
        Compat = "compat" "as the guide",
        /// What a new deployment wants.
        Fast = "fast" "for new deployments",
    }
    /// The order among SRV records of one priority, `sureline.srv_weight`.
    SrvWeight {
        /// The heaviest first.
        Guide = "guide" "heaviest first",
        /// A weighted die for each resolution.
        Rfc2782 = "rfc2782" "weighted die of RFC 2782",
    }
    /// What a request from outside the trusted set gets, `sureline.strangers`.
    Strangers {
        /// No answer.
        Drop = "drop" "no answer",
        /// 403.
        Forbid = "403" "403 Forbidden",
        /// The same as anybody.
        Accept = "accept" "treated like anybody",
    }
    /// How far one ICMP error reaches, `sureline.icmp`.
    IcmpScope {
        /// To all waiting attempts of the process at that next hop.
        Shared = "shared" "all waiting attempts at that next hop",
        /// To the attempt that it quotes.
        Attempt = "attempt" "the quoted attempt alone",
    }
    /// How an idle registration is probed, `liveness`.
    Liveness {
        /// Not at all.
        Off = "off" "no probe",
        /// With OPTIONS.
        Options = "options" "OPTIONS",
        /// With CRLF, on streams and where RFC 5626 is spoken.
        Crlf = "crlf" "CRLF of RFC 5626",
    }
    /// When successive fallback goes to server 2, `fallback_at`.
    FallbackAt {
        /// When the lease at server 1 has run out, or a call needs it.
        LeaseEnd = "lease_end" "when the lease at server 1 ends",
        /// As soon as server 1 is given up.
        Now = "now" "at once",
    }
    /// Which address families are used, `static.network.ip_address_mode`.
    AddressMode {
        /// A records only.
        V4 = "0" "IPv4",
        /// AAAA records only.
        V6 = "1" "IPv6",
        /// Both, ordered as RFC 6724 and RFC 7984 say.
        Both = "2" "IPv4 and IPv6",
    }
    /// What a check-sync notification does, `sip.notify_reboot_enable`.
    NotifyReboot {
        /// A restart with `reboot=true`, else provisioning.
        IfAsked = "0" "restart only with reboot=true",
        /// Always a restart.
        Always = "1" "always restart",
        /// Nothing.
        Ignore = "2" "ignore",
    }
    /// How NAT is crossed, `nat.nat_traversal`.
    NatTraversal {
        /// Not at all.
        Disabled = "0" "Disabled",
        /// With the addresses that STUN tells.
        Stun = "1" "STUN",
    }
    /// What keeps the NAT's door open, `nat.udp_update_enable`.
    KeepAlive {
        /// Nothing.
        Off = "0" "Disabled",
        /// An empty datagram.
        Default = "1" "Default (empty datagram)",
        /// OPTIONS.
        Options = "2" "OPTIONS",
        /// NOTIFY.
        Notify = "3" "NOTIFY",
    }
    /// Who refreshes a session, `session_timer.refresher`.
    Refresher {
        /// The caller.
        Uac = "0" "UAC",
        /// The callee.
        Uas = "1" "UAS",
    }
    /// Whether media is encrypted, `srtp_encryption`.
    SrtpMode {
        /// Never.
        Off = "0" "Disabled",
        /// Where the other side can.
        Optional = "1" "Optional",
        /// Always: a call without it is refused.
        Compulsory = "2" "Compulsory",
    }
    /// How keys pressed in a call are sent, `dtmf.type`.
    DtmfType {
        /// As tones.
        Inband = "0" "INBAND",
        /// As RFC 4733 events.
        Rfc2833 = "1" "RFC2833",
        /// In INFO requests.
        Info = "2" "SIP INFO",
        /// As events and in INFO requests.
        Rfc2833AndInfo = "3" "RFC2833 + SIP INFO",
    }
    /// The body of a DTMF INFO request, `dtmf.info_type`.
    DtmfInfo {
        /// None.
        Disabled = "0" "Disabled",
        /// `application/dtmf-relay`.
        Relay = "1" "DTMF-Relay",
        /// `application/dtmf`.
        Dtmf = "2" "DTMF",
        /// `application/telephone-event`.
        TelephoneEvent = "3" "Telephone-Event",
    }
    /// Which headers name the caller, `cid_source`.
    CallerIdSource {
        /// From.
        From = "0" "FROM",
        /// P-Asserted-Identity.
        Pai = "1" "PAI",
        /// P-Asserted-Identity, From.
        PaiFrom = "2" "PAI-FROM",
        /// Privacy, P-Asserted-Identity, Remote-Party-ID, From.
        PrivacyPaiRpidFrom = "3" "PRID-PAI-FROM",
        /// P-Asserted-Identity, Remote-Party-ID, From.
        PaiRpidFrom = "4" "PAI-RPID-FROM",
        /// Remote-Party-ID, From.
        RpidFrom = "5" "RPID-FROM",
    }
    /// Whether the line is shared with other phones, `shared_line`.
    SharedLine {
        /// Not shared.
        Off = "0" "Disabled",
        /// BroadSoft shared call appearance.
        BroadSoft = "1" "BroadSoft SCA",
        /// Bridged line appearance.
        Bridged = "2" "BLA",
    }
    /// Which authorities may vouch for a server, `static.security.ca_cert`.
    CaList {
        /// The built-in ones.
        BuiltIn = "0" "Default Certificates",
        /// The uploaded ones.
        Custom = "1" "Custom Certificates",
        /// Both.
        All = "2" "All Certificates",
    }
    /// Which transports are listened on, `sip.listen_mode`.
    ListenMode {
        /// Those that an account uses.
        AsConfigured = "0" "as the accounts use",
        /// UDP alone besides.
        Udp = "1" "UDP",
        /// UDP and TCP.
        UdpAndTcp = "2" "UDP and TCP",
    }
    /// As whom the phone presents itself to a provisioning server, `sureline.provision_user_agent`.
    ProvisionAgent {
        /// As what it is.
        Sureline = "sureline" "sureline",
        /// As one of the vendor's phones, for servers that choose files by it.
        Vendor = "vendor" "as the vendor's phones",
    }
}
