//! Makes an access a thousand times, under callgrind: `access OPERATION CANDIDATE`. Without arguments it
//! lists them.
//!
//! Every operation is a function of its own that takes and returns a number in registers, and is called
//! through a pointer that the compiler cannot see through. So nothing of it moves into the loop, the
//! loop stays, and a call of `empty` costs what all of them have in common. Only what happens within
//! `thousand_calls` is counted; by then the states are initialized.
#![allow(
    clippy::semicolon_if_nothing_returned,
    clippy::trivially_copy_pass_by_ref,
    clippy::wildcard_imports,
    reason = "the operations are expressions of a macro; what is measured is references; all states of this part, and \
              nothing else"
)]

use std::cell::Cell;
use std::env;
use std::hint::black_box;
use std::mem::replace;

use Call::{Does, Gives};
use ref_thread_local::RefThreadLocal as _;
use states::access::*;
use tls_core::{borrow, borrow_mut};

/// Enough that a `String`, which doubles its capacity, does not grow within the next thousand pushes.
const CALLS_BEFORE: u64 = 3_000;

/// What is measured. Two signatures, so that a result is made by those only that have one.
#[derive(Clone, Copy)]
enum Call {
    Does(fn(u64)),
    Gives(fn(u64) -> u64),
}

/// How a candidate does it.
type Row = (&'static str, Call);

/// An operation, and all who can do it.
type Operation = (&'static str, &'static [&'static [Row]]);

/// Of `tls-core`, who is within a job all the time.
const ISOLATED: &str = "tls-core, isolated";

fn main() {
    let mut arguments = env::args().skip(1);
    let Some(operation) = arguments.next() else {
        for (operation, candidates) in OPERATIONS {
            for (candidate, _) in candidates.iter().copied().flatten() {
                println!("{operation}/{candidate}");
            }
        }
        return;
    };
    let candidate = arguments.next().expect("`access OPERATION CANDIDATE`");
    let (_, call) = OPERATIONS
        .iter()
        .filter(|(name, _)| *name == operation)
        .flat_map(|(_, candidates)| candidates.iter().copied().flatten())
        .find(|(name, _)| *name == candidate)
        .expect("an operation and a candidate of the list");

    prepare();
    if candidate == ISOLATED {
        JOB.run(|| measure(*call));
    } else {
        measure(*call);
    }
}

fn measure(call: Call) {
    for _ in 0..CALLS_BEFORE {
        match black_box(call) {
            Does(function) => function(7),
            Gives(function) => drop(black_box(function(7))),
        }
    }
    thousand_calls(call);
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
fn change(count: &mut u64) -> u64 {
    let count = black_box(count);
    *count += 1;
    *count
}

/// The same, with a shared reference.
#[inline(never)]
fn look(count: &u64) -> u64 {
    *black_box(count)
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

/// The same, and adds one: so the call of a body does not become a jump, which only the limit could make.
macro_rules! adds {
    (|$value:pat_param| $body:expr) => {
        gives!(|$value| $body + 1)
    };
}

/// What the limit lends without a test.
macro_rules! lent {
    ($limit:ident) => {
        // SAFETY: no other reference to it exists meanwhile.
        unsafe { &mut *$limit.as_ptr() }
    };
}

macro_rules! limit {
    ($call:ident, |$value:pat_param, $limit:ident| $body:expr) => {
        &[
            ("limit", $call!(|$value| LIMIT.with(|$limit| $body))),
            #[cfg(feature = "nightly")]
            (
                "limit, nightly",
                $call!(|$value| {
                    let $limit = &LIMIT_NIGHTLY;
                    $body
                }),
            ),
        ]
    };
}

/// Those that lend a shared reference, of a struct of cells.
macro_rules! cells {
    ($call:ident, |$value:pat_param, $cells:ident| $body:expr) => {
        &[
            (
                "std lazy Cell",
                $call!(|$value| STD_LAZY_CELL.with(|$cells| $body)),
            ),
            (
                "thread_local",
                $call!(|$value| {
                    let $cells = THREAD_LOCAL_CELLS.get_or_default();
                    $body
                }),
            ),
            (
                "state",
                $call!(|$value| {
                    let $cells = STATE_CELLS.get();
                    $body
                }),
            ),
            ("linked", $call!(|$value| LINKED_CELLS.with(|$cells| $body))),
        ]
    };
}

/// The same, of a `RefCell`.
macro_rules! lenders {
    ($call:ident, $borrow:ident $($mut:ident)?, |$value:pat_param, $plain:ident| $body:expr) => {
        &[
            (
                "thread_local",
                $call!(|$value| {
                    let $plain = &$($mut)? *THREAD_LOCAL.get_or_default().$borrow();
                    $body
                }),
            ),
            (
                "state",
                $call!(|$value| {
                    let $plain = &$($mut)? *STATE.get().$borrow();
                    $body
                }),
            ),
            (
                "linked",
                $call!(|$value| {
                    LINKED.with(|linked| {
                        let $plain = &$($mut)? *linked.plain.$borrow();
                        $body
                    })
                }),
            ),
        ]
    };
}

/// Those that borrow in any case.
macro_rules! borrowers {
    ($call:ident, borrow, |$value:pat_param, $plain:ident| $body:expr) => {
        borrowers!($call, borrow with_borrow with_data with read, |$value, $plain| $body)
    };
    ($call:ident, borrow_mut, |$value:pat_param, $plain:ident| $body:expr) => {
        borrowers!(
            $call, borrow_mut with_borrow_mut with_data_mut with_mut write mut, |$value, $plain| $body
        )
    };
    (
        $call:ident,
        $borrow:ident $with_borrow:ident $with_data:ident $with:ident $lock:ident $($mut:ident)?,
        |$value:pat_param, $plain:ident| $body:expr
    ) => {
        &[
            (
                "std lazy RefCell",
                $call!(|$value| STD_LAZY_REF_CELL.$with_borrow(|$plain| $body)),
            ),
            #[cfg(tls_core_keys)]
            (
                "std under keys",
                $call!(|$value| STD_UNDER_KEYS.$with_borrow(|$plain| $body)),
            ),
            (
                "std const RefCell",
                $call!(|$value| STD_CONST_REF_CELL.$with_borrow(|$plain| $body)),
            ),
            (
                "ref_thread_local",
                $call!(|$value| {
                    let $plain = &$($mut)? *REF_THREAD_LOCAL.$borrow();
                    $body
                }),
            ),
            (
                "thread_local_collect",
                $call!(|$value| THREAD_LOCAL_COLLECT.$with_data(|$plain| $body)),
            ),
            (
                "thread_map",
                $call!(|$value| THREAD_MAP.$with(|$plain| $body)),
            ),
            #[cfg(feature = "nightly")]
            (
                "static_init",
                $call!(|$value| {
                    let $plain = &$($mut)? *STATIC_INIT.$lock();
                    $body
                }),
            ),
        ]
    };
}

/// A function that a runtime calls, which calls another one, which calls a third: none of them is inlined into its
/// caller. The first sets the handle and puts back what was there, the second reads the task, the third changes the
/// budget.
macro_rules! context {
    (
        |$handle:ident, $middle:ident| $outermost:expr,
        |$innermost:ident| $between:expr,
        $change:expr
    ) => {{
        #[inline(never)]
        fn innermost() {
            $change
        }
        #[inline(never)]
        fn middle() -> u64 {
            let $innermost = innermost;
            $between
        }
        gives!(|_| {
            let ($handle, $middle) = (handle(), middle);
            $outermost
        })
    }};
}

/// An access, and within it a function that is not inlined and does the second one.
macro_rules! nested {
    (|$inner:ident| $outer_access:expr, $inner_access:expr) => {{
        #[inline(never)]
        fn inner() -> u64 {
            $inner_access
        }
        adds!(|_| {
            let $inner = inner;
            $outer_access
        })
    }};
}

/// A value that is bound, and a function that is not inlined and reads it.
macro_rules! scope {
    (|$value:ident, $read:ident| $bind:expr, $found:expr) => {{
        #[inline(never)]
        fn read() -> u64 {
            $found
        }
        adds!(|$value| {
            let $read = read;
            $bind
        })
    }};
}

/// Where a crate lends a shared reference to anything, copies go through a `Cell`, and exclusive
/// references through a `RefCell`.
const OPERATIONS: &[Operation] = &[
    ("empty", &[&[("nothing", does!(|_| ()))]]),
    (
        "get",
        &[
            limit!(gives, |_, limit| limit.get()),
            &[("tls-core", gives!(|_| State::COUNT.get()))],
            cells!(gives, |_, cells| cells.count.get()),
            borrowers!(gives, borrow, |_, plain| plain.count),
        ],
    ),
    (
        "set",
        &[
            limit!(does, |value, limit| limit.set(value)),
            &[("tls-core", does!(|value| State::COUNT.set(value)))],
            cells!(does, |value, cells| cells.count.set(value)),
            borrowers!(does, borrow_mut, |value, plain| plain.count = value),
        ],
    ),
    (
        "update",
        &[
            limit!(does, |_, limit| limit.set(limit.get() + 1)),
            &[(
                "tls-core",
                does!(|_| State::COUNT.update(|count| count + 1)),
            )],
            cells!(does, |_, cells| cells.count.update(|count| count + 1)),
            borrowers!(does, borrow_mut, |_, plain| plain.count += 1),
        ],
    ),
    // A `Cell` lends no reference to what it holds, so `std lazy Cell` has no form of this.
    (
        "with",
        &[
            limit!(gives, |_, limit| *lent!(limit)),
            &[
                ("tls-core", gives!(|_| State::COUNT.with(|count| *count))),
                ("tls-core, borrow!", gives!(|_| *borrow!(State::COUNT))),
            ],
            borrowers!(gives, borrow, |_, plain| plain.count),
            lenders!(gives, borrow, |_, plain| plain.count),
        ],
    ),
    (
        "with_mut",
        &[
            limit!(does, |_, limit| *lent!(limit) += 1),
            &[
                (
                    "tls-core",
                    does!(|_| State::COUNT.with_mut(|count| *count += 1)),
                ),
                (
                    "tls-core, borrow!",
                    does!(|_| *borrow_mut!(State::COUNT) += 1),
                ),
            ],
            borrowers!(does, borrow_mut, |_, plain| plain.count += 1),
            lenders!(does, borrow_mut mut, |_, plain| plain.count += 1),
        ],
    ),
    // A shared reference to a struct of cells is all that is asked for here.
    (
        "with_state",
        &[
            limit!(gives, |_, limit| *lent!(limit)),
            &[
                (
                    "tls-core",
                    gives!(|_| State::with_state(|state| state.count)),
                ),
                (
                    "tls-core, borrow!",
                    gives!(|_| borrow!(State::state()).count),
                ),
            ],
            cells!(gives, |_, cells| cells.count.get()),
            borrowers!(gives, borrow, |_, plain| plain.count),
        ],
    ),
    (
        "with_state_mut",
        &[
            limit!(does, |_, limit| *lent!(limit) += 1),
            &[
                (
                    "tls-core",
                    does!(|_| State::with_state_mut(|state| state.count += 1)),
                ),
                (
                    "tls-core, borrow!",
                    does!(|_| borrow_mut!(State::state()).count += 1),
                ),
            ],
            borrowers!(does, borrow_mut, |_, plain| plain.count += 1),
            lenders!(does, borrow_mut mut, |_, plain| plain.count += 1),
        ],
    ),
    (
        "with, opaque body",
        &[
            limit!(adds, |_, limit| look(lent!(limit))),
            &[
                ("tls-core", adds!(|_| State::COUNT.with(look))),
                ("tls-core, borrow!", adds!(|_| look(borrow!(State::COUNT)))),
            ],
            borrowers!(adds, borrow, |_, plain| look(&plain.count)),
            lenders!(adds, borrow, |_, plain| look(&plain.count)),
        ],
    ),
    (
        "with_mut, opaque body",
        &[
            limit!(adds, |_, limit| change(lent!(limit))),
            &[
                ("tls-core", adds!(|_| State::COUNT.with_mut(change))),
                (
                    "tls-core, borrow!",
                    adds!(|_| change(borrow_mut!(State::COUNT))),
                ),
            ],
            borrowers!(adds, borrow_mut, |_, plain| change(&mut plain.count)),
            lenders!(adds, borrow_mut mut, |_, plain| change(&mut plain.count)),
        ],
    ),
    (
        "with_state, opaque body",
        &[
            limit!(adds, |_, limit| look(lent!(limit))),
            &[
                (
                    "tls-core",
                    adds!(|_| State::with_state(|state| look(&state.count))),
                ),
                (
                    "tls-core, borrow!",
                    adds!(|_| look(&borrow!(State::state()).count)),
                ),
            ],
            borrowers!(adds, borrow, |_, plain| look(&plain.count)),
            lenders!(adds, borrow, |_, plain| look(&plain.count)),
        ],
    ),
    (
        "with_state_mut, opaque body",
        &[
            limit!(adds, |_, limit| change(lent!(limit))),
            &[
                (
                    "tls-core",
                    adds!(|_| State::with_state_mut(|state| change(&mut state.count))),
                ),
                (
                    "tls-core, borrow!",
                    adds!(|_| change(&mut borrow_mut!(State::state()).count)),
                ),
            ],
            borrowers!(adds, borrow_mut, |_, plain| change(&mut plain.count)),
            lenders!(adds, borrow_mut mut, |_, plain| change(&mut plain.count)),
        ],
    ),
    // Those that return an error when they are borrowed already.
    (
        "try_with, opaque body",
        &[
            limit!(adds, |_, limit| look(lent!(limit))),
            &[
                (
                    "tls-core",
                    adds!(|_| State::COUNT.try_with(look).unwrap_or(0)),
                ),
                (
                    "std lazy RefCell",
                    adds!(|_| {
                        STD_LAZY_REF_CELL
                            .try_with(|cell| cell.try_borrow().map(|plain| look(&plain.count)))
                            .map_or(0, |looked| looked.unwrap_or(0))
                    }),
                ),
                (
                    "ref_thread_local",
                    adds!(|_| REF_THREAD_LOCAL
                        .try_borrow()
                        .map_or(0, |plain| look(&plain.count))),
                ),
            ],
        ],
    ),
    (
        "try_with_mut, opaque body",
        &[
            limit!(adds, |_, limit| change(lent!(limit))),
            &[
                (
                    "tls-core",
                    adds!(|_| State::COUNT.try_with_mut(change).unwrap_or(0)),
                ),
                (
                    "std lazy RefCell",
                    adds!(|_| {
                        STD_LAZY_REF_CELL
                            .try_with(|cell| {
                                cell.try_borrow_mut()
                                    .map(|mut plain| change(&mut plain.count))
                            })
                            .map_or(0, |changed| changed.unwrap_or(0))
                    }),
                ),
                (
                    "ref_thread_local",
                    adds!(|_| REF_THREAD_LOCAL
                        .try_borrow_mut()
                        .map_or(0, |mut plain| change(&mut plain.count))),
                ),
            ],
        ],
    ),
    (
        "try_with of the whole, opaque body",
        &[
            limit!(adds, |_, limit| look(lent!(limit))),
            &[
                (
                    "tls-core",
                    adds!(|_| State::state()
                        .try_with(|state| look(&state.count))
                        .unwrap_or(0)),
                ),
                (
                    "std lazy RefCell",
                    adds!(|_| {
                        STD_LAZY_REF_CELL
                            .try_with(|cell| cell.try_borrow().map(|plain| look(&plain.count)))
                            .map_or(0, |looked| looked.unwrap_or(0))
                    }),
                ),
                (
                    "ref_thread_local",
                    adds!(|_| REF_THREAD_LOCAL
                        .try_borrow()
                        .map_or(0, |plain| look(&plain.count))),
                ),
            ],
        ],
    ),
    (
        "try_with_mut of the whole, opaque body",
        &[
            limit!(adds, |_, limit| change(lent!(limit))),
            &[
                (
                    "tls-core",
                    adds!(|_| State::state()
                        .try_with_mut(|state| change(&mut state.count))
                        .unwrap_or(0)),
                ),
                (
                    "std lazy RefCell",
                    adds!(|_| {
                        STD_LAZY_REF_CELL
                            .try_with(|cell| {
                                cell.try_borrow_mut()
                                    .map(|mut plain| change(&mut plain.count))
                            })
                            .map_or(0, |changed| changed.unwrap_or(0))
                    }),
                ),
                (
                    "ref_thread_local",
                    adds!(|_| REF_THREAD_LOCAL
                        .try_borrow_mut()
                        .map_or(0, |mut plain| change(&mut plain.count))),
                ),
            ],
        ],
    ),
    (
        "push to a String",
        &[
            &[
                (
                    "limit",
                    does!(|_| LIMIT_TEXT.with(|text| lent!(text).push('x'))),
                ),
                (
                    "tls-core",
                    does!(|_| State::TEXT.with_mut(|text| text.push('x'))),
                ),
                (
                    "tls-core, borrow!",
                    does!(|_| borrow_mut!(State::TEXT).push('x')),
                ),
                (
                    "std lazy Cell",
                    does!(|_| STD_LAZY_CELL.with(|cells| cells.text.borrow_mut().push('x'))),
                ),
            ],
            borrowers!(does, borrow_mut, |_, plain| plain.text.push('x')),
            lenders!(does, borrow_mut mut, |_, plain| plain.text.push('x')),
        ],
    ),
    (
        "Counter::add",
        &[
            &[
                (
                    "limit",
                    does!(|value| LIMIT.with(|limit| limit.set(limit.get() + value))),
                ),
                ("tls-core", does!(|value| Counting::COUNTER.add(value))),
            ],
            &[(ISOLATED, does!(|value| Counting::COUNTER.add(value)))],
        ],
    ),
    // Entering and leaving, without and with something to leave. Who is within the job already leaves nothing.
    (
        "Isolated::run",
        &[
            &[("tls-core", does!(|_| JOB.run(|| ())))],
            &[(ISOLATED, does!(|_| JOB.run(|| ())))],
        ],
    ),
    (
        "Isolated::run of Counter::add",
        &[
            &[(
                "tls-core",
                does!(|value| JOB.run(|| Counting::COUNTER.add(value))),
            )],
            &[(
                ISOLATED,
                does!(|value| JOB.run(|| Counting::COUNTER.add(value))),
            )],
        ],
    ),
    (
        "replace",
        &[
            limit!(gives, |value, limit| limit.replace(value)),
            &[("tls-core", gives!(|value| State::COUNT.replace(value)))],
            cells!(gives, |value, cells| cells.count.replace(value)),
            borrowers!(gives, borrow_mut, |value, plain| replace(
                &mut plain.count,
                value
            )),
        ],
    ),
    // Not `thread_map`: its closure has the lock, and another `with` within may wait for ever. Not
    // `thread_local_collect`: its `with_data` borrows exclusively.
    (
        "nested with_state",
        &[
            limit!(gives, |_, limit| limit.get() + LIMIT.with(Cell::get)),
            &[
                (
                    "tls-core",
                    gives!(|_| State::with_state(
                        |outer| outer.count + State::with_state(|inner| inner.count)
                    )),
                ),
                (
                    "tls-core, borrow!",
                    gives!(|_| borrow!(State::state()).count + borrow!(State::state()).count),
                ),
            ],
            &[
                (
                    "std lazy Cell",
                    gives!(|_| STD_LAZY_CELL
                        .with(|outer| outer.count.get()
                            + STD_LAZY_CELL.with(|inner| inner.count.get()))),
                ),
                (
                    "std lazy RefCell",
                    gives!(|_| STD_LAZY_REF_CELL
                        .with_borrow(|outer| outer.count
                            + STD_LAZY_REF_CELL.with_borrow(|inner| inner.count))),
                ),
                (
                    "std const RefCell",
                    gives!(|_| STD_CONST_REF_CELL
                        .with_borrow(|outer| outer.count
                            + STD_CONST_REF_CELL.with_borrow(|inner| inner.count))),
                ),
                (
                    "ref_thread_local",
                    gives!(|_| REF_THREAD_LOCAL.borrow().count + REF_THREAD_LOCAL.borrow().count),
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
                    gives!(|_| LINKED_CELLS
                        .with(|outer| outer.count.get()
                            + LINKED_CELLS.with(|inner| inner.count.get()))),
                ),
            ],
        ],
    ),
    // The inner access is in a function that is not inlined.
    (
        "nested with_state, opaque body",
        &[&[
            (
                "limit",
                nested!(
                    |inner| LIMIT.with(|outer| look(lent!(outer)) + inner()),
                    LIMIT.with(|inner| look(lent!(inner)))
                ),
            ),
            (
                "tls-core",
                nested!(
                    |inner| State::with_state(|outer| look(&outer.count) + inner()),
                    State::with_state(|inner| look(&inner.count))
                ),
            ),
            (
                "tls-core, borrow!",
                nested!(
                    |inner| {
                        let outer = borrow!(State::state());
                        look(&outer.count) + inner()
                    },
                    look(&borrow!(State::state()).count)
                ),
            ),
            (
                "std lazy RefCell",
                nested!(
                    |inner| STD_LAZY_REF_CELL.with_borrow(|outer| look(&outer.count) + inner()),
                    STD_LAZY_REF_CELL.with_borrow(|inner| look(&inner.count))
                ),
            ),
            (
                "std const RefCell",
                nested!(
                    |inner| STD_CONST_REF_CELL.with_borrow(|outer| look(&outer.count) + inner()),
                    STD_CONST_REF_CELL.with_borrow(|inner| look(&inner.count))
                ),
            ),
            (
                "ref_thread_local",
                nested!(
                    |inner| {
                        let outer = REF_THREAD_LOCAL.borrow();
                        look(&outer.count) + inner()
                    },
                    look(&REF_THREAD_LOCAL.borrow().count)
                ),
            ),
        ]],
    ),
    (
        "nested try_with of the whole",
        &[&[
            (
                "limit",
                gives!(|_| LIMIT.with(|outer| outer.get() + LIMIT.with(Cell::get))),
            ),
            (
                "tls-core",
                gives!(|_| State::state()
                    .try_with(|outer| outer.count
                        + State::state().try_with(|inner| inner.count).unwrap_or(0))
                    .unwrap_or(0)),
            ),
            (
                "std lazy RefCell",
                gives!(|_| STD_LAZY_REF_CELL
                    .try_with(|cell| cell.try_borrow().map(|outer| outer.count
                        + STD_LAZY_REF_CELL
                            .try_with(|cell| cell.try_borrow().map(|inner| inner.count))
                            .map_or(0, |count| count.unwrap_or(0))))
                    .map_or(0, |count| count.unwrap_or(0))),
            ),
            (
                "ref_thread_local",
                gives!(
                    |_| REF_THREAD_LOCAL.try_borrow().map_or(0, |outer| outer.count
                        + REF_THREAD_LOCAL.try_borrow().map_or(0, |inner| inner.count))
                ),
            ),
        ]],
    ),
    (
        "nested try_with of the whole, opaque body",
        &[&[
            (
                "limit",
                nested!(
                    |inner| LIMIT.with(|outer| look(lent!(outer)) + inner()),
                    LIMIT.with(|inner| look(lent!(inner)))
                ),
            ),
            (
                "tls-core",
                nested!(
                    |inner| State::state()
                        .try_with(|outer| look(&outer.count) + inner())
                        .unwrap_or(0),
                    State::state()
                        .try_with(|inner| look(&inner.count))
                        .unwrap_or(0)
                ),
            ),
            (
                "std lazy RefCell",
                nested!(
                    |inner| STD_LAZY_REF_CELL
                        .try_with(|cell| cell
                            .try_borrow()
                            .map(|outer| look(&outer.count) + inner()))
                        .map_or(0, |looked| looked.unwrap_or(0)),
                    STD_LAZY_REF_CELL
                        .try_with(|cell| cell.try_borrow().map(|inner| look(&inner.count)))
                        .map_or(0, |looked| looked.unwrap_or(0))
                ),
            ),
            (
                "ref_thread_local",
                nested!(
                    |inner| REF_THREAD_LOCAL
                        .try_borrow()
                        .map_or(0, |outer| look(&outer.count) + inner()),
                    REF_THREAD_LOCAL
                        .try_borrow()
                        .map_or(0, |inner| look(&inner.count))
                ),
            ),
        ]],
    ),
    // A number is bound while a function that is not inlined reads it. `Cell`s have no such thing: it is set, and put
    // back.
    (
        "scope",
        &[&[
            (
                "limit",
                scope!(
                    |value, read| {
                        let before = LIMIT.replace(value);
                        let found = read();
                        LIMIT.set(before);
                        found
                    },
                    LIMIT.get()
                ),
            ),
            (
                "tls-core",
                scope!(
                    |value, read| State::COUNT.scope(value, read),
                    State::COUNT.get()
                ),
            ),
            (
                "std lazy Cell",
                scope!(
                    |value, read| {
                        let before = STD_LAZY_CELL.with(|cells| cells.count.replace(value));
                        let found = read();
                        STD_LAZY_CELL.with(|cells| cells.count.set(before));
                        found
                    },
                    STD_LAZY_CELL.with(|cells| cells.count.get())
                ),
            ),
            (
                "scoped-tls",
                scope!(
                    |value, read| SCOPED.set(&value, read),
                    SCOPED.with(|value| *value)
                ),
            ),
            (
                "tokio task_local",
                scope!(
                    |value, read| TASK_LOCAL.sync_scope(value, read),
                    TASK_LOCAL.get()
                ),
            ),
        ]],
    ),
    // `thread_local!`s of cells are what runtimes have. With `scoped-tls` and `tokio` a context is made with the
    // handle, and bound.
    (
        "nested context",
        &[&[
            (
                "limit",
                context!(
                    |handle, middle| LIMIT_CONTEXT.with(|context| {
                        let before = context.handle.replace(handle);
                        let found = middle();
                        context.handle.set(before);
                        found
                    }),
                    |innermost| LIMIT_CONTEXT.with(|context| {
                        innermost();
                        context.task.get()
                    }),
                    LIMIT_CONTEXT.with(|context| context.budget.update(|budget| budget + 1))
                ),
            ),
            (
                "tls-core",
                context!(
                    |handle, middle| {
                        let before = Context::HANDLE.replace(handle);
                        let found = middle();
                        Context::HANDLE.set(before);
                        found
                    },
                    |innermost| {
                        innermost();
                        Context::TASK.get()
                    },
                    Context::BUDGET.update(|budget| budget + 1)
                ),
            ),
            (
                "tls-core, scope",
                context!(
                    |handle, middle| Context::HANDLE.scope(handle, middle),
                    |innermost| {
                        innermost();
                        Context::TASK.get()
                    },
                    Context::BUDGET.update(|budget| budget + 1)
                ),
            ),
            (
                "tls-core, with_state",
                context!(
                    |handle, middle| SharedContext::state().with(|context| {
                        let before = context.handle.replace(handle);
                        let found = middle();
                        context.handle.set(before);
                        found
                    }),
                    |innermost| SharedContext::state().with(|context| {
                        innermost();
                        context.task.get()
                    }),
                    SharedContext::state()
                        .with(|context| context.budget.update(|budget| budget + 1))
                ),
            ),
            (
                "std lazy Cell",
                context!(
                    |handle, middle| STD_CONTEXT_CELLS.with(|context| {
                        let before = context.handle.replace(handle);
                        let found = middle();
                        context.handle.set(before);
                        found
                    }),
                    |innermost| STD_CONTEXT_CELLS.with(|context| {
                        innermost();
                        context.task.get()
                    }),
                    STD_CONTEXT_CELLS.with(|context| context.budget.update(|budget| budget + 1))
                ),
            ),
            (
                "std lazy Cell, a static each",
                context!(
                    |handle, middle| {
                        let before = STD_HANDLE.replace(handle);
                        let found = middle();
                        STD_HANDLE.set(before);
                        found
                    },
                    |innermost| {
                        innermost();
                        STD_TASK.get()
                    },
                    STD_BUDGET.set(STD_BUDGET.get() + 1)
                ),
            ),
            (
                "std lazy RefCell",
                context!(
                    |handle, middle| {
                        let before = STD_CONTEXT
                            .with_borrow_mut(|context| replace(&mut context.handle, handle));
                        let found = middle();
                        STD_CONTEXT.with_borrow_mut(|context| context.handle = before);
                        found
                    },
                    |innermost| {
                        innermost();
                        STD_CONTEXT.with_borrow(|context| context.task)
                    },
                    STD_CONTEXT.with_borrow_mut(|context| context.budget += 1)
                ),
            ),
            (
                "scoped-tls",
                context!(
                    |handle, middle| SCOPED_CONTEXT.set(&CellContext::of(handle), middle),
                    |innermost| SCOPED_CONTEXT.with(|context| {
                        innermost();
                        context.task.get()
                    }),
                    SCOPED_CONTEXT.with(|context| context.budget.update(|budget| budget + 1))
                ),
            ),
            (
                "tokio task_local",
                context!(
                    |handle, middle| TASK_CONTEXT.sync_scope(CellContext::of(handle), middle),
                    |innermost| TASK_CONTEXT.with(|context| {
                        innermost();
                        context.task.get()
                    }),
                    TASK_CONTEXT.with(|context| context.budget.update(|budget| budget + 1))
                ),
            ),
        ]],
    ),
    // For the others the number of fields is an offset.
    (
        "get of 3 fields",
        &[&[
            ("limit", gives!(|_| LIMIT.get())),
            ("tls-core", gives!(|_| State3::LAST.get())),
            (
                "std lazy RefCell",
                gives!(|_| STD_3.with_borrow(|plain| plain.last)),
            ),
        ]],
    ),
    (
        "get of 22 fields",
        &[&[
            ("limit", gives!(|_| LIMIT.get())),
            ("tls-core", gives!(|_| State22::LAST.get())),
            (
                "std lazy RefCell",
                gives!(|_| STD_22.with_borrow(|plain| plain.last)),
            ),
        ]],
    ),
    (
        "get of 60 fields",
        &[&[
            ("limit", gives!(|_| LIMIT.get())),
            ("tls-core", gives!(|_| State60::LAST.get())),
            (
                "std lazy RefCell",
                gives!(|_| STD_60.with_borrow(|plain| plain.last)),
            ),
        ]],
    ),
    // Initializers of the others return no error.
    (
        "get, fallible init",
        &[&[
            ("limit", gives!(|_| LIMIT.get())),
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
        ]],
    ),
];
