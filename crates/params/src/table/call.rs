//! Calls, media, subscriptions and keys.

use super::{ACCOUNT_ADVANCED, CALLS, NO_DEVICE, SUBSCRIPTIONS, of, text};
use crate::choices::{CallerIdSource, Choice, DtmfInfo, DtmfType, Refresher, SharedLine, SrtpMode};
use crate::row::{Row, When, row};
use crate::value::{INTEGER_MAX, Kind};

const CALL: &str = "Calls";
const AUDIO: &str = "Audio";
const TIMER: &[When] = &[When::Is("account.X.session_timer.enable", &["1"])];
const MWI: &[When] = &[When::Is("account.X.subscribe_mwi", &["1"])];
const NO_CODEC: &str = "this phone has no such codec";
const REFUSE: Kind = of(&[
    Choice { value: "404", label: "Not Found" },
    Choice { value: "480", label: "Temporarily Unavailable" },
    Choice { value: "486", label: "Busy Here" },
]);
const LINE_KEYS: u16 = 40;

pub(super) const ROWS: &[Row] = &[
    row(
        "account.X.session_timer.enable",
        Kind::Switch,
        "0",
        "1: calls are refreshed now and then, so that a dead one ends (RFC 4028).",
    )
    .our_web(ACCOUNT_ADVANCED, CALL, "Session Timer")
    .not_used(CALLS),
    row(
        "account.X.session_timer.expires",
        Kind::Integer { min: 1, max: 9999 },
        "1800",
        "Seconds after which a call that was not refreshed ends.",
    )
    .when(TIMER)
    .our_web(ACCOUNT_ADVANCED, CALL, "Session Expires")
    .not_used(CALLS),
    row(
        "account.X.session_timer.refresher",
        of(Refresher::CHOICES),
        "0",
        "Who refreshes: the caller or the callee.",
    )
    .when(TIMER)
    .our_web(ACCOUNT_ADVANCED, CALL, "Session Refresher")
    .not_used(CALLS),
    row(
        "account.X.100rel_enable",
        Kind::Switch,
        "0",
        "1: provisional answers are acknowledged (RFC 3262).",
    )
    .our_web(ACCOUNT_ADVANCED, CALL, "Retransmission (100rel)")
    .not_used(CALLS),
    row(
        "account.X.enable_user_equal_phone",
        Kind::Switch,
        "0",
        "1: request URIs carry user=phone.",
    )
    .our_web(ACCOUNT_ADVANCED, CALL, "Send user=phone")
    .not_used(CALLS),
    row(
        "account.X.cid_source",
        of(CallerIdSource::CHOICES),
        "0",
        "Which headers name the caller, in this order.",
    )
    .our_web(ACCOUNT_ADVANCED, CALL, "Caller ID Source")
    .not_used(CALLS),
    row("account.X.auto_answer", Kind::Switch, "0", "1: calls are answered at once.")
        .our_web(ACCOUNT_ADVANCED, CALL, "Auto Answer")
        .not_used(CALLS),
    row("account.X.missed_calllog", Kind::Switch, "1", "1: missed calls are kept in the call log.")
        .our_web(ACCOUNT_ADVANCED, CALL, "Missed Call Log")
        .not_used(CALLS),
    row(
        "account.X.srtp_encryption",
        of(SrtpMode::CHOICES),
        "0",
        "Whether media is encrypted: never, where the other side can, or always.",
    )
    .our_web(ACCOUNT_ADVANCED, AUDIO, "RTP Encryption (SRTP)")
    .not_used(CALLS),
    row("account.X.srtp.cipher_list", text(256), "", "The SRTP suites that are offered.")
        .not_used(CALLS),
    row(
        "account.X.ptime",
        of(&[
            Choice { value: "0", label: "Disabled" },
            Choice { value: "10", label: "10" },
            Choice { value: "20", label: "20" },
            Choice { value: "30", label: "30" },
            Choice { value: "40", label: "40" },
            Choice { value: "50", label: "50" },
            Choice { value: "60", label: "60" },
        ]),
        "20",
        "Milliseconds of audio in a packet; 0: as the other side wants.",
    )
    .our_web(ACCOUNT_ADVANCED, AUDIO, "PTime")
    .not_used(CALLS),
    row("account.X.dtmf.type", of(DtmfType::CHOICES), "1", "How keys pressed in a call are sent.")
        .our_web(ACCOUNT_ADVANCED, AUDIO, "DTMF Type")
        .not_used(CALLS),
    row(
        "account.X.dtmf.dtmf_payload",
        Kind::Integer { min: 96, max: 127 },
        "101",
        "The RTP payload type of telephone events.",
    )
    .when(&[When::Is("account.X.dtmf.type", &["1", "3"])])
    .our_web(ACCOUNT_ADVANCED, AUDIO, "DTMF Payload Type")
    .not_used(CALLS),
    row(
        "account.X.dtmf.info_type",
        of(DtmfInfo::CHOICES),
        "1",
        "The body of an INFO request that carries a key.",
    )
    .when(&[When::Is("account.X.dtmf.type", &["2", "3"])])
    .our_web(ACCOUNT_ADVANCED, AUDIO, "DTMF Info Type")
    .not_used(CALLS),
    codec("account.X.codec.pcmu.enable", "1"),
    codec_place("account.X.codec.pcmu.priority", "1"),
    codec("account.X.codec.pcma.enable", "1"),
    codec_place("account.X.codec.pcma.priority", "2"),
    codec("account.X.codec.g729.enable", "1"),
    codec_place("account.X.codec.g729.priority", "3"),
    codec("account.X.codec.g722.enable", "1"),
    codec_place("account.X.codec.g722.priority", "4"),
    codec("account.X.codec.opus.enable", "0"),
    codec_place("account.X.codec.opus.priority", "5"),
    codec("account.X.codec.ilbc.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.ilbc.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.ilbc_13_33.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.ilbc_13_33.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.ilbc_15_2.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.ilbc_15_2.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.g723_53.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.g723_53.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.g723_63.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.g723_63.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.g726_16.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.g726_16.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.g726_24.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.g726_24.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.g726_32.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.g726_32.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.g726_40.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.g726_40.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.g7221_24.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.g7221_24.priority", "0").not_used(NO_CODEC),
    codec("account.X.codec.g7221_32.enable", "0").not_used(NO_CODEC),
    codec_place("account.X.codec.g7221_32.priority", "0").not_used(NO_CODEC),
    numbered_codec("account.X.codec.N.enable", "account.X.codec.pcmu.enable"),
    numbered_codec("account.X.codec.N.payload_type", "account.X.codec.pcmu.enable"),
    numbered_codec("account.X.codec.N.priority", "account.X.codec.pcmu.priority"),
    numbered_codec("account.X.codec.N.rtpmap", "account.X.codec.pcmu.enable"),
    row(
        "account.X.subscribe_mwi",
        Kind::Switch,
        "0",
        "1: the phone subscribes to message waiting.",
    )
    .our_web(ACCOUNT_ADVANCED, "Subscriptions", "Subscribe for MWI")
    .not_used(SUBSCRIPTIONS),
    row(
        "account.X.subscribe_mwi_expires",
        Kind::Integer { min: 0, max: 84_600 },
        "3600",
        "Seconds that the subscription to message waiting is asked to last.",
    )
    .when(MWI)
    .our_web(ACCOUNT_ADVANCED, "Subscriptions", "MWI Subscription Period")
    .not_used(SUBSCRIPTIONS),
    row(
        "account.X.subscribe_mwi_to_vm",
        Kind::Switch,
        "0",
        "1: message waiting is asked for at the mailbox number in place of the user.",
    )
    .when(MWI)
    .our_web(ACCOUNT_ADVANCED, "Subscriptions", "Subscribe MWI To Voice Mail")
    .not_used(SUBSCRIPTIONS),
    row(
        "voice_mail.number.X",
        text(99),
        "",
        "The mailbox number of an account; the account stands last in the key.",
    )
    .our_web(ACCOUNT_ADVANCED, "Subscriptions", "Voice Mail")
    .not_used(SUBSCRIPTIONS),
    row(
        "account.X.blf.subscribe_period",
        Kind::Integer { min: 30, max: INTEGER_MAX },
        "1800",
        "Seconds that the subscription of a busy lamp is asked to last.",
    )
    .our_web(ACCOUNT_ADVANCED, "Subscriptions", "BLF Subscription Period")
    .not_used(SUBSCRIPTIONS),
    row(
        "account.X.blf.blf_list_uri",
        text(256),
        "",
        "A list on the server whose members are watched together.",
    )
    .our_web(ACCOUNT_ADVANCED, "Subscriptions", "BLF List URI")
    .not_used(SUBSCRIPTIONS),
    row(
        "account.X.shared_line",
        of(SharedLine::CHOICES),
        "0",
        "Whether several phones share the line. Sharing is lost on the fallback server.",
    )
    .our_web(ACCOUNT_ADVANCED, "Subscriptions", "Shared Line")
    .not_used(SUBSCRIPTIONS),
    row(
        "linekey.N.type",
        Kind::Integer { min: 0, max: 255 },
        "",
        "What line key N does: 0 nothing, 13 dials, 15 takes a line, 16 watches another \
         phone. Blank: the first keys are lines.",
    )
    .n_to(LINE_KEYS)
    .not_used(SUBSCRIPTIONS),
    row("linekey.N.line", Kind::Integer { min: 0, max: 16 }, "", "The account of line key N.")
        .n_to(LINE_KEYS)
        .not_used(SUBSCRIPTIONS),
    row("linekey.N.value", text(256), "", "The number that line key N dials or watches.")
        .n_to(LINE_KEYS)
        .not_used(SUBSCRIPTIONS),
    row("linekey.N.label", text(256), "", "The text beside line key N.")
        .n_to(LINE_KEYS)
        .not_used(SUBSCRIPTIONS),
    row(
        "linekey.N.extension",
        text(256),
        "",
        "What is dialled to pick up a call that line key N shows.",
    )
    .n_to(LINE_KEYS)
    .not_used(SUBSCRIPTIONS),
    row("linekey.N.pickup_value", text(256), "", "The same under another name.")
        .n_to(LINE_KEYS)
        .not_used(SUBSCRIPTIONS),
    row(
        "features.direct_ip_call_enable",
        Kind::Switch,
        "0",
        "1: calls to and from bare addresses are permitted.",
    )
    .vendor("1")
    .not_used(CALLS),
    row("features.dnd_refuse_code", REFUSE, "480", "The answer to calls while not disturbed.")
        .not_used(CALLS),
    row("features.normal_refuse_code", REFUSE, "486", "The answer to calls that the user rejects.")
        .not_used(CALLS),
    row(
        "phone_setting.disable_account_without_username.enable",
        Kind::Switch,
        "0",
        "Hides accounts without a user name.",
    )
    .not_used(NO_DEVICE),
];

const fn codec(pattern: &'static str, default: &'static str) -> Row {
    row(pattern, Kind::Switch, default, "1: the codec is offered.").not_used(CALLS)
}

const fn codec_place(pattern: &'static str, default: &'static str) -> Row {
    row(
        pattern,
        Kind::Integer { min: 0, max: 99 },
        default,
        "The place of the codec among those offered: the lowest comes first.",
    )
    .not_used(CALLS)
}

const fn numbered_codec(pattern: &'static str, instead: &'static str) -> Row {
    row(pattern, text(99), "", "A codec by number, as old firmware has it.")
        .n_to(20)
        .never_read(Some(instead))
}
