//! One state of each kind, so that a promise can be checked for all of them.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};

use tls_core::{AccessError, Field, InitWithError, ThreadLocalState, thread_local_state};

use crate::support::{lasting_thread_local, note};

/// What every number starts as.
pub(crate) const START: u64 = 7;

/// What an initializer reports when a test wants it to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) &'static str);

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {}

type OnInit = fn() -> Result<(), Failure>;
type OnDrop = fn(&mut Witness);

lasting_thread_local! {
    static ON_INIT: Cell<Option<OnInit>> = const { Cell::new(None) };
    static ON_DROP: Cell<Option<OnDrop>> = const { Cell::new(None) };
}

/// Says what the initializers of this thread do from now on.
pub(crate) fn on_init(hook: OnInit) {
    ON_INIT.set(Some(hook));
}

/// Initializers do nothing special any more.
pub(crate) fn no_more_on_init() {
    ON_INIT.set(None);
}

/// Says what the destructors of this thread's witnesses do from now on.
pub(crate) fn on_drop(hook: OnDrop) {
    ON_DROP.set(Some(hook));
}

/// A field that notes when it is made and dropped, and owns memory.
pub(crate) struct Witness {
    pub(crate) state: &'static str,
    pub(crate) memory: Vec<u8>,
}

impl Witness {
    pub(crate) const fn silent(state: &'static str) -> Self {
        Self {
            state,
            memory: Vec::new(),
        }
    }

    /// Panics if the hook fails.
    fn make(state: &'static str) -> Self {
        Self::try_make(state).unwrap()
    }

    fn try_make(state: &'static str) -> Result<Self, Failure> {
        note(format!("make {state}"));
        ON_INIT.get().map_or(Ok(()), |hook| hook())?;
        Ok(Self {
            state,
            memory: vec![1; 100],
        })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        note(format!("drop {}", self.state));
        if let Some(hook) = ON_DROP.get() {
            hook(self);
        }
    }
}

#[thread_local_state]
pub(crate) struct Lazy {
    #[state(init = START)]
    pub(crate) number: u64,
    pub(crate) items: Vec<u32>,
    #[state(init = Witness::make("Lazy"))]
    pub(crate) witness: Witness,
}

#[thread_local_state(error = Failure)]
pub(crate) struct Fallible {
    #[state(init = START)]
    pub(crate) number: u64,
    pub(crate) items: Vec<u32>,
    #[state(init = Witness::try_make("Fallible")?)]
    pub(crate) witness: Witness,
}

#[thread_local_state(const)]
pub(crate) struct Constant {
    #[state(init = START)]
    pub(crate) number: u64,
    #[state(init = Vec::new())]
    pub(crate) items: Vec<u32>,
    #[state(init = Witness::silent("Constant"))]
    pub(crate) witness: Witness,
}

#[thread_local_state(explicit)]
pub(crate) struct Explicit {
    pub(crate) number: u64,
    pub(crate) items: Vec<u32>,
    #[state(init = Witness::make("Explicit"))]
    pub(crate) witness: Witness,
}

#[thread_local_state(explicit, error = Failure)]
pub(crate) struct ExplicitFallible {
    pub(crate) number: u64,
    pub(crate) items: Vec<u32>,
    #[state(init = Witness::try_make("ExplicitFallible")?)]
    pub(crate) witness: Witness,
}

#[thread_local_state(init = given)]
pub(crate) struct Given {
    pub(crate) number: u64,
    pub(crate) items: Vec<u32>,
    #[state(init = Witness::make("Given"))]
    pub(crate) witness: Witness,
}

fn given() -> GivenInit {
    GivenInit {
        number: START,
        items: Vec::new(),
    }
}

#[thread_local_state(init = given_or_not, error = Failure)]
pub(crate) struct GivenFallible {
    pub(crate) number: u64,
    pub(crate) items: Vec<u32>,
    pub(crate) witness: Witness,
}

fn given_or_not() -> Result<GivenFallibleInit, Failure> {
    Ok(GivenFallibleInit {
        number: START,
        items: Vec::new(),
        witness: Witness::try_make("GivenFallible")?,
    })
}

/// Why a value could not be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotMade {
    Refused,
    Failed(String),
}

/// What the states above have in common.
pub(crate) trait Kind: ThreadLocalState<Error: Debug + Display> {
    const NAME: &'static str;
    const NUMBER: Field<Self, u64>;
    const ITEMS: Field<Self, Vec<u32>>;
    const WITNESS: Field<Self, Witness>;

    /// Whether the first access makes it.
    const IS_LAZY: bool = true;
    /// Whether making it runs code.
    const RUNS_CODE: bool = true;
    /// Whether that code may fail.
    const MAY_FAIL: bool = false;

    /// Initializes it, or is refused because it is explicit.
    fn try_init() -> Result<(), AccessError<Self::Error>> {
        if Self::state().is_initialized() {
            return Ok(());
        }
        Self::state().try_with(|_| ())
    }

    /// Makes it if there is none, in this kind's own way.
    fn make() -> Result<(), NotMade>;

