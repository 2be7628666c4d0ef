//! FTP against a server that knows one file.

use std::sync::{Arc, Mutex};

use params::provision::{Answer, FetchFault, UploadMethod, Verb};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::support::{NAME, bytes_of, fetched, fetcher, get};

const FILE: &[u8] = b"account.1.enable = 1\n";

/// How the server behaves.
#[derive(Clone, Copy, Default)]
struct Manners {
    /// It knows PASV alone, and names an address of somebody else.
    only_passive: bool,
    /// It says another size.
    lies: bool,
    /// It ends the transfer without a good word.
    dies: bool,
}

struct Server {
    port: u16,
    commands: Arc<Mutex<Vec<String>>>,
    stored: Arc<Mutex<Vec<u8>>>,
}

async fn server(manners: Manners) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (commands, stored) = (Arc::default(), Arc::default());
    let served = Server { port, commands: Arc::clone(&commands), stored: Arc::clone(&stored) };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut say = "220-Hello\r\n220 ready\r\n".to_owned();
        let mut door: Option<TcpListener> = None;
        loop {
            if stream.get_mut().write_all(say.as_bytes()).await.is_err() {
                return;
            }
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            commands.lock().unwrap().push(line.trim_end().to_owned());
            let (command, name) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            say = match command {
                "USER" => "331 password?\r\n".into(),
                "PASS" if name == "wrong" => "530 no\r\n".into(),
                "PASS" => "230 in\r\n".into(),
                "TYPE" => "200 ok\r\n".into(),
                "SIZE" if manners.lies => "213 99\r\n".into(),
                "SIZE" => format!("213 {}\r\n", FILE.len()),
                "EPSV" if manners.only_passive => "500 what?\r\n".into(),
                "EPSV" | "PASV" => {
                    let data = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    let at = data.local_addr().unwrap().port();
                    door = Some(data);
                    let [high, low] = at.to_be_bytes();
                    match command {
                        "EPSV" => format!("229 Entering (|||{at}|)\r\n"),
                        _ => format!("227 Entering (192,0,2,66,{high},{low})\r\n"),
                    }
                }
                "RETR" | "STOR" => {
                    let (mut data, _) = door.take().unwrap().accept().await.unwrap();
                    if command == "RETR" && name != "dir/x.cfg" {
                        "550 no such file\r\n".into()
                    } else {
                        stream.get_mut().write_all(b"150 here\r\n").await.unwrap();
                        if command == "RETR" {
                            data.write_all(FILE).await.unwrap();
                        } else {
                            let mut bytes = Vec::new();
                            data.read_to_end(&mut bytes).await.unwrap();
                            *stored.lock().unwrap() = bytes;
                        }
                        drop(data);
                        if manners.dies { "426 aborted\r\n".into() } else { "226 done\r\n".into() }
                    }
                }
                _ => "502 what?\r\n".into(),
            };
        }
    });
    served
}

async fn answer(manners: Manners, path: &str) -> (Answer, Vec<String>) {
    let server = server(manners).await;
    let url = format!("ftp://bob:secret@{NAME}:{}/{path}", server.port);
    let answer = fetched(&fetcher(), &get(&url)).await;
    let commands = server.commands.lock().unwrap().clone();
    (answer, commands)
}

#[tokio::test]
async fn a_file_comes_in_passive_mode() {
    let (file, commands) = answer(Manners::default(), "dir/x.cfg").await;
    assert_eq!(bytes_of(file), FILE);
    assert_eq!(
        commands,
        ["USER bob", "PASS secret", "TYPE I", "SIZE dir/x.cfg", "EPSV", "RETR dir/x.cfg"]
    );
}

#[tokio::test]
async fn the_file_is_taken_from_the_server_that_was_asked() {
    let manners = Manners { only_passive: true, ..Manners::default() };
    assert_eq!(bytes_of(answer(manners, "dir/x.cfg").await.0), FILE);
}

#[tokio::test]
async fn what_is_missing_forbidden_or_torn_is_told_apart() {
    assert_eq!(answer(Manners::default(), "none.cfg").await.0, Answer::Missing);
    let manners = Manners { lies: true, ..Manners::default() };
    assert_eq!(answer(manners, "dir/x.cfg").await.0, Answer::Failed(FetchFault::CutOff));
    let manners = Manners { dies: true, ..Manners::default() };
    assert_eq!(answer(manners, "dir/x.cfg").await.0, Answer::Failed(FetchFault::Status(426)));
    let server = server(Manners::default()).await;
    let url = format!("ftp://bob:wrong@{NAME}:{}/dir/x.cfg", server.port);
    assert_eq!(fetched(&fetcher(), &get(&url)).await, Answer::Denied(530));
}

#[tokio::test]
async fn a_name_brings_no_further_command() {
    let (file, commands) = answer(Manners::default(), "x%0d%0aDELE%20y").await;
    assert!(matches!(file, Answer::Failed(FetchFault::Protocol(_))), "{file:?}");
    assert!(!commands.iter().any(|command| command.starts_with("DELE")), "{commands:?}");
}

#[tokio::test]
async fn a_file_is_stored() {
    let server = server(Manners::default()).await;
    let mut request = get(&format!("ftp://bob:secret@{NAME}:{}/l.cfg", server.port));
    request.verb = Verb::Store(UploadMethod::Put, FILE.into());
    assert_eq!(fetched(&fetcher(), &request).await, Answer::Stored);
    assert_eq!(*server.stored.lock().unwrap(), FILE);
}
