//! HTTP/1.1: one request, and once or twice more for a password.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    LOCATION, TRANSFER_ENCODING, USER_AGENT, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use net::Cause;
use params::provision::{Answer, Ending, FetchFault, Request, UploadMethod, Verb};
use tokio::task::JoinSet;

use crate::connect::Stream;
use crate::password::Asked;

/// Status line and header fields of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// A password is sent once, and once more for a nonce that is too old.
const CHALLENGES_MAX: u32 = 2;

/// Carries out a request; `connect` opens a connection to its server, `cnonce` is drawn anew.
pub(crate) async fn fetch<C, F>(
    request: &Request,
    mut connect: C,
    mut cnonce: impl FnMut() -> String,
) -> Result<Answer, FetchFault>
where
    C: FnMut() -> F,
    F: Future<Output = Result<Stream, FetchFault>>,
{
    let mut authorization: Option<String> = None;
    for challenges in 0..=CHALLENGES_MAX {
        // One connection a request: what a challenge's body is worth is not found out.
        let stream = connect().await?;
        let (response, _task) = send(request, stream, authorization.as_deref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return read(request, response).await;
        }
        let fields = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let asked = Asked::of(fields.filter_map(|field| field.to_str().ok()));
        let (Some(login), Some(asked)) = (&request.login, asked) else { break };
        if challenges > 0 && !asked.is_stale() {
            break;
        }
        let (method, body) = method(request);
        let path = request.url.path();
        authorization = Some(asked.answer(login, method.as_str(), path, &body, &cnonce()));
    }
    Ok(Answer::Denied(StatusCode::UNAUTHORIZED.as_u16()))
}

fn method(request: &Request) -> (Method, Bytes) {
    match &request.verb {
        Verb::Get => (Method::GET, Bytes::new()),
        Verb::Store(UploadMethod::Put, bytes) => (Method::PUT, Bytes::copy_from_slice(bytes)),
        Verb::Store(UploadMethod::Post, bytes) => (Method::POST, Bytes::copy_from_slice(bytes)),
    }
}

/// Sends a request; the task that moves its bytes lives as long as what comes with the answer.
async fn send(
    request: &Request,
    stream: Stream,
    authorization: Option<&str>,
) -> Result<(Response<Incoming>, JoinSet<()>), FetchFault> {
    let io = TokioIo::new(stream);
    let handshake = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(io);
    let (mut sender, connection) = handshake.await.map_err(|error| fault_of(&error))?;
    let mut task = JoinSet::new();
    // What breaks it is seen where the answer is read.
    task.spawn(async move { drop(connection.await) });
    let (method, body) = method(request);
    let mut message = hyper::Request::builder()
        .method(method)
        .uri(request.url.path())
        .header(HOST, request.url.authority())
        .header(USER_AGENT, &*request.user_agent)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close");
    if let Some(value) = authorization {
        message = message.header(AUTHORIZATION, value);
    }
    if request.verb != Verb::Get {
        message = message.header(CONTENT_TYPE, "text/plain");
    }
    let message = message
        .body(Full::new(body))
        .map_err(|_| FetchFault::Protocol("the address does not fit a request"))?;
    let response = sender.send_request(message).await.map_err(|error| fault_of(&error))?;
    Ok((response, task))
}

async fn read(request: &Request, response: Response<Incoming>) -> Result<Answer, FetchFault> {
    let status = response.status();
    if status.is_redirection()
        && let Some(to) = response.headers().get(LOCATION)
    {
        let to = to.to_str().map_err(|_| FetchFault::Protocol("a Location that is no text"))?;
        return Ok(Answer::Moved(to.into()));
    }
    match (status, &request.verb) {
        (StatusCode::NOT_FOUND | StatusCode::GONE, _) => Ok(Answer::Missing),
        (StatusCode::FORBIDDEN, _) => Ok(Answer::Denied(status.as_u16())),
        (_, Verb::Store(..)) if status.is_success() => Ok(Answer::Stored),
        (StatusCode::OK, Verb::Get) => body(response, request.bytes_max).await,
        (_, Verb::Get | Verb::Store(..)) => Err(FetchFault::Status(status.as_u16())),
    }
}

async fn body(response: Response<Incoming>, bytes_max: usize) -> Result<Answer, FetchFault> {
    let headers = response.headers();
    let coding = headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes());
    if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(FetchFault::Protocol("it is compressed, though nobody asked for that"));
    }
    if length(headers).is_some_and(|length| length > bytes_max) {
        return Err(FetchFault::TooLarge);
    }
    let is_told = length(headers).is_some() || headers.contains_key(TRANSFER_ENCODING);
    let ending = if is_told { Ending::Told } else { Ending::Closed };
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| FetchFault::CutOff)?;
        let piece = frame.into_data().unwrap_or_default();
        if bytes.len() + piece.len() > bytes_max {
            return Err(FetchFault::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Answer::File { bytes, ending })
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn fault_of(error: &hyper::Error) -> FetchFault {
    if error.is_parse() || error.is_parse_status() {
        FetchFault::Protocol("that is no HTTP")
    } else if error.is_incomplete_message() {
        FetchFault::CutOff
    } else {
        FetchFault::Connection(Cause::Reset)
    }
}
