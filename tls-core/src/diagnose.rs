//! Traits whose only purpose is a compiler error that says what to write.

use std::marker::PhantomData;
use std::ops::{AddAssign, SubAssign};

use crate::shared::handles::{Shared, SharedField};
use crate::shared::kinds::{Counter, Gauge, Histogram, Part, Peak, Shareable, UpDown};
use crate::state::field::Field;

/// A field whose type is `Copy`.
///
/// # Safety
///
/// It is.
#[diagnostic::on_unimplemented(
    message = "`get` copies the field out, and `{T}` is not `Copy`",
    label = "the field's type `{T}` is not `Copy`",
    note = "use `with` to look at the field, `replace` or `take` to move it out, \
            or `with(Clone::clone)` to clone it"
)]
pub unsafe trait CopyOut<T> {}

// SAFETY: the bound.
#[diagnostic::do_not_recommend]
unsafe impl<S, T: Copy> CopyOut<T> for Field<S, T> {}

/// A field type that has a default value.
#[diagnostic::on_unimplemented(
    message = "the field has no initializer, and `{Self}` has no `Default`",
    label = "say how to make it: `#[state(init = …)]` on this field",
    note = "a field of a thread-local state without `#[state(init = EXPR)]` starts as \
            `Default::default()`"
)]
pub trait DefaultField: Sized {
    /// Returns the default.
    fn default_field() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> DefaultField for T {
    #[inline]
    fn default_field() -> Self {
        T::default()
    }
}

/// Implemented by nothing: a type of shared fields is of no use in a field that is not shared.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a type of shared fields, and this field is not shared",
    label = "write `#[state(shared)]` on this field",
    note = "it is kept beside the struct, where other threads can read it, and starts at zero: \
            nobody else makes a `{Self}`"
)]
pub trait InAPlainField<'a> {}

/// A field type with the name of one of the shared ones, which may be the user's own.
///
/// Of two methods of one name the inherent one is called, if its type fits.
pub struct Perhaps<T>(PhantomData<T>);

impl<T> Perhaps<T> {
    /// To call a method of.
    pub const NEW: Self = Self(PhantomData);
}

impl<T: Shareable> Perhaps<T> {
    /// Cannot be called.
    #[must_use]
    pub fn __tls_default<'a>(&self) -> T
    where
        T: InAPlainField<'a>,
    {
        unreachable!()
    }

    /// Cannot be called.
    pub fn __tls_is_plain<'a>(&self)
    where
        T: InAPlainField<'a>,
    {
    }
}

/// The user's own.
pub trait PerhapsNot<T> {
    /// Returns the default.
    fn __tls_default(&self) -> T
    where
        T: DefaultField;

    /// Does nothing.
    fn __tls_is_plain(&self);
}

impl<T> PerhapsNot<T> for Perhaps<T> {
    #[inline]
    fn __tls_default(&self) -> T
    where
        T: DefaultField,
    {
        T::default_field()
    }

    #[inline]
    fn __tls_is_plain(&self) {}
}

/// Implemented by nothing: a shared field is not a place that is borrowed.
#[diagnostic::on_unimplemented(
    message = "a shared `{Self}` cannot be set or borrowed like a plain field",
    label = "not with a `{Self}`",
    note = "a `Counter` is written with `add` and `increment`, an `UpDown` with these and \
            `decrement`, a `Gauge` with `set` and `add`, a `Peak` and a `Histogram` with `record`",
    note = "`get` returns this thread's part, and `total` that of all threads"
)]
pub trait PlainField<'a> {}

/// Implemented by nothing. Of an operator the compiler shows nothing but the name of the bound.
pub trait OperatorsInPlaceOfAddAndIncrement<'a> {}

#[doc(hidden)]
impl<'a, S, T, R, const FIELD: usize> AddAssign<R> for Shared<S, T, FIELD>
where
    T: OperatorsInPlaceOfAddAndIncrement<'a>,
{
    fn add_assign(&mut self, _: R) {}
}

#[doc(hidden)]
impl<'a, S, T, R, const FIELD: usize> SubAssign<R> for Shared<S, T, FIELD>
where
    T: OperatorsInPlaceOfAddAndIncrement<'a>,
{
    fn sub_assign(&mut self, _: R) {}
}

/// Implemented by nothing: there is something to write to in the elements of an array only.
#[diagnostic::on_unimplemented(
    message = "this is an array, `{Self}`, and one of its elements is written to",
    label = "write `.at(index)` before this"
)]
pub trait Single<'a> {}

/// Implemented by nothing: a counter does not go down.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` only goes up",
    label = "a field that goes up and down is an `UpDown`"
)]
pub trait GoesDown<'a> {}

impl<S> SharedField<S, Counter> {
    #[doc(hidden)]
    pub fn decrement<'a>(self)
    where
        Counter: GoesDown<'a>,
    {
    }
}

