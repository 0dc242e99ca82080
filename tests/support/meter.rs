//! A small state that counts one amount in several kinds of fields.

/// Declares the state, with `count` and `counted`.
macro_rules! meter {
    ($name:ident) => {
        #[::tls_core::thread_local_state(in_function)]
        struct $name {
            #[state(shared)]
            done: ::tls_core::Counter,
            #[state(shared)]
            queue: ::tls_core::shared::Gauge,
            #[state(shared)]
            latency: ::tls_core::Histogram,
            #[state(shared)]
            seen: ::tls_core::shared::Part<Vec<u64>>,
        }

        #[allow(dead_code, reason = "not every test uses all")]
        impl $name {
            fn count(amount: u64) {
                Self::DONE.add(amount);
                Self::QUEUE.set(i64::try_from(amount).unwrap());
                Self::LATENCY.record(amount);
                Self::SEEN.with_mut(|seen| seen.push(amount));
            }

            /// The sums of the fields, all of which must say the same, and the gauge.
            #[track_caller]
            fn counted() -> (u64, i64) {
                let sum = Self::DONE.total();
                assert_eq!(Self::LATENCY.total().sum(), sum);
                let seen = Self::SEEN.fold_parts(0, |sum, part| sum + part.iter().sum::<u64>());
                assert_eq!(seen, sum);
                (sum, Self::QUEUE.total())
            }
        }
    };
}
