//! The states that are put under stress: one of each kind.

use std::fmt::Debug;

use tls_core::shared::{Gauge, HasSharedFields, Part, Peak, SharedField, UpDown};
use tls_core::{
    AccessError, Counter, Field, Histogram, InitWithError, ThreadLocalState, thread_local_state,
};

use crate::model::{Token, ZeroToken, start, start_or_fail};

/// What an initializer fails with.
#[derive(Debug)]
pub(crate) struct Failed;

/// How a value comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    /// By the first access, which runs code.
    Lazy,
    /// Only from values that are given.
    Explicit,
    /// By the compiler.
    Constant,
}

/// What can be seen of a value's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A token in it is dropped.
    Seen,
    /// It is freed, and no code of the test runs.
    Unseen,
    /// It has no destructor, and can be used in any.
    None,
}

/// What became of values that were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Made,
    Refused,
    Failed,
}

/// One shared field of each type.
pub(crate) struct Meters<S> {
    /// Which of the states with meters this is.
    pub(crate) index: usize,
    pub(crate) flow: SharedField<S, UpDown>,
    pub(crate) level: SharedField<S, Gauge>,
    pub(crate) peak: SharedField<S, Peak>,
    pub(crate) values: SharedField<S, Histogram>,
    pub(crate) by_kind: SharedField<S, [Counter; 3]>,
    pub(crate) part: SharedField<S, Part<Vec<u64>>>,
}

/// How many states have meters.
pub(crate) const METERS: usize = 4;

/// What the states have in common.
pub(crate) trait Subject: ThreadLocalState<Error: Debug> + HasSharedFields {
    const INDEX: usize;
    const NAME: &'static str;
    const MAKING: Making = Making::Lazy;
    const ENDING: Ending = Ending::Seen;
    const IS_RESET_BY_FORK: bool = false;
    /// Whether its fields share their permission bits.
    const IS_ONE_GROUP: bool = false;
    /// Whether every thread has it from the start.
    const IS_READY: bool = false;
    const NUMBER: Option<Field<Self, u64>>;
    const TOKEN: Option<Field<Self, Token>>;
    const HITS: SharedField<Self, Counter>;
    const METERS: Option<Meters<Self>> = None;

    fn number(&self) -> Option<u64>;
    fn number_mut(&mut self) -> Option<&mut u64>;
    fn token(&self) -> Option<&Token>;

    /// Whether the rest of it is as it should be.
    fn is_intact(&self) -> bool {
        true
    }

    /// What a plain accessor returns; `None` if the initializer has failed.
    fn plain<R>(output: Self::Output<R>) -> Option<R>;

    /// Makes it without values, if it is a kind that can be.
    fn try_init() -> Result<(), AccessError<Self::Error>>;

    /// Makes it from given values, if it is a kind that can be.
    fn give(_number: u64, _token: impl FnOnce() -> Token) -> Option<Given> {
        None
    }

    fn plain_with_state<R>(f: impl FnOnce(&Self) -> R) -> Self::Output<R>;
    fn plain_with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> Self::Output<R>;
}

macro_rules! subject {
    ($index:literal $Name:ident { $($items:tt)* }) => {
        impl Subject for $Name {
            const INDEX: usize = $index;
            const NAME: &'static str = stringify!($Name);
            const HITS: SharedField<Self, Counter> = Self::HITS;

            fn plain_with_state<R>(f: impl FnOnce(&Self) -> R) -> Self::Output<R> {
                Self::with_state(f)
            }

            fn plain_with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> Self::Output<R> {
                Self::with_state_mut(f)
            }

            $($items)*
        }
    };
}

macro_rules! number {
    () => {
        const NUMBER: Option<Field<Self, u64>> = Some(Self::NUMBER);

        fn number(&self) -> Option<u64> {
            Some(self.number)
        }

        fn number_mut(&mut self) -> Option<&mut u64> {
            Some(&mut self.number)
        }
    };
    (none) => {
        const NUMBER: Option<Field<Self, u64>> = None;

        fn number(&self) -> Option<u64> {
            None
        }

        fn number_mut(&mut self) -> Option<&mut u64> {
            None
        }
    };
}

macro_rules! token {
    () => {
        const TOKEN: Option<Field<Self, Token>> = Some(Self::TOKEN);

        fn token(&self) -> Option<&Token> {
            Some(&self.token)
        }
    };
    (none) => {
        const TOKEN: Option<Field<Self, Token>> = None;

        fn token(&self) -> Option<&Token> {
            None
        }
    };
}

macro_rules! plain {
    () => {
        fn plain<R>(output: Self::Output<R>) -> Option<R> {
            Some(output)
        }
    };
    (error) => {
        fn plain<R>(output: Self::Output<R>) -> Option<R> {
            output.ok()
        }
    };
}

