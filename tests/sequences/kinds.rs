//! The states, one of each kind.

use std::fmt::{self, Debug, Display, Formatter};

use tls_core::{AccessError, Counter, Field, ThreadLocalState, thread_local_state};

use crate::program::{Cause, State};
use crate::real::{Token, initializer};

/// What an initializer reports.
#[derive(Debug)]
pub(crate) struct Failure;

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("planned")
    }
}

impl std::error::Error for Failure {}

/// The tokens of the constant, which is made without being noticed.
pub(crate) const CONSTANTS: [u64; 2] = [1 << 32, 2 << 32];

/// What every number starts as.
pub(crate) const START: u64 = 7;

#[thread_local_state]
pub(crate) struct Lazy {
    #[state(init = Token::new())]
    first: Token,
    #[state(init = initializer())]
    second: Token,
    #[state(init = START)]
    number: u64,
}

#[thread_local_state(error = Failure)]
pub(crate) struct Fallible {
    #[state(init = Token::new())]
    first: Token,
    #[state(init = crate::real::try_initializer()?)]
    second: Token,
    #[state(init = START)]
    number: u64,
}

#[thread_local_state(explicit)]
pub(crate) struct Explicit {
    first: Token,
    #[state(init = initializer())]
    second: Token,
    #[state(init = START)]
    number: u64,
}

#[thread_local_state(const)]
pub(crate) struct Constant {
    #[state(init = Token::constant(CONSTANTS[0]))]
    first: Token,
    #[state(init = Token::constant(CONSTANTS[1]))]
    second: Token,
    #[state(init = START)]
    number: u64,
}

#[thread_local_state]
pub(crate) struct Large {
    #[state(init = Token::new())]
    first: Token,
    #[state(init = initializer())]
    second: Token,
    #[state(init = START)]
    number: u64,
    #[state(init = [0; 200])]
    _padding: [u64; 200],
}

/// Thirty-eight fields, of which those from number 29 on share their bits.
#[thread_local_state]
pub(crate) struct Wide {
    #[state(init = START)]
    number: u64,
    _01: u8,
    _02: u8,
    _03: u8,
    _04: u8,
    _05: u8,
    _06: u8,
    _07: u8,
    _08: u8,
    _09: u8,
    _10: u8,
    _11: u8,
    _12: u8,
    _13: u8,
    _14: u8,
    _15: u8,
    _16: u8,
    _17: u8,
    _18: u8,
    _19: u8,
    _20: u8,
    _21: u8,
    _22: u8,
    _23: u8,
    _24: u8,
    _25: u8,
    _26: u8,
    _27: u8,
    _28: u8,
    #[state(init = Token::new())]
    first: Token,
    _30: u8,
    _31: u8,
    _32: u8,
    #[state(init = initializer())]
    second: Token,
    _34: u8,
    _35: u8,
    _36: u8,
    _37: u8,
}

#[thread_local_state(fork = reset)]
pub(crate) struct ResetByFork {
    #[state(init = Token::new())]
    first: Token,
    #[state(init = initializer())]
    second: Token,
    #[state(init = START)]
    number: u64,
}

#[thread_local_state]
pub(crate) struct Shared {
    #[state(init = Token::new())]
    first: Token,
    #[state(shared)]
    pub(crate) count: Counter,
    #[state(init = initializer())]
    second: Token,
    #[state(init = START)]
    number: u64,
}

/// What they have in common.
pub(crate) trait Kind: ThreadLocalState<Error: Debug + Display> {
    const STATE: State;
    const FIRST: Field<Self, Token>;
    const SECOND: Field<Self, Token>;
    const NUMBER: Field<Self, u64>;

    fn tokens(&self) -> [&Token; 2];

    fn tokens_mut(&mut self) -> [&mut Token; 2];

    fn number(&self) -> u64;

    fn number_mut(&mut self) -> &mut u64;

    /// What a plain accessor has returned.
    fn plain<R>(output: Self::Output<R>) -> Result<R, Cause>;

    /// Makes it without values, if that can be.
    fn try_init() -> Result<(), AccessError<Self::Error>>;

    // The inherent functions.
    fn with_state<R>(f: impl FnOnce(&Self) -> R) -> Self::Output<R>;
    fn with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> Self::Output<R>;

    /// Makes it from a token, if that can be; whether it did. `None` if it is not made from anything.
    fn init_with() -> Option<bool> {
        None
    }
}

macro_rules! kind {
    ($Name:ident, |$output:ident| $plain:expr) => {
        kind!(
            $Name,
            |$output| $plain,
            fn try_init() -> Result<(), AccessError<Self::Error>> {
                Self::state().try_init()
            }
        );
    };
    ($Name:ident, |$output:ident| $plain:expr $(, $init:item)+) => {
        impl Kind for $Name {
            const STATE: State = State::$Name;
            const FIRST: Field<Self, Token> = Self::FIRST;
            const SECOND: Field<Self, Token> = Self::SECOND;
            const NUMBER: Field<Self, u64> = Self::NUMBER;

            fn tokens(&self) -> [&Token; 2] {
                [&self.first, &self.second]
            }

            fn tokens_mut(&mut self) -> [&mut Token; 2] {
                [&mut self.first, &mut self.second]
            }

            fn number(&self) -> u64 {
                self.number
            }

            fn number_mut(&mut self) -> &mut u64 {
                &mut self.number
            }

            fn plain<R>($output: Self::Output<R>) -> Result<R, Cause> {
                $plain
            }

            fn with_state<R>(f: impl FnOnce(&Self) -> R) -> Self::Output<R> {
                Self::with_state(f)
            }

            fn with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> Self::Output<R> {
                Self::with_state_mut(f)
            }

            $($init)+
        }
    };
}

kind!(Lazy, |output| Ok(output));
kind!(Fallible, |output| output.map_err(|Failure| Cause::Failed));
kind!(
    Explicit,
    |output| Ok(output),
    fn try_init() -> Result<(), AccessError<Self::Error>> {
        if Self::state().is_initialized() {
            return Ok(());
        }
        Self::state().try_with(|_| ())
    },
    fn init_with() -> Option<bool> {
        let first = Token::new();
        Some(Self::state().try_init_with(ExplicitInit { first }).is_ok())
    }
);
kind!(Constant, |output| Ok(output));
kind!(Large, |output| Ok(output));
kind!(Wide, |output| Ok(output));
kind!(ResetByFork, |output| Ok(output));
kind!(Shared, |output| Ok(output));
