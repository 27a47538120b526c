//! Where the server takes requests from: an address, with or without TLS, or a socket in the file system.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

use super::addresses::Addresses;
use super::certificate::Certificate;
use crate::config::{Http, Listen};

/// A place that is taken.
#[derive(Debug)]
pub enum Bound {
    /// An address.
    Plain(TcpListener),
    /// An address, with TLS.
    Secure(Secure),
    /// A socket in the file system.
    Socket(UnixListener, SocketFile),
}

/// Removes the socket when nobody listens on it any more.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever comes next removes what is left.
        let _ = fs::remove_file(&self.0);
    }
}

impl Bound {
    /// How it is reached, for people.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn place(&self) -> io::Result<String> {
        Ok(match self {
            Self::Plain(listener) => format!("http://{}", listener.local_addr()?),
            Self::Secure(secure) => format!("https://{}", secure.tcp.local_addr()?),
            Self::Socket(_, file) => format!("unix:{}", file.0.display()),
        })
    }
}

/// Takes the place.
///
/// # Errors
/// When it is taken already, or the certificate cannot be used.
pub async fn bind(settings: &Http) -> anyhow::Result<Bound> {
    let address = match &settings.listen {
        Listen::Address(address) => *address,
        Listen::Socket(path) => {
            let listener = socket(path).with_context(|| format!("http.listen = \"{}\"", settings.listen))?;
            return Ok(Bound::Socket(listener, SocketFile(path.clone())));
        }
    };
    let tcp = TcpListener::bind(address).await;
    let tcp = tcp.map_err(|error| anyhow::anyhow!("http.listen = \"{address}\": {error}"))?;
    let (Some(certificate), Some(key)) = (&settings.tls_certificate, &settings.tls_key) else {
        return Ok(Bound::Plain(tcp));
    };
    let certificate = Certificate::load(certificate, key)?;
    Ok(Bound::Secure(Secure { tcp, certificate, handshakes: JoinSet::new(), addresses: Arc::default() }))
}

/// Listens on a path; what a process that was killed left there is removed. Owner and group may connect.
fn socket(path: &Path) -> io::Result<UnixListener> {
    let is_socket = fs::metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let is_dead = || {
        let tried = std::os::unix::net::UnixStream::connect(path);
        tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    if is_socket && is_dead() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// An address with TLS. Handshakes go on beside each other, so that a slow one keeps nobody waiting.
pub struct Secure {
    tcp: TcpListener,
    certificate: Certificate,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
    addresses: Arc<Addresses>,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Secure").field(&self.tcp).finish()
    }
}

/// Handshakes at once; whoever comes later waits in the system's queue.
const HANDSHAKES: usize = 256;
/// Those of one address; one more is closed.
const OF_ADDRESS: usize = 64;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, address) = Listener::accept(&mut self.tcp), if self.handshakes.len() < HANDSHAKES => {
                    let Some(counted) = self.addresses.take(address.into(), OF_ADDRESS) else { continue };
                    let handshake = self.certificate.acceptor().accept(stream);
                    self.handshakes.spawn(async move {
                        let stream = tokio::time::timeout(PATIENCE, handshake).await;
                        drop(counted);
                        Some((stream.ok()?.ok()?, address))
                    });
                }
                Some(ended) = self.handshakes.join_next() => {
                    if let Ok(Some(secured)) = ended {
                        return secured;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
