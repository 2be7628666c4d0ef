//! TFTP against a server whose every packet a test writes.

use std::net::SocketAddr;
use std::time::Duration;

use params::provision::{Answer, Ending, FetchFault, UploadMethod, Verb};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{BYTES_MAX, NAME, bytes_of, fetched, fetcher, get};

/// One side of a conversation: the server's socket for requests, and one for the transfer.
struct Server {
    door: UdpSocket,
    transfer: UdpSocket,
    client: Option<SocketAddr>,
}

impl Server {
    async fn new() -> (Self, u16) {
        let door = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let transfer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = door.local_addr().unwrap().port();
        (Self { door, transfer, client: None }, port)
    }

    /// The next request.
    async fn request(&mut self) -> Vec<u8> {
        let (bytes, from) = receive(&self.door).await;
        self.client = Some(from);
        bytes
    }

    async fn send(&self, packet: &[u8]) {
        self.transfer.send_to(packet, self.client.unwrap()).await.unwrap();
    }

    async fn data(&self, number: u16, piece: &[u8]) {
        self.send(&[&[0, 3], &number.to_be_bytes()[..], piece].concat()).await;
    }

    async fn received(&self) -> Vec<u8> {
        receive(&self.transfer).await.0
    }

    async fn acknowledged(&self, number: u16) {
        let expected = [&[0, 4], &number.to_be_bytes()[..]].concat();
        assert_eq!(self.received().await, expected);
    }
}

async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let received = timeout(Duration::from_secs(5), socket.recv_from(&mut buffer)).await;
    let (length, from) = received.expect("a packet").unwrap();
    (buffer[..length].to_vec(), from)
}

fn asking(port: u16) -> JoinHandle<Answer> {
    tokio::spawn(async move {
        fetched(&fetcher(), &get(&format!("tftp://{NAME}:{port}/dir/x.cfg"))).await
    })
}

#[tokio::test]
async fn a_file_comes_in_blocks_of_the_size_that_was_agreed() {
    let (mut server, port) = Server::new().await;
    let asking = asking(port);
    assert_eq!(server.request().await, b"\0\x01dir/x.cfg\0octet\0blksize\x001428\0tsize\x000\0");
    server.send(b"\0\x06blksize\x001000\0tsize\x002500\0").await;
    server.acknowledged(0).await;
    for (number, length) in [(1, 1000), (2, 1000), (3, 500)] {
        server.data(number, &vec![b'#'; length]).await;
        server.acknowledged(number).await;
    }
    let expected = Answer::File { bytes: vec![b'#'; 2500], ending: Ending::Told };
    assert_eq!(asking.await.unwrap(), expected);
}

#[tokio::test]
async fn a_server_without_options_sends_512_bytes_at_once() {
    let (mut server, port) = Server::new().await;
    let asking = asking(port);
    server.request().await;
    server.data(1, &[b'a'; 512]).await;
    server.acknowledged(1).await;
    server.data(2, b"").await;
    server.acknowledged(2).await;
    assert_eq!(bytes_of(asking.await.unwrap()), [b'a'; 512]);
}

#[tokio::test]
async fn a_server_that_refuses_options_is_asked_without() {
    let (mut server, port) = Server::new().await;
    let asking = asking(port);
    server.request().await;
    server.send(b"\0\x05\0\x08no options\0").await;
    assert_eq!(server.request().await, b"\0\x01dir/x.cfg\0octet\0");
    server.data(1, b"x").await;
    assert_eq!(bytes_of(asking.await.unwrap()), b"x");
}

#[tokio::test]
async fn lost_packets_are_sent_again_and_doubled_ones_count_once() {
    let (mut server, port) = Server::new().await;
    let asking = asking(port);
    let first = server.request().await;
    // The request was lost; so was an acknowledgement.
    assert_eq!(server.request().await, first);
    server.data(1, &[b'a'; 512]).await;
    server.acknowledged(1).await;
    server.acknowledged(1).await;
    server.data(1, &[b'a'; 512]).await;
    server.data(2, b"end").await;
    server.acknowledged(2).await;
    let bytes = bytes_of(asking.await.unwrap());
    assert_eq!((bytes.len(), &bytes[512..]), (515, &b"end"[..]));
}

