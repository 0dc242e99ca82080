//! What the expansion declares. In a file of its own, because it leads to all that the expansion uses.

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

/// Where a thread-local of the expansion lies. It has no drop glue, so it is always accessible.
#[doc(hidden)]
#[macro_export]
macro_rules! __pointer_of {
    ($key:ident) => {
        match $crate::__private_0_1_0::LocalKey::try_with(&$key, |__local| &raw const *__local) {
            // By `mut`: a plain name would be a constant of the user's, if there is one of that name.
            $crate::__private_0_1_0::std::result::Result::Ok(mut __local) => __local,
            $crate::__private_0_1_0::std::result::Result::Err(_) => {
                $crate::__private_0_1_0::stub()
            }
        }
    };
}
