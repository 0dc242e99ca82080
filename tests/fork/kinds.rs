//! States of each kind, so that a promise can be checked for all of them.

use std::convert::Infallible;
use std::fmt::Debug;

use tls_core::{AccessError, Counter, Field, ThreadLocalState, thread_local_state};

use crate::support::{generation, name_of, note};

/// What every number starts as.
pub(crate) const START: u64 = 7;

/// A field that tells whose it is.
pub(crate) trait Token: 'static {
    /// Whether dropping it is noted.
    const DROPS: bool;

    fn new(state: &'static str) -> Self;

    /// The process that has made or [claimed](Self::claim) it.
    fn owner(&self) -> &'static str;

    /// From here on it belongs to this process: constants cannot know who made them.
    fn claim(&mut self);
}

/// Notes when it is dropped, and owns memory.
pub(crate) struct Witness {
    state: &'static str,
    owner: Option<u32>,
    memory: Vec<u8>,
}

impl Witness {
    pub(crate) const fn constant(state: &'static str) -> Self {
        Self {
            state,
            owner: None,
            memory: Vec::new(),
        }
    }
}

impl Token for Witness {
    const DROPS: bool = true;

    fn new(state: &'static str) -> Self {
        let mut witness = Self::constant(state);
        witness.claim();
        witness
    }

    fn owner(&self) -> &'static str {
        self.owner.map_or("nobody", name_of)
    }

    fn claim(&mut self) {
        self.owner = Some(generation());
        self.memory = vec![1; 100];
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        assert!(self.memory.iter().all(|&byte| byte == 1));
        note(&format!("drops {} of {}", self.state, self.owner()));
    }
}

/// The same without anything to drop.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    owner: Option<u32>,
}

impl Mark {
    pub(crate) const CONSTANT: Self = Self { owner: None };
}

impl Token for Mark {
    const DROPS: bool = false;

    fn new(_state: &'static str) -> Self {
        Self {
            owner: Some(generation()),
        }
    }

    fn owner(&self) -> &'static str {
        self.owner.map_or("nobody", name_of)
    }

    fn claim(&mut self) {
        self.owner = Some(generation());
    }
}

/// What the states have in common.
pub(crate) trait Kind: ThreadLocalState<Error: Debug> {
    type Token: Token;

    const NAME: &'static str;
    /// Whether the first access makes it.
    const IS_LAZY: bool = true;
    /// Whether the compiler has made it.
    const IS_CONSTANT: bool = false;
    const NUMBER: Field<Self, u64>;
    const OTHER: Field<Self, u64>;
    const TOKEN: Field<Self, Self::Token>;

    /// Makes it, in this kind's own way.
    fn make();

    fn number(&self) -> u64;
    fn number_mut(&mut self) -> &mut u64;
    fn owner(&self) -> &'static str;

    /// What a plain accessor returns, where it has not failed.
    fn plain<R>(output: Self::Output<R>) -> R;
}

macro_rules! kind {
    (
        $Name:ident, $Token:ty, $make:expr, |$output:ident| $plain:expr
        $(, $constant:ident = $value:literal)*
    ) => {
        impl Kind for $Name {
            type Token = $Token;

            const NAME: &'static str = stringify!($Name);
            $(const $constant: bool = $value;)*
            const NUMBER: Field<Self, u64> = Self::NUMBER;
            const OTHER: Field<Self, u64> = Self::OTHER;
            const TOKEN: Field<Self, $Token> = Self::TOKEN;

            fn make() {
                assert!($make);
            }

            fn number(&self) -> u64 {
                self.number
            }

            fn number_mut(&mut self) -> &mut u64 {
                &mut self.number
            }

            fn owner(&self) -> &'static str {
                self.token.owner()
            }

            fn plain<R>($output: Self::Output<R>) -> R {
                $plain
            }
        }
    };
    ($Name:ident, $Token:ty $(, $constant:ident = $value:literal)*) => {
        kind!(
            $Name,
            $Token,
            Self::state().try_init().is_ok(),
            |output| output
            $(, $constant = $value)*
        );
    };
}

