//! Traces against a small OTLP receiver: from the message through the job to each request and commit.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::rig::Daemon;

type Received = Arc<Mutex<Vec<Span>>>;

async fn receive(State(received): State<Received>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    received.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_one_trace_that_links_to_its_producer() {
    let received = Received::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&received));
    let server = tokio_util::task::AbortOnDropHandle::new(
        tenantd::lifecycle::Lifecycle::default().spawn(async move { axum::serve(listener, app).await }),
    );
    let daemon = Daemon::start(1, None, &format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n")).await;
    let job = daemon.enqueue_traced("pull_tenants", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").await;
    daemon
        .wait("the job's end", async || {
            let jobs = daemon.listed(&["jobs", "list"]);
            jobs.into_iter().find(|it| it["id"] == job.as_str() && it["state"] == "succeeded")
        })
        .await;
    let (status, log, _) = daemon.stop();
    assert!(status.success(), "{log}");
    drop(server);

    let spans = received.lock().unwrap().clone();
    let run = spans.iter().find(|span| span.name == "job.run").unwrap();
    let link = &run.links[0];
    assert_eq!(link.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes());
    assert_eq!(link.span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_ne!(run.trace_id, link.trace_id, "the producer is linked to, not waited for");
    let children = |name: &str| {
        spans.iter().filter(|span| span.name == name && span.trace_id == run.trace_id).cloned().collect::<Vec<_>>()
    };
    let requests = children("openstack.request");
    assert!(requests.len() >= 2, "a token and a listing: {requests:?}");
    assert_eq!(children("store.commit").len(), 1);
    let written = format!("{spans:?}");
    assert!(!written.contains("gAAAAAB") && !written.contains("admin-secret"), "a secret is in a trace");
}
