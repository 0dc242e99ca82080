//! The items that the expansion of `#[thread_local_state]` uses. Not part of the public interface.

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

/// Registers the fork handler when the program is loaded. Later, another thread might fork at the same
/// time, and its child would not run the handler. Early registration also makes the handler run before
/// the user's handlers.
///
/// This is a macro that the states invoke that need the handler, not a static of this crate, because a
/// static would be linked into every program.
#[macro_export]
#[doc(hidden)]
macro_rules! __at_load {
    () => {
        // AIX and Cygwin have no such section, and on other targets processes do not fork: see
        // `install`.
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
            // loaded. This function may be called at any time and any number of times.
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

/// Takes ownership of an initialized field of a value that is not complete yet.
///
/// # Safety
///
/// See [`Written::new`].
#[inline]
pub unsafe fn written<S: ThreadLocalState, T>(place: *mut T) -> Written<S::__AtFork, T> {
    // SAFETY: the field has been written, and nothing else drops it before `keep`.
    unsafe { Written::new(place) }
}

/// Takes ownership of a field of the given values.
///
/// # Safety
///
/// See [`Written::new`].
#[inline]
pub unsafe fn given<T>(place: *mut T) -> Written<Keep, T> {
    // SAFETY: the place holds a field, and nothing else drops it.
    unsafe { Written::new(place) }
}

/// Returns how the errors of an initializer that cannot fail are treated.
pub const fn no_failure(state: &'static str) -> Failure<Infallible> {
    Failure {
        state,
        source: |never| match *never {},
        display: |never, _| match *never {},
        debug: |never, _| match *never {},
    }
}

/// Returns the value of a result that cannot be an error.
#[inline(always)]
pub fn infallible<R>(result: Result<R, Infallible>) -> R {
    match result {
        Ok(result) => result,
        Err(never) => match never {},
    }
}

/// The return type of the function of `init = PATH`.
#[diagnostic::on_unimplemented(
    message = "the function of `init = PATH` returns `{Self}`; it should return `{V}`",
    label = "returns `{Self}`",
    note = "the fields without an initializer of their own are in `{V}`: \
            `fn make() -> {V} {{ {V} {{ … }} }}`",
    note = "for a function that can fail, write `error = TYPE` beside `init = PATH` and return \
            `Result<{V}, TYPE>`"
)]
pub trait Made<V> {
    /// Returns the values.
    fn made(self) -> V;
}

#[diagnostic::do_not_recommend]
impl<V> Made<V> for V {
    fn made(self) -> V {
        self
    }
}

/// The return type of the function of `init = PATH` together with `error = E`.
#[diagnostic::on_unimplemented(
    message = "the function of `init = PATH` returns `{Self}`; it should return \
               `Result<{V}, {E}>` or `{V}`",
    label = "returns `{Self}`",
    note = "the fields without an initializer of their own are in `{V}`, and `{E}` is the type \
            given as `error = {E}`"
)]
pub trait MadeOrFailed<V, E> {
    /// Returns the values, or the error.
    ///
    /// # Errors
    ///
    /// Returns the error of the function.
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

/// Fails with this message if a declaration is inside a function. The expansion then passes level 0.
///
/// # Panics
///
/// Panics if `level` is 0.
#[track_caller]
pub const fn assert_at_module_level(level: usize, message: &str) {
    assert!(level != 0, "{}", message);
}

/// Returns any type, in generated code that never runs.
///
/// # Panics
///
/// Panics if it runs.
#[cold]
#[must_use]
pub const fn stub<T>() -> T {
    panic!("code that replaces a declaration with errors has run")
}

/// Describes how the errors of a state's initializer are treated, for an error type that the expansion
/// knows.
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

/// Finds out whether an error type provides a [`std::error::Error`], and whether it can be displayed and
/// debugged. The expansion knows the type, and method lookup selects the first of these traits that
/// fits. No trait of the user has methods of these names.
pub mod failure {
    use std::any::type_name;
    use std::error::Error;
    use std::fmt::{self, Debug, Display, Formatter};

    type Source<'a> = Option<&'a (dyn Error + 'static)>;

    /// A reference to the error.
    pub struct Of<'a, E>(pub &'a E);

    /// An error that implements [`Error`].
    pub trait Typed<'a> {
        /// Returns the source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: Error + 'static> Typed<'a> for &&&Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0)
        }
    }

    /// A container such as `anyhow::Error` or `Box<dyn Error + Send + Sync>`.
    pub trait SendSync<'a> {
        /// Returns the source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: AsRef<dyn Error + Send + Sync + 'static>> SendSync<'a> for &&Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0.as_ref())
        }
    }

    /// A container such as `Box<dyn Error>`.
    pub trait Plain<'a> {
        /// Returns the source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: AsRef<dyn Error + 'static>> Plain<'a> for &Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0.as_ref())
        }
    }

    /// Any other type, for instance a string.
    pub trait Opaque<'a> {
        /// Returns the source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E> Opaque<'a> for Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            None
        }
    }

    /// An error that implements `Display`.
    pub trait Displays {
        /// Displays the error.
        ///
        /// # Errors
        ///
        /// Returns the error of the formatter.
        fn __tls_display(&self, f: &mut Formatter<'_>) -> fmt::Result;
    }

    impl<E: Display> Displays for &Of<'_, E> {
        fn __tls_display(&self, f: &mut Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    /// An error that does not implement `Display`.
    pub trait Undisplayable {
        /// Displays the name of the type of the error.
        ///
        /// # Errors
        ///
        /// Returns the error of the formatter.
        fn __tls_display(&self, f: &mut Formatter<'_>) -> fmt::Result;
    }

    impl<E> Undisplayable for Of<'_, E> {
        fn __tls_display(&self, f: &mut Formatter<'_>) -> fmt::Result {
            write!(f, "an error of the type `{}`", type_name::<E>())
        }
    }

    /// An error that implements `Debug`.
    pub trait Debugs {
        /// Formats the error.
        ///
        /// # Errors
        ///
        /// Returns the error of the formatter.
        fn __tls_debug(&self, f: &mut Formatter<'_>) -> fmt::Result;
    }

    impl<E: Debug> Debugs for &Of<'_, E> {
        fn __tls_debug(&self, f: &mut Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    /// An error that does not implement `Debug`.
    pub trait Undebuggable {
        /// Formats the name of the type of the error.
        ///
        /// # Errors
        ///
        /// Returns the error of the formatter.
        fn __tls_debug(&self, f: &mut Formatter<'_>) -> fmt::Result;
    }

    impl<E> Undebuggable for Of<'_, E> {
        fn __tls_debug(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str(type_name::<E>())
        }
    }
}
