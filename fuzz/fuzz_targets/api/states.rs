//! States of all kinds, with what a generic operation needs of them.

use std::convert::Infallible;

use tls_core::shared::{Gauge, Part, Peak, UpDown};
use tls_core::{
    AccessError, Counter, Field, Histogram, InitError, InitWithError, ThreadLocalState, borrow,
    borrow_mut, thread_local_state,
};

use crate::model::{Facts, Held, STATES, Status, check, deeper, model, next};
use crate::operations::{self, operations, throw};

/// A value whose drop is watched, and may run a part of the program.
pub struct Tracked {
    id: u32,
    /// Something for the sanitizer to watch.
    heap: Option<Box<u32>>,
}

/// A value that needs no drop.
pub struct Number(u32);

/// What fields hold.
pub trait Value: Default + 'static {
    fn new(is_loud: bool) -> Self;

    fn id(&self) -> u32;
}

impl Tracked {
    const CONSTANT: Self = Self { id: 0, heap: None };
}

impl Value for Tracked {
    fn new(is_loud: bool) -> Self {
        let id = model(|model| model.new_value(is_loud));
        Self {
            id,
            heap: Some(Box::new(id)),
        }
    }

    fn id(&self) -> u32 {
        let heap = self.heap.as_deref().copied().unwrap_or_default();
        check!(heap == self.id, "{heap} is not {}", self.id);
        self.id
    }
}

impl Default for Tracked {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let id = self.id();
        if model(|model| model.drop_value(id)) {
            match next() % 8 {
                1 | 2 => deeper(operations::run),
                // Somebody has to catch it.
                3 if !std::thread::panicking() && operations() > 0 => throw(),
                _ => {}
            }
        }
    }
}

impl Value for Number {
    fn new(_: bool) -> Self {
        Self(u32::MAX - u32::from(next()))
    }

    fn id(&self) -> u32 {
        self.0
    }
}

impl Default for Number {
    fn default() -> Self {
        Self::new(false)
    }
}

/// An initializer's error.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure(pub u64);

impl From<Infallible> for Failure {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// What an initializer has failed with.
fn failed<E: Into<Failure>>(error: InitError<E>) -> Failure {
    error.into_inner().into()
}

/// What the operations need of a state.
pub trait Subject: ThreadLocalState {
    const FACTS: Facts;

    type Value: Value;

    const T: Field<Self, Self::Value>;
    const N: Field<Self, u64>;
    const U: Field<Self, Self::Value>;

    fn t(&mut self) -> &mut Self::Value;
    fn n(&mut self) -> &mut u64;
    fn held(&self) -> Held;

    fn flat<R>(output: Self::Output<R>) -> Result<R, Failure>;
    fn failure(error: AccessError<Self::Error>) -> Option<Failure>;

    fn plain_with_state<R>(f: impl FnOnce(&Self) -> R) -> Result<R, Failure>;
    fn plain_with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> Result<R, Failure>;
    // Without closures, with `try` if it can fail.
    fn lend_state(f: impl FnOnce(&Self)) -> Result<(), Failure>;
    fn lend_state_mut(f: impl FnOnce(&mut Self)) -> Result<(), Failure>;
    fn lend(field: Field<Self, Self::Value>, f: impl FnOnce(&Self::Value)) -> Result<(), Failure>;
    fn lend_mut(
        field: Field<Self, Self::Value>,
        f: impl FnOnce(&mut Self::Value),
    ) -> Result<(), Failure>;