impl Counter {
    #[doc(hidden)]
    pub fn decrement<'a>(&self)
    where
        Self: GoesDown<'a>,
    {
    }
}

/// Implemented by nothing: within its struct a shared field is this thread's part.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` within its struct is this thread's alone",
    label = "use the handle, as in `Name::FIELD.total()`"
)]
pub trait OfAllThreads<'a> {}

/// Implemented by nothing: the cells of shared fields are nobody's values.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` is not made by hand",
    label = "declare a field instead: `#[state(shared)] name: {Self}`",
    note = "every thread has its own, beside the struct, and it starts at zero"
)]
pub trait MadeByHand<'a> {}

/// Functions that other types have.
macro_rules! constructors {
    ($($name:ident $(<$t:ident>)?),*) => {$(
        impl $(<$t: Send + Default + 'static>)? $name $(<$t>)? {
            #[doc(hidden)]
            #[must_use]
            pub const fn new<'a>() -> Self
            where
                Self: MadeByHand<'a>,
            {
                unreachable!()
            }

            #[doc(hidden)]
            #[must_use]
            pub const fn default<'a>() -> Self
            where
                Self: MadeByHand<'a>,
            {
                unreachable!()
            }
        }
    )*};
}

constructors!(Counter, UpDown, Gauge, Peak, Histogram, Part<T>);

/// Functions that plain fields have.
macro_rules! plain_functions {
    ($($cell:ty { $($set:ident)? });*) => {$(
        impl<S> SharedField<S, $cell> {
            $(
                #[doc(hidden)]
                pub fn $set<'a, V>(self, _: V)
                where
                    $cell: PlainField<'a>,
                {
                }
            )?

            #[doc(hidden)]
            pub fn with<'a, R, F>(self, _: F) -> R
            where
                $cell: PlainField<'a>,
                F: FnOnce(&$cell) -> R,
            {
                unreachable!()
            }

            #[doc(hidden)]
            pub fn with_mut<'a, R, F>(self, _: F) -> R
            where
                $cell: PlainField<'a>,
                F: FnOnce(&mut <$cell as Shareable>::Value) -> R,
            {
                unreachable!()
            }

            #[doc(hidden)]
            pub fn update<'a, F>(self, _: F)
            where
                $cell: PlainField<'a>,
                F: FnOnce(<$cell as Shareable>::Value) -> <$cell as Shareable>::Value,
            {
            }
        }

        impl $cell {
            #[doc(hidden)]
            pub fn total<'a>(&self) -> <$cell as Shareable>::Value
            where
                Self: OfAllThreads<'a>,
            {
                unreachable!()
            }
        }
    )*};
}

plain_functions!(Counter { set }; UpDown { set }; Gauge {}; Peak { set }; Histogram { set });

impl<T: Send + Default + 'static> Part<T> {
    #[doc(hidden)]
    pub fn take_parts<'a>(&self) -> Vec<T>
    where
        Self: OfAllThreads<'a>,
    {
        unreachable!()
    }
}

/// Functions that single elements have.
macro_rules! single_functions {
    ($($name:ident($($argument:ident)?)),*) => {
        impl<S, T, const N: usize> SharedField<S, [T; N]> {$(
            #[doc(hidden)]
            pub fn $name<'a, $($argument)?>(self, $(_: $argument)?)
            where
                [T; N]: Single<'a>,
            {
            }
        )*}
    };
}

single_functions!(add(V), increment(), decrement(), set(V), record(V));

/// Implemented by nothing: a state stays on its thread.
///
/// # Safety
///
/// None can be given.
#[diagnostic::on_unimplemented(
    message = "`{Self}` belongs to its thread and cannot be shared with or sent to another",
    label = "this would take a `{Self}` to another thread",
    note = "every thread has its own value: call `{Self}::with_state` over there, and move \
            what you need out of the closure"
)]
pub unsafe trait CrossesThreads {}

/// Implemented by nothing: there is one value per thread, and nobody else makes one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is made once per thread by `#[thread_local_state]`; there is no second one",
    label = "this would make a second `{Self}`",
    note = "use `{Self}::with_state(|state| …)` to access this thread's value"
)]
pub trait SecondOne<'a> {
    /// What it would be.
    type Made;
}

/// The type of the field that keeps a struct from being built by hand, and on its thread.
///
/// It is not `Clone`, `Copy` or `Default`.
pub struct MadeOncePerThreadSoUseWithState<S>(PhantomData<*const S>);

impl<S> MadeOncePerThreadSoUseWithState<S> {
    /// For initializers that the attribute writes.
    ///
    /// # Safety
    ///
    /// It becomes part of a thread-local state's value, in its slot.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

// SAFETY: nothing implements `CrossesThreads`; the impl is here for its message.
unsafe impl<S: CrossesThreads> Send for MadeOncePerThreadSoUseWithState<S> {}

// SAFETY: as above.
unsafe impl<S: CrossesThreads> Sync for MadeOncePerThreadSoUseWithState<S> {}
