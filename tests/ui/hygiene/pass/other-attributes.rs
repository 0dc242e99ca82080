//! Other attributes run before ours and after, and their macros leave the states alone.

#![deny(warnings)]

use tls_core::thread_local_state;

#[thread_local_state]
#[test_attributes::nothing]
struct Below {
    #[state(init = 1)]
    jobs: u64,
}

#[test_attributes::nothing]
#[thread_local_state]
struct Above {
    #[state(init = 1)]
    jobs: u64,
}

#[test_attributes::nothing]
#[thread_local_state(explicit)]
#[test_attributes::nothing]
#[derive(Debug)]
#[test_attributes::nothing]
struct Between {
    #[cfg_attr(all(), state(init = 1))]
    jobs: u64,
    files: u64,
}

fn main() {
    assert_eq!(Below::with_state(|state| state.jobs) + Above::with_state(|state| state.jobs), 2);
    Between::state().init_with(BetweenInit { files: 3 });
    assert_eq!(Between::with_state(|state| format!("{state:?}")), "Between { jobs: 1, files: 3 }");
    assert_eq!(Between::with_state(|state| state.jobs + state.files), 4);
}
