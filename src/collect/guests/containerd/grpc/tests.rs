//! Against a server of HTTP/2 that answers what no containerd would.

use super::*;
use http::{HeaderValue, Response};
use std::sync::atomic::{AtomicU32, Ordering};

/// What the server sends in answer to anything: a status, bytes, trailers.
struct Script {
    http: u16,
    body: &'static [u8],
    trailers: Option<(&'static str, &'static str)>,
}

const GOOD: Script = Script { http: 200, body: b"\0\0\0\0\x02hi", trailers: Some(("0", "")) };

async fn serve(socket: UnixStream, script: Script) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(socket).await?;
    while let Some(request) = connection.accept().await {
        let (_, mut respond) = request?;
        let head = Response::builder().status(script.http).body(()).unwrap();
        let mut stream = respond.send_response(head, script.trailers.is_none() && script.body.is_empty())?;
        if let Some((status, words)) = script.trailers {
            stream.send_data(script.body.into(), false)?;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(status));
            trailers.insert("grpc-message", HeaderValue::from_static(words));
            stream.send_trailers(trailers)?;
        } else if !script.body.is_empty() {
            stream.send_data(script.body.into(), true)?;
        }
    }
    Ok(())
}

fn ask(script: Script) -> Result<Bytes, CallError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("hsflow-grpc-{}-{number}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let _ = serve(socket, script).await;
        });
        Channel::connect(&path).await?.ask("/a.B/C", "default", b"question").await
    });
    std::fs::remove_file(&path).unwrap();
    answer
}

#[test]
fn an_answer_is_taken_and_a_missing_one_is_empty() {
    assert_eq!(ask(GOOD).unwrap(), "hi");
    assert_eq!(ask(Script { body: b"", ..GOOD }).unwrap(), "");
    assert_eq!(ask(Script { body: b"", trailers: None, ..GOOD }).unwrap(), "");
}

#[test]
fn a_refusal_keeps_the_servers_words() {
    let refused =
        ask(Script { body: b"", trailers: Some(("5", "container \"x\": not found")), ..GOOD }).unwrap_err();
    assert!(refused.is_not_found());
    assert_eq!(refused.to_string(), "/a.B/C: refused with gRPC code 5: container \"x\": not found");
    let late = ask(Script { trailers: Some(("13", "disk full")), ..GOOD }).unwrap_err();
    assert!(late.to_string().ends_with("gRPC code 13: disk full"), "also behind an answer");
    assert!(ask(Script { trailers: Some(("much", "")), ..GOOD }).is_err());
    assert!(matches!(ask(Script { http: 503, ..GOOD }), Err(CallError::Status { status: 503, .. })));
}

#[test]
fn answers_that_cannot_be_are_errors_that_say_what_is_wrong() {
    let of = |body| ask(Script { body, ..GOOD }).unwrap_err().to_string();
    assert_eq!(of(b"\x01\0\0\0\x02hi"), "/a.B/C: a compressed message, which was not asked for");
    assert_eq!(of(b"\0\xff\0\0\0hi"), "/a.B/C: a message of 4278190080 bytes, more than 16777216");
    assert_eq!(of(b"\0\0\0\0\x03hi"), "/a.B/C: the answer ends inside a message");
    assert_eq!(of(b"\0\0"), "/a.B/C: the answer ends inside a message");
}