macro_rules! init {
    () => {
        fn try_init() -> Result<(), AccessError<Self::Error>> {
            Self::state().try_init()
        }
    };
    (explicit) => {
        fn try_init() -> Result<(), AccessError<Self::Error>> {
            if Self::state().is_initialized() {
                return Ok(());
            }
            Self::state().try_with(|_| ())
        }
    };
}

macro_rules! meters {
    ($index:literal) => {
        const METERS: Option<Meters<Self>> = Some(Meters {
            index: $index,
            flow: Self::FLOW,
            level: Self::LEVEL,
            peak: Self::PEAK,
            values: Self::VALUES,
            by_kind: Self::BY_KIND,
            part: Self::PART,
        });
    };
}

#[thread_local_state]
pub(crate) struct Lazy {
    #[state(init = start(0))]
    number: u64,
    #[state(init = Token::new(0))]
    token: Token,
    #[state(shared)]
    hits: Counter,
    #[state(shared)]
    flow: UpDown,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    by_kind: [Counter; 3],
    #[state(shared)]
    part: Part<Vec<u64>>,
}

subject!(0 Lazy { number!(); token!(); plain!(); init!(); meters!(0); });

#[thread_local_state]
pub(crate) struct LazyPlain {
    #[state(init = start(1))]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(1 LazyPlain {
    number!(); token!(none); plain!(); init!();
    const ENDING: Ending = Ending::None;
});

#[thread_local_state(error = Failed)]
pub(crate) struct Fallible {
    #[state(init = start_or_fail(2)?)]
    number: u64,
    #[state(init = Token::new(2))]
    token: Token,
    #[state(shared)]
    hits: Counter,
}

subject!(2 Fallible { number!(); token!(); plain!(error); init!(); });

/// Fails when there is something to drop already.
#[thread_local_state(error = Failed, fork = reset)]
pub(crate) struct FallibleReset {
    #[state(init = Token::new(3))]
    token: Token,
    #[state(init = start_or_fail(3)?)]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(3 FallibleReset {
    number!(); token!(); plain!(error); init!();
    const IS_RESET_BY_FORK: bool = true;
});

#[thread_local_state(explicit)]
pub(crate) struct Explicit {
    number: u64,
    token: Token,
    #[state(shared)]
    hits: Counter,
    #[state(shared)]
    flow: UpDown,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    by_kind: [Counter; 3],
    #[state(shared)]
    part: Part<Vec<u64>>,
}

subject!(4 Explicit {
    number!(); token!(); plain!(); init!(explicit); meters!(1);
    const MAKING: Making = Making::Explicit;

    fn give(number: u64, token: impl FnOnce() -> Token) -> Option<Given> {
        let token = token();
        Some(match Self::state().try_init_with(ExplicitInit { number, token }) {
            Ok(()) => Given::Made,
            Err(_) => Given::Refused,
        })
    }
});

#[thread_local_state(explicit, error = Failed, fork = reset)]
pub(crate) struct ExplicitFallible {
    token: Token,
    #[state(init = start_or_fail(5)?)]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(5 ExplicitFallible {
    number!(); token!(); plain!(); init!(explicit);
    const MAKING: Making = Making::Explicit;
    const IS_RESET_BY_FORK: bool = true;

    fn give(_number: u64, token: impl FnOnce() -> Token) -> Option<Given> {
        let token = token();
        Some(match Self::state().try_init_with(ExplicitFallibleInit { token }) {
            Ok(()) => Given::Made,
            Err(InitWithError::Failed(_)) => Given::Failed,
            Err(_) => Given::Refused,
        })
    }
});

#[thread_local_state(init = from_function)]
pub(crate) struct FromFunction {
    number: u64,
    token: Token,
    #[state(init = number.wrapping_mul(3))]
    thrice: u64,
    #[state(shared)]
    hits: Counter,
}

fn from_function() -> FromFunctionInit {
    FromFunctionInit {
        number: start(6),
        token: Token::new(6),
    }
}

subject!(6 FromFunction {
    number!(); token!(); plain!(); init!();

    fn is_intact(&self) -> bool {
        self.thrice.is_multiple_of(3)
    }

    fn give(number: u64, token: impl FnOnce() -> Token) -> Option<Given> {
        let token = token();
        Some(match Self::state().try_init_with(FromFunctionInit { number, token }) {
            Ok(()) => Given::Made,
            Err(_) => Given::Refused,
        })
    }
});

#[thread_local_state(init = from_fallible_function, error = Failed)]
pub(crate) struct FromFallibleFunction {
    token: Token,
    number: u64,
    #[state(shared)]
    hits: Counter,
}

