//! Makes an access a thousand times, under callgrind: `access OPERATION CANDIDATE`. Without arguments it
//! lists them.
//!
//! Every operation is a function of its own that takes and returns a number in registers, and is called
//! through a pointer that the compiler cannot see through. So nothing of it moves into the loop, the
//! loop stays, and a call of `empty` costs what all of them have in common. Only what happens within
//! `thousand_calls` is counted; by then the states are initialized.
#![allow(
    clippy::semicolon_if_nothing_returned,
    clippy::wildcard_imports,
    reason = "the operations are expressions of a macro; all states of this part, and nothing else"
)]

use std::cell::Cell;
use std::env;
use std::hint::black_box;
use std::mem::replace;

use Call::{Does, Gives};
use states::access::*;

/// Enough that a `String`, which doubles its capacity, does not grow within the next thousand pushes.
const CALLS_BEFORE: u64 = 3_000;

/// What is measured. Two signatures, so that a result is made by those only that have one.
#[derive(Clone, Copy)]
enum Call {
    Does(fn(u64)),
    Gives(fn(u64) -> u64),
}

/// An operation, and how each candidate does it.
type Operation = (&'static str, &'static [(&'static str, Call)]);

fn main() {
    let mut arguments = env::args().skip(1);
    let Some(operation) = arguments.next() else {
        for (operation, candidates) in OPERATIONS {
            for (candidate, _) in *candidates {
                println!("{operation}/{candidate}");
            }
        }
        return;
    };
    let candidate = arguments.next().expect("`access OPERATION CANDIDATE`");
    let (_, call) = OPERATIONS
        .iter()
        .filter(|(name, _)| *name == operation)
        .flat_map(|(_, candidates)| *candidates)
        .find(|(name, _)| *name == candidate)
        .expect("an operation and a candidate of the list");

    prepare();
    for _ in 0..CALLS_BEFORE {
        match black_box(call) {
            Does(function) => function(7),
            Gives(function) => drop(black_box(function(7))),
        }
    }
    thousand_calls(*call);
}

/// Its name is what the counting is switched on and off by.
#[inline(never)]
fn thousand_calls(call: Call) {
    match black_box(call) {
        Does(function) => {
            for _ in 0..1_000 {
                function(7);
            }
        }
        Gives(function) => {
            for _ in 0..1_000 {
                function(7);
            }
        }
    }
}

/// What a body that is not inlined does.
#[inline(never)]
fn opaque(count: &mut u64) -> u64 {
    let count = black_box(count);
    *count += 1;
    *count
}

/// A function of its own: a closure would be called by another function, which not every profile
/// inlines.
macro_rules! does {
    (|$value:pat_param| $body:expr) => {{
        #[inline(never)]
        fn operation($value: u64) {
            $body
        }
        Does(operation)
    }};
}

/// The same, with a result.
macro_rules! gives {
    (|$value:pat_param| $body:expr) => {{
        #[inline(never)]
        fn operation($value: u64) -> u64 {
            $body
        }
        Gives(operation)
    }};
}

/// Where a crate lends a shared reference to anything, copies go through a `Cell`, and exclusive
/// references through a `RefCell`.
const OPERATIONS: &[Operation] = &[
    ("empty", &[("nothing", does!(|_| ()))]),
    (
        "get",
        &[
            ("limit", gives!(|_| LIMIT.with(Cell::get))),
            ("tls-core", gives!(|_| State::COUNT.get())),
            (
                "std lazy Cell",
                gives!(|_| STD_LAZY_CELL.with(|cells| cells.count.get())),
            ),
            (
                "std lazy RefCell",
                gives!(|_| STD_LAZY_REF_CELL.with_borrow(|plain| plain.count)),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                gives!(|_| STD_UNDER_KEYS.with_borrow(|plain| plain.count)),
            ),
            (
                "std const RefCell",
                gives!(|_| STD_CONST_REF_CELL.with_borrow(|plain| plain.count)),
            ),
            (
                "thread_local",
                gives!(|_| THREAD_LOCAL_CELLS.get_or_default().count.get()),
            ),
            ("state", gives!(|_| STATE_CELLS.get().count.get())),
            (
                "linked",
                gives!(|_| LINKED_CELLS.with(|cells| cells.count.get())),
            ),
            (
                "thread_local_collect",
                gives!(|_| THREAD_LOCAL_COLLECT.with_data(|plain| plain.count)),
            ),
            (
                "thread_map",
                gives!(|_| THREAD_MAP.with(|plain| plain.count)),
            ),
            #[cfg(feature = "nightly")]
            ("limit, nightly", gives!(|_| LIMIT_NIGHTLY.get())),
            #[cfg(feature = "nightly")]
            ("static_init", gives!(|_| STATIC_INIT.read().count)),
        ],
    ),
    (
        "set",
        &[
            ("limit", does!(|value| LIMIT.with(|limit| limit.set(value)))),
            ("tls-core", does!(|value| State::COUNT.set(value))),
            (
                "std lazy Cell",
                does!(|value| STD_LAZY_CELL.with(|cells| cells.count.set(value))),
            ),
            (
                "std lazy RefCell",
                does!(|value| STD_LAZY_REF_CELL.with_borrow_mut(|plain| plain.count = value)),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                does!(|value| STD_UNDER_KEYS.with_borrow_mut(|plain| plain.count = value)),
            ),
            (
                "std const RefCell",
                does!(|value| STD_CONST_REF_CELL.with_borrow_mut(|plain| plain.count = value)),
            ),
            (
                "thread_local",
                does!(|value| THREAD_LOCAL_CELLS.get_or_default().count.set(value)),
            ),
            ("state", does!(|value| STATE_CELLS.get().count.set(value))),
            (
                "linked",
                does!(|value| LINKED_CELLS.with(|cells| cells.count.set(value))),
            ),
            (
                "thread_local_collect",
                does!(|value| THREAD_LOCAL_COLLECT.with_data_mut(|plain| plain.count = value)),
            ),
            (
                "thread_map",
                does!(|value| THREAD_MAP.with_mut(|plain| plain.count = value)),
            ),
            #[cfg(feature = "nightly")]
            ("limit, nightly", does!(|value| LIMIT_NIGHTLY.set(value))),
            #[cfg(feature = "nightly")]
            (
                "static_init",
                does!(|value| STATIC_INIT.write().count = value),
            ),
        ],
    ),
    (
        "update",
        &[
            (
                "limit",
                does!(|_| LIMIT.with(|limit| limit.set(limit.get() + 1))),
            ),
            (
                "tls-core",
                does!(|_| State::COUNT.update(|count| count + 1)),
            ),
            (
                "std lazy Cell",
                does!(|_| STD_LAZY_CELL.with(|cells| cells.count.update(|count| count + 1))),
            ),
            (
                "std lazy RefCell",
                does!(|_| STD_LAZY_REF_CELL.with_borrow_mut(|plain| plain.count += 1)),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                does!(|_| STD_UNDER_KEYS.with_borrow_mut(|plain| plain.count += 1)),
            ),
            (
                "std const RefCell",
                does!(|_| STD_CONST_REF_CELL.with_borrow_mut(|plain| plain.count += 1)),
            ),
            (
                "thread_local",
                does!(|_| {
                    THREAD_LOCAL_CELLS
                        .get_or_default()
                        .count
                        .update(|count| count + 1)
                }),
            ),
            (
                "state",
                does!(|_| STATE_CELLS.get().count.update(|count| count + 1)),
            ),
            (
                "linked",
                does!(|_| LINKED_CELLS.with(|cells| cells.count.update(|count| count + 1))),
            ),
            (
                "thread_local_collect",
                does!(|_| THREAD_LOCAL_COLLECT.with_data_mut(|plain| plain.count += 1)),
            ),
            (
                "thread_map",
                does!(|_| THREAD_MAP.with_mut(|plain| plain.count += 1)),
            ),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                does!(|_| LIMIT_NIGHTLY.set(LIMIT_NIGHTLY.get() + 1)),
            ),
            #[cfg(feature = "nightly")]
            ("static_init", does!(|_| STATIC_INIT.write().count += 1)),
        ],
    ),
    // A `Cell` lends no reference to what it holds, so `std lazy Cell` has no form of this.
    (
        "with",
        &[
            (
                "limit",
                gives!(|_| LIMIT.with(|limit| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *limit.as_ptr() }
                })),
            ),
            ("tls-core", gives!(|_| State::COUNT.with(|count| *count))),
            (
                "std lazy RefCell",
                gives!(|_| STD_LAZY_REF_CELL.with_borrow(|plain| plain.count)),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                gives!(|_| STD_UNDER_KEYS.with_borrow(|plain| plain.count)),
            ),
            (
                "std const RefCell",
                gives!(|_| STD_CONST_REF_CELL.with_borrow(|plain| plain.count)),
            ),
            (
                "thread_local",
                gives!(|_| THREAD_LOCAL.get_or_default().borrow().count),
            ),
            ("state", gives!(|_| STATE.get().borrow().count)),
            (
                "linked",
                gives!(|_| LINKED.with(|linked| linked.plain.borrow().count)),
            ),
            (
                "thread_local_collect",
                gives!(|_| THREAD_LOCAL_COLLECT.with_data(|plain| plain.count)),
            ),
            (
                "thread_map",
                gives!(|_| THREAD_MAP.with(|plain| plain.count)),
            ),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                gives!(|_| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *LIMIT_NIGHTLY.as_ptr() }
                }),
            ),
            #[cfg(feature = "nightly")]
            ("static_init", gives!(|_| STATIC_INIT.read().count)),
        ],
    ),
    (
        "with_mut",
        &[
            (
                "limit",
                does!(|_| LIMIT.with(|limit| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *limit.as_ptr() += 1 }
                })),
            ),
            (
                "tls-core",
                does!(|_| State::COUNT.with_mut(|count| *count += 1)),
            ),
            (
                "std lazy RefCell",
                does!(|_| STD_LAZY_REF_CELL.with_borrow_mut(|plain| plain.count += 1)),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                does!(|_| STD_UNDER_KEYS.with_borrow_mut(|plain| plain.count += 1)),
            ),
            (
                "std const RefCell",
                does!(|_| STD_CONST_REF_CELL.with_borrow_mut(|plain| plain.count += 1)),
            ),
            (
                "thread_local",
                does!(|_| THREAD_LOCAL.get_or_default().borrow_mut().count += 1),
            ),
            ("state", does!(|_| STATE.get().borrow_mut().count += 1)),
            (
                "linked",
                does!(|_| LINKED.with(|linked| linked.plain.borrow_mut().count += 1)),
            ),
            (
                "thread_local_collect",
                does!(|_| THREAD_LOCAL_COLLECT.with_data_mut(|plain| plain.count += 1)),
            ),
            (
                "thread_map",
                does!(|_| THREAD_MAP.with_mut(|plain| plain.count += 1)),
            ),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                does!(|_| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *LIMIT_NIGHTLY.as_ptr() += 1 }
                }),
            ),
            #[cfg(feature = "nightly")]
            ("static_init", does!(|_| STATIC_INIT.write().count += 1)),
        ],
    ),
    // A shared reference to a struct of cells is all that is asked for here.
    (
        "with_state",
        &[
            (
                "limit",
                gives!(|_| LIMIT.with(|limit| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *limit.as_ptr() }
                })),
            ),
            (
                "tls-core",
                gives!(|_| State::with_state(|state| state.count)),
            ),
            (
                "std lazy Cell",
                gives!(|_| STD_LAZY_CELL.with(|cells| cells.count.get())),
            ),
            (
                "std lazy RefCell",
                gives!(|_| STD_LAZY_REF_CELL.with_borrow(|plain| plain.count)),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                gives!(|_| STD_UNDER_KEYS.with_borrow(|plain| plain.count)),
            ),
            (
                "std const RefCell",
                gives!(|_| STD_CONST_REF_CELL.with_borrow(|plain| plain.count)),
            ),
            (
                "thread_local",
                gives!(|_| THREAD_LOCAL_CELLS.get_or_default().count.get()),
            ),
            ("state", gives!(|_| STATE_CELLS.get().count.get())),
            (
                "linked",
                gives!(|_| LINKED_CELLS.with(|cells| cells.count.get())),
            ),
            (
                "thread_local_collect",
                gives!(|_| THREAD_LOCAL_COLLECT.with_data(|plain| plain.count)),
            ),
            (
                "thread_map",
                gives!(|_| THREAD_MAP.with(|plain| plain.count)),
            ),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                gives!(|_| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *LIMIT_NIGHTLY.as_ptr() }
                }),
            ),
            #[cfg(feature = "nightly")]
            ("static_init", gives!(|_| STATIC_INIT.read().count)),
        ],
    ),
    (
        "with_state_mut",
        &[
            (
                "limit",
                does!(|_| LIMIT.with(|limit| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *limit.as_ptr() += 1 }
                })),
            ),
            (
                "tls-core",
                does!(|_| State::with_state_mut(|state| state.count += 1)),
            ),
            (
                "std lazy RefCell",
                does!(|_| STD_LAZY_REF_CELL.with_borrow_mut(|plain| plain.count += 1)),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                does!(|_| STD_UNDER_KEYS.with_borrow_mut(|plain| plain.count += 1)),
            ),
            (
                "std const RefCell",
                does!(|_| STD_CONST_REF_CELL.with_borrow_mut(|plain| plain.count += 1)),
            ),
            (
                "thread_local",
                does!(|_| THREAD_LOCAL.get_or_default().borrow_mut().count += 1),
            ),
            ("state", does!(|_| STATE.get().borrow_mut().count += 1)),
            (
                "linked",
                does!(|_| LINKED.with(|linked| linked.plain.borrow_mut().count += 1)),
            ),
            (
                "thread_local_collect",
                does!(|_| THREAD_LOCAL_COLLECT.with_data_mut(|plain| plain.count += 1)),
            ),
            (
                "thread_map",
                does!(|_| THREAD_MAP.with_mut(|plain| plain.count += 1)),
            ),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                does!(|_| {
                    // SAFETY: no other reference to it exists meanwhile.
                    unsafe { *LIMIT_NIGHTLY.as_ptr() += 1 }
                }),
            ),
            #[cfg(feature = "nightly")]
            ("static_init", does!(|_| STATIC_INIT.write().count += 1)),
        ],
    ),
    // The addition keeps the call from becoming a jump, which only the limit could make.
    (
        "with_state_mut, opaque body",
        &[
            (
                "limit",
                gives!(|_| LIMIT.with(|limit| {
                    // SAFETY: no other reference to it exists meanwhile.
                    opaque(unsafe { &mut *limit.as_ptr() })
                }) + 1),
            ),
            (
                "tls-core",
                gives!(|_| State::with_state_mut(|state| opaque(&mut state.count)) + 1),
            ),
            (
                "std lazy RefCell",
                gives!(|_| STD_LAZY_REF_CELL.with_borrow_mut(|plain| opaque(&mut plain.count)) + 1),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                gives!(|_| STD_UNDER_KEYS.with_borrow_mut(|plain| opaque(&mut plain.count)) + 1),
            ),
            (
                "std const RefCell",
                gives!(
                    |_| STD_CONST_REF_CELL.with_borrow_mut(|plain| opaque(&mut plain.count)) + 1
                ),
            ),
            (
                "thread_local",
                gives!(|_| opaque(&mut THREAD_LOCAL.get_or_default().borrow_mut().count) + 1),
            ),
            (
                "state",
                gives!(|_| opaque(&mut STATE.get().borrow_mut().count) + 1),
            ),
            (
                "linked",
                gives!(|_| LINKED.with(|linked| opaque(&mut linked.plain.borrow_mut().count)) + 1),
            ),
            (
                "thread_local_collect",
                gives!(
                    |_| THREAD_LOCAL_COLLECT.with_data_mut(|plain| opaque(&mut plain.count)) + 1
                ),
            ),
            (
                "thread_map",
                gives!(|_| THREAD_MAP.with_mut(|plain| opaque(&mut plain.count)) + 1),
            ),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                gives!(|_| {
                    // SAFETY: no other reference to it exists meanwhile.
                    opaque(unsafe { &mut *LIMIT_NIGHTLY.as_ptr() }) + 1
                }),
            ),
            #[cfg(feature = "nightly")]
            (
                "static_init",
                gives!(|_| opaque(&mut STATIC_INIT.write().count) + 1),
            ),
        ],
    ),
    (
        "Counter::add",
        &[
            (
                "limit",
                does!(|value| LIMIT.with(|limit| limit.set(limit.get() + value))),
            ),
            ("tls-core", does!(|value| Counting::COUNTER.add(value))),
        ],
    ),
    (
        "replace",
        &[
            (
                "limit",
                gives!(|value| LIMIT.with(|limit| limit.replace(value))),
            ),
            ("tls-core", gives!(|value| State::COUNT.replace(value))),
            (
                "std lazy Cell",
                gives!(|value| STD_LAZY_CELL.with(|cells| cells.count.replace(value))),
            ),
            (
                "std lazy RefCell",
                gives!(|value| {
                    STD_LAZY_REF_CELL.with_borrow_mut(|plain| replace(&mut plain.count, value))
                }),
            ),
            (
                "std const RefCell",
                gives!(|value| {
                    STD_CONST_REF_CELL.with_borrow_mut(|plain| replace(&mut plain.count, value))
                }),
            ),
            (
                "thread_local",
                gives!(|value| THREAD_LOCAL_CELLS.get_or_default().count.replace(value)),
            ),
            (
                "state",
                gives!(|value| STATE_CELLS.get().count.replace(value)),
            ),
            (
                "linked",
                gives!(|value| LINKED_CELLS.with(|cells| cells.count.replace(value))),
            ),
            (
                "thread_local_collect",
                gives!(|value| {
                    THREAD_LOCAL_COLLECT.with_data_mut(|plain| replace(&mut plain.count, value))
                }),
            ),
            (
                "thread_map",
                gives!(|value| THREAD_MAP.with_mut(|plain| replace(&mut plain.count, value))),
            ),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                gives!(|value| LIMIT_NIGHTLY.replace(value)),
            ),
            #[cfg(feature = "nightly")]
            (
                "static_init",
                gives!(|value| replace(&mut STATIC_INIT.write().count, value)),
            ),
        ],
    ),
    (
        "push to a String",
        &[
            (
                "limit",
                does!(|_| {
                    LIMIT_TEXT.with(|text| {
                        // SAFETY: no other reference to it exists meanwhile.
                        unsafe { &mut *text.as_ptr() }.push('x');
                    })
                }),
            ),
            (
                "tls-core",
                does!(|_| State::TEXT.with_mut(|text| text.push('x'))),
            ),
            (
                "std lazy Cell",
                does!(|_| STD_LAZY_CELL.with(|cells| cells.text.borrow_mut().push('x'))),
            ),
            (
                "std lazy RefCell",
                does!(|_| STD_LAZY_REF_CELL.with_borrow_mut(|plain| plain.text.push('x'))),
            ),
            (
                "std const RefCell",
                does!(|_| STD_CONST_REF_CELL.with_borrow_mut(|plain| plain.text.push('x'))),
            ),
            (
                "thread_local",
                does!(|_| THREAD_LOCAL.get_or_default().borrow_mut().text.push('x')),
            ),
            ("state", does!(|_| STATE.get().borrow_mut().text.push('x'))),
            (
                "linked",
                does!(|_| LINKED.with(|linked| linked.plain.borrow_mut().text.push('x'))),
            ),
            (
                "thread_local_collect",
                does!(|_| THREAD_LOCAL_COLLECT.with_data_mut(|plain| plain.text.push('x'))),
            ),
            (
                "thread_map",
                does!(|_| THREAD_MAP.with_mut(|plain| plain.text.push('x'))),
            ),
            #[cfg(feature = "nightly")]
            ("static_init", does!(|_| STATIC_INIT.write().text.push('x'))),
        ],
    ),
    // Not `thread_map`: its closure has the lock, and another `with` within may wait for ever. Not
    // `thread_local_collect`: its `with_data` borrows exclusively.
    (
        "nested with_state",
        &[
            (
                "limit",
                gives!(|_| LIMIT.with(|outer| outer.get() + LIMIT.with(Cell::get))),
            ),
            (
                "tls-core",
                gives!(|_| {
                    State::with_state(|outer| outer.count + State::with_state(|inner| inner.count))
                }),
            ),
            (
                "std lazy Cell",
                gives!(|_| {
                    STD_LAZY_CELL.with(|outer| {
                        outer.count.get() + STD_LAZY_CELL.with(|inner| inner.count.get())
                    })
                }),
            ),
            (
                "std lazy RefCell",
                gives!(|_| {
                    STD_LAZY_REF_CELL.with_borrow(|outer| {
                        outer.count + STD_LAZY_REF_CELL.with_borrow(|inner| inner.count)
                    })
                }),
            ),
            (
                "std const RefCell",
                gives!(|_| {
                    STD_CONST_REF_CELL.with_borrow(|outer| {
                        outer.count + STD_CONST_REF_CELL.with_borrow(|inner| inner.count)
                    })
                }),
            ),
            (
                "thread_local",
                gives!(|_| {
                    let outer = THREAD_LOCAL_CELLS.get_or_default();
                    outer.count.get() + THREAD_LOCAL_CELLS.get_or_default().count.get()
                }),
            ),
            (
                "state",
                gives!(|_| {
                    let outer = STATE_CELLS.get();
                    outer.count.get() + STATE_CELLS.get().count.get()
                }),
            ),
            (
                "linked",
                gives!(|_| {
                    LINKED_CELLS.with(|outer| {
                        outer.count.get() + LINKED_CELLS.with(|inner| inner.count.get())
                    })
                }),
            ),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                gives!(|_| LIMIT_NIGHTLY.get() + LIMIT_NIGHTLY.get()),
            ),
            #[cfg(feature = "nightly")]
            (
                "static_init",
                gives!(|_| {
                    let outer = STATIC_INIT.read();
                    outer.count + STATIC_INIT.read().count
                }),
            ),
        ],
    ),
    // For the others the number of fields is an offset.
    (
        "get of 3 fields",
        &[
            ("limit", gives!(|_| LIMIT.with(Cell::get))),
            ("tls-core", gives!(|_| State3::LAST.get())),
            (
                "std lazy RefCell",
                gives!(|_| STD_3.with_borrow(|plain| plain.last)),
            ),
        ],
    ),
    (
        "get of 22 fields",
        &[
            ("limit", gives!(|_| LIMIT.with(Cell::get))),
            ("tls-core", gives!(|_| State22::LAST.get())),
            (
                "std lazy RefCell",
                gives!(|_| STD_22.with_borrow(|plain| plain.last)),
            ),
        ],
    ),
    (
        "get of 60 fields",
        &[
            ("limit", gives!(|_| LIMIT.with(Cell::get))),
            ("tls-core", gives!(|_| State60::LAST.get())),
            (
                "std lazy RefCell",
                gives!(|_| STD_60.with_borrow(|plain| plain.last)),
            ),
        ],
    ),
    // Initializers of the others return no error.
    (
        "get, fallible init",
        &[
            ("limit", gives!(|_| LIMIT.with(Cell::get))),
            ("tls-core", gives!(|_| Fallible::COUNT.get().unwrap_or(0))),
            // What `get_or_try_init` is going to be.
            (
                "std OnceCell",
                gives!(|_| {
                    STD_ONCE_CELL
                        .with(|cell| match cell.get() {
                            Some(cells) => Ok(cells.count.get()),
                            None => {
                                Cells::parsed().map(|cells| cell.get_or_init(|| cells).count.get())
                            }
                        })
                        .unwrap_or(0)
                }),
            ),
            (
                "thread_local",
                gives!(|_| {
                    THREAD_LOCAL_CELLS
                        .get_or_try(Cells::parsed)
                        .map_or(0, |cells| cells.count.get())
                }),
            ),
        ],
    ),
];