#[tokio::test]
async fn errors_of_a_server_are_told_apart() {
    for (error, answer) in [
        (&b"\0\x05\0\x01File not found\0"[..], Answer::Missing),
        (b"\0\x05\0\0File NOT found\0", Answer::Missing),
        (b"\0\x05\0\x02Access violation\0", Answer::Failed(FetchFault::Status(2))),
        (b"\0\x05\0\0", Answer::Failed(FetchFault::Status(0))),
    ] {
        let (mut server, port) = Server::new().await;
        let asking = asking(port);
        server.request().await;
        server.send(error).await;
        assert_eq!(asking.await.unwrap(), answer);
    }
}

#[tokio::test]
async fn packets_of_another_transfer_change_nothing() {
    let (mut server, port) = Server::new().await;
    let asking = asking(port);
    server.request().await;
    server.data(1, &[b'a'; 512]).await;
    server.acknowledged(1).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let evil = [&b"\0\x03\0\x02"[..], b"evil"].concat();
    stranger.send_to(&evil, server.client.unwrap()).await.unwrap();
    // RFC 1350 §4: it is told so.
    assert_eq!(receive(&stranger).await.0[..4], [0, 5, 0, 5]);
    server.data(2, b"good").await;
    assert!(bytes_of(asking.await.unwrap()).ends_with(b"good"));
}

#[tokio::test]
async fn a_size_that_is_not_kept_is_seen() {
    for (announced, sent, fault) in [
        (&b"\0\x06tsize\x009\0"[..], Some(5), FetchFault::CutOff),
        (b"\0\x06tsize\x00104857600\0", None, FetchFault::TooLarge),
        (b"\0\x06blksize\x0060000\0", None, FetchFault::Protocol("a block size nobody asked for")),
        (b"\0\x06blksize\x004\0", None, FetchFault::Protocol("a block size nobody asked for")),
    ] {
        let (mut server, port) = Server::new().await;
        let asking = asking(port);
        server.request().await;
        server.send(announced).await;
        match sent {
            Some(length) => {
                server.acknowledged(0).await;
                server.data(1, &vec![b'#'; length]).await;
            }
            None => assert_eq!(server.received().await[..2], [0, 5]),
        }
        assert_eq!(asking.await.unwrap(), Answer::Failed(fault));
    }
}

#[tokio::test]
async fn an_endless_file_is_given_up() {
    let (mut server, port) = Server::new().await;
    let asking = asking(port);
    server.request().await;
    let mut number = 0;
    while !asking.is_finished() && usize::from(number) <= BYTES_MAX / 512 + 1 {
        number += 1;
        server.data(number, &[b'#'; 512]).await;
        if server.received().await[..2] == [0, 5] {
            break;
        }
    }
    assert_eq!(asking.await.unwrap(), Answer::Failed(FetchFault::TooLarge));
}

#[tokio::test]
async fn a_file_is_stored() {
    for (grant, block) in
        [(&b"\0\x06blksize\x00100\0tsize\x00200\0"[..], 100), (b"\0\x04\0\0", 512)]
    {
        let (mut server, port) = Server::new().await;
        let mut request = get(&format!("tftp://{NAME}:{port}/l.cfg"));
        let content = vec![b'#'; 200];
        request.verb = Verb::Store(UploadMethod::Put, content.clone().into());
        let storing = tokio::spawn(async move { fetched(&fetcher(), &request).await });
        assert_eq!(server.request().await, b"\0\x02l.cfg\0octet\0blksize\x001428\0tsize\x00200\0");
        server.send(grant).await;
        let mut got = Vec::new();
        loop {
            let packet = server.received().await;
            got.extend_from_slice(&packet[4..]);
            server.send(&[&[0, 4], &packet[2..4]].concat()).await;
            if packet.len() - 4 < block {
                break;
            }
        }
        assert_eq!((storing.await.unwrap(), got), (Answer::Stored, content));
    }
}
