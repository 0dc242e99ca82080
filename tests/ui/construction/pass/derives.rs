//! Other derives work, above and below the attribute, and never see the hidden field.

#![deny(warnings)]

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use tls_core::{Counter, thread_local_state};

#[derive(Debug, PartialEq, Eq)]
#[thread_local_state]
#[derive(Hash, PartialOrd, Ord, serde::Serialize)]
struct Named {
    #[state(init = 4)]
    #[serde(rename = "tasks")]
    jobs: u64,
    name: String,
}

#[derive(Debug, PartialEq, Eq, Hash)]
#[thread_local_state]
#[derive(PartialOrd)]
struct Tuple(#[state(init = 4)] u64, u8);

#[thread_local_state]
#[derive(Debug, PartialEq, Hash)]
struct Shared {
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

#[thread_local_state]
struct Dropping {
    jobs: u64,
}

impl Drop for Dropping {
    fn drop(&mut self) {
        self.jobs += 1;
    }
}

impl AsRef<u64> for Dropping {
    fn as_ref(&self) -> &u64 {
        &self.jobs
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn main() {
    Named::with_state(|state| {
        assert_eq!(format!("{state:?}"), r#"Named { jobs: 4, name: "" }"#);
        assert_eq!(state.partial_cmp(state), Some(std::cmp::Ordering::Equal));
        assert_eq!(hash(state), hash(&(state.jobs, &state.name)));
    });
    Tuple::with_state(|state| {
        assert_eq!(format!("{state:?}"), "Tuple(4, 0)");
        assert!(state <= state && state == state);
        assert_eq!(hash(state), hash(&(state.0, state.1)));
    });
    Shared::with_state(|state| {
        Shared::DONE.add(3);
        assert_eq!(format!("{state:?}"), "Shared { jobs: 0 }");
        assert!(state == state);
        assert_eq!(hash(state), hash(&state.jobs));
    });
    Dropping::with_state(|state| assert_eq!(*state.as_ref(), 0));
}
