//! A service on axum. Each thread of the runtime has a connection to the database, a buffer and a random
//! number generator.
//!
//! Run it with `cargo run --release --example service`, and with `-- --help` for its URLs. It is a URL
//! shortener.
//!
//! | file | shows |
//! |---|---|
//! | `links.rs` | the state of a thread, and its operations |
//! | `context.rs` | the id of the current request, which code at any depth can read |
//! | `server.rs` | handlers that borrow the state between two `.await`s, counts, and unit tests with separate counts |
//! | `../metrics/exporter.rs` | all counts, as a page for Prometheus |

mod args;
mod context;
#[path = "../metrics/exporter.rs"]
mod exporter;
mod links;
mod server;
#[path = "../shell/mod.rs"]
mod shell;

use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::args::Args;
use crate::links::Service;
use crate::shell::print;

const THREADS: usize = 4;

fn run(Args { port }: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("cannot listen on port {port}"))?;
        let address = listener.local_addr().context("no address")?;
        // Listen for signals before the address is printed, because a reader may interrupt from then on.
        let interrupted = server::interrupted().context("cannot listen to signals")?;
        print(&format!(
            "listening on http://{address}\n\
            try `curl --data https://example.com http://{address}/links`; Ctrl-C ends this\n"
        ))?;
        let server = server::serve(listener, interrupted);
        server.await.context("cannot serve")
    })?;

    // This ends the threads and drops their states. Their counts remain.
    drop(runtime);
    let (links, requests) = (
        Service::LINKS.total(),
        Service::LATENCY_MICROS.total().count(),
    );
    print(&format!(
        "{links} links made, {requests} requests answered\n"
    ))
}

fn main() -> ExitCode {
    shell::main(args::HELP, args::parse, run)
}
