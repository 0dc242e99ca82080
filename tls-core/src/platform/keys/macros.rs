//! The thread-locals that the expansion declares. In a file of its own, because it depends on everything
//! that the expansion uses.

/// The thread-local of a state: its slot.
#[doc(hidden)]
#[macro_export]
macro_rules! __slot {
    ($state:ident = $new:ident) => {
        static __TLS_SLOT: $crate::__private_0_1_0::LocalKey<
            $crate::__private_0_1_0::Slot<<$state as $crate::ThreadLocalState>::__Storage>,
        > = {
            use $crate::__private_0_1_0::{LocalKey, Slot, std::option::Option::Some};

            // SAFETY: nothing writes to a slot whose word is `DESTROYED`, and `is_idle` is that of the
            // slot's type.
            unsafe {
                LocalKey::new(
                    // SAFETY: this is the slot that the trait implementation beside it returns.
                    || const { unsafe { Slot::$new::<$state>() } },
                    Some(Slot::<<$state as $crate::ThreadLocalState>::__Storage>::is_idle),
                    Some(Slot::destroyed::<$state>()),
                )
            }
        };

        const __TLS_TURN: $crate::__private_0_1_0::Turn = $crate::__private_0_1_0::Turn;
    };
}

/// The thread-local of a state's shared fields.
#[doc(hidden)]
#[macro_export]
macro_rules! __local {
    ($cells:ident) => {
        static __TLS_LOCAL: $crate::__private_0_1_0::LocalKey<
            $crate::__private_0_1_0::Local<$cells>,
        > = {
            use $crate::__private_0_1_0::{Local, LocalKey, std::option::Option};

            // SAFETY: nothing writes to a local that has retired, and there is no `is_idle`.
            unsafe {
                LocalKey::new(
                    // SAFETY: this is the thread-local that the trait implementation names together with
                    // the registry.
                    || const { unsafe { Local::new() } },
                    Option::None,
                    // This is equivalent to a local of the thread that has retired.
                    Option::Some(Local::retired()),
                )
            }
        };
    };
}

/// Returns a pointer to a thread-local of the expansion, or to what replaces it when the thread's table
/// has ended.
#[doc(hidden)]
#[macro_export]
macro_rules! __pointer_of {
    ($key:ident) => {
        $crate::__private_0_1_0::LocalKey::pointer(&$key)
    };
}
