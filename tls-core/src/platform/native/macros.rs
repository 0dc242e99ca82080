//! The thread-locals that the expansion declares. In a file of its own, because it depends on everything
//! that the expansion uses.

/// The thread-locals of a state: its slot, which has no drop glue, and its place among the thread's
/// destructors.
#[doc(hidden)]
#[macro_export]
macro_rules! __slot {
    ($state:ident = $new:ident) => {
        $crate::__private_0_1_0::std::thread_local! {
            static __TLS_SLOT: $crate::__private_0_1_0::Slot<
                <$state as $crate::ThreadLocalState>::__Storage,
            > = const {
                // SAFETY: this is the slot that the trait implementation beside it returns.
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
                // SAFETY: this is the thread-local that the trait implementation names together with the
                // registry.
                unsafe { $crate::__private_0_1_0::Local::new() }
            };
        }
    };
}

/// Returns a pointer to a thread-local of the expansion, which has no drop glue and so is always
/// accessible.
#[doc(hidden)]
#[macro_export]
macro_rules! __pointer_of {
    ($key:ident) => {
        match $crate::__private_0_1_0::LocalKey::try_with(&$key, |__local| &raw const *__local) {
            // `mut`, because a plain name would refer to a constant of the user's of that name, if there
            // is one.
            $crate::__private_0_1_0::std::result::Result::Ok(mut __local) => __local,
            $crate::__private_0_1_0::std::result::Result::Err(_) => {
                $crate::__private_0_1_0::stub()
            }
        }
    };
}
