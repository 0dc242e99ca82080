//! Threads that touch one state each: `births nested|resident CANDIDATE THREADS`.
//!
//! `nested` is for callgrind; `resident` prints by how many KiB the process has grown.

use operations::threads;
use ref_thread_local::RefThreadLocal as _;
use states::births;
use std::cell::RefCell;
use std::{env, fs, hint};

/// A function that makes the state of a candidate and changes it.
fn touch_of(candidate: &str) -> fn() {
    match candidate {
        "nothing" => || hint::black_box(()),
        "tls-core" => || births::State::with_state_mut(|state| state.count += 1),
        "std lazy Cell" => || births::STD_LAZY_CELL.set(births::STD_LAZY_CELL.get() + 1),
        "std lazy RefCell" => {
            || births::STD_LAZY_REF_CELL.with_borrow_mut(|state| state.count += 1)
        }
        "std const RefCell" => {
            || births::STD_CONST_REF_CELL.with_borrow_mut(|state| state.count += 1)
        }
        "std OnceCell" => || {
            births::STD_ONCE_CELL
                .with(|state| state.get_or_init(RefCell::default).borrow_mut().count += 1);
        },
        "thread_local" => || births::THREAD_LOCAL.get_or_default().borrow_mut().count += 1,
        "state" => || births::state().borrow_mut().count += 1,
        "linked" => || births::LINKED.with(|state| state.plain.borrow_mut().count += 1),
        "ref_thread_local" => || births::REF_THREAD_LOCAL.borrow_mut().count += 1,
        "thread_local_collect" => || births::COLLECT.with_data_mut(|state| state.count += 1),
        "thread_map" => || births::THREAD_MAP.with_mut(|state| state.count += 1),
        _ => panic!("`{candidate}` is no candidate"),
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [how, candidate, threads] = &arguments[..] else {
        panic!("births nested|resident CANDIDATE THREADS");
    };
    let threads = threads.parse().expect("THREADS is a number");
    let touch = touch_of(candidate);
    births::prepare();
    if how == "nested" {
        threads::nested(threads, touch);
    } else {
        // What the first threads leave is there once and for all: stacks to be used again, arenas.
        threads::one_after_another(1_000, touch);
        let before = resident();
        threads::one_after_another(threads, touch);
        println!("{}", resident() - before);
    }
}

/// The memory of this process, in KiB.
fn resident() -> i64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.expect("VmRSS").parse().expect("a number of KiB")
}
