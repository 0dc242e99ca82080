//! A state written with the attribute and, next to it, its expansion.
//!
//! Run it with `cargo run --example expanded`.
//!
//! `by_hand` is the expansion, simplified: names are short and imported instead of hidden and absolute,
//! and the documentation and the code that exists only for compile errors are left out. It uses the
//! hidden module of the runtime, which is not a public interface: the module has the version in its name
//! and changes with it.

mod shell;

use std::process::ExitCode;

const HELP: &str = "\
Uses a state that is written with the attribute and one that is written by hand, and compares.

Usage: expanded

Options:
  -h, --help   print this

The variable BUDGET is a number. What the state makes of it is printed. [default: 12]
";

/// With the attribute.
mod by_attribute {
    use std::num::ParseIntError;

    use tls_core::thread_local_state;

    /// A budget, and how it was spent.
    #[thread_local_state(error = ParseIntError)]
    pub(crate) struct Budget {
        #[state(init = std::env::var("BUDGET").unwrap_or_else(|_| "12".to_owned()).parse()?)]
        pub(crate) total: u32,
        #[state(init = format!("of {total}"))]
        pub(crate) label: String,
        pub(crate) spent: Vec<u32>,
    }
}

/// By hand.
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a place, and what is done with it"
)]
mod by_hand {
    use std::fmt::{Debug, Display};
    use std::mem::offset_of;
    use std::num::ParseIntError;
    use std::ptr;

    use tls_core::__private_0_1_0 as private;
    use tls_core::{Field, LazyState, State, ThreadLocalState};

    /// A budget, and how it was spent.
    pub(crate) struct Budget {
        pub(crate) total: u32,
        pub(crate) label: String,
        pub(crate) spent: Vec<u32>,
        // This field is private and has no public constructor, so other code cannot build a `Budget`.
        // The compiler prints its name to anyone who tries, and its type keeps the value on its thread.
        __this_struct_is_made_once_per_thread_so_use_with_state:
            private::MadeOncePerThreadSoUseWithState<Budget>,
    }

    // The slot is `__TLS_SLOT`. It is all zero in every new thread and has no drop glue, so the standard
    // library keeps no record of it and tests nothing on access.
    // `__TLS_TURN` is another thread-local: the place of the state among the destructors of the thread.
    // The runtime touches it when a value has been initialized, and the standard library then registers
    // it like any other. When `__TLS_TURN` is dropped, the state is dropped. (Where thread-locals are
    // not native, both are different: see `platform` in the runtime.)
    private::slot!(Budget = new);

    // SAFETY: the slot is a thread-local of this type alone, and `__init` writes every field that has a size.
    unsafe impl ThreadLocalState for Budget {
        type Error = ParseIntError;
        // The return type of the plain accessors. Without `error = TYPE`, it is `R` itself.
        type Output<R> = Result<R, ParseIntError>;
        // The value is in the slot, or on the heap if it is large.
        type __Storage =
            <private::Select<{ private::on_heap::<Self>() }> as private::Selected>::For<Self>;
        // A forked child has a copy of the value.
        type __AtFork = private::Keep;

        // The data for the part of the runtime that is not generic, which is most of it.
        const __INFO: &'static private::Info = &private::Info::new::<Self>(
            &private::Subject::all::<5>(&private::Names {
                state: "Budget",
                fields: &["total", "label", "spent"],
            }),
            false,
            __TLS_TURN,
        );

