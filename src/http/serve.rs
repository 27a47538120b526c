//! Connections: so many at once, each with so long to say what it wants.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::addresses::Addresses;
use super::api::Peer;

/// What clients may take of the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections at once; whoever comes later waits in the system's queue. Half of the 1,024 files that a service may
    /// have open by default.
    pub connections: usize,
    /// Those of one address; one more is closed. A proxy before the server is one address.
    pub of_address: usize,
    /// How long a connection may take for a request's head, lie idle between requests, and leave an answer unread.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, of_address: 128, patience: Duration::from_secs(30) }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(Some(address.ip()))
    }
}

impl From<tokio::net::unix::SocketAddr> for Peer {
    fn from(_: tokio::net::unix::SocketAddr) -> Self {
        Self(None)
    }
}

/// Answers whoever connects, until it is told to stop; requests that have begun are answered.
pub(super) async fn serve<L>(mut listener: L, router: Router, limits: Limits, stop: CancellationToken)
where
    L: Listener,
    Peer: From<L::Addr>,
{
    let (places, addresses) = (Arc::new(Semaphore::new(limits.connections)), Arc::new(Addresses::default()));
    let connections = GracefulShutdown::new();
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.patience);
    let mut answering = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, (stream, address)) = tokio::select! {
            accepted = accepted => accepted,
            Some(_) = answering.join_next() => continue,
            () = stop.cancelled() => break,
        };
        let (router, peer) = (router.clone(), Peer::from(address));
        let Some(counted) = addresses.take(peer, limits.of_address) else { continue };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.patience));
        let answer = service_fn(move |request| answer(router.clone(), peer, request));
        let connection = server.serve_connection(TokioIo::new(Box::pin(stream)), answer);
        let connection = connections.watch(connection);
        answering.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(counted);
            drop(place);
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn answer(mut router: Router, peer: Peer, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    router.call(request.map(Body::new)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    const WHOLE: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    /// A server with so many places, for all and for one address: its address, itself, and what stops it.
    async fn server((connections, of_address): (usize, usize)) -> (SocketAddr, JoinSet<()>, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let hello = async |ConnectInfo(Peer(peer)): ConnectInfo<Peer>| format!("hello {}", peer.unwrap());
        let long = async || "x".repeat(64 << 20);
        let router = Router::new().route("/", get(hello)).route("/long", get(long));
        let limits = Limits { connections, of_address, patience: Duration::from_millis(20) };
        let mut server = JoinSet::new();
        server.spawn(serve(listener, router, limits, stop.clone()));
        (address, server, stop)
    }

    async fn send(address: SocketAddr, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream
    }

    async fn answered(mut stream: TcpStream) -> String {
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        said
    }

    #[tokio::test]
    async fn whoever_does_not_say_what_they_want_is_left() {
        let (address, _server, _) = server((2, 2)).await;
        let half = send(address, &WHOLE[..20]).await;
        assert_eq!(answered(half).await, "");
    }

    #[tokio::test]
    async fn one_too_many_waits_for_a_place() {
        let (address, _server, _) = server((1, 1)).await;
        let silent = send(address, b"").await;
        let said = answered(send(address, WHOLE).await).await;
        assert!(said.starts_with("HTTP/1.1 200 OK") && said.ends_with("hello 127.0.0.1"), "{said}");
        assert_eq!(answered(silent).await, "", "it was left");
    }

    #[tokio::test]
    async fn whoever_does_not_read_the_answer_is_left() {
        let (address, _server, _) = server((1, 1)).await;
        let deaf = send(address, b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n").await;
        // The only place is free again.
        let said = answered(send(address, WHOLE).await).await;
        assert!(said.ends_with("hello 127.0.0.1"), "{said}");
        drop(deaf);
    }

    #[tokio::test]
    async fn one_address_cannot_have_every_place() {
        let (address, _server, _) = server((2, 1)).await;
        let first = send(address, &WHOLE[..20]).await;
        let mut second = TcpStream::connect(address).await.unwrap();
        // Closed at once: with or without a word, as the system has it.
        assert_eq!(second.read(&mut [0; 1]).await.unwrap_or_default(), 0);
        drop(first);
    }

    #[tokio::test]
    async fn a_server_that_stops_takes_nobody_new() {
        let (address, mut server, stop) = server((1, 1)).await;
        assert!(answered(send(address, WHOLE).await).await.ends_with("hello 127.0.0.1"));
        stop.cancel();
        server.join_next().await.unwrap().unwrap();
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}
