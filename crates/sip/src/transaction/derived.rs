use bytes::Bytes;

use crate::fields::{as_text, long_name};
use crate::message::Response;
use crate::method::Method;
use crate::text;
use crate::writer::Writer;

/// The ACK for a final response other than 2xx to `invite` (RFC 3261 §17.1.1.3): request-URI, top
/// Via, From, Call-ID, CSeq number and Route of the INVITE, To of the response.
#[must_use]
pub fn ack_of(invite: &[u8], response: &Response) -> Bytes {
    derive(invite, &Method::Ack, response.header("To"))
}

/// The CANCEL for `invite` (RFC 3261 §9.1), to be sent to the same next hop once a provisional
/// response has come.
#[must_use]
pub fn cancel_of(invite: &[u8]) -> Bytes {
    derive(invite, &Method::Cancel, None)
}

/// A request of the same transaction as `invite`, which our own writer made.
fn derive(invite: &[u8], method: &Method, to: Option<&str>) -> Bytes {
    let mut lines = invite.split(|&byte| byte == b'\n').map(|line| text::trim_line(as_text(line)));
    let uri = lines.next().and_then(|start| start.split(' ').nth(1)).unwrap_or_default();
    let mut writer = Writer::request(method, uri);
    let mut has_via = false;
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (long_name(text::trim(name)), text::trim(value));
        if name.eq_ignore_ascii_case("Via") {
            if !has_via {
                let top = text::split(value, b',').next().unwrap_or_default();
                writer = writer.header("Via", top);
            }
            has_via = true;
        } else if name.eq_ignore_ascii_case("To") {
            writer = writer.header("To", to.unwrap_or(value));
        } else if name.eq_ignore_ascii_case("CSeq") {
            let number = value.split([' ', '\t']).next().unwrap_or_default();
            writer = writer.header("CSeq", format_args!("{number} {method}"));
        } else if ["From", "Call-ID", "Route"].iter().any(|kept| name.eq_ignore_ascii_case(kept)) {
            writer = writer.header(name, value);
        }
    }
    // RFC 3261 §8.1.1: Max-Forwards stands in every request.
    writer.header("Max-Forwards", 70).finish(None)
}