fn from_fallible_function() -> Result<FromFallibleFunctionInit, Failed> {
    Ok(FromFallibleFunctionInit {
        token: Token::new(7),
        number: start_or_fail(7)?,
    })
}

subject!(7 FromFallibleFunction { number!(); token!(); plain!(error); init!(); });

#[thread_local_state(const)]
pub(crate) struct Constant {
    #[state(init = 12)]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(8 Constant {
    number!(); token!(none); plain!(); init!();
    const MAKING: Making = Making::Constant;
    const IS_READY: bool = true;
    const ENDING: Ending = Ending::None;
});

#[thread_local_state(const)]
pub(crate) struct ConstantWithDrop {
    #[state(init = 12)]
    number: u64,
    #[state(init = Token::constant(9))]
    token: Token,
    #[state(shared)]
    hits: Counter,
    #[state(shared)]
    flow: UpDown,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    by_kind: [Counter; 3],
    #[state(shared)]
    part: Part<Vec<u64>>,
}

subject!(9 ConstantWithDrop {
    number!(); token!(); plain!(); init!(); meters!(2);
    const MAKING: Making = Making::Constant;
});

#[thread_local_state]
pub(crate) struct Large {
    #[state(init = start(10))]
    number: u64,
    #[state(init = [7; 3000])]
    bulk: [u8; 3000],
    #[state(init = Token::new(10))]
    token: Token,
    #[state(shared)]
    hits: Counter,
}

subject!(10 Large {
    number!(); token!(); plain!(); init!();

    fn is_intact(&self) -> bool {
        self.bulk[0] == 7 && self.bulk[2999] == 7
    }
});

/// Has no destructor, but is freed.
#[thread_local_state]
pub(crate) struct LargePlain {
    #[state(init = [7; 3000])]
    bulk: [u8; 3000],
    #[state(init = start(11))]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(11 LargePlain {
    number!(); token!(none); plain!(); init!();
    const ENDING: Ending = Ending::Unseen;

    fn is_intact(&self) -> bool {
        self.bulk[0] == 7 && self.bulk[2999] == 7
    }
});

#[repr(align(64))]
pub(crate) struct Line(u64);

#[repr(align(4096))]
pub(crate) struct Page(u64);

#[thread_local_state]
pub(crate) struct Aligned {
    #[state(init = start(12))]
    number: u64,
    #[state(init = Line(9))]
    line: Line,
    #[state(init = Token::new(12))]
    token: Token,
    #[state(shared)]
    hits: Counter,
}

subject!(12 Aligned {
    number!(); token!(); plain!(); init!();

    fn is_intact(&self) -> bool {
        self.line.0 == 9 && (&raw const self.line).addr().is_multiple_of(64)
    }
});

#[thread_local_state(fork = reset)]
pub(crate) struct OverAligned {
    #[state(init = Token::new(13))]
    token: Token,
    #[state(init = Page(9))]
    page: Page,
    #[state(init = start(13))]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(13 OverAligned {
    number!(); token!(); plain!(); init!();
    const IS_RESET_BY_FORK: bool = true;

    fn is_intact(&self) -> bool {
        self.page.0 == 9 && (&raw const self.page).addr().is_multiple_of(4096)
    }
});

#[thread_local_state]
pub(crate) struct Zero {
    #[state(init = ZeroToken::new())]
    _token: ZeroToken,
    #[state(shared)]
    hits: Counter,
}

const _: () = assert!(size_of::<Zero>() == 0);

subject!(14 Zero { number!(none); token!(none); plain!(); init!(); });

#[thread_local_state]
pub(crate) struct ZeroPlain {
    _nothing: (),
    #[state(shared)]
    hits: Counter,
}

subject!(15 ZeroPlain {
    number!(none); token!(none); plain!(); init!();
    const MAKING: Making = Making::Constant;
    const ENDING: Ending = Ending::None;
});

/// The number and the token are in the last group, with others.
#[thread_local_state]
pub(crate) struct Forty {
    f00: u8,
    f01: u16,
    f02: u32,
    f03: u64,
    f04: Vec<u8>,
    f05: Option<Box<u8>>,
    f06: u8,
    f07: u8,
    f08: u8,
    f09: u8,
    f10: u8,
    f11: u8,
    f12: u8,
    f13: u8,
    f14: u8,
    f15: u8,
    f16: u8,
    f17: u8,
    f18: u8,
    f19: u8,
    f20: u8,
    f21: u8,
    f22: u8,
    f23: u8,
    f24: u8,
    f25: u8,
    f26: u8,
    f27: u8,
    f28: u8,
    f29: u8,
    f30: u8,
    f31: u8,
    f32: u8,
    #[state(init = start(16))]
    number: u64,
    f34: u8,
    f35: u8,
    f36: u8,
    f37: u8,
    #[state(init = Token::new(16))]
    token: Token,
    f39: u8,
    #[state(shared)]
    hits: Counter,
}

