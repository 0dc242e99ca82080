//! What is done when the system has no thread-local storage left.

use std::io::Write as _;
use std::process;

/// Ends the process, as the standard library does in this case.
#[cold]
pub(crate) fn fail(why: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "tls-core: {why}");
    process::abort()
}