        // How `AccessError` formats the user's error and finds its source. The attribute does not know
        // whether the type implements `Error`, so its expansion leaves the choice to method lookup.
        const __FAILURE: &'static private::Failure<ParseIntError> = &private::Failure {
            state: "Budget",
            source: |error| Some(error),
            display: |error, f| Display::fmt(error, f),
            debug: |error, f| Debug::fmt(error, f),
        };

        // Returns the address of this thread's slot. This works at any time, because the slot has no
        // destructor.
        fn __slot() -> *const private::Slot<Self::__Storage> {
            private::pointer_of!(__TLS_SLOT)
        }

        // Not `unsafe`, because its body contains the user's initializers, which could then use unsafe
        // operations.
        fn __init(place: private::Uninit<Self>) -> Result<(), ParseIntError> {
            let place = place.into_ptr();
            // Each initializer is the body of a closure of its own: a `return` ends only that closure,
            // and the user's tokens are never inside `unsafe`.
            let make_total = || -> Result<u32, ParseIntError> {
                // The expansion writes `Ok(EXPR)`, with the `?` that is in the expression.
                std::env::var("BUDGET")
                    .unwrap_or_else(|_| "12".to_owned())
                    .parse()
            };
            // This initializer mentions `total`, so it receives a reference to that field.
            let make_label = |total: &u32| -> String { format!("of {total}") };

            // Each field is written in place, so a large value is never moved through the stack. If a later
            // field fails or panics, the fields that have been written are dropped.
            // SAFETY: the place is valid for writes.
            match unsafe { private::put(&raw mut (*place).total, make_total()) } {
                Ok(()) => {}
                Err(error) => return Err(error),
            }
            // SAFETY: it has been written.
            let total = unsafe { private::written::<Self, _>(&raw mut (*place).total) };
            // SAFETY: the place is valid for writes, and `total` has been written.
            unsafe { ptr::write(&raw mut (*place).label, make_label(&(*place).total)) };
            // SAFETY: it has been written.
            let label = unsafe { private::written::<Self, _>(&raw mut (*place).label) };
            // SAFETY: the place is valid for writes.
            unsafe { ptr::write(&raw mut (*place).spent, Vec::default()) };
            // All fields are initialized, so they now belong to the value.
            total.keep();
            label.keep();
            Ok(())
        }

        fn __output<R>(result: Result<R, ParseIntError>) -> Result<R, ParseIntError> {
            result
        }
    }

    // The state is initialized on first access. A state that is `explicit` does not implement this
    // trait, and so has no `init`.
    impl LazyState for Budget {}

    // The handles hold the offset of a field and its number, which selects its permissions among the
    // bits of the slot's word. A borrow takes the permissions out of the word, and returns them at its
    // end. A handle compiles only if its type is exactly that of the field.
    impl Budget {
        pub(crate) const TOTAL: Field<Self, u32> =
            // SAFETY: the offset and the number are of one field, of this type.
            unsafe { Field::__new(offset_of!(Self, total), 0) }
                    .__of(|this| &raw mut this.total);
        pub(crate) const LABEL: Field<Self, String> =
            // SAFETY: as above.
            unsafe { Field::__new(offset_of!(Self, label), 1) }
                    .__of(|this| &raw mut this.label);
        pub(crate) const SPENT: Field<Self, Vec<u32>> =
            // SAFETY: as above.
            unsafe { Field::__new(offset_of!(Self, spent), 2) }
                    .__of(|this| &raw mut this.spent);

        // Compiles only if these are all the fields, and if references to them are allowed.
        #[expect(dead_code, reason = "it is only there to be checked")]
        const FIELDS: fn(&mut Self) = |&mut Self {
                                           total: ref mut _total,
                                           label: ref mut _label,
                                           spent: ref mut _spent,
                                           __this_struct_is_made_once_per_thread_so_use_with_state:
                                               ref mut hidden,
                                       }: &mut Self| {
            let _: *mut private::MadeOncePerThreadSoUseWithState<Self> = &raw mut *hidden;
        };
    }

    // The accessors, one line each. All other functions are on the handle.
    impl Budget {
        #[inline]
        #[track_caller]
        pub(crate) fn with_state<R, F>(f: F) -> Result<R, ParseIntError>
        where
            F: FnOnce(&Self) -> R,
        {
            State::<Self>::new().with(f)
        }

        #[inline]
        #[track_caller]
        pub(crate) fn with_state_mut<R, F>(f: F) -> Result<R, ParseIntError>
        where
            F: FnOnce(&mut Self) -> R,
        {
            State::<Self>::new().with_mut(f)
        }

        pub(crate) const fn state() -> State<Self> {
            State::new()
        }
    }
}

/// Uses either state in the same way.
macro_rules! tour {
    ($module:ident) => {{
        use $module::Budget;

        let mut seen = vec![format!("made: {}", Budget::state().is_initialized())];
        Budget::with_state_mut(|budget| budget.spent.push(5))?;
        seen.push(format!("made: {}", Budget::state().is_initialized()));
        // Handles of different fields may be used at the same time.
        Budget::SPENT.with_mut(|spent| {
            spent.push(Budget::TOTAL.get()?.saturating_sub(5));
            seen.push(format!(
                "spent {spent:?} {}",
                Budget::LABEL.with(String::clone)?
            ));
            // Another access to a borrowed field conflicts.
            if let Err(tls_core::AccessError::Borrowed(site)) = Budget::state().try_with(|_| ()) {
                seen.push(format!("borrowed: {site}"));
            }
            Ok::<(), std::num::ParseIntError>(())
        })??;
        let fresh = Budget::state().with_fresh(|| Budget::with_state(|state| state.spent.len()))?;
        seen.push(format!("fresh: {fresh}"));
        seen.push(format!(
            "old: {}",
            Budget::with_state(|state| state.spent.len())?
        ));
        seen.push(format!("reset: {}", Budget::state().reset()));
        seen.push(format!("made: {}", Budget::state().is_initialized()));
        seen
    }};
}

fn run() -> anyhow::Result<()> {
    let by_attribute = tour!(by_attribute);
    let by_hand = tour!(by_hand);
    for step in &by_attribute {
        shell::print(&format!("{step}\n"))?;
    }
    assert_eq!(by_attribute, by_hand);
    shell::print("By attribute and by hand: the same.\n")
}

fn main() -> ExitCode {
    shell::main(HELP, |_| Ok(Some(())), |()| run())
}
