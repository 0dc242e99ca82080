//! Borrows without a closure: what `borrow!` and `borrow_mut!` expand to.

use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

use crate::diagnose::EndsBeforeTheAwait;
use crate::state::access::{self, HAS_HOT_PATH};
use crate::state::contract::{State, ThreadLocalState};
use crate::state::field::Field;
use crate::state::held::{Held, Joining};
use crate::state::here::{Here, Lens};
use crate::state::loan::Loan;
use crate::state::target::{Portion, Target, Whole};

/// A handle whose value can be lent until a block ends.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the handle of a state or of a field",
    label = "cannot be borrowed",
    note = "the handle of a state is `Worker::state()`, that of a field `Worker::JOBS`",
    note = "a shared field is written to and read through its handle itself: `Worker::DONE.increment()`"
)]
pub trait Handle: Lends {
    /// Returns the view.
    fn lens(self) -> Lens<Self::State, Self::Value, Self::Target>;
}

/// The types of a [`Handle`]. The handle of a shared field, which is no [`Handle`], has them too, so that
/// a mistake is one error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the handle of a state or of a field",
    label = "cannot be borrowed",
    note = "the handle of a state is `Worker::state()`, that of a field `Worker::JOBS`"
)]
pub trait Lends {
    /// The state.
    type State: ThreadLocalState;
    /// What is borrowed of it.
    type Value;
    /// The whole, or a field.
    type Target: Target;
}

impl<S: ThreadLocalState> Lends for State<S> {
    type State = S;
    type Value = S;
    type Target = Whole;
}

impl<S: ThreadLocalState, T> Lends for Field<S, T> {
    type State = S;
    type Value = T;
    type Target = Portion;
}

impl<S: ThreadLocalState> Handle for State<S> {
    #[inline(always)]
    fn lens(self) -> Lens<S, S, Whole> {
        Lens::WHOLE
    }
}

impl<S: ThreadLocalState, T> Handle for Field<S, T> {
    #[inline(always)]
    fn lens(self) -> Lens<S, T, Portion> {
        self.lens
    }
}

/// The result of an access that can fail.
#[diagnostic::on_unimplemented(
    message = "`try` is for states with `error = TYPE`, whose initializer can fail in an access",
    label = "this access cannot fail: remove `try`",
    note = "write it without `try`: `borrow!(Worker::state())`"
)]
pub trait CanFail {}

impl<R, E> CanFail for Result<R, E> {}

/// Vouches that a `Lent` is where it must be.
///
/// # Invariants
///
/// The `Lent` that this is used for is a temporary in a macro's expansion. So user code cannot name, move
/// or forget it without everything that surrounds it. What borrows from it ends before it does. It is
/// dropped on its thread, or never accessed again.
pub struct Permit(());

impl Permit {
    /// # Safety
    ///
    /// The `Lent` that this is used for is as the invariants say.
    #[inline(always)]
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }
}

/// A borrow that a macro keeps in a temporary.
///
/// Not `Send`, for the reason that [`EndsBeforeTheAwait`] gives.
pub struct Lent<H: Lends, const EXCLUSIVE: bool> {
    /// # Invariants
    ///
    /// Points to what `held` borrows.
    view: *mut H::Value,
    held: Held<H::State, H::Target, EXCLUSIVE>,
}

// SAFETY: nothing implements `EndsBeforeTheAwait`; the impl is here for its message.
unsafe impl<H: Lends + EndsBeforeTheAwait, const EXCLUSIVE: bool> Send for Lent<H, EXCLUSIVE> {}

impl<H: Lends, const EXCLUSIVE: bool> Drop for Lent<H, EXCLUSIVE> {
    #[inline(always)]
    fn drop(&mut self) {
        self.held.end();
    }
}

impl<H: Lends, const EXCLUSIVE: bool> Deref for Lent<H, EXCLUSIVE> {
    type Target = H::Value;

    #[inline(always)]
    fn deref(&self) -> &H::Value {
        // SAFETY: by the invariant of `view` it points to what `held` borrows. By the invariant of
        // `Permit` the reference ends before the borrow.
        unsafe { &*self.view }
    }
}

impl<H: Lends> DerefMut for Lent<H, true> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut H::Value {
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { &mut *self.view }
    }
}

/// The forms of `lend` that panic if an initializer fails.
macro_rules! panics {
    (@result $h:ident, $ok:ty) => {
        $ok
    };
    (@ok $ok:expr) => {
        $ok
    };
    (@err $error:expr) => {
        access::panic_of_init::<H::State>($error)
    };
    (@get $result:expr) => {
        $result
    };
}

/// The forms of `lend` that return an initializer's error.
macro_rules! fails {
    (@result $h:ident, $ok:ty) => { Result<$ok, <$h::State as ThreadLocalState>::Error> };
    (@ok $ok:expr) => { Ok($ok) };
    (@err $error:expr) => { Err($error) };
    (@get $result:expr) => { $result? };
}

/// Defines the functions that begin a borrow and give it to the macro.
///
/// The cold function initializes the value, and begins the borrow only if it must. Otherwise the borrow
/// begins on the common path, where the compiler knows what it leaves in the word.
macro_rules! lend {
    ($(
        $(#[$doc:meta])*
        fn $name:ident, exclusive: $exclusive:literal, $refuse:ident $(where $can_fail:ident)?;
    )*) => {$(
        $(#[$doc])*
        #[cfg_attr(not(debug_assertions), inline(always))]
        #[track_caller]
        pub fn $name<H: Handle>(
            handle: H,
            _permit: Permit,
        ) -> $refuse!(@result H, Lent<H, $exclusive>)
        $(where <H::State as ThreadLocalState>::Output<()>: $can_fail)?
        {
            #[cold]
            #[inline(never)]
            #[track_caller]
            fn otherwise<H: Handle>(
                lens: Lens<H::State, H::Value, H::Target>,
            ) -> $refuse!(@result H, Joining) {
                let mut error = MaybeUninit::uninit();
                let here = Here::<H::State>::find();
                match access::prepare(here, lens, $exclusive, &mut error) {
                    Ok(joining) => $refuse!(@ok joining),
                    Err(failure) => {
                        // SAFETY: if this is `Failed`, the error has been written.
                        let error = unsafe {
                            access::fail::<H::State>(failure, &error, lens.portion(), $exclusive)
                        };
                        $refuse!(@err error)
                    }
                }
            }

            let lens = handle.lens();
            let here = Here::<H::State>::find();
            let joining = if HAS_HOT_PATH && Loan::<H::State, H::Target, $exclusive>::can_begin(here, lens.target()) {
                Joining::FREE
            } else {
                $refuse!(@get otherwise::<H>(lens))
            };
            $refuse!(@ok Lent {
                view: here.view(lens),
                // SAFETY: `can_begin` has returned `true`, or `prepare` has returned how the borrow
                // begins.
                held: unsafe { Held::begin(here, lens.target(), joining) },
            })
        }
    )*};
}

lend! {
    /// Borrows, and panics where that is refused or fails.
    fn lend, exclusive: false, panics;

    /// Borrows exclusively, and panics where that is refused or fails.
    fn lend_mut, exclusive: true, panics;

    /// Borrows, and panics where that is refused.
    ///
    /// # Errors
    ///
    /// Returns the initializer's error.
    fn try_lend, exclusive: false, fails where CanFail;

    /// Borrows exclusively, and panics where that is refused.
    ///
    /// # Errors
    ///
    /// Returns the initializer's error.
    fn try_lend_mut, exclusive: true, fails where CanFail;
}
