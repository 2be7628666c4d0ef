//! HTTP as servers speak it, and as they should not.

use std::time::Duration;

use net::Cause;
use params::provision::{Answer, Ending, FetchFault, UploadMethod, Verb};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{BYTES_MAX, NAME, Server, bytes_of, fetched, fetcher, get, ok, read_request};

const FILE: &str = "account.1.enable = 1\n";

async fn answer_to(response: &[u8]) -> Answer {
    let server = Server::start(vec![response.to_vec()]).await;
    fetched(&fetcher(), &get(&server.url("/x.cfg"))).await
}

#[tokio::test]
async fn a_file_is_asked_for_by_name_and_agent() {
    let server = Server::start(vec![ok(FILE)]).await;
    let answer = fetched(&fetcher(), &get(&server.url("/a b/x.cfg?v=1"))).await;
    let file = Answer::File { bytes: FILE.as_bytes().to_vec(), ending: Ending::Told };
    assert_eq!(answer, file);
    let heard = server.heard();
    let mut lines = heard[0].lines();
    assert_eq!(lines.next(), Some("GET /a%20b/x.cfg?v=1 HTTP/1.1"));
    let fields: Vec<&str> = lines.collect();
    for field in [
        &*format!("host: {NAME}:{}", server.addr.port()),
        "user-agent: sureline/test",
        "connection: close",
    ] {
        assert!(fields.contains(&field), "{fields:?}");
    }
    assert!(!heard[0].contains("authorization"), "{heard:?}");
}

#[tokio::test]
async fn both_ways_to_mark_the_end_are_read_and_its_lack_is_told() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        8\r\naccount.\r\nd\r\n1.enable = 1\n\r\n0\r\n\r\n";
    assert_eq!(bytes_of(answer_to(chunked.as_bytes()).await), FILE.as_bytes());
    let closing = format!("HTTP/1.0 200 OK\r\n\r\n{FILE}");
    assert_eq!(
        answer_to(closing.as_bytes()).await,
        Answer::File { bytes: FILE.as_bytes().to_vec(), ending: Ending::Closed }
    );
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let status = |line: &'static str| async move {
        answer_to(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await
    };
    assert_eq!(status("404 Not Found").await, Answer::Missing);
    assert_eq!(status("410 Gone").await, Answer::Missing);
    assert_eq!(status("403 Forbidden").await, Answer::Denied(403));
    assert_eq!(status("401 Unauthorized").await, Answer::Denied(401));
    assert_eq!(status("503 Busy").await, Answer::Failed(FetchFault::Status(503)));
    assert_eq!(status("204 No Content").await, Answer::Failed(FetchFault::Status(204)));
    assert_eq!(status("206 Partial").await, Answer::Failed(FetchFault::Status(206)));
    assert_eq!(
        status("302 Found\r\nLocation: http://b/x").await,
        Answer::Moved("http://b/x".into())
    );
    assert_eq!(status("302 Found").await, Answer::Failed(FetchFault::Status(302)));
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_none() {
    for response in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{FILE}"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\naccount.\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Le".to_owned(),
        String::new(),
    ] {
        assert_eq!(
            answer_to(response.as_bytes()).await,
            Answer::Failed(FetchFault::CutOff),
            "{response:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_http_is_said() {
    let protocol = |answer| matches!(answer, Answer::Failed(FetchFault::Protocol(_)));
    assert!(protocol(answer_to(b"220 ftp ready\r\n\r\n").await));
    assert!(protocol(
        answer_to(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx").await
    ));
    assert!(protocol(
        answer_to(b"HTTP/1.1 302 Found\r\nLocation: \xff\r\nContent-Length: 0\r\n\r\n").await
    ));
    let endless_head = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; 200_000]].concat();
    assert!(matches!(answer_to(&endless_head).await, Answer::Failed(_)));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read_to_its_end() {
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 100 << 20);
    assert_eq!(answer_to(announced.as_bytes()).await, Answer::Failed(FetchFault::TooLarge));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut sent = 0;
        while stream.write_all(&[b'#'; 10_000]).await.is_ok() {
            sent += 10_000;
        }
        sent
    });
    let answer = fetched(&fetcher(), &get(&format!("http://127.0.0.1:{port}/endless"))).await;
    assert_eq!(answer, Answer::Failed(FetchFault::TooLarge));
    // What is in flight at that time lies in the buffers of two sockets.
    let sent = tokio::time::timeout(Duration::from_secs(5), sent).await.unwrap().unwrap();
    assert!(sent < BYTES_MAX + (32 << 20), "{sent} bytes were sent");
}

