//! What the expansion of `#[thread_local_state]` uses. No part of the public interface.

use std::convert::Infallible;

pub use std;

pub use tls_macros::{SharedFieldsExpand, ThreadLocalStateExpand, seal, shared_of};

pub use crate::diagnose::{
    CrossesThreads, DefaultField, DefaultFieldUnlessShared, MadeOncePerThreadSoUseWithState,
    SecondOne,
};
pub use crate::error::Failure;
pub use crate::fork::generation::Keep;
pub use crate::fork::handler::{Reset, at_load, install};
pub use crate::platform::keys::LocalKey;
pub use crate::shared::field::HasSharedFields;
pub use crate::shared::layout::{SharedMeta, Sharing, cells_of, laid_out, rests_of};
pub use crate::shared::raw::Local;
pub use crate::shared::registry::{Registry, Rest};
pub use crate::state::constant::{Constant, ConstantStorage, ConstantValue};
use crate::state::contract::ThreadLocalState;
pub use crate::state::fill::{Given, Passed, Uninit, Written, put};
pub use crate::state::lend::{Permit, lend, lend_mut, try_lend, try_lend_mut};
pub use crate::state::slot::{Info, Slot, Turn};
pub use crate::state::subject::{Names, Subject};
pub use crate::{__local as local, __pointer_of as pointer_of, __slot as slot};

by_form! {
    native { pub use crate::state::slot::Trigger; }
    keys {}
}
pub use crate::state::storage::{Inline, Select, Selected, Storage, on_heap};

/// Registers the handler when the program is loaded. Later another thread might fork at the same time, and
/// its child would not run the handler. And so it runs before those of the user.
///
/// A macro, which the states invoke that ask for it, and not a static of this crate: that would be linked
/// into every program.
#[macro_export]
#[doc(hidden)]
macro_rules! __at_load {
    () => {
        // On AIX and Cygwin there is no section for it, and elsewhere processes do not fork: see `install`.
        #[cfg(any(
            target_vendor = "apple",
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "haiku",
            target_os = "hurd",
            target_os = "illumos",
            target_os = "linux",
            target_os = "netbsd",
            target_os = "nto",
            target_os = "openbsd",
            target_os = "solaris",
        ))]
        const _: () = {
            // SAFETY: the section holds pointers to functions, which are called when the program is
            // loaded. This one may be, at any time, and how often soever.
            #[used]
            #[cfg_attr(
                target_vendor = "apple",
                unsafe(link_section = "__DATA,__mod_init_func,mod_init_funcs")
            )]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
            static AT_LOAD: extern "C" fn() = $crate::__private_0_1_0::at_load;
        };
    };
}

pub use __at_load as at_load;

/// Takes charge of a field of a value that is not whole yet.
///
/// # Safety
///
/// See [`Written::new`].
#[inline]
pub unsafe fn written<S: ThreadLocalState, T>(place: *mut T) -> Written<S::__AtFork, T> {
    // SAFETY: the field has been written, and nothing else drops it before `keep`.
    unsafe { Written::new(place) }
}

/// Takes charge of a field of values that have been given.
///
/// # Safety
///
/// See [`Written::new`].
#[inline]
pub unsafe fn given<T>(place: *mut T) -> Written<Keep, T> {
    // SAFETY: there is a field, and nothing else drops it.
    unsafe { Written::new(place) }
}

/// What is known of the errors of an initializer that cannot fail.
pub const fn no_failure(state: &'static str) -> Failure<Infallible> {
    Failure {
        state,
        source: |never| match *never {},
        display: |never, _| match *never {},
        debug: |never, _| match *never {},
    }
}

/// Returns what cannot have failed.
#[inline(always)]
pub fn infallible<R>(result: Result<R, Infallible>) -> R {
    match result {
        Ok(result) => result,
        Err(never) => match never {},
    }
}

/// What the function of `init = PATH` returns.
#[diagnostic::on_unimplemented(
    message = "the function of `init = PATH` returns `{Self}`; it should return `{V}`",
    label = "returns `{Self}`",
    note = "the fields without an initializer of their own are in `{V}`: \
            `fn make() -> {V} {{ {V} {{ … }} }}`",
    note = "for a function that can fail, write `error = TYPE` beside `init = PATH` and return \
            `Result<{V}, TYPE>`"
)]
pub trait Made<V> {
    /// The values.
    fn made(self) -> V;
}

#[diagnostic::do_not_recommend]
impl<V> Made<V> for V {
    fn made(self) -> V {
        self
    }
}