subject!(16 Forty {
    number!(); token!(); plain!(); init!();
    const IS_ONE_GROUP: bool = true;

    fn is_intact(&self) -> bool {
        let bytes = [
            self.f00, self.f06, self.f07, self.f08, self.f09, self.f10, self.f11, self.f12, self.f13,
            self.f14, self.f15, self.f16, self.f17, self.f18, self.f19, self.f20, self.f21, self.f22,
            self.f23, self.f24, self.f25, self.f26, self.f27, self.f28, self.f29, self.f30, self.f31,
            self.f32, self.f34, self.f35, self.f36, self.f37, self.f39,
        ];
        bytes == [0; 33]
            && (self.f01, self.f02, self.f03) == (0, 0, 0)
            && self.f04.is_empty()
            && self.f05.is_none()
    }
});

#[thread_local_state(fork = reset)]
pub(crate) struct Reset {
    #[state(init = start(17))]
    number: u64,
    #[state(init = Token::new(17))]
    token: Token,
    #[state(shared)]
    hits: Counter,
    #[state(shared)]
    flow: UpDown,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    by_kind: [Counter; 3],
    #[state(shared)]
    part: Part<Vec<u64>>,
}

subject!(17 Reset {
    number!(); token!(); plain!(); init!(); meters!(3);
    const IS_RESET_BY_FORK: bool = true;
});

#[thread_local_state(fork = reset)]
pub(crate) struct LargeReset {
    #[state(init = [7; 3000])]
    bulk: [u8; 3000],
    #[state(init = Token::new(18))]
    token: Token,
    #[state(init = start(18))]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(18 LargeReset {
    number!(); token!(); plain!(); init!();
    const IS_RESET_BY_FORK: bool = true;

    fn is_intact(&self) -> bool {
        self.bulk[0] == 7 && self.bulk[2999] == 7
    }
});

/// Stands in the list of those that are only forgotten.
#[thread_local_state(const, fork = reset)]
pub(crate) struct ConstantReset {
    #[state(init = 12)]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(19 ConstantReset {
    number!(); token!(none); plain!(); init!();
    const MAKING: Making = Making::Constant;
    const ENDING: Ending = Ending::None;
    const IS_RESET_BY_FORK: bool = true;
});

#[thread_local_state(fork = reset)]
pub(crate) struct PlainReset {
    #[state(init = start(20))]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(20 PlainReset {
    number!(); token!(none); plain!(); init!();
    const ENDING: Ending = Ending::None;
    const IS_RESET_BY_FORK: bool = true;
});

#[thread_local_state(const, fork = keep)]
pub(crate) struct LargeConstant {
    #[state(init = [7; 3000])]
    bulk: [u8; 3000],
    #[state(init = 12)]
    number: u64,
    #[state(shared)]
    hits: Counter,
}

subject!(21 LargeConstant {
    number!(); token!(none); plain!(); init!();
    const MAKING: Making = Making::Constant;
    const ENDING: Ending = Ending::Unseen;

    fn is_intact(&self) -> bool {
        self.bulk[0] == 7 && self.bulk[2999] == 7
    }
});

/// How many states there are.
pub(crate) const STATES: usize = 22;

/// Calls a generic function for the state of a number.
macro_rules! for_state {
    ($index:expr, $f:ident($($argument:expr),*)) => {
        $crate::states::for_state!(@ $index, $f($($argument),*):
            0 Lazy, 1 LazyPlain, 2 Fallible, 3 FallibleReset, 4 Explicit, 5 ExplicitFallible,
            6 FromFunction, 7 FromFallibleFunction, 8 Constant, 9 ConstantWithDrop, 10 Large,
            11 LargePlain, 12 Aligned, 13 OverAligned, 14 Zero, 15 ZeroPlain, 16 Forty, 17 Reset,
            18 LargeReset, 19 ConstantReset, 20 PlainReset, 21 LargeConstant)
    };
    (@ $index:expr, $f:ident $arguments:tt: $($number:literal $Name:ident),*) => {
        match $index {
            $($number => $crate::states::for_state!(@@ $f $Name $arguments),)*
            other => unreachable!("there is no state {other}"),
        }
    };
    (@@ $f:ident $Name:ident ($($argument:expr),*)) => {
        $f::<$crate::states::$Name>($($argument),*)
    };
}

pub(crate) use for_state;
