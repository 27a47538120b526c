//! The certificate of the server: whoever renews it replaces its files, and the next connection gets the new one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate with its key, as their files had them last.
pub(super) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    /// What the files said when they were looked at last.
    seen: [Vec<u8>; 2],
    acceptor: TlsAcceptor,
    /// Why the files cannot be used now.
    trouble: Option<String>,
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit each other; the message names the setting.
    pub fn load(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let seen = files(certificate, key)?;
        let acceptor = acceptor(certificate, key, &seen)?;
        Ok(Self { chain: certificate.to_owned(), key: key.to_owned(), seen, acceptor, trouble: None })
    }

    /// What greets the next connection. Files that cannot be used, as while only one of them is new, leave the
    /// certificate as it was; that is said once.
    pub fn acceptor(&mut self) -> TlsAcceptor {
        let renewed = match files(&self.chain, &self.key) {
            Ok(seen) if seen == self.seen => Ok(None),
            Ok(seen) => acceptor(&self.chain, &self.key, &seen).map(|acceptor| Some((seen, acceptor))),
            Err(error) => Err(error),
        };
        let trouble = match renewed {
            Ok(None) => None,
            Ok(Some((seen, acceptor))) => {
                tracing::info!(path = %self.chain.display(), "the server has a new certificate");
                (self.seen, self.acceptor) = (seen, acceptor);
                None
            }
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(trouble) = trouble.as_ref().filter(|trouble| self.trouble.as_ref() != Some(trouble)) {
            tracing::warn!("the server keeps its old certificate: {trouble}");
        }
        self.trouble = trouble;
        self.acceptor.clone()
    }
}

fn files(certificate: &Path, key: &Path) -> anyhow::Result<[Vec<u8>; 2]> {
    let read = |setting: &str, path: &Path| {
        fs::read(path).map_err(|error| anyhow::anyhow!("http.{setting}: {}: {error}", path.display()))
    };
    Ok([read("tls_certificate", certificate)?, read("tls_key", key)?])
}

fn acceptor(certificate: &Path, key: &Path, [chain, secret]: &[Vec<u8>; 2]) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| anyhow::anyhow!("http.tls_certificate: {}: {error}", certificate.display()))?;
    let secret = PrivateKeyDer::from_pem_slice(secret)
        .map_err(|error| anyhow::anyhow!("http.tls_key: {}: {error}", key.display()))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, secret);
    let mut config = config.context("http.tls_certificate and http.tls_key cannot be used together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
