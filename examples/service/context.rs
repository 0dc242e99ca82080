//! The request that is being answered.
//!
//! Nobody passes its id along. It is bound to the future that answers the request, which sets it on whatever thread
//! it is polled. So what runs in the future finds it, at any depth, and tasks that share a thread do not mix theirs up.

use tls_core::thread_local_state;

use crate::shell;

#[thread_local_state]
struct Context {
    /// Empty outside of requests.
    id: String,
}

/// A future in which the id is this one.
pub(crate) fn with_id<F: Future>(id: String, future: F) -> impl Future<Output = F::Output> {
    Context::ID.scope_future(id, future)
}

/// Returns the id of the request that is being answered.
pub(crate) fn id() -> String {
    Context::ID.with(String::clone)
}

/// Tells on standard error what the request has come to.
pub(crate) fn log(what: &str) {
    Context::ID.with(|id| shell::complain(&format!("[{id}] {what}")));
}
