//! Connections. In: a listener. Out: HTTP/1.1 exchanges. Rules: at most so many at a time; each has so long for a request and for
//! taking what it asked for; a body is not read.

use super::Shared;
use super::answer::answer;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const MOST: usize = 64;
/// For the head of a request; the page asks more often than that.
const HEAD: Duration = Duration::from_secs(10);
/// Of a connection. A page that is open makes another one.
const LONGEST: Duration = Duration::from_secs(300);
const MOST_HEADERS: usize = 64;
const HEAD_BYTES: usize = 16 << 10;

/// Serves for ever.
pub(super) async fn serve(listener: TcpListener, shared: &Rc<Shared>) {
    let places = std::sync::Arc::new(Semaphore::new(MOST));
    loop {
        // Who finds no place waits in the kernel's queue.
        let Ok(place) = std::sync::Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(e) => {
                log::debug!(target: "web", "accept: {e}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let shared = Rc::clone(shared);
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| {
                let reply = answer(&shared, &request);
                async move { Ok::<_, Infallible>(reply) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_headers(MOST_HEADERS)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(LONGEST, connection).await;
            drop(place);
        });
    }
}
