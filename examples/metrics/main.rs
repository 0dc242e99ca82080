//! A small HTTP server whose numbers are shared fields, exported to Prometheus.
//!
//! Run it with `cargo run --release --example metrics`, and with `-- --help` for its URLs. `server.rs` counts
//! and measures, and `exporter.rs` exports every shared field of the program in the `OpenMetrics` text format.
//! Neither depends on the other.
//!
//! A Prometheus server that scrapes many machines adds their numbers up, for instance:
//!
//! ```text
//! sum by (status) (rate(server_requests_total[1m]))
//! sum (server_in_flight)
//! histogram_quantile(0.99, sum by (le) (rate(server_latency_seconds_bucket[1m])))
//! ```

mod args;
mod exporter;
mod server;
#[path = "../shell/mod.rs"]
mod shell;

use std::process::ExitCode;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::args::Args;
use crate::exporter::{Labels, SharedFields};
use crate::server::{Server, Status};

fn run(Args { listen }: Args) -> anyhow::Result<()> {
    // Metrics of other libraries can be in the same registry.
    let mut registry = Registry::default();
    registry.register_collector(Box::new(SharedFields::new(vec![Labels {
        state: "Server",
        field: "requests",
        name: "status",
        values: Status::ALL
            .map(|status| status.code().as_str().to_owned())
            .into(),
    }])));

    let runtime = tokio::runtime::Builder::new_multi_thread()
        // More than one thread on every machine, so that requests move between threads.
        .worker_threads(4)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr().context("no address")?;
        shell::print(&format!(
            "listening on http://{address}\n\
             the metrics are at /metrics; `curl -X POST http://{address}/quit` ends this\n"
        ))?;
        server::serve(listener, registry).await;
        anyhow::Ok(())
    })?;

    // This ends the threads. Their counts remain.
    drop(runtime);
    for status in Status::ALL {
        let requests = Server::REQUESTS.at(status as usize).total();
        shell::print(&format!("{}: {requests} requests\n", status.code()))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    shell::main(args::HELP, args::parse, run)
}
