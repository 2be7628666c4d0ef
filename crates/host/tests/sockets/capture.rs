use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use host::pcap::{Capture, Mark};
use host::{Channel, Clock, Direction, Packet, Tap};
use net::{Conn, Socket, Transport};

#[test]
fn datagrams_are_read_back_with_their_comments() {
    let Some(tshark) = Tshark::find() else { return };
    let file = Captured::new("udp", |capture| {
        let v4 = ends("127.0.0.1:5070", "127.0.1.1:5060");
        capture.annotate(Mark::Next(v4.1), "attempt 1 of 4");
        capture.packet(Direction::Sent, Transport::Udp, v4, REGISTER);
        capture.packet(Direction::Received, Transport::Udp, v4, OK);
        capture.annotate(Mark::Last(v4.1), "registered");
        let v6 = ends("[::1]:5070", "[::1]:5060");
        capture.packet(Direction::Sent, Transport::Udp, v6, REGISTER);
    });

    let rows = tshark.fields(
        &file,
        &["_ws.col.Protocol", "ip.src", "ipv6.src", "udp.dstport", "sip.Method", "sip.Status-Code"],
    );

    assert_eq!(
        rows,
        ["SIP|127.0.0.1||5060|REGISTER|", "SIP|127.0.1.1||5070||200", "SIP||::1|5060|REGISTER|",]
    );
    assert_eq!(tshark.fields(&file, &["frame.comment"]), ["attempt 1 of 4", "registered", ""]);
    tshark.assert_no_complaint(&file);
}

#[test]
fn a_stream_in_small_pieces_is_put_together_again() {
    let Some(tshark) = Tshark::find() else { return };
    let file = Captured::new("tcp", |capture| {
        let ends = ends("127.0.0.1:40001", "127.0.1.1:5060");
        capture.packet(Direction::Sent, Transport::Tcp, ends, REGISTER);
        for byte in OK {
            capture.packet(Direction::Received, Transport::Tcp, ends, &[*byte]);
        }
    });

    let messages = tshark.filtered(&file, "sip", &["tcp.dstport", "sip.Method", "sip.Status-Code"]);

    assert_eq!(messages, ["5060|REGISTER|", "40001||200"]);
    tshark.assert_no_complaint(&file);
}

#[test]
fn what_came_over_tls_is_written_decrypted_and_says_so() {
    let Some(tshark) = Tshark::find() else { return };
    let file = Captured::new("tls", |capture| {
        let ends = ends("[::1]:40001", "[::1]:5061");
        capture.packet(Direction::Sent, Transport::Tls, ends, REGISTER);
        capture.packet(Direction::Received, Transport::Tls, ends, OK);
    });

    let rows = tshark.filtered(&file, "sip", &["tcp.srcport", "sip.Method", "frame.comment"]);

    assert_eq!(rows, ["40001|REGISTER|decrypted: this is TLS with [::1]:5061", "5060||"]);
    tshark.assert_no_complaint(&file);
}

#[test]
fn a_disk_that_fails_is_told_at_the_end() {
    let capture = Capture::begin(FullAfter(100), Clock::start()).unwrap();
    capture.clone().packet(
        Clock::start().now(),
        &packet(Direction::Sent, Transport::Udp, ends("127.0.0.1:1", "127.0.0.1:2"), REGISTER),
    );

    assert_eq!(capture.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

/// A capture of a test: a file that is removed at its end.
struct Captured(PathBuf);

impl Captured {
    fn new(name: &str, fill: impl FnOnce(&mut Filling)) -> Self {
        let name = format!("host-{name}-{}.pcapng", std::process::id());
        let path = std::env::temp_dir().join(name);
        let clock = Clock::start();
        let file = std::fs::File::create(&path).unwrap();
        let mut filling = Filling(Capture::begin(file, clock.clone()).unwrap(), clock);
        fill(&mut filling);
        filling.0.finish().unwrap();
        Self(path)
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

struct Filling(Capture, Clock);

impl Filling {
    fn packet(
        &mut self,
        direction: Direction,
        transport: Transport,
        ends: (SocketAddr, SocketAddr),
        bytes: &[u8],
    ) {
        self.0.packet(self.1.now(), &packet(direction, transport, ends, bytes));
    }

    fn annotate(&self, mark: Mark, text: &str) {
        self.0.annotate(mark, text);
    }
}

fn packet(
    direction: Direction,
    transport: Transport,
    (local, remote): (SocketAddr, SocketAddr),
    bytes: &[u8],
) -> Packet<'_> {
    let channel = match transport {
        Transport::Udp => Channel::Socket(Socket(0)),
        Transport::Tcp | Transport::Tls => Channel::Conn(Conn(1)),
    };
    Packet { direction, transport, channel, local, remote, bytes }
}

fn ends(local: &str, remote: &str) -> (SocketAddr, SocketAddr) {
    (local.parse().unwrap(), remote.parse().unwrap())
}

struct Tshark;

impl Tshark {
    /// `None`, with the reason said, where tshark is not installed; in CI that is a failure.
    fn find() -> Option<Self> {
        let found = Command::new("tshark").arg("--version").output().is_ok();
        assert!(found || std::env::var("CI").as_deref() != Ok("true"), "tshark is not installed");
        if !found {
            eprintln!("skipped: tshark is not installed");
        }
        found.then_some(Self)
    }

    fn fields(&self, file: &Captured, fields: &[&str]) -> Vec<String> {
        self.filtered(file, "frame", fields)
    }

    fn filtered(&self, file: &Captured, filter: &str, fields: &[&str]) -> Vec<String> {
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(&file.0).args(["-Y", filter, "-T", "fields", "-E", "separator=|"]);
        for check in ["ip", "udp", "tcp"] {
            tshark.args(["-o", &format!("{check}.check_checksum:TRUE")]);
        }
        for field in fields {
            tshark.args(["-e", field]);
        }
        let output = tshark.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
    }

    /// No packet is malformed, no checksum wrong, no piece of a stream missing.
    fn assert_no_complaint(&self, file: &Captured) {
        let complaint = "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 \
             || tcp.checksum.status == 0 || tcp.analysis.lost_segment || tcp.analysis.retransmission";
        assert_eq!(self.filtered(file, complaint, &["frame.number"]), [""; 0]);
    }
}

/// A disk with room for so many bytes.
struct FullAfter(usize);

impl io::Write for FullAfter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const REGISTER: &[u8] = b"REGISTER sip:lab.test SIP/2.0\r\n\
    Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:1001@lab.test>;tag=1\r\n\
    To: <sip:1001@lab.test>\r\n\
    Call-ID: a1\r\n\
    CSeq: 1 REGISTER\r\n\
    Content-Length: 0\r\n\r\n";

const OK: &[u8] = b"SIP/2.0 200 OK\r\n\
    Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n\
    From: <sip:1001@lab.test>;tag=1\r\n\
    To: <sip:1001@lab.test>;tag=2\r\n\
    Call-ID: a1\r\n\
    CSeq: 1 REGISTER\r\n\
    Content-Length: 0\r\n\r\n";
