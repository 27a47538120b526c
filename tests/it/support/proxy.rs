//! A TCP proxy that cuts connections when it is told to.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards to one address; dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    cuts: watch::Sender<u64>,
}

impl Proxy {
    #[expect(clippy::disallowed_methods, reason = "a test's own task, which ends with its runtime")]
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (cuts, cut) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(forward(near, target.clone(), cut.clone()));
            }
        });
        Self { address, cuts }
    }

    /// Breaks every connection that stands now.
    pub fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }
}

async fn forward(mut near: TcpStream, target: String, mut cut: watch::Receiver<u64>) {
    cut.borrow_and_update();
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = cut.changed() => {}
    }
}
