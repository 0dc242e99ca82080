//! A state written with the attribute and, beside it, what the attribute makes of it.
//!
//! Run it with `cargo run --example expanded`.
//!
//! `by_hand` is the expansion, simplified: names are short and imported instead of hidden
//! and absolute, the documentation is left out, and so is what is there for the sake of
//! compile errors alone. It uses the runtime's hidden module, which is no interface: it has
//! the version in its name and changes with it.

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

    /// A budget, and what was done with it.
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

    /// A budget, and what was done with it.
    pub(crate) struct Budget {
        pub(crate) total: u32,
        pub(crate) label: String,
        pub(crate) spent: Vec<u32>,
        // Private and without a public constructor, so nobody builds a `Budget`. Its name is
        // what the compiler prints to who tries, and its type keeps the value on its thread.
        __this_struct_is_made_once_per_thread_so_use_with_state:
            private::MadeOncePerThreadSoUseWithState<Budget>,
    }

    // The slot `__TLS_SLOT`: all zero in every new thread, without drop glue, so the standard library keeps no
    // record of it and tests nothing on access. And `__TLS_TURN`: the state's place among the destructors of
    // the thread, another thread-local. The runtime touches it when a value has been initialized, and the standard
    // library registers it then, as any other. When it is dropped, it is the state's turn to be dropped. (Where
    // thread-locals are not native both are something else: see `platform` in the runtime.)
    private::slot!(Budget = new);

    // SAFETY: the slot is a thread-local of this type alone, and `__init` writes every field that has a size.
    unsafe impl ThreadLocalState for Budget {
        type Error = ParseIntError;
        // What plain accessors return. Without `error = TYPE` it is `R` itself.
        type Output<R> = Result<R, ParseIntError>;
        // In the slot; on the heap if it is large.
        type __Storage =
            <private::Select<{ private::on_heap::<Self>() }> as private::Selected>::For<Self>;
        // What a forked child finds: a copy.
        type __AtFork = private::Keep;

        // What the part of the runtime that is not generic must know, which is nearly all of it.
        const __INFO: &'static private::Info = &private::Info::new::<Self>(
            &private::Subject::all::<5>(&private::Names {
                state: "Budget",
                fields: &["total", "label", "spent"],
            }),
            false,
            __TLS_TURN,
        );

        // How `AccessError` shows the user's error, and finds its source. The attribute does not know
        // whether the type is an `Error`, and lets method lookup find that out.
        const __FAILURE: &'static private::Failure<ParseIntError> = &private::Failure {
            state: "Budget",
            source: |error| Some(error),
            display: |error, f| Display::fmt(error, f),
            debug: |error, f| Debug::fmt(error, f),
        };

        // Where this thread's slot is. That can be asked for at any time: it has no destructor.
        fn __slot() -> *const private::Slot<Self::__Storage> {
            private::pointer_of!(__TLS_SLOT)
        }

        // Not `unsafe`, or the user's initializers would stand where unsafe operations are allowed.
        fn __init(place: private::Uninit<Self>) -> Result<(), ParseIntError> {
            let place = place.into_ptr();
            // Each initializer is the body of a closure of its own: a `return` in it ends
            // that one, and the user's tokens never stand inside `unsafe`.
            let make_total = || -> Result<u32, ParseIntError> {
                // Written `Ok(EXPR)`, with the `?` that is in the expression.
                std::env::var("BUDGET")
                    .unwrap_or_else(|_| "12".to_owned())
                    .parse()
            };
            // It mentions `total`, so it receives a reference to it.
            let make_label = |total: &u32| -> String { format!("of {total}") };

            // Written in place, so a large value never passes over the stack. What has been
            // written is dropped again should a later field fail or panic.
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
            // All there: now the fields belong to the value.
            total.keep();
            label.keep();
            Ok(())
        }

        fn __output<R>(result: Result<R, ParseIntError>) -> Result<R, ParseIntError> {
            result
        }
    }

    // It is initialized on first access. A state that is `explicit` has no such impl, and so no `init`.
    impl LazyState for Budget {}

    // The handles: where a field lies, and its number, which tells its permissions among the bits of the
    // slot's word. A borrow takes them out of the word and gives them back. Compiles only if the type is
    // exactly that of the field.
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

        // Compiles only if these are all the fields, and if one may refer to them.
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

    // The accessors, one line each. Everything else is on the handle.
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

/// The same use of either.
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
            // What is borrowed conflicts.
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