    fn plain_init() -> Result<(), Failure>;
    fn try_init() -> Result<(), AccessError<Self::Error>>;
    /// Hands back the number of the value, if it was not used.
    fn init_with(t: Self::Value, n: u64) -> Result<Result<(), (Self::Value, u64)>, Failure>;
}

macro_rules! subject {
    (
        $index:literal $name:ident: $value:ty, $t:tt $n:tt $u:tt, $ht:ident $hn:ident $hu:ident;
        groups $groups:expr; drop $needs_drop:literal; constant $is_constant:literal $is_ready:literal;
        $output:ident; $($kind:ident $($init:ident $t_init:tt $n_init:tt)?)?
    ) => {
        impl Subject for $name {
            const FACTS: Facts = Facts {
                index: $index,
                name: stringify!($name),
                needs_drop: $needs_drop,
                is_explicit: subject!(@is_explicit $($kind)?),
                is_constant: $is_constant,
                is_ready: $is_ready,
                takes_values: subject!(@takes_values $($kind)?),
                groups: $groups,
            };

            type Value = $value;

            const T: Field<Self, $value> = Self::$ht;
            const N: Field<Self, u64> = Self::$hn;
            const U: Field<Self, $value> = Self::$hu;

            fn t(&mut self) -> &mut $value {
                &mut self.$t
            }

            fn n(&mut self) -> &mut u64 {
                &mut self.$n
            }

            fn held(&self) -> Held {
                Held {
                    t: self.$t.id(),
                    n: self.$n,
                    u: self.$u.id(),
                }
            }

            subject!(@output $output);

            fn plain_with_state<R>(f: impl FnOnce(&Self) -> R) -> Result<R, Failure> {
                Self::flat($name::with_state(f))
            }

            fn plain_with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> Result<R, Failure> {
                Self::flat($name::with_state_mut(f))
            }

            subject!(@init $name $($kind $($init $t_init $n_init)?)?);
        }
    };
    (@is_explicit explicit) => { true };
    (@is_explicit $($kind:ident)?) => { false };
    (@takes_values) => { false };
    (@takes_values $kind:ident) => { true };
    (@lend $($try:tt)?) => {
        fn lend_state(f: impl FnOnce(&Self)) -> Result<(), Failure> {
            let state = borrow!($($try)? Self::state());
            f(state);
            Ok(())
        }

        fn lend_state_mut(f: impl FnOnce(&mut Self)) -> Result<(), Failure> {
            let state = borrow_mut!($($try)? Self::state());
            f(state);
            Ok(())
        }

        fn lend(field: Field<Self, Self::Value>, f: impl FnOnce(&Self::Value)) -> Result<(), Failure> {
            let value = borrow!($($try)? field);
            f(value);
            Ok(())
        }

        fn lend_mut(
            field: Field<Self, Self::Value>,
            f: impl FnOnce(&mut Self::Value),
        ) -> Result<(), Failure> {
            let value = borrow_mut!($($try)? field);
            f(value);
            Ok(())
        }
    };
    (@output plain) => {
        subject!(@lend);

        fn flat<R>(output: R) -> Result<R, Failure> {
            Ok(output)
        }

        fn failure(_: AccessError) -> Option<Failure> {
            None
        }
    };
    (@output fallible) => {
        subject!(@lend try);

        fn flat<R>(output: Result<R, Failure>) -> Result<R, Failure> {
            output
        }

        fn failure(error: AccessError<Failure>) -> Option<Failure> {
            match error {
                AccessError::Init(error) => Some(error.into_inner()),
                _ => None,
            }
        }
    };
    (@init $name:ident) => {
        subject!(@lazy $name);

        fn init_with(t: Self::Value, n: u64) -> Result<Result<(), (Self::Value, u64)>, Failure> {
            Ok(Err((t, n)))
        }
    };
    (@init $name:ident explicit $init:ident $t:tt $n:tt) => {
        fn plain_init() -> Result<(), Failure> {
            Ok(())
        }

        fn try_init() -> Result<(), AccessError<Self::Error>> {
            if $name::state().is_initialized() {
                return Ok(());
            }
            $name::state().try_with(|_| ())
        }

        subject!(@init_with $name $init $t $n);
    };
    (@init $name:ident made $init:ident $t:tt $n:tt) => {
        subject!(@lazy $name);

        subject!(@init_with $name $init $t $n);
    };
    (@init_with $name:ident $init:ident $t:tt $n:tt) => {
        fn init_with(t: Self::Value, n: u64) -> Result<Result<(), (Self::Value, u64)>, Failure> {
            let values = $init { $t: t, $n: n };
            match $name::state().try_init_with(values) {
                Ok(()) => Ok(Ok(())),
                Err(InitWithError::Refused(rejected)) => Ok(Err((rejected.value.$t, rejected.value.$n))),
                Err(InitWithError::Failed(error)) => Err(failed(error)),
                Err(_) => unreachable!("a new kind of error"),
            }
        }
    };
    (@lazy $name:ident) => {
        fn plain_init() -> Result<(), Failure> {
            Self::flat($name::state().init())
        }

        fn try_init() -> Result<(), AccessError<Self::Error>> {
            $name::state().try_init()
        }
    };
}

/// What an initializer does before it makes its value.
fn initializer(may_fail: bool) -> Result<(), Failure> {
    let byte = next();
    match byte % 16 {
        11 => deeper(operations::run),
        12 => throw(),
        13 | 14 if may_fail => return Err(Failure(u64::from(byte))),
        15 => {
            deeper(operations::run);
            throw();
        }
        _ => {}
    }
    Ok(())
}

fn make_t<S: Subject>(may_fail: bool) -> Result<S::Value, Failure> {
    model(|model| {
        let state = &mut model.states[S::FACTS.index];
        check!(
            state.status == Status::Uninitialized,
            "{} is made, and is {:?}",
            S::FACTS.name,
            state.status
        );
        state.status = Status::Initializing;
        state.is_complete = false;
        state.held = Held::default();
    });
    initializer(may_fail)?;
    // Dropped before all is made, it is so where the library says.
    let value = S::Value::new(true);
    model(|model| model.states[S::FACTS.index].held.t = value.id());
    Ok(value)
}

fn make_u<S: Subject>(may_fail: bool) -> Result<S::Value, Failure> {
    model(|model| {
        let state = &model.states[S::FACTS.index];
        check!(
            state.status == Status::Initializing && !state.is_complete,
            "{} is made, and is {:?}",
            S::FACTS.name,
            state.status
        );
    });
    initializer(may_fail)?;
    let value = S::Value::new(false);
    model(|model| {
        let state = &mut model.states[S::FACTS.index];
        state.held.u = value.id();
        state.is_complete = true;
        let t = state.held.t;
        model.set_loud(t, false);
    });
    Ok(value)
}

fn t<S: Subject>() -> S::Value {
    make_t::<S>(false).unwrap_or_else(|_| unreachable!())
}

fn u<S: Subject>() -> S::Value {
    make_u::<S>(false).unwrap_or_else(|_| unreachable!())
}

#[thread_local_state]
pub struct Plain {
    #[state(init = t::<Plain>())]
    t: Tracked,
    n: u64,
    #[state(init = u::<Plain>())]
    u: Tracked,
}

subject!(0 Plain: Tracked, t n u, T N U; groups [0, 1, 2]; drop true; constant false false; plain;);

#[thread_local_state(error = Failure)]
pub struct Fallible {
    #[state(init = make_t::<Fallible>(true)?)]
    t: Tracked,
    n: u64,
    #[state(init = make_u::<Fallible>(true)?)]
    u: Tracked,
}

subject!(1 Fallible: Tracked, t n u, T N U; groups [0, 1, 2]; drop true; constant false false; fallible;);

#[thread_local_state(explicit, error = Failure)]
pub struct Explicit {
    t: Tracked,
    n: u64,
    #[state(init = make_u::<Explicit>(true)?)]
    u: Tracked,
}

subject!(2 Explicit: Tracked, t n u, T N U; groups [0, 1, 2]; drop true; constant false false; plain; explicit ExplicitInit t n);

#[thread_local_state(init = made, error = Failure)]
pub struct Made {
    t: Tracked,
    n: u64,
    #[state(init = make_u::<Made>(true)?)]
    u: Tracked,
}

fn made() -> Result<MadeInit, Failure> {
    Ok(MadeInit {
        t: make_t::<Made>(true)?,
        n: 0,
    })
}

subject!(3 Made: Tracked, t n u, T N U; groups [0, 1, 2]; drop true; constant false false; fallible; made MadeInit t n);

/// Large, and so on the heap.
#[thread_local_state]
pub struct Big {
    #[state(init = t::<Big>())]
    t: Tracked,
    n: u64,
    #[state(init = [0; 200])]
    _space: [u64; 200],
    #[state(init = u::<Big>())]
    u: Tracked,
}

subject!(4 Big: Tracked, t n u, T N U; groups [0, 1, 2]; drop true; constant false false; plain;);

/// Of so many fields that the last ones share their flags.
#[thread_local_state]
#[rustfmt::skip]
pub struct Wide(
    #[state(init = t::<Wide>())] Tracked,
    u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8,
    u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8,
    u64,
    #[state(init = u::<Wide>())] Tracked,
);

subject!(5 Wide: Tracked, 0 29 30, FIELD_0 FIELD_29 FIELD_30; groups [0, 1, 1]; drop true; constant false false; plain;);

#[thread_local_state(const)]
pub struct Constant {
    #[state(init = Number(0))]
    t: Number,
    #[state(init = 0)]
    n: u64,
    #[state(init = Number(0))]
    u: Number,
}

subject!(6 Constant: Number, t n u, T N U; groups [0, 1, 2]; drop false; constant true true; plain;);

#[thread_local_state(const)]
pub struct ConstantDrop {
    #[state(init = Tracked::CONSTANT)]
    t: Tracked,
    #[state(init = 0)]
    n: u64,
    #[state(init = Tracked::CONSTANT)]
    u: Tracked,
}

subject!(7 ConstantDrop: Tracked, t n u, T N U; groups [0, 1, 2]; drop true; constant true false; plain;);

#[thread_local_state(fork = reset)]
pub struct Forked(
    #[state(init = t::<Forked>())] Tracked,
    u64,
    #[state(init = u::<Forked>())] Tracked,
);

subject!(8 Forked: Tracked, 0 1 2, FIELD_0 FIELD_1 FIELD_2; groups [0, 1, 2]; drop true; constant false false; plain;);

/// In the list of states that are only forgotten.
#[thread_local_state(fork = reset, error = Failure)]
pub struct ForkedNumber {
    #[state(init = make_t::<ForkedNumber>(true)?)]
    t: Number,
    n: u64,
    #[state(init = make_u::<ForkedNumber>(true)?)]
    u: Number,
}

subject!(9 ForkedNumber: Number, t n u, T N U; groups [0, 1, 2]; drop false; constant false false; fallible;);

#[thread_local_state(explicit)]
pub struct Given {
    t: Tracked,
    n: u64,
    #[state(init = u::<Given>())]
    u: Tracked,
}

subject!(10 Given: Tracked, t n u, T N U; groups [0, 1, 2]; drop true; constant false false; plain; explicit GivenInit t n);

#[thread_local_state]
pub struct Totals {
    #[state(init = t::<Totals>())]
    t: Tracked,
    #[state(shared)]
    pub counter: Counter,
    n: u64,
    #[state(shared)]
    pub up_down: UpDown,
    #[state(shared)]
    pub gauge: Gauge,
    #[state(shared)]
    pub peak: Peak,
    #[state(shared)]
    pub histogram: Histogram,
    #[state(shared)]
    pub log: Part<Log>,
    #[state(shared)]
    pub array: [Counter; 3],
    #[state(init = u::<Totals>())]
    u: Tracked,
}

subject!(11 Totals: Tracked, t n u, T N U; groups [0, 1, 2]; drop true; constant false false; plain;);

/// What threads write to their parts.
pub struct Log(pub Vec<u64>);

impl Default for Log {
    fn default() -> Self {
        if next() % 8 == 7 {
            deeper(operations::run);
        }
        Self(Vec::new())
    }
}

pub const FACTS: [Facts; STATES] = [
    Plain::FACTS,
    Fallible::FACTS,
    Explicit::FACTS,
    Made::FACTS,
    Big::FACTS,
    Wide::FACTS,
    Constant::FACTS,
    ConstantDrop::FACTS,
    Forked::FACTS,
    ForkedNumber::FACTS,
    Given::FACTS,
    Totals::FACTS,
];

/// Calls a generic function for the state of a number.
macro_rules! with_subject {
    ($index:expr, $function:ident($($argument:expr),*)) => {
        match $index {
            0 => $function::<$crate::states::Plain>($($argument),*),
            1 => $function::<$crate::states::Fallible>($($argument),*),
            2 => $function::<$crate::states::Explicit>($($argument),*),
            3 => $function::<$crate::states::Made>($($argument),*),
            4 => $function::<$crate::states::Big>($($argument),*),
            5 => $function::<$crate::states::Wide>($($argument),*),
            6 => $function::<$crate::states::Constant>($($argument),*),
            7 => $function::<$crate::states::ConstantDrop>($($argument),*),
            8 => $function::<$crate::states::Forked>($($argument),*),
            9 => $function::<$crate::states::ForkedNumber>($($argument),*),
            10 => $function::<$crate::states::Given>($($argument),*),
            _ => $function::<$crate::states::Totals>($($argument),*),
        }
    };
}
pub(crate) use with_subject;
