//! The states, one of each kind.

use std::cell::Cell;
use std::fmt::{self, Debug, Display, Formatter};

use tls_core::shared::Part;
use tls_core::{Field, LazyState, ThreadLocalState, thread_local_state};

use crate::items::{Item, hold, watch};
use crate::stage::{self, PLANNED};

/// What an initializer reports.
#[derive(Debug)]
pub(crate) struct Failure;

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(PLANNED)
    }
}

impl std::error::Error for Failure {}

/// What the next initializer does.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Initializer {
    #[default]
    Succeeds,
    Suspends,
    SuspendsAndFails,
}

thread_local! {
    static NEXT_INITIALIZER: Cell<Initializer> = const { Cell::new(Initializer::Succeeds) };

    /// The items that the next value's destructor has still to drop when it suspends its coroutine.
    static REMAINING: Cell<Option<[u64; 2]>> = const { Cell::new(None) };
}

/// Calls a function whose initializer, if it runs one, does this.
pub(crate) fn initializing<R>(next: Initializer, f: impl FnOnce() -> R) -> R {
    NEXT_INITIALIZER.set(next);
    let result = f();
    NEXT_INITIALIZER.set(Initializer::Succeeds);
    result
}

/// Makes the second item, when the first has been made.
fn try_second(first: &Item) -> Result<Item, Failure> {
    let next = NEXT_INITIALIZER.take();
    if next != Initializer::Succeeds {
        let _watch = watch(&raw const *first, false, false);
        let _held = hold(vec![first.serial()]);
        let before = first.content();
        stage::pause();
        if first.content() != before {
            crate::items::error("the first item has changed while the second was made");
        }
    }
    if next == Initializer::SuspendsAndFails {
        Err(Failure)
    } else {
        Ok(Item::new())
    }
}

fn second(first: &Item) -> Item {
    try_second(first).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Suspends its coroutine when it is dropped, if that is wanted.
#[derive(Default)]
pub(crate) struct Stumble;

/// Has the next value that the function drops suspend its coroutine, with these items still to be
/// dropped.
pub(crate) fn suspending_a_value<R>(remaining: [u64; 2], f: impl FnOnce() -> R) -> R {
    REMAINING.set(Some(remaining));
    let result = f();
    REMAINING.set(None);
    result
}

impl Drop for Stumble {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(remaining) = REMAINING.take() {
            let _held = hold(remaining.to_vec());
            stage::pause();
        }
    }
}

#[thread_local_state]
pub(crate) struct Inline {
    #[state(init = Item::new())]
    first: Item,
    stumble: Stumble,
    #[state(init = second(first))]
    second: Item,
    #[state(init = Item::new())]
    third: Item,
    number: u64,
    #[state(shared)]
    part: Part<Vec<u64>>,
}

#[thread_local_state]
pub(crate) struct Large {
    #[state(init = Item::new())]
    first: Item,
    stumble: Stumble,
    #[state(init = second(first))]
    second: Item,
    #[state(init = Item::new())]
    third: Item,
    number: u64,
    #[state(init = [0; 200])]
    _padding: [u64; 200],
    #[state(shared)]
    part: Part<Vec<u64>>,
}

#[thread_local_state(fork = reset)]
pub(crate) struct ResetByFork {
    #[state(init = Item::new())]
    first: Item,
    stumble: Stumble,
    #[state(init = second(first))]
    second: Item,
    #[state(init = Item::new())]
    third: Item,
    number: u64,
    #[state(shared)]
    part: Part<Vec<u64>>,
}

#[thread_local_state(error = Failure)]
pub(crate) struct Fallible {
    #[state(init = Item::new())]
    first: Item,
    stumble: Stumble,
    #[state(init = try_second(first)?)]
    second: Item,
    #[state(init = Item::new())]
    third: Item,
    number: u64,
    #[state(shared)]
    part: Part<Vec<u64>>,
}

#[thread_local_state(explicit)]
pub(crate) struct Explicit {
    first: Item,
    #[state(init = Stumble)]
    stumble: Stumble,
    #[state(init = second(first))]
    second: Item,
    #[state(init = Item::new())]
    third: Item,
    number: u64,
    #[state(shared)]
    part: Part<Vec<u64>>,
}

/// What they have in common.
pub(crate) trait Kind: ThreadLocalState<Error: Debug + Display> {
    const FIRST: Field<Self, Item>;
    const SECOND: Field<Self, Item>;
    const NUMBER: Field<Self, u64>;
    const IS_RESET_BY_FORK: bool;

    /// Makes the value, if it can be.
    fn make();

    fn with_part(f: impl FnOnce(&mut Vec<u64>));

    fn take_parts() -> Vec<Vec<u64>>;

    fn items(&self) -> [&Item; 3];

    fn items_mut(&mut self) -> [&mut Item; 3];

    /// What a plain accessor returns, if it has not failed.
    fn plain<R>(output: Self::Output<R>) -> Option<R>;
}

macro_rules! kind {
    ($Name:ident, $make:expr, |$output:ident| $plain:expr) => {
        impl Kind for $Name {
            const FIRST: Field<Self, Item> = Self::FIRST;
            const SECOND: Field<Self, Item> = Self::SECOND;
            const NUMBER: Field<Self, u64> = Self::NUMBER;
            const IS_RESET_BY_FORK: bool = matches!(stringify!($Name).as_bytes(), b"ResetByFork");

            fn make() {
                $make;
            }

            fn with_part(f: impl FnOnce(&mut Vec<u64>)) {
                Self::PART.with_mut(f);
            }

            fn take_parts() -> Vec<Vec<u64>> {
                Self::PART.take_parts()
            }

            fn items(&self) -> [&Item; 3] {
                let _ = (&self.stumble, self.number);
                [&self.first, &self.second, &self.third]
            }

            fn items_mut(&mut self) -> [&mut Item; 3] {
                [&mut self.first, &mut self.second, &mut self.third]
            }

            fn plain<R>($output: Self::Output<R>) -> Option<R> {
                $plain
            }
        }
    };
}

/// Makes the value, or counts as refused.
fn make<K: Kind + LazyState>() {
    if stage::allowed(|| K::state().try_init()).is_some_and(|made| made.is_err()) {
        crate::items::count_refusal();
    }
}

kind!(Inline, make::<Self>(), |output| Some(output));
kind!(Large, make::<Self>(), |output| Some(output));
kind!(ResetByFork, make::<Self>(), |output| Some(output));
kind!(Fallible, make::<Self>(), |output| output.ok());
kind!(
    Explicit,
    {
        let make = || {
            let first = Item::new();
            Self::state().try_init_with(ExplicitInit { first, number: 0 })
        };
        if stage::allowed(make).is_none_or(|made| made.is_err()) {
            crate::items::count_refusal();
        }
    },
    |output| Some(output)
);
