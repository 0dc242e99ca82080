//! Thousands of threads at once, each with cells of its own.

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

use std::collections::HashSet;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use tls_core::shared::{Gauge, Part, Peak};
use tls_core::{Counter, thread_local_state};

use support::{scale, scaled};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    by_kind: [Counter; 10],
    #[state(shared)]
    numbers: Part<Vec<u64>>,
}

/// How many: as many as the machine has to have in any case, or what the environment says.
fn threads() -> usize {
    match std::env::var("TLS_STATE_TEST_THREADS") {
        Ok(threads) => threads.parse().unwrap(),
        Err(_) if scale() == 1 => 2_000,
        Err(_) => scaled(2_000).max(100),
    }
}

#[test]
fn thousands_of_live_threads_are_totaled_and_listed_and_all_retire() {
    let count = threads() as u64;
    let met = Arc::new(Barrier::new(threads() + 1));
    let threads: Vec<_> = (0..count)
        .map(|number| {
            let met = Arc::clone(&met);
            let body = move || {
                Worker::DONE.add(number);
                Worker::LEVEL.set(1);
                Worker::PEAK.record(number);
                Worker::BY_KIND.at((number % 10) as usize).increment();
                Worker::NUMBERS.with_mut(|numbers| numbers.push(number));
                met.wait();
                // The others look.
                met.wait();
                assert_eq!(Worker::DONE.get(), number);
                Worker::DONE.increment();
            };
            let thread = thread::Builder::new().stack_size(64 << 10);
            thread.spawn(body).unwrap()
        })
        .collect();
    met.wait();
    let sum = count * (count - 1) / 2;
    assert_eq!(Worker::state().live_threads() as u64, count);
    assert_eq!(Worker::DONE.total(), sum);
    assert_eq!(Worker::LEVEL.total().cast_unsigned(), count);
    assert_eq!(Worker::PEAK.total(), count - 1);
    assert_eq!(Worker::BY_KIND.total().iter().sum::<u64>(), count);
    let listed = Worker::DONE.per_thread().into_rows();
    let ids: HashSet<_> = listed.iter().map(|thread| thread.thread).collect();
    assert_eq!((listed.len() as u64, ids.len() as u64), (count, count));
    assert_eq!(listed.iter().map(|thread| thread.value).sum::<u64>(), sum);
    assert!(
        threads
            .iter()
            .all(|thread| ids.contains(&thread.thread().id()))
    );
    met.wait();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(Worker::state().live_threads(), 0);
    assert_eq!(Worker::DONE.total(), sum + count);
    assert_eq!(Worker::LEVEL.total(), 0);
    assert_eq!(Worker::PEAK.total(), count - 1);
    let mut numbers = Worker::NUMBERS.take_parts().concat();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..count));
}

#[thread_local_state]
struct Small {
    #[state(shared)]
    done: Counter,
}

/// Sums go through the threads in groups; whatever is left over is in the sum, too.
#[test]
fn a_total_has_every_thread_whatever_their_number() {
    let (ready, is_ready) = mpsc::channel();
    let mut threads = Vec::new();
    let mut expected = 0;
    for number in 1..=150_u64 {
        let ready = ready.clone();
        let (end, ended) = mpsc::channel::<()>();
        let body = move || {
            Small::DONE.add(number * number);
            ready.send(()).unwrap();
            ended.recv().unwrap();
        };
        let thread = thread::Builder::new().stack_size(64 << 10);
        threads.push((thread.spawn(body).unwrap(), end));
        is_ready.recv().unwrap();
        expected += number * number;
        assert_eq!(Small::DONE.total(), expected, "{number} threads");
    }
    // In another order, so that free blocks lie between others.
    while !threads.is_empty() {
        let (thread, end) = threads.swap_remove(threads.len() * 7 / 11);
        end.send(()).unwrap();
        thread.join().unwrap();
        assert_eq!(Small::DONE.total(), expected, "{} threads", threads.len());
    }
}
