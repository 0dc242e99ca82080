//! The server: its handlers, and the counts of each request.

use std::future::IntoFuture as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use rusqlite::ErrorCode;
use tls_core::{borrow, borrow_mut};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time;

use crate::context;
use crate::exporter::{self, Labels, SharedFields};
use crate::links::{Random, Service};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of a URL in bytes.
const MOST_BYTES: usize = 2000;

/// The time that remains for requests in flight when the server ends.
const GRACE: Duration = Duration::from_secs(5);

/// A request that was refused or could not be answered.
struct Failure(StatusCode, String);

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let status = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, format!("cannot use the database: {error}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        context::log(&self.1);
        (self.0, self.1 + "\n").into_response()
    }
}

/// Creates a link.
async fn create(url: String) -> Result<Response, Failure> {
    let url = url.trim();
    let is_url = url.starts_with("http://") || url.starts_with("https://");
    if !is_url || url.len() > MOST_BYTES || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("send a URL with http or https, of at most {MOST_BYTES} bytes");
        return Err(Failure(StatusCode::BAD_REQUEST, message));
    }
    let code = {
        // The state of this thread, borrowed until the end of this block. An `.await` in the block would
        // not compile, because the task could continue on another thread with a borrow of this thread's
        // state. (axum reports only that `create` is not a `Handler`. `tokio::spawn`, or axum's
        // `debug_handler`, reports the reason.)
        let service = borrow_mut!(try Service::state());
        service.insert(url)?
    };
    let path = format!("/links/{code}");
    let body = format!("{path}\n");
    Ok((StatusCode::CREATED, [(LOCATION, path)], body).into_response())
}

/// Redirects to the URL of a link.
async fn follow(Path(code): Path<String>) -> Result<Response, Failure> {
    // The borrow lasts until the end of the statement.
    let url = borrow!(try Service::state()).find(&code)?;
    let url = url.ok_or_else(|| Failure(StatusCode::NOT_FOUND, "no such link".to_owned()))?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, url)]).into_response())
}

async fn list() -> Result<String, Failure> {
    let service = borrow_mut!(try Service::state());
    Ok(service.list()?.to_owned())
}

async fn nothing() -> Failure {
    Failure(StatusCode::NOT_FOUND, "nothing here".to_owned())
}

/// A request being answered, from `new` to drop, which may be on another thread.
struct InFlight;

impl InFlight {
    fn new() -> Self {
        Service::IN_FLIGHT.increment();
        Self
    }
}

impl Drop for InFlight {
    /// Also runs if the client has disconnected and the unfinished answer is dropped.
    fn drop(&mut self) {
        Service::IN_FLIGHT.decrement();
    }
}

/// Counts an answer and adds its id, which is bound while the request is handled.
async fn answered(id: String, answer: impl Future<Output = Response>) -> Response {
    let counted = async {
        let start = Instant::now();
        let _in_flight = InFlight::new();
        let mut response = answer.await;
        if let Ok(id) = HeaderValue::try_from(context::id()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        // Everything is counted before the client receives its answer, so a client that scrapes after an
        // answer finds it in the totals.
        let class = usize::from(response.status().as_u16() / 100 - 1);
        Service::REQUESTS.at(class).increment();
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Service::LATENCY_MICROS.record(micros);
        response
    };
    context::with_id(id, counted).await
}

async fn middleware(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    answered(id, next.run(request)).await
}

/// Returns the id that the client sent, if it is valid, or a random one.
fn request_id(headers: &HeaderMap) -> String {
    let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    match id {
        Some(id)
            if (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            id.to_owned()
        }
        _ => match Service::RANDOM.with_mut(Random::next) {
            Ok(random) => format!("{random:016x}"),
            // There is no database. The answer will report this.
            Err(_) => "unknown".to_owned(),
        },
    }
}

#[derive(Clone)]
struct Shared {
    registry: Arc<Registry>,
    quit: watch::Sender<bool>,
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let mut page = String::new();
    match text::encode(&mut page, &shared.registry) {
        Ok(()) => ([(CONTENT_TYPE, exporter::CONTENT_TYPE)], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn quit(State(shared): State<Shared>) -> &'static str {
    shared.quit.send_replace(true);
    "bye\n"
}

fn routes(shared: Shared) -> Router {
    // Requests about the server itself are not counted, because the numbers describe the service.
    let itself = Router::new()
        .route("/metrics", get(metrics))
        .route("/quit", post(quit))
        .with_state(shared);
    Router::new()
        .route("/links", get(list).post(create))
        .route("/links/{code}", get(follow))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(MOST_BYTES + 100))
        .layer(middleware::from_fn(self::middleware))
        .merge(itself)
}

/// Serves until a client posts to `/quit` or the program is interrupted, and then answers the remaining
/// requests.
pub(crate) async fn serve(
    listener: TcpListener,
    interrupted: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Shared fields are listed once their state is in use, and reading one counts as use. So the first
    // scrape finds zeros, and Prometheus sees the first request as an increase.
    let _ = Service::IN_FLIGHT.total();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(SharedFields::new(vec![Labels {
        state: "Service",
        field: "requests",
        name: "status",
        values: ["1xx", "2xx", "3xx", "4xx", "5xx"]
            .map(str::to_owned)
            .into(),
    }])));

    let (quit, mut ends) = watch::channel(false);
    let mut grace = ends.clone();
    let shared = Shared {
        registry: Arc::new(registry),
        quit: quit.clone(),
    };
    tokio::spawn(async move {
        interrupted.await;
        quit.send_replace(true);
    });
    // Both would wait forever without a sender, but `shared` contains one.
    let serving = axum::serve(listener, routes(shared))
        .with_graceful_shutdown(async move { drop(ends.wait_for(|ends| *ends).await) });
    tokio::select! {
        served = serving.into_future() => served,
        () = async {
            drop(grace.wait_for(|ends| *ends).await);
            time::sleep(GRACE).await;
        } => Ok(()),
    }
}

/// Returns a future that ends when a signal asks the program to end, from this call on.
#[cfg(unix)]
pub(crate) fn interrupted() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
pub(crate) fn interrupted() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupt.recv().await) })
}