    fn number(&self) -> u64;
    fn number_mut(&mut self) -> &mut u64;
    fn witness(&self) -> &Witness;
    fn witness_mut(&mut self) -> &mut Witness;

    /// What a plain accessor returns, where it has not failed.
    fn plain<R>(output: Self::Output<R>) -> R;

    // The inherent functions.
    fn with_state<R>(f: impl FnOnce(&Self) -> R) -> Self::Output<R>;
    fn with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> Self::Output<R>;
}

macro_rules! kind {
    (@lazy $Name:ident) => {
        fn try_init() -> Result<(), AccessError<Self::Error>> {
            Self::state().try_init()
        }
    };
    (@explicit $Name:ident) => {};
    ($kind:ident $Name:ident, $make:expr, |$output:ident| $plain:expr $(, $constant:ident = $value:literal)*) => {
        impl Kind for $Name {
            const NAME: &'static str = stringify!($Name);
            const NUMBER: Field<Self, u64> = Self::NUMBER;
            const ITEMS: Field<Self, Vec<u32>> = Self::ITEMS;
            const WITNESS: Field<Self, Witness> = Self::WITNESS;
            $(const $constant: bool = $value;)*

            kind!(@$kind $Name);

            fn make() -> Result<(), NotMade> {
                if Self::state().is_initialized() {
                    return Ok(());
                }
                $make
            }

            fn number(&self) -> u64 {
                self.number
            }

            fn number_mut(&mut self) -> &mut u64 {
                &mut self.number
            }

            fn witness(&self) -> &Witness {
                &self.witness
            }

            fn witness_mut(&mut self) -> &mut Witness {
                &mut self.witness
            }

            fn plain<R>($output: Self::Output<R>) -> R {
                $plain
            }

            fn with_state<R>(f: impl FnOnce(&Self) -> R) -> Self::Output<R> {
                Self::with_state(f)
            }

            fn with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> Self::Output<R> {
                Self::with_state_mut(f)
            }
        }
    };
}

fn made<E: Display>(result: Result<(), AccessError<E>>) -> Result<(), NotMade> {
    result.map_err(|error| match error {
        AccessError::Init(failure) => NotMade::Failed(failure.to_string()),
        _ => NotMade::Refused,
    })
}

kind!(
    lazy Lazy,
    made(Self::try_init()),
    |output| output
);
kind!(
    lazy Fallible,
    made(Self::try_init()),
    |output| output.unwrap(),
    MAY_FAIL = true
);
kind!(
    lazy Constant,
    made(Self::try_init()),
    |output| output,
    RUNS_CODE = false
);
kind!(
    explicit Explicit,
    Self::state()
        .try_init_with(ExplicitInit {
            number: START,
            items: Vec::new()
        })
        .map_err(|_| NotMade::Refused),
    |output| output,
    IS_LAZY = false
);
kind!(
    explicit ExplicitFallible,
    Self::state()
        .try_init_with(ExplicitFallibleInit {
            number: START,
            items: Vec::new()
        })
        .map_err(|error| match error {
            InitWithError::Failed(failure) => NotMade::Failed(failure.to_string()),
            _ => NotMade::Refused,
        }),
    |output| output,
    IS_LAZY = false,
    MAY_FAIL = true
);
kind!(
    lazy Given,
    made(Self::try_init()),
    |output| output
);
kind!(
    lazy GivenFallible,
    made(Self::try_init()),
    |output| output.unwrap(),
    MAY_FAIL = true
);

/// Makes the value, which must be possible.
#[track_caller]
pub(crate) fn make<K: Kind>() {
    assert_eq!(K::make(), Ok(()));
}

/// Writes one test for each kind of a promise, which is a function that is generic over them.
/// Each runs on a thread of its own, and so finds no value.
///
/// With `--cfg tls_core_few_kinds` there are two kinds, the plainest and the one with most to it: to
/// compile in a quarter of the time what is compiled for every mutant.
macro_rules! for_each_kind {
    ($($promise:ident)*) => {
        $(mod $promise {
            use crate::kinds::*;

            #[test]
            fn lazy() {
                crate::support::on_thread(super::$promise::<Lazy>);
            }

            #[test]
            #[cfg(not(tls_core_few_kinds))]
            fn fallible() {
                crate::support::on_thread(super::$promise::<Fallible>);
            }

            #[test]
            #[cfg(not(tls_core_few_kinds))]
            fn constant() {
                crate::support::on_thread(super::$promise::<Constant>);
            }

            #[test]
            #[cfg(not(tls_core_few_kinds))]
            fn explicit() {
                crate::support::on_thread(super::$promise::<Explicit>);
            }

            #[test]
            fn explicit_fallible() {
                crate::support::on_thread(super::$promise::<ExplicitFallible>);
            }

            #[test]
            #[cfg(not(tls_core_few_kinds))]
            fn given_by_a_function() {
                crate::support::on_thread(super::$promise::<Given>);
            }

            #[test]
            #[cfg(not(tls_core_few_kinds))]
            fn given_by_a_fallible_function() {
                crate::support::on_thread(super::$promise::<GivenFallible>);
            }
        })*
    };
}

pub(crate) use for_each_kind;
