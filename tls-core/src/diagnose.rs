//! Traits whose only purpose is a compiler error that says what to write.

use std::marker::PhantomData;

/// A field type that has a default value.
#[diagnostic::on_unimplemented(
    message = "the field has no initializer, and `{Self}` does not implement `Default`",
    label = "initialize it: write `#[state(init = …)]` on this field",
    note = "a field of a thread-local state without `#[state(init = EXPR)]` is initialized with \
            `Default::default()`",
    note = "a field of one of the types of `tls_core::shared` is declared with `#[state(shared)]`"
)]
pub trait DefaultField: Sized {
    /// Returns the default value.
    fn default_field() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> DefaultField for T {
    #[inline]
    fn default_field() -> Self {
        T::default()
    }
}

/// A field type that has a default value, for a type whose name is that of one of the shared types. It
/// may be the user's own.
#[diagnostic::on_unimplemented(
    message = "the field has no initializer, and `{Self}` does not implement `Default`",
    label = "write `#[state(shared)]` on this field",
    note = "the types of `tls_core::shared` have no values: a shared field is kept beside the struct, \
            where other threads can read it, and starts at zero",
    note = "for a type of your own, write `#[state(init = EXPR)]`"
)]
pub trait DefaultFieldUnlessShared: Sized {
    /// Returns the default value.
    fn default_field() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> DefaultFieldUnlessShared for T {
    #[inline]
    fn default_field() -> Self {
        T::default()
    }
}

/// Implemented by no type: a state stays on its thread.
///
/// # Safety
///
/// Nothing may implement this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` belongs to its thread and cannot be shared with or sent to another",
    label = "this would take a `{Self}` to another thread",
    note = "every thread has its own value: call `{Self}::with_state` on the other thread, or send \
            it a copy of the data that it needs; end a borrow before an `.await`"
)]
pub unsafe trait CrossesThreads {}

/// Implemented by no type: a borrow ends on the thread on which it began.
#[diagnostic::on_unimplemented(
    message = "a borrow of a thread-local state cannot be sent to another thread",
    label = "held across an `.await` by a task that may move to another thread",
    note = "end the borrow before the `.await`: put `borrow!` or `borrow_mut!` into a block of its own, or use a \
            closure, `with` or `with_mut`"
)]
pub trait EndsBeforeTheAwait {}

/// Implemented by no type: a guard restores on the thread on which it was created.
#[diagnostic::on_unimplemented(
    message = "the guard of a field of `{Self}` cannot be sent to another thread",
    label = "held across an `.await` by a task that may move to another thread",
    note = "to set the field for a future, on every thread that polls it, use `scope_future` instead of \
            `scope_guard`"
)]
pub trait RestoresElsewhere {}

/// Implemented by no type: each thread has one value, and no other code creates one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is made once per thread by `#[thread_local_state]`; there is no second one",
    label = "this would make a second `{Self}`",
    note = "use `{Self}::with_state(|state| …)` to access this thread's value"
)]
pub trait SecondOne<'a> {
    /// The type of a second value.
    type Made;
}

/// The type of the field that prevents a struct from being built by hand, and from leaving its thread.
///
/// It does not implement `Clone`, `Copy` or `Default`.
pub struct MadeOncePerThreadSoUseWithState<S>(PhantomData<*const S>);

impl<S> MadeOncePerThreadSoUseWithState<S> {
    /// Returns the field, for initializers that the attribute writes.
    ///
    /// # Safety
    ///
    /// The field becomes part of a thread-local state's value, in its slot.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

// SAFETY: nothing implements `CrossesThreads`; the impl is here for its message.
unsafe impl<S: CrossesThreads> Send for MadeOncePerThreadSoUseWithState<S> {}

// SAFETY: as above.
unsafe impl<S: CrossesThreads> Sync for MadeOncePerThreadSoUseWithState<S> {}