#[cfg(test)]
mod tests {
    use tls_core::Isolated;

    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    async fn create_for(id: &str) -> Response {
        let url = format!("https://example.com/{id}");
        answered(id.to_owned(), async { create(url).await.into_response() }).await
    }

    fn header(response: &Response, name: HeaderName) -> &str {
        response.headers()[name].to_str().unwrap()
    }

    /// Returns the number of answers by class of status, of links, and of measured times.
    fn counts() -> ([u64; 5], u64, u64) {
        let requests = [0, 1, 2, 3, 4].map(|class| Service::REQUESTS.at(class).total());
        let times = Service::LATENCY_MICROS.total().count();
        (requests, Service::LINKS.total(), times)
    }

    // The tests run in one process at the same time, but each has counts of its own.

    #[test]
    fn a_link_is_counted_once_and_timed() {
        let counted = Isolated::new();
        let response = block_on(counted.run_future(create_for("once")));
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(counted.run(counts), ([0, 1, 0, 0, 0], 1, 1));
        assert_eq!(counted.run(|| Service::IN_FLIGHT.total()), 0);
    }

    #[test]
    fn what_is_refused_is_counted_and_makes_no_link() {
        let counted = Isolated::new();
        let refused = [
            String::new(),
            "ftp://example.com".to_owned(),
            "https://example.com/with a space".to_owned(),
            "https://example.com/\n".repeat(2),
            format!("https://example.com/{}", "x".repeat(MOST_BYTES)),
        ];
        for url in refused {
            let answer = async { create(url).await.into_response() };
            let response = block_on(counted.run_future(answered("refused".to_owned(), answer)));
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        }
        assert_eq!(counted.run(counts), ([0, 0, 0, 5, 0], 0, 5));
    }

    #[test]
    fn a_request_is_in_flight_until_it_is_answered_or_dropped() {
        let counted = Isolated::new();
        let in_flight = || counted.run(|| Service::IN_FLIGHT.total());
        block_on(async {
            let never = answered("never".to_owned(), std::future::pending());
            let mut never = Box::pin(counted.run_future(never));
            // Poll for the first time.
            tokio::select! {
                biased;
                _ = &mut never => {}
                () = std::future::ready(()) => {}
            }
            assert_eq!(in_flight(), 1);
            drop(never);
            assert_eq!(in_flight(), 0);
        });
        assert_eq!(counted.run(counts), ([0; 5], 0, 0));
    }

    #[test]
    fn tasks_that_share_a_thread_keep_their_ids() {
        let yields = |id: &'static str| {
            answered(id.to_owned(), async move {
                for _ in 0..10 {
                    assert_eq!(context::id(), id);
                    tokio::task::yield_now().await;
                }
                StatusCode::OK.into_response()
            })
        };
        let counted = Isolated::new();
        block_on(counted.run_future(async {
            let (a, b) = tokio::join!(yields("a"), yields("b"));
            assert_eq!(header(&a, REQUEST_ID), "a");
            assert_eq!(header(&b, REQUEST_ID), "b");
        }));
        assert_eq!(context::id(), "");
        assert_eq!(counted.run(counts), ([0, 2, 0, 0, 0], 0, 2));
    }

    #[test]
    fn a_link_leads_to_its_url_and_is_listed_with_its_request() {
        let counted = Isolated::new();
        block_on(counted.run_future(async {
            let made = create_for("listed").await;
            let path = header(&made, LOCATION);
            let code = path.strip_prefix("/links/").unwrap();
            let found = follow(Path(code.to_owned())).await.into_response();
            assert_eq!(found.status(), StatusCode::SEE_OTHER);
            assert_eq!(header(&found, LOCATION), "https://example.com/listed");
            let line = format!("{code} https://example.com/listed listed\n");
            // Other tests may create links at the same time, but fewer than ten.
            assert!(list().await.ok().unwrap().contains(&line));
            let missing = follow(Path("missing".to_owned())).await.into_response();
            assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        }));
    }

    #[test]
    fn senseless_ids_are_replaced() {
        let id = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            request_id(&headers)
        };
        assert_eq!(id("a-1"), "a-1");
        for senseless in ["", "a b", "a\tb", "é", &"x".repeat(65)] {
            assert_eq!(id(senseless).len(), 16, "{senseless}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