/// Declares a state with the three fields, in both sorts.
macro_rules! states {
    ($($(#[$doc:meta])* $Name:ident($($args:tt)*) {
        number: $number:expr,
        token: $Token:ty = $token:expr,
        $($more:tt)*
    })*) => {
        $($(#[$doc])*
        #[thread_local_state($($args)*)]
        pub(crate) struct $Name {
            #[state(init = $number)]
            pub(crate) number: u64,
            #[state(init = 0)]
            pub(crate) other: u64,
            #[state(init = $token)]
            pub(crate) token: $Token,
            $($more)*
        })*
    };
}

states! {
    Inline(fork = reset) { number: START, token: Witness = Witness::new("Inline"), }
    Plain(fork = reset) { number: START, token: Mark = Mark::new("Plain"), }
    Large(fork = reset) {
        number: START,
        token: Witness = Witness::new("Large"),
        #[state(init = [3; 4096])]
        pub(crate) bulk: [u8; 4096],
    }
    LargePlain(fork = reset) {
        number: START,
        token: Mark = Mark::new("LargePlain"),
        #[state(init = [3; 4096])]
        pub(crate) bulk: [u8; 4096],
    }
    Constant(const, fork = reset) { number: START, token: Witness = Witness::constant("Constant"), }
    /// Could be in the initial image of every thread's storage, and then nothing would know of it.
    ConstantPlain(const, fork = reset) { number: START, token: Mark = Mark::CONSTANT, }
    LargeConstant(const, fork = reset) {
        number: START,
        token: Mark = Mark::CONSTANT,
        #[state(init = [3; 4096])]
        pub(crate) bulk: [u8; 4096],
    }
    Fallible(error = Infallible, fork = reset) {
        number: Ok::<u64, Infallible>(START)?,
        token: Witness = Witness::new("Fallible"),
    }
    Counting(fork = reset) {
        number: START,
        token: Witness = Witness::new("Counting"),
        #[state(shared)]
        pub(crate) count: Counter,
    }
    Kept(fork = keep) { number: START, token: Witness = Witness::new("Kept"), }
    KeptByDefault() { number: START, token: Witness = Witness::new("KeptByDefault"), }
    KeptPlain(fork = keep) { number: START, token: Mark = Mark::new("KeptPlain"), }
    KeptLarge(fork = keep) {
        number: START,
        token: Witness = Witness::new("KeptLarge"),
        #[state(init = [3; 4096])]
        pub(crate) bulk: [u8; 4096],
    }
    KeptConstant(const, fork = keep) {
        number: START,
        token: Witness = Witness::constant("KeptConstant"),
    }
    KeptConstantPlain(const) { number: START, token: Mark = Mark::CONSTANT, }
    KeptCounting(fork = keep) {
        number: START,
        token: Witness = Witness::new("KeptCounting"),
        #[state(shared)]
        pub(crate) count: Counter,
    }
}

#[thread_local_state(explicit, fork = reset)]
pub(crate) struct Explicit {
    pub(crate) number: u64,
    #[state(init = 0)]
    other: u64,
    #[state(init = Witness::new("Explicit"))]
    token: Witness,
}

#[thread_local_state(explicit, fork = reset)]
pub(crate) struct ExplicitPlain {
    pub(crate) number: u64,
    #[state(init = 0)]
    other: u64,
    token: Mark,
}

#[thread_local_state(init = given, fork = reset)]
pub(crate) struct Given {
    number: u64,
    other: u64,
    token: Witness,
}

fn given() -> GivenInit {
    GivenInit {
        number: START,
        other: 0,
        token: Witness::new("Given"),
    }
}

#[thread_local_state(explicit, fork = keep)]
pub(crate) struct KeptExplicit {
    number: u64,
    #[state(init = 0)]
    other: u64,
    #[state(init = Witness::new("KeptExplicit"))]
    token: Witness,
}

kind!(Inline, Witness);
kind!(Plain, Mark);
kind!(Large, Witness);
kind!(LargePlain, Mark);
kind!(Constant, Witness, IS_CONSTANT = true);
kind!(ConstantPlain, Mark, IS_CONSTANT = true);
kind!(LargeConstant, Mark, IS_CONSTANT = true);
kind!(
    Fallible,
    Witness,
    Self::state().try_init().is_ok(),
    |output| output.unwrap()
);
kind!(Counting, Witness);
kind!(
    Explicit,
    Witness,
    Self::state()
        .try_init_with(ExplicitInit { number: START })
        .is_ok(),
    |output| output,
    IS_LAZY = false
);
kind!(
    ExplicitPlain,
    Mark,
    Self::state()
        .try_init_with(ExplicitPlainInit {
            number: START,
            token: Mark::new("ExplicitPlain")
        })
        .is_ok(),
    |output| output,
    IS_LAZY = false
);
kind!(Given, Witness);
kind!(Kept, Witness);
kind!(KeptByDefault, Witness);
kind!(KeptPlain, Mark);
kind!(KeptLarge, Witness);
kind!(KeptConstant, Witness, IS_CONSTANT = true);
kind!(KeptConstantPlain, Mark, IS_CONSTANT = true);
kind!(KeptCounting, Witness);
kind!(
    KeptExplicit,
    Witness,
    Self::state()
        .try_init_with(KeptExplicitInit { number: START })
        .is_ok(),
    |output| output,
    IS_LAZY = false
);

/// Makes a value that belongs to this process and shows it.
#[track_caller]
pub(crate) fn make_own<K: Kind>(number: u64) {
    if !K::state().is_initialized() {
        K::make();
    }
    K::plain(K::TOKEN.with_mut(Token::claim));
    K::plain(K::NUMBER.set(number));
    assert_own::<K>(number);
}

/// Checks that the value is this process's own, and reads this number.
#[track_caller]
pub(crate) fn assert_own<K: Kind>(number: u64) {
    let found = K::state()
        .try_with(|state| (state.number(), state.owner()))
        .unwrap();
    assert_eq!(found, (number, name_of(generation())));
}

/// Checks that there is no value and that the next access makes a new one.
#[track_caller]
pub(crate) fn assert_starts_anew<K: Kind>() {
    assert!(!K::state().is_initialized());
    assert_eq!(K::state().peek(K::number).ok().flatten(), None);
    if !K::IS_LAZY {
        let refused = K::state().try_with(|_| ()).unwrap_err();
        assert!(matches!(refused, AccessError::NotInitialized(_)));
        assert!(K::NUMBER.try_with(|_| ()).is_err());
        K::make();
    }
    assert_eq!(K::state().try_with(K::number).unwrap(), START);
    let owner = K::state().try_with(K::owner).unwrap();
    let expected = if K::IS_CONSTANT {
        "nobody"
    } else {
        name_of(generation())
    };
    assert_eq!(owner, expected);
    make_own::<K>(START + 100);
    // It is one like any other.
    K::state()
        .try_with_mut(|state| *state.number_mut() += 1)
        .unwrap();
    assert_own::<K>(START + 101);
}

/// What the destructor of a value notes, if it notes anything.
pub(crate) fn dropped<K: Kind>(by: &str, of: &str) -> Vec<String> {
    K::Token::DROPS
        .then(|| format!("{by} drops {} of {of}", K::NAME))
        .into_iter()
        .collect()
}

/// Writes one test for each kind of a promise, which is a function that is generic over them.
/// Each runs in a process of its own.
macro_rules! for_each_kind {
    ($($promise:ident)*) => {
        $(mod $promise {
            crate::kinds::one_each! {
                $promise:
                inline Inline,
                without_destructor Plain,
                large Large,
                large_without_destructor LargePlain,
                constant Constant,
                constant_without_destructor ConstantPlain,
                large_constant LargeConstant,
                fallible Fallible,
                with_shared_field Counting,
                explicit Explicit,
                explicit_without_destructor ExplicitPlain,
                given_by_a_function Given,
            }
        })*
    };
}

/// The same for the kinds that a child keeps.
macro_rules! for_each_kept_kind {
    ($($promise:ident)*) => {
        $(mod $promise {
            crate::kinds::one_each! {
                $promise:
                kept Kept,
                by_default KeptByDefault,
                without_destructor KeptPlain,
                large KeptLarge,
                constant KeptConstant,
                constant_without_destructor KeptConstantPlain,
                with_shared_field KeptCounting,
                explicit KeptExplicit,
            }
        })*
    };
}

macro_rules! one_each {
    ($promise:ident: $($name:ident $Kind:ident,)*) => {
        $(#[test]
        fn $name() {
            crate::support::alone(|| super::$promise::<crate::kinds::$Kind>());
        })*
    };
}

pub(crate) use {for_each_kept_kind, for_each_kind, one_each};
