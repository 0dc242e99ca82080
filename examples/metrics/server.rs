//! The server: its answers, and its counts.
//!
//! It uses hyper, which is small with these features (HTTP/1, no client), is maintained, and runs on
//! tokio, which other examples use anyway. `tiny_http` would be smaller, but has had no release since
//! 2022, and security fixes are outstanding.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tls_core::shared::UpDown;
use tls_core::{Counter, Histogram, thread_local_state};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time;

use crate::exporter;
use crate::shell::complain;

/// The counts of each thread of the runtime. `#[state(shared)]` lets all threads read the totals, and
/// the doc comment is the help text of the exported metric.
#[thread_local_state]
pub(crate) struct Server {
    /// Requests answered.
    #[state(shared)]
    pub(crate) requests: [Counter; Status::ALL.len()],
    /// Requests being answered.
    ///
    /// Not a `Gauge`, whose total includes only live threads. A request may finish on another thread
    /// than the one it began on, so the parts of two threads belong together.
    #[state(shared)]
    in_flight: UpDown,
    /// Time from request to answer.
    #[state(shared)]
    latency_micros: Histogram,
}

/// The statuses that the server answers with; the index of a counter.
#[derive(Clone, Copy)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
}

impl Status {
    pub(crate) const ALL: [Self; 4] = [
        Self::Ok,
        Self::BadRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
    ];

    pub(crate) fn code(self) -> StatusCode {
        match self {
            Self::Ok => StatusCode::OK,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

/// A request being answered, from `new` to drop.
struct InFlight;

impl InFlight {
    fn new() -> Self {
        Server::IN_FLIGHT.increment();
        Self
    }
}

impl Drop for InFlight {
    /// Also runs if the client has disconnected and hyper drops the unfinished answer.
    fn drop(&mut self) {
        Server::IN_FLIGHT.decrement();
    }
}

/// Answers a request and counts it, on any threads of the runtime.
async fn counted(request: &Request<Incoming>) -> Response<String> {
    let start = Instant::now();
    let _in_flight = InFlight::new();
    let (status, body) = answer(request).await;
    // Everything is counted before the client can receive its answer, so a client that scrapes after an
    // answer finds it in the totals.
    Server::REQUESTS.at(status as usize).increment();
    Server::LATENCY_MICROS.record(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
    let mut response = response(status.code(), "text/plain; charset=utf-8", body);
    if let Status::MethodNotAllowed = status {
        let allowed = HeaderValue::from_static(allowed(request.uri().path()));
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// Returns the methods of a path.
fn allowed(path: &str) -> &'static str {
    if path == "/quit" { "POST" } else { "GET, HEAD" }
}

async fn answer(request: &Request<Incoming>) -> (Status, String) {
    let path = request.uri().path();
    let wait = path.strip_prefix("/wait/");
    // The last two are answered elsewhere if the method is allowed.
    if !["/", "/metrics", "/quit"].contains(&path) && wait.is_none() {
        return (Status::NotFound, format!("nothing at {path}\n"));
    }
    let allowed = allowed(path);
    if allowed.split(", ").all(|method| request.method() != method) {
        return (Status::MethodNotAllowed, format!("only {allowed}\n"));
    }
    let Some(wait) = wait else {
        return (Status::Ok, "hello\n".to_owned());
    };
    match wait.parse() {
        Ok(millis @ ..=600_000) => {
            time::sleep(Duration::from_millis(millis)).await;
            (Status::Ok, format!("waited for {millis} ms\n"))
        }
        _ => (
            Status::BadRequest,
            format!("no number up to 600000: {wait:?}\n"),
        ),
    }
}

/// Serves until a client posts to `/quit`.
pub(crate) async fn serve(listener: TcpListener, registry: Registry) {
    // Shared fields are listed once their state is in use, and reading one counts as use. So the first
    // scrape finds zeros, and Prometheus sees the first request as an increase.
    let _ = Server::IN_FLIGHT.total();

    let registry = Arc::new(registry);
    let quit = Arc::new(Notify::new());
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            () = quit.notified() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // The error concerns this one connection, or there are too many open files at the
                    // moment.
                    complain(&format!("cannot accept a connection: {error}"));
                    time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (registry, quit) = (Arc::clone(&registry), Arc::clone(&quit));
        let service = service_fn(move |request| {
            let (registry, quit) = (Arc::clone(&registry), Arc::clone(&quit));
            async move { Ok::<_, Infallible>(route(&request, &registry, &quit).await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // An error means that the client has disconnected or does not speak HTTP.
        tokio::spawn(connections.watch(connection));
    }
    // Answers that take longer are dropped.
    let _ = time::timeout(Duration::from_secs(1), connections.shutdown()).await;
}

/// Requests about the server itself are not counted, because the numbers describe the service.
async fn route(
    request: &Request<Incoming>,
    registry: &Registry,
    quit: &Notify,
) -> Response<String> {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => metrics(registry),
        (&Method::POST, "/quit") => {
            quit.notify_one();
            response(StatusCode::OK, "text/plain", "bye\n".to_owned())
        }
        _ => counted(request).await,
    }
}

fn metrics(registry: &Registry) -> Response<String> {
    let mut body = String::new();
    match text::encode(&mut body, registry) {
        Ok(()) => response(StatusCode::OK, exporter::CONTENT_TYPE, body),
        Err(error) => response(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain",
            format!("cannot encode the metrics: {error}\n"),
        ),
    }
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
