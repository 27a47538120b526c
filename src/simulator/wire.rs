//! Connections that can be broken on purpose.
//!
//! A well-behaved HTTP server cannot reset a connection or stop in the middle of a body; a cloud's load
//! balancer can, so each connection carries a switch that its requests may pull.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// The switch of one connection.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<AtomicBool>);

impl Wire {
    /// Nothing more is written; the peer sees a reset.
    pub fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A listener whose connections have switches.
#[derive(Debug)]
pub struct Tapped(pub TcpListener);

/// A connection with its switch.
#[derive(Debug)]
pub struct TappedStream {
    stream: TcpStream,
    wire: Wire,
}

impl Listener for Tapped {
    type Io = TappedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TappedStream, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.0).await;
        // Small answers to many clients: waiting for more to send costs forty milliseconds each.
        stream.set_nodelay(true).ok();
        let wire = Wire::default();
        (TappedStream { stream, wire }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Tapped>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Tapped>) -> Self {
        stream.io().wire.clone()
    }
}

impl TappedStream {
    fn broken(&self) -> Option<io::Error> {
        self.wire.is_cut().then(|| {
            // Without lingering, closing sends a reset instead of an orderly end.
            self.stream.set_zero_linger().ok();
            io::ErrorKind::ConnectionReset.into()
        })
    }
}

impl AsyncRead for TappedStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for TappedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.broken() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
