//! Uses of handles as if they were the values. All of them are refused, with a message that says what to
//! write instead.
//!
//! Nothing implements the traits in this file, so code that requires one of them does not compile. For
//! an operator, the compiler shows only the name of the missing trait, so these names read like
//! sentences.

use std::fmt::{self, Display, Formatter};
use std::ops::Index;

use crate::shared::field::SharedField;
use crate::shared::kinds::Histogram;
use crate::state::contract::{State, ThreadLocalState};
use crate::state::field::Field;
use crate::state::lend::Lends;
use crate::state::target::Portion;

/// Implemented by nothing.
#[diagnostic::on_unimplemented(
    message = "the handle of a field is not the field's value",
    label = "this is the handle; its value is `.get()`",
    note = "`get` copies the value out; for a type that is not `Copy`, use `.with(|value| …)`"
)]
pub trait HasTheValueOf<T> {}

/// Implemented by nothing.
#[diagnostic::on_unimplemented(
    message = "the handle of a shared field is not a number",
    label = "this is the handle; the total of all threads is `.total()`",
    note = "`total` adds up the parts of all threads, and `get` returns this thread's part; for a `Part`, \
            use `take_parts` or `fold_parts`"
)]
pub trait HasTheTotalOf<T> {}

/// Implemented by nothing.
#[diagnostic::on_unimplemented(
    message = "the handle of a state is not the state's value",
    label = "this is the handle; the value is lent by `.with(|state| …)`",
    note = "write `{Self}::with_state(|state| …)`"
)]
pub trait IsItsHandle {}

/// Implemented by nothing.
#[diagnostic::on_unimplemented(
    message = "a shared array is indexed with `at`, not with `[…]`",
    label = "write `.at(…)` after this instead of `[…]`",
    note = "`at` returns the handle of one element: `.at(2)`"
)]
pub trait IndexesSharedArrays {}

/// Implemented by nothing.
#[diagnostic::on_unimplemented(
    message = "the handle of a histogram is not its snapshot",
    label = "write `.total()` before this",
    note = "`total` returns a snapshot of what all threads have recorded, and `get` one of this thread's"
)]
pub trait ReadsWithoutSnapshot {}

/// Implemented by nothing.
pub trait AssignmentButHasUpdateAndSet {}

/// Implemented by nothing.
pub trait AssignmentButHasAddOrRecord {}

/// Implemented by nothing.
pub trait ComparisonsButHasGet {}

/// Implemented by nothing.
pub trait ComparisonsButHasTotal {}

/// Never runs, because nothing implements the bounds of its callers.
#[cold]
fn refused<R>() -> R {
    unreachable!("a bound that nothing meets has been met")
}

#[doc(hidden)]
impl<S: HasTheValueOf<T>, T> Display for Field<S, T> {
    fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
        refused()
    }
}

#[doc(hidden)]
impl<S: HasTheTotalOf<T>, T> Display for SharedField<S, T> {
    fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
        refused()
    }
}

#[doc(hidden)]
impl<S: IsItsHandle> Display for State<S> {
    fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
        refused()
    }
}

impl<S: ThreadLocalState, T> Lends for SharedField<S, T> {
    type State = S;
    type Value = T;
    type Target = Portion;
}

#[doc(hidden)]
impl<S, T, R> PartialEq<R> for Field<S, T>
where
    Self: ComparisonsButHasGet,
{
    fn eq(&self, _: &R) -> bool {
        refused()
    }
}

#[doc(hidden)]
impl<S, T, R> PartialEq<R> for SharedField<S, T>
where
    Self: ComparisonsButHasTotal,
{
    fn eq(&self, _: &R) -> bool {
        refused()
    }
}

/// Refuses assigning operators.
macro_rules! refuse {
    ($($operator:ident $function:ident)*) => {$(
        #[doc(hidden)]
        impl<S, T, R> std::ops::$operator<R> for Field<S, T>
        where
            Self: AssignmentButHasUpdateAndSet,
        {
            fn $function(&mut self, _: R) {
                refused()
            }
        }

        #[doc(hidden)]
        impl<S, T, R> std::ops::$operator<R> for SharedField<S, T>
        where
            Self: AssignmentButHasAddOrRecord,
        {
            fn $function(&mut self, _: R) {
                refused()
            }
        }
    )*};
}

refuse! {
    AddAssign add_assign
    SubAssign sub_assign
    MulAssign mul_assign
    DivAssign div_assign
    BitAndAssign bitand_assign
    BitOrAssign bitor_assign
}

#[doc(hidden)]
impl<S: IndexesSharedArrays, T, I, const N: usize> Index<I> for SharedField<S, [T; N]> {
    type Output = SharedField<S, T>;

    fn index(&self, _: I) -> &SharedField<S, T> {
        refused()
    }
}

/// The functions of a snapshot.
#[doc(hidden)]
impl<S> SharedField<S, Histogram> {
    #[doc(hidden)]
    #[must_use]
    pub fn count(self) -> u64
    where
        S: ReadsWithoutSnapshot,
    {
        refused()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn sum(self) -> u64
    where
        S: ReadsWithoutSnapshot,
    {
        refused()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn min(self) -> Option<u64>
    where
        S: ReadsWithoutSnapshot,
    {
        refused()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn max(self) -> Option<u64>
    where
        S: ReadsWithoutSnapshot,
    {
        refused()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn mean(self) -> f64
    where
        S: ReadsWithoutSnapshot,
    {
        refused()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn quantile(self, _: f64) -> u64
    where
        S: ReadsWithoutSnapshot,
    {
        refused()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn count_at_most(self, _: u64) -> u64
    where
        S: ReadsWithoutSnapshot,
    {
        refused()
    }
}
