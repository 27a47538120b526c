//! Traces over OTLP/HTTP, from the message through the job to each request and commit; off unless configured.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

/// The exporter's end, to be flushed before the process ends.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends what is still held; blocks for a moment, so it is called from outside the runtime's threads.
    pub fn flush(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// A layer that sends spans to `endpoint` (`http://host:4318`).
///
/// # Errors
/// When the exporter cannot be built from the endpoint.
pub fn layer<S>(
    endpoint: &str,
    instance: &str,
) -> anyhow::Result<(Traces, OpenTelemetryLayer<S, opentelemetry_sdk::trace::SdkTracer>)>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url)
        .build()?;
    let resource = Resource::builder()
        .with_service_name("tenantd")
        .with_attribute(opentelemetry::KeyValue::new("service.instance.id", instance.to_owned()))
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("tenantd");
    Ok((Traces(provider), tracing_opentelemetry::layer().with_tracer(tracer)))
}

/// Links `span` to the producer's trace: the message caused it, but did not wait for it.
pub fn link(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let producer = TraceContextPropagator::new().extract(&carrier);
    let context = producer.span().span_context().clone();
    if context.is_valid() {
        span.add_link(context);
    }
}
