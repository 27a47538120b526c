//! What the daemon tells about itself: metrics, logs, traces.

pub mod exposition;
pub mod metrics;
pub mod traces;

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, Telemetry};
use traces::Traces;

/// What has to be flushed at the end.
#[derive(Debug, Default)]
pub struct Guard {
    traces: Option<Traces>,
}

impl Guard {
    /// Sends what is still held. It blocks, so it belongs outside the runtime or on a blocking thread.
    pub fn flush(self) {
        if let Some(traces) = self.traces {
            traces.flush();
        }
    }
}

/// Starts logs (to standard error) and, when an endpoint is configured, traces.
///
/// # Errors
/// When the filter or the endpoint is unusable.
pub fn init(settings: &Telemetry, instance: &str) -> anyhow::Result<Guard> {
    // The cron library tells of its own parts at every start.
    let filter: EnvFilter = format!("tokio_cron_scheduler=warn,{}", settings.log).parse()?;
    let (traces, sending) = match &settings.otlp_endpoint {
        Some(endpoint) => {
            let (traces, layer) = traces::layer(endpoint, instance)?;
            (Some(traces), Some(layer.with_filter(own_spans())))
        }
        None => (None, None),
    };
    Registry::default().with(sending).with(logs(settings.log_format).with_filter(filter)).try_init()?;
    Ok(Guard { traces })
}

/// Only our own spans are worth sending; the HTTP client that sends them must not trace itself.
fn own_spans() -> EnvFilter {
    EnvFilter::new("off,tenantd=debug")
}

fn logs<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let terminal = std::io::stderr().is_terminal();
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if text {
        return layer.with_ansi(terminal && std::env::var_os("NO_COLOR").is_none()).with_target(false).boxed();
    }
    layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
}
