//! What the expansion declares. In a file of its own, because it leads to all that the expansion uses.

/// The thread-local of a state: its slot.
#[doc(hidden)]
#[macro_export]
macro_rules! __slot {
    ($state:ident = $new:ident) => {
        static __TLS_SLOT: $crate::__private_0_1_0::LocalKey<
            $crate::__private_0_1_0::Slot<<$state as $crate::ThreadLocalState>::__Storage>,
        > = {
            use $crate::__private_0_1_0::{LocalKey, Slot, std::option::Option::Some};

            // SAFETY: to a slot whose word is `DESTROYED` nobody writes, and `is_idle` is that of the slot's type.
            unsafe {
                LocalKey::new(
                    // SAFETY: it is the slot that the trait impl beside it returns.
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

            // SAFETY: to a local that has retired nobody writes, and there is no `is_idle`.
            unsafe {
                LocalKey::new(
                    // SAFETY: it is the thread-local that the trait impl names beside the registry.
                    || const { unsafe { Local::new() } },
                    Option::None,
                    // It is as good as the thread-local.
                    Option::Some(Local::retired()),
                )
            }
        };
    };
}

/// Where a thread-local of the expansion lies, or what is there when the thread's table has gone.
#[doc(hidden)]
#[macro_export]
macro_rules! __pointer_of {
    ($key:ident) => {
        $crate::__private_0_1_0::LocalKey::pointer(&$key)
    };
}
