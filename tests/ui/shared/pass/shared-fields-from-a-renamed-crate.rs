//! Shared fields where `tls_core` is found under another path.

#![deny(warnings)]

mod reexport {
    pub use ::tls_core;
}

use ::tls_core as renamed;

mod tls_core {}

#[renamed::thread_local_state(crate = crate::reexport::tls_core, fork = reset)]
struct Reexported {
    #[state(shared)]
    done: renamed::Counter,
    #[state(shared)]
    by_status: [reexport::tls_core::shared::Gauge; 2],
    #[state(init = Reexported::DONE.get())]
    jobs: u64,
}

fn main() {
    Reexported::DONE.add(2);
    Reexported::BY_STATUS.at(1).set(3);
    Reexported::with_state(|state| assert_eq!(Reexported::DONE.get(), state.jobs));
    assert_eq!(Reexported::BY_STATUS.total(), [0, 3]);
    assert_eq!(Reexported::state().live_threads(), 1);
}
