//! Accesses in an inlined loop, timed. The names are `OPERATION/CANDIDATE/ROUND`: every candidate is
//! measured in each of `TIME_ROUNDS` rounds, so that what disturbs the machine for a while disturbs
//! all of them.
//!
//! A value goes through `opaque` between two accesses, never within one: there it would force a
//! candidate to write down that it is borrowed. So no access can be left out, merged with the next one
//! or moved out of the loop. The compiler does not know how often a loop runs either, or it would
//! unroll the limit's and not those that may call something.

use std::arch::asm;
use std::env;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{Bencher, BenchmarkId, Criterion, SamplingMode};
use ref_thread_local::RefThreadLocal as _;
#[expect(
    clippy::wildcard_imports,
    reason = "all states of this part, and nothing else"
)]
use states::access::*;

/// In one iteration, for which the harness's own share is nothing. The runner divides by it.
const ACCESSES: u64 = 10_000;

type Loop = fn(&mut Bencher<'_, WallTime>);

/// An operation, and the loop of each candidate.
type Operation = (&'static str, &'static [(&'static str, Loop)]);

/// What `black_box` is for, which would store the value and load it again: more than the accesses do.
#[inline(always)]
fn opaque(mut value: u64) -> u64 {
    // SAFETY: it consists of no instruction.
    unsafe {
        asm!("/* {} */", inout(reg) value, options(nostack, preserves_flags));
    }
    value
}

/// A loop that reads.
macro_rules! read {
    ($access:expr) => {
        |bencher| {
            let accesses = black_box(ACCESSES);
            bencher.iter(|| {
                for _ in 0..accesses {
                    opaque($access);
                }
            });
        }
    };
}

/// A loop that adds what the compiler does not know.
macro_rules! add {
    (|$amount:ident| $access:expr) => {
        |bencher| {
            let accesses = black_box(ACCESSES);
            bencher.iter(|| {
                let mut $amount = 1;
                for _ in 0..accesses {
                    $amount = opaque($amount);
                    $access;
                }
            });
        }
    };
}

/// The same forms as in the program `access`.
const OPERATIONS: &[Operation] = &[
    (
        "loop of get",
        &[
            ("limit", read!(LIMIT.get())),
            ("tls-core", read!(State::COUNT.get())),
            (
                "std lazy Cell",
                read!(STD_LAZY_CELL.with(|cells| cells.count.get())),
            ),
            (
                "std lazy RefCell",
                read!(STD_LAZY_REF_CELL.with_borrow(|plain| plain.count)),
            ),
            (
                "std const RefCell",
                read!(STD_CONST_REF_CELL.with_borrow(|plain| plain.count)),
            ),
            (
                "thread_local",
                read!(THREAD_LOCAL_CELLS.get_or_default().count.get()),
            ),
            ("state", read!(STATE_CELLS.get().count.get())),
            (
                "linked",
                read!(LINKED_CELLS.with(|cells| cells.count.get())),
            ),
            (
                "thread_local_collect",
                read!(THREAD_LOCAL_COLLECT.with_data(|plain| plain.count)),
            ),
            ("thread_map", read!(THREAD_MAP.with(|plain| plain.count))),
            ("ref_thread_local", read!(REF_THREAD_LOCAL.borrow().count)),
            ("limit again", read!(LIMIT_AGAIN.get())),
        ],
    ),
    (
        "loop of update",
        &[
            (
                "limit",
                add!(|one| LIMIT.with(|limit| limit.set(limit.get() + one))),
            ),
            (
                "tls-core",
                add!(|one| State::COUNT.update(|count| count + one)),
            ),
            (
                "std lazy Cell",
                add!(|one| STD_LAZY_CELL.with(|cells| cells.count.update(|count| count + one))),
            ),
            (
                "std lazy RefCell",
                add!(|one| STD_LAZY_REF_CELL.with_borrow_mut(|plain| plain.count += one)),
            ),
            (
                "std const RefCell",
                add!(|one| STD_CONST_REF_CELL.with_borrow_mut(|plain| plain.count += one)),
            ),
            (
                "thread_local",
                add!(|one| THREAD_LOCAL_CELLS
                    .get_or_default()
                    .count
                    .update(|count| count + one)),
            ),
            (
                "state",
                add!(|one| STATE_CELLS.get().count.update(|count| count + one)),
            ),
            (
                "linked",
                add!(|one| LINKED_CELLS.with(|cells| cells.count.update(|count| count + one))),
            ),
            (
                "thread_local_collect",
                add!(|one| THREAD_LOCAL_COLLECT.with_data_mut(|plain| plain.count += one)),
            ),
            (
                "thread_map",
                add!(|one| THREAD_MAP.with_mut(|plain| plain.count += one)),
            ),
            (
                "ref_thread_local",
                add!(|one| REF_THREAD_LOCAL.borrow_mut().count += one),
            ),
            (
                "limit again",
                add!(|one| LIMIT_AGAIN.with(|limit| limit.set(limit.get() + one))),
            ),
        ],
    ),
    (
        "loop of with_state_mut",
        &[
            (
                "limit",
                add!(|one| LIMIT.with(|limit| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *limit.as_ptr() += one }
                })),
            ),
            (
                "tls-core",
                add!(|one| State::with_state_mut(|state| state.count += one)),
            ),
            (
                "std lazy RefCell",
                add!(|one| STD_LAZY_REF_CELL.with_borrow_mut(|plain| plain.count += one)),
            ),
            (
                "std const RefCell",
                add!(|one| STD_CONST_REF_CELL.with_borrow_mut(|plain| plain.count += one)),
            ),
            (
                "thread_local",
                add!(|one| THREAD_LOCAL.get_or_default().borrow_mut().count += one),
            ),
            ("state", add!(|one| STATE.get().borrow_mut().count += one)),
            (
                "linked",
                add!(|one| LINKED.with(|linked| linked.plain.borrow_mut().count += one)),
            ),
            (
                "thread_local_collect",
                add!(|one| THREAD_LOCAL_COLLECT.with_data_mut(|plain| plain.count += one)),
            ),
            (
                "thread_map",
                add!(|one| THREAD_MAP.with_mut(|plain| plain.count += one)),
            ),
            (
                "ref_thread_local",
                add!(|one| REF_THREAD_LOCAL.borrow_mut().count += one),
            ),
            (
                "limit again",
                add!(|one| LIMIT_AGAIN.with(|limit| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *limit.as_ptr() += one }
                })),
            ),
        ],
    ),
];

fn main() {
    prepare();
    let rounds = env::var("TIME_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"));
    // Short and often: it is the rounds that make a result, not what is estimated of each.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(20))
        .measurement_time(Duration::from_millis(50))
        .sample_size(10)
        .nresamples(1_000)
        .without_plots()
        .configure_from_args();
    for round in 0..rounds {
        for (operation, candidates) in OPERATIONS {
            let mut group = criterion.benchmark_group(*operation);
            group.sampling_mode(SamplingMode::Flat);
            for (candidate, measure) in *candidates {
                group.bench_function(BenchmarkId::new(*candidate, round), measure);
            }
            group.finish();
        }
    }
}
