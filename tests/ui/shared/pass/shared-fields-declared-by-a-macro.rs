//! States with shared fields that a `macro_rules!` declares.

#![deny(warnings)]
#![forbid(unsafe_code)]

use tls_core::shared::{Gauge, Part};
use tls_core::Counter;

macro_rules! metrics {
    ($(#[$attr:meta])* $vis:vis $name:ident { $($(#[$doc:meta])* $inner:vis $field:ident: $ty:ty),* $(,)? }) => {
        #[tls_core::thread_local_state]
        $(#[$attr])*
        $vis struct $name {
            $($(#[$doc])* #[state(shared)] $inner $field: $ty,)*
            $vis fixed: u64,
        }
    };
}

metrics! {
    /// Counts.
    #[derive(Debug)]
    pub Worker { /// Jobs done.
        done: Counter, queued: Gauge, by_status: [Counter; 1 + 2], words: Part<Vec<u8>> }
}

mod inner {
    metrics!(pub(crate) Worker { pub done: super::Counter });
}

macro_rules! array {
    ($name:ident, $ty:ty, $len:expr, $field:ident) => {
        #[tls_core::thread_local_state(fork = reset)]
        struct $name {
            #[state(shared)]
            one: $ty,
            #[state(shared)]
            $field: [$ty; $len],
            plain: u64,
        }
    };
}

array!(Array, Counter, 2, many);

macro_rules! forgotten {
    ($name:ident, $ty:ty) => {
        #[tls_core::thread_local_state]
        struct $name {
            plain: $ty,
        }
    };
}

mod own {
    #[derive(Default)]
    pub struct Counter(pub u64);
}

forgotten!(Own, own::Counter);

macro_rules! local {
    ($name:ident, $kind:ident) => {{
        #[tls_core::thread_local_state(in_function)]
        struct $name {
            #[state(shared)]
            calls: tls_core::$kind,
            #[state(init = $name::CALLS.get())]
            at_start: u64,
        }

        $name::CALLS.increment();
        $name::with_state(|state| $name::CALLS.get() + state.at_start)
    }};
}

fn main() {
    Worker::DONE.increment();
    Worker::QUEUED.set(2);
    Worker::BY_STATUS.at(2).increment();
    Worker::WORDS.with_mut(|words| words.push(1));
    Worker::with_state_mut(|worker| worker.fixed += Worker::DONE.get());
    assert_eq!(Worker::FIXED.get(), 1);
    inner::Worker::DONE.increment();
    inner::Worker::with_state(|worker| assert_eq!(inner::Worker::DONE.get() + worker.fixed, 1));
    Array::ONE.increment();
    Array::MANY.at(1).increment();
    Array::with_state(|array| assert_eq!(Array::ONE.get() + Array::MANY.at(1).get() + array.plain, 2));
    Own::with_state(|own| assert_eq!(own.plain.0, 0));
    assert_eq!(local!(Here, Counter), 2);
}