#[tokio::test]
async fn a_request_that_is_given_up_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        for _ in 0..100 {
            if stream.write_all(b"#").await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    });
    let (fetcher, request) = (fetcher(), get(&format!("http://127.0.0.1:{port}/slow")));
    let slow = tokio::time::timeout(Duration::from_millis(300), fetcher.fetch(&request)).await;
    assert!(slow.is_err());
    assert!(server.await.unwrap(), "the server could still write");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_a_name_without_address() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answer = fetched(&fetcher(), &get(&format!("http://{NAME}:{}/", closed.port()))).await;
    assert_eq!(answer, Answer::Failed(FetchFault::Connection(Cause::Refused)));
    let answer = fetched(&fetcher(), &get("http://unknown.test/")).await;
    assert_eq!(answer, Answer::Failed(FetchFault::NoAddress));
}

#[tokio::test]
async fn a_password_is_sent_where_it_is_asked_for_and_once() {
    let challenge = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"a\"\r\n\
        Content-Length: 0\r\n\r\n"
        .to_vec();
    let server = Server::start(vec![challenge.clone(), ok(FILE)]).await;
    let url = server.url("/x.cfg").replace("http://", "http://bob:secret@");
    assert_eq!(bytes_of(fetched(&fetcher(), &get(&url)).await), FILE.as_bytes());
    let heard = server.heard();
    assert!(!heard[0].contains("authorization"), "{heard:?}");
    assert!(heard[1].contains("authorization: Basic Ym9iOnNlY3JldA=="), "{heard:?}");

    let stubborn = Server::start(vec![challenge]).await;
    let url = stubborn.url("/x.cfg");
    assert_eq!(fetched(&fetcher(), &get(&url)).await, Answer::Denied(401));
    assert_eq!(stubborn.heard().len(), 1);
    let url = url.replace("http://", "http://bob:secret@");
    assert_eq!(fetched(&fetcher(), &get(&url)).await, Answer::Denied(401));
    assert_eq!(stubborn.heard().len(), 3);
}

#[tokio::test]
async fn digest_is_answered_and_a_stale_nonce_once_more() {
    let challenge = |nonce: &str, more: &str| {
        format!(
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"a\"\r\n\
             WWW-Authenticate: Digest realm=\"a\", nonce=\"{nonce}\", qop=\"auth\", \
             algorithm=SHA-256{more}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    };
    let answers = vec![challenge("one", ""), challenge("two", ", stale=true"), ok(FILE)];
    let server = Server::start(answers).await;
    let url = server.url("/x.cfg").replace("http://", "http://bob:secret@");
    assert_eq!(bytes_of(fetched(&fetcher(), &get(&url)).await), FILE.as_bytes());
    let heard = server.heard();
    for (request, nonce) in [(&heard[1], "one"), (&heard[2], "two")] {
        let field = request.lines().find(|line| line.starts_with("authorization: Digest")).unwrap();
        for part in ["username=\"bob\"", &format!("nonce=\"{nonce}\""), "uri=\"/x.cfg\"", "SHA-256"]
        {
            assert!(field.contains(part), "{field}");
        }
        assert!(!field.contains("secret"));
    }

    let server = Server::start(vec![challenge("n", ", stale=true")]).await;
    let url = server.url("/x.cfg").replace("http://", "http://bob:secret@");
    assert_eq!(fetched(&fetcher(), &get(&url)).await, Answer::Denied(401));
    assert_eq!(server.heard().len(), 3);
}

#[tokio::test]
async fn a_file_is_stored_by_put_or_post() {
    for (method, line) in
        [(UploadMethod::Put, "PUT /l.cfg HTTP/1.1"), (UploadMethod::Post, "POST /l.cfg HTTP/1.1")]
    {
        for status in ["200 OK", "201 Created", "204 No Content"] {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes();
            let server = Server::start(vec![answer]).await;
            let mut request = get(&server.url("/l.cfg"));
            request.verb = Verb::Store(method, FILE.as_bytes().into());
            assert_eq!(fetched(&fetcher(), &request).await, Answer::Stored);
            let heard = server.heard();
            assert!(heard[0].starts_with(line) && heard[0].ends_with(FILE), "{heard:?}");
        }
    }
}
