//! Where the server listens: TLS, and a socket in the file system.

use std::path::Path;
use std::sync::Arc;

use tenantd::config::Http;
use tenantd::http::{self, Bound};
use tenantd::lifecycle::Lifecycle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::view;
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(a_socket_in_the_file_system_is_enough, tls_is_spoken_where_a_certificate_is);

fn serve(bound: Bound, app: &TestApp) -> DropGuard {
    let stop = CancellationToken::new();
    Lifecycle::default().spawn_service(http::serve(bound, Arc::new(view(app, true)), stop.clone()));
    stop.drop_guard()
}

const QUESTION: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: tenantd\r\nConnection: close\r\n\r\n";

async fn ask(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) -> String {
    stream.write_all(QUESTION).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn a_socket_in_the_file_system_is_enough(database: Database) {
    use std::os::unix::fs::PermissionsExt;
    let app = TestApp::start(&database).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    // Somebody who was killed left a socket behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let settings = Http { listen: format!("unix:{}", path.display()).parse().unwrap(), ..Http::default() };
    let bound = http::bind(&settings).await.unwrap();
    assert_eq!(bound.place().unwrap(), format!("unix:{}", path.display()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let taken = http::bind(&settings).await.unwrap_err();
    assert!(format!("{taken:#}").contains("in use"), "{taken:#}");
    let stop = serve(bound, &app);
    let answer = ask(UnixStream::connect(&path).await.unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"live\":true"), "{answer}");
    drop(stop);
    let gone = async || (!Path::new(&path).exists()).then_some(());
    crate::support::eventually("the socket's end", gone).await;
}

/// Writes a new certificate and its key; what trusts it, and nothing else.
fn renew(certificate: &Path, key: &Path) -> reqwest::Client {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(certificate, made.cert.pem()).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
    let authority = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    // Each request shakes hands anew.
    reqwest::Client::builder().tls_certs_only([authority]).pool_max_idle_per_host(0).build().unwrap()
}

async fn tls_is_spoken_where_a_certificate_is(database: Database) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let app = TestApp::start(&database).await;
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let client = renew(&certificate, &key);
    let settings = Http {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls_certificate: Some(certificate.clone()),
        tls_key: Some(key.clone()),
        ..Http::default()
    };
    let bound = http::bind(&settings).await.unwrap();
    let base = bound.place().unwrap();
    let address = base.strip_prefix("https://").unwrap().to_owned();
    let _stop = serve(bound, &app);
    // A handshake that never ends keeps nobody waiting.
    let _slow = TcpStream::connect(&address).await.unwrap();
    let port = address.rsplit(':').next().unwrap();
    let ask = async |client: &reqwest::Client| {
        client.get(format!("https://localhost:{port}/health/live")).send().await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(ask(&client).await.unwrap(), 200);
    let renewed = renew(&certificate, &key);
    assert_eq!(ask(&renewed).await.unwrap(), 200);
    // Half of the next renewal is none.
    std::fs::write(&certificate, "nothing yet").unwrap();
    assert_eq!(ask(&renewed).await.unwrap(), 200);
    let fresh = renew(&certificate, &key);
    assert!(ask(&renewed).await.is_err());
    assert_eq!(ask(&fresh).await.unwrap(), 200);
    let wrong = Http { tls_key: Some(certificate), ..settings };
    let refused = http::bind(&wrong).await.unwrap_err().to_string();
    assert!(refused.contains("tls_key"), "{refused}");
}
