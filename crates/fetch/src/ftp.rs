//! FTP (RFC 959) in passive mode (RFC 2428), binary.

use std::net::{IpAddr, SocketAddr};

use params::Secret;
use params::provision::{Answer, Ending, FetchFault, Login, Request, Verb};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::connect;

/// A line of a server's answer, and lines of one answer.
const LINE_BYTES_MAX: u64 = 4096;
const LINES_MAX: usize = 200;

/// Fetches or stores a file.
pub(crate) async fn fetch(
    request: &Request,
    addresses: &[SocketAddr],
) -> Result<Answer, FetchFault> {
    let mut control = Control::open(addresses).await?;
    let anonymous = Login { user: "anonymous".into(), password: Secret::new("sureline@") };
    let login = request.login.as_ref().unwrap_or(&anonymous);
    if let Some(denied) = control.log_in(login).await? {
        return Ok(denied);
    }
    control.expect("TYPE I", 200).await?;
    match &request.verb {
        Verb::Get => control.get(&request.url.file_name(), request.bytes_max).await,
        Verb::Store(_, bytes) => control.put(&request.url.file_name(), bytes).await,
    }
}

/// The connection that carries commands.
struct Control {
    stream: BufReader<TcpStream>,
    server: IpAddr,
}

impl Control {
    async fn open(addresses: &[SocketAddr]) -> Result<Self, FetchFault> {
        let stream = connect::tcp(addresses).await?;
        let server = stream.peer_addr().map_err(|_| FetchFault::CutOff)?.ip();
        let mut control = Self { stream: BufReader::new(stream), server };
        match control.answer().await?.0 {
            220 => Ok(control),
            other => Err(FetchFault::Status(other)),
        }
    }

    /// Whether the server takes the password; if not, what is to be said.
    async fn log_in(&mut self, login: &Login) -> Result<Option<Answer>, FetchFault> {
        let (mut status, _) = self.ask(&format!("USER {}", login.user)).await?;
        if status == 331 {
            status = self.ask(&format!("PASS {}", login.password.reveal())).await?.0;
        }
        match status {
            230 | 202 => Ok(None),
            332 | 530 => Ok(Some(Answer::Denied(status))),
            other => Err(FetchFault::Status(other)),
        }
    }

    async fn get(&mut self, name: &str, bytes_max: usize) -> Result<Answer, FetchFault> {
        let size = match self.ask(&format!("SIZE {name}")).await? {
            (213, text) => text.trim().parse::<usize>().ok(),
            _ => None,
        };
        if size.is_some_and(|size| size > bytes_max) {
            return Err(FetchFault::TooLarge);
        }
        let data = self.open_data().await?;
        match self.ask(&format!("RETR {name}")).await?.0 {
            125 | 150 => {}
            550 => return Ok(Answer::Missing),
            other => return Err(FetchFault::Status(other)),
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let read = data.take(limit).read_to_end(&mut bytes).await;
        read.map_err(|_| FetchFault::CutOff)?;
        if bytes.len() > bytes_max {
            return Err(FetchFault::TooLarge);
        }
        let is_whole = size.is_none_or(|size| size == bytes.len());
        match self.answer().await?.0 {
            226 | 250 if is_whole => Ok(Answer::File { bytes, ending: Ending::Told }),
            226 | 250 => Err(FetchFault::CutOff),
            other => Err(FetchFault::Status(other)),
        }
    }

    async fn put(&mut self, name: &str, bytes: &[u8]) -> Result<Answer, FetchFault> {
        let mut data = self.open_data().await?;
        match self.ask(&format!("STOR {name}")).await?.0 {
            125 | 150 => {}
            other => return Err(FetchFault::Status(other)),
        }
        data.write_all(bytes).await.map_err(|_| FetchFault::CutOff)?;
        data.shutdown().await.map_err(|_| FetchFault::CutOff)?;
        drop(data);
        match self.answer().await?.0 {
            226 | 250 => Ok(Answer::Stored),
            other => Err(FetchFault::Status(other)),
        }
    }

    /// Opens the connection that carries the file. It goes to the server that was asked, whatever
    /// address the answer names: a server may not send the phone elsewhere.
    async fn open_data(&mut self) -> Result<TcpStream, FetchFault> {
        let port = match self.ask("EPSV").await? {
            (229, text) => extended_port(&text),
            _ => match self.ask("PASV").await? {
                (227, text) => passive_port(&text),
                (other, _) => return Err(FetchFault::Status(other)),
            },
        };
        let port = port.ok_or(FetchFault::Protocol("no port for the file"))?;
        connect::tcp(&[SocketAddr::new(self.server, port)]).await
    }

    async fn expect(&mut self, command: &str, wanted: u16) -> Result<(), FetchFault> {
        match self.ask(command).await?.0 {
            status if status == wanted => Ok(()),
            other => Err(FetchFault::Status(other)),
        }
    }

    async fn ask(&mut self, command: &str) -> Result<(u16, String), FetchFault> {
        if command.contains(char::is_control) {
            return Err(FetchFault::Protocol("a name or password with a control character"));
        }
        let line = format!("{command}\r\n");
        let sent = self.stream.get_mut().write_all(line.as_bytes()).await;
        sent.map_err(|_| FetchFault::CutOff)?;
        self.answer().await
    }

    /// Status and text of the next answer, of several lines or one (RFC 959 §4.2).
    async fn answer(&mut self) -> Result<(u16, String), FetchFault> {
        for _ in 0..LINES_MAX {
            let mut line = Vec::new();
            let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
            let read = limited.read_until(b'\n', &mut line).await;
            if read.map_err(|_| FetchFault::CutOff)? == 0 {
                return Err(FetchFault::CutOff);
            }
            let line = String::from_utf8_lossy(&line);
            let (figures, rest) = line.split_at_checked(3).unwrap_or((&line, ""));
            if let (Ok(status), Some(text)) = (figures.parse(), rest.strip_prefix([' ', '\r'])) {
                return Ok((status, text.trim_end().to_owned()));
            }
        }
        Err(FetchFault::Protocol("that is no FTP"))
    }
}

/// `Entering Extended Passive Mode (|||6446|)`.
fn extended_port(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("(|||")?;
    rest.split('|').next()?.parse().ok()
}

/// `Entering Passive Mode (192,0,2,1,25,46)`.
fn passive_port(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once('(')?;
    let numbers: Option<Vec<u8>> =
        rest.split(')').next()?.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers?.as_slice() {
        [_, _, _, _, high, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_both_answers() {
        assert_eq!(extended_port("Entering Extended Passive Mode (|||6446|)"), Some(6446));
        assert_eq!(passive_port("Entering Passive Mode (192,0,2,1,25,46)."), Some(6446));
        for text in ["", "(|||x|)", "(1,2,3,4,5)", "(1,2,3,4,5,256)"] {
            assert_eq!((extended_port(text), passive_port(text)), (None, None), "{text}");
        }
    }
}
