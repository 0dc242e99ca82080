//! Native thread-locals: the memory goes away with the thread, and nothing before.

/// Keeps what is written for native thread-locals.
macro_rules! by_form {
    (native { $($native:item)* } keys { $($keys:item)* }) => { $($native)* };
}

pub use std::thread::LocalKey;
pub(crate) use std::thread_local;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "late.rs"]
mod late;

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod late {
    /// Whose end it is.
    pub(crate) enum Of {
        States,
        SharedFields,
    }

    /// Elsewhere the standard library's destructors are called in rounds, too, and late ones in the next.
    pub(crate) fn at_end(_: Of, _: fn()) {}

    pub(crate) fn not_at_end(_: Of) {}
}

pub(crate) use late::{Of, at_end, not_at_end};

/// The thread-locals of a state: its slot, which is without drop glue, and its place among the thread's
/// destructors.
#[doc(hidden)]
#[macro_export]
macro_rules! __slot {
    ($state:ident = $new:ident) => {
        $crate::__private_0_1_0::std::thread_local! {
            static __TLS_SLOT: $crate::__private_0_1_0::Slot<
                <$state as $crate::ThreadLocalState>::__Storage,
            > = const {
                // SAFETY: it is the slot that the trait impl beside it returns.
                unsafe { $crate::__private_0_1_0::Slot::$new::<$state>() }
            };

            static __TLS_TRIGGER: $crate::__private_0_1_0::Trigger =
                const { $crate::__private_0_1_0::Trigger::new() };
        }

        const __TLS_TURN: $crate::__private_0_1_0::Turn = &__TLS_TRIGGER;
    };
}

/// The thread-local of a state's shared fields.
#[doc(hidden)]
#[macro_export]
macro_rules! __local {
    ($cells:ident) => {
        $crate::__private_0_1_0::std::thread_local! {
            static __TLS_LOCAL: $crate::__private_0_1_0::Local<$cells> = const {
                // SAFETY: it is the thread-local that the trait impl names beside the registry.
                unsafe { $crate::__private_0_1_0::Local::new() }
            };
        }
    };
}
