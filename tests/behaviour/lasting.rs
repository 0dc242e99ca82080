//! Thread-locals for the tests' own use in destructors.

/// Declares them as `thread_local!` does, of constants without drop glue, which then can be accessed in every destructor.
#[cfg(not(all(windows, tls_core_keys)))]
macro_rules! lasting_thread_local {
    ($($declarations:tt)*) => { std::thread_local! { $($declarations)* } };
}

/// Where the standard library frees them in no order: memory that nobody frees.
#[cfg(all(windows, tls_core_keys))]
macro_rules! lasting_thread_local {
    ($(
        $(#[$attribute:meta])*
        static $name:ident: $ty:ty = const $initial:block;
    )*) => {$(
        $(#[$attribute])*
        static $name: crate::support::Lasting<$ty> =
            crate::support::Lasting::new(|| const $initial);
    )*};
}

pub(crate) use lasting_thread_local;

#[cfg(all(windows, tls_core_keys))]
pub(crate) use windows::Lasting;

#[cfg(all(windows, tls_core_keys))]
mod windows {
    use std::cell::Cell;
    use std::ffi::{c_int, c_void};
    use std::sync::OnceLock;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn TlsAlloc() -> u32;
        fn TlsGetValue(place: u32) -> *mut c_void;
        fn TlsSetValue(place: u32, value: *const c_void) -> c_int;
    }

    pub(crate) struct Lasting<T> {
        place: OnceLock<u32>,
        initial: fn() -> T,
    }

    impl<T> Lasting<T> {
        pub(crate) const fn new(initial: fn() -> T) -> Self {
            Self {
                place: OnceLock::new(),
                initial,
            }
        }

        pub(crate) fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
            let place = *self.place.get_or_init(|| {
                // SAFETY: may be called at any time.
                let place = unsafe { TlsAlloc() };
                assert_ne!(place, u32::MAX);
                place
            });
            // SAFETY: the place is never given back.
            let mut value = unsafe { TlsGetValue(place) }.cast_const().cast::<T>();
            if value.is_null() {
                value = Box::leak(Box::new((self.initial)()));
                // SAFETY: the place is never given back.
                assert_ne!(unsafe { TlsSetValue(place, value.cast()) }, 0);
            }
            // SAFETY: it is this thread's value, which nobody frees.
            f(unsafe { &*value })
        }
    }

    #[allow(dead_code, reason = "not every suite needs all of them")]
    impl<T> Lasting<Cell<T>> {
        pub(crate) fn set(&'static self, value: T) {
            self.with(|cell| cell.set(value));
        }

        pub(crate) fn get(&'static self) -> T
        where
            T: Copy,
        {
            self.with(Cell::get)
        }

        pub(crate) fn replace(&'static self, value: T) -> T {
            self.with(|cell| cell.replace(value))
        }
    }
}
