//! The request that is being answered.
//!
//! The id of the request is not passed as an argument. It is bound to the future that answers the
//! request, which sets it on every thread that polls it. So code in the future finds the id at any
//! depth, and tasks that share a thread do not mix up their ids.

use tls_core::thread_local_state;

use crate::shell;

#[thread_local_state]
struct Context {
    /// Empty outside requests.
    id: String,
}

/// Returns a future in which the id is `id`.
pub(crate) fn with_id<F: Future>(id: String, future: F) -> impl Future<Output = F::Output> {
    Context::ID.scope_future(id, future)
}

/// Returns the id of the request that is being answered.
pub(crate) fn id() -> String {
    Context::ID.with(String::clone)
}

/// Logs the outcome of the request on standard error.
pub(crate) fn log(what: &str) {
    Context::ID.with(|id| shell::complain(&format!("[{id}] {what}")));
}
