//! The wrapper as a whole: torture messages, streams in pieces, mutants, and what is written read
//! again.

#![cfg(test)]

mod datagrams;
mod framing;
mod properties;
mod torture;
mod writing;

use sip::{Message, ParseFault, Request, Response, parse_datagram};

/// A request that parses.
fn request(text: &str) -> Request {
    match parse_datagram(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

/// A response that parses.
fn response(text: &str) -> Response {
    match parse_datagram(text.as_bytes()) {
        Ok(Message::Response(response)) => response,
        other => panic!("not a response: {other:?}"),
    }
}

/// The fault of a datagram that does not parse.
fn fault(bytes: &[u8]) -> ParseFault {
    match parse_datagram(bytes) {
        Err(fault) => fault,
        Ok(message) => panic!("parsed: {message:?}"),
    }
}

/// An OPTIONS with `extra` header lines, each ended by CRLF.
fn options(extra: &str) -> String {
    format!(
        "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n\
         From: <sip:alice@example.com>;tag=f\r\nTo: <sip:bob@example.com>\r\nCall-ID: c\r\n\
         CSeq: 7 OPTIONS\r\nMax-Forwards: 70\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

/// A 200 to a REGISTER with `extra` header lines, each ended by CRLF.
fn registered(status: &str, extra: &str) -> String {
    format!(
        "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;received=198.51.100.7;\
         rport=4711\r\nFrom: <sip:alice@example.com>;tag=f\r\nTo: <sip:alice@example.com>;tag=t\r\n\
         Call-ID: c\r\nCSeq: 7 REGISTER\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}