/// What the function of `init = PATH` returns where there is `error = E`.
#[diagnostic::on_unimplemented(
    message = "the function of `init = PATH` returns `{Self}`; it should return \
               `Result<{V}, {E}>` or `{V}`",
    label = "returns `{Self}`",
    note = "the fields without an initializer of their own are in `{V}`, and `{E}` is the type \
            given as `error = {E}`"
)]
pub trait MadeOrFailed<V, E> {
    /// The values, or why there are none.
    ///
    /// # Errors
    ///
    /// The function's.
    fn into_result(self) -> Result<V, E>;
}

#[diagnostic::do_not_recommend]
impl<V, E> MadeOrFailed<V, E> for V {
    fn into_result(self) -> Result<V, E> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<V, E> MadeOrFailed<V, E> for Result<V, E> {
    fn into_result(self) -> Self {
        self
    }
}

/// Fails, with this message, if a declaration stands in a function: the expansion finds level 0.
///
/// # Panics
///
/// Then.
#[track_caller]
pub const fn assert_at_module_level(level: usize, message: &str) {
    assert!(level != 0, "{}", message);
}

/// Stands in generated code that never runs.
///
/// # Panics
///
/// If it does.
#[cold]
#[must_use]
pub const fn stub<T>() -> T {
    panic!("code that replaces a declaration with errors has run")
}

/// What is known of the errors of a state's initializer, of a type that the expansion knows.
#[doc(hidden)]
#[macro_export]
macro_rules! __failure {
    ($state:expr, $error:ty) => {{
        use $crate::__private_0_1_0::failure::{
            Debugs as _, Displays as _, Of, Opaque as _, Plain as _, SendSync as _, Typed as _,
            Undebuggable as _, Undisplayable as _,
        };

        &$crate::__private_0_1_0::Failure::<$error> {
            state: $state,
            source: |__error| (&&&&Of(__error)).__tls_source(),
            display: |__error, __f| (&&Of(__error)).__tls_display(__f),
            debug: |__error, __f| (&&Of(__error)).__tls_debug(__f),
        }
    }};
}

pub use __failure as failure_of;

/// Finds out how an error type leads to a [`std::error::Error`] and how it is shown, if it does and is: the expansion
/// knows the type, and method lookup picks the first trait of these that fits. The methods' names are
/// ones that no trait of the user's has.
pub mod failure {
    use std::any::type_name;
    use std::error::Error;
    use std::fmt::{self, Debug, Display, Formatter};

    type Source<'a> = Option<&'a (dyn Error + 'static)>;

    /// The error.
    pub struct Of<'a, E>(pub &'a E);

    /// An error.
    pub trait Typed<'a> {
        /// The source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: Error + 'static> Typed<'a> for &&&Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0)
        }
    }

    /// A container such as `anyhow::Error` or `Box<dyn Error + Send + Sync>`.
    pub trait SendSync<'a> {
        /// The source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: AsRef<dyn Error + Send + Sync + 'static>> SendSync<'a> for &&Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0.as_ref())
        }
    }

    /// A container such as `Box<dyn Error>`.
    pub trait Plain<'a> {
        /// The source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: AsRef<dyn Error + 'static>> Plain<'a> for &Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0.as_ref())
        }
    }

    /// Anything else, a string for instance.
    pub trait Opaque<'a> {
        /// The source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E> Opaque<'a> for Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            None
        }
    }

    /// An error that can be displayed.
    pub trait Displays {
        /// Displays it.
        ///
        /// # Errors
        ///
        /// The formatter's.
        fn __tls_display(&self, f: &mut Formatter<'_>) -> fmt::Result;
    }

    impl<E: Display> Displays for &Of<'_, E> {
        fn __tls_display(&self, f: &mut Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    /// Any other.
    pub trait Undisplayable {
        /// Displays the name of its type.
        ///
        /// # Errors
        ///
        /// The formatter's.
        fn __tls_display(&self, f: &mut Formatter<'_>) -> fmt::Result;
    }

    impl<E> Undisplayable for Of<'_, E> {
        fn __tls_display(&self, f: &mut Formatter<'_>) -> fmt::Result {
            write!(f, "an error of the type `{}`", type_name::<E>())
        }
    }

    /// An error that can be debugged.
    pub trait Debugs {
        /// Writes it.
        ///
        /// # Errors
        ///
        /// The formatter's.
        fn __tls_debug(&self, f: &mut Formatter<'_>) -> fmt::Result;
    }

    impl<E: Debug> Debugs for &Of<'_, E> {
        fn __tls_debug(&self, f: &mut Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    /// Any other.
    pub trait Undebuggable {
        /// Writes the name of its type.
        ///
        /// # Errors
        ///
        /// The formatter's.
        fn __tls_debug(&self, f: &mut Formatter<'_>) -> fmt::Result;
    }

    impl<E> Undebuggable for Of<'_, E> {
        fn __tls_debug(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str(type_name::<E>())
        }
    }
}
