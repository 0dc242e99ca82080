//! A thousand states, and a program that touches some of them in each of its threads.

use crate::threads;
use std::env;

/// How many hundreds of states there are. They take long to compile, and in an unoptimized build
/// only the size of the thread-local image is of interest, which a hundred tell as well.
pub const HUNDREDS: usize = if cfg!(debug_assertions) { 1 } else { 10 };

/// Functions that touch a state each.
pub type Touches = [[[fn(); 10]; 10]; HUNDREDS];

/// Makes modules, as many as there are states, that contain the items, of which `touch` has to be
/// one, and `TOUCHES`. A module each, because macros cannot make names.
#[macro_export]
macro_rules! many_states {
    ($($items:tt)*) => {
        $crate::hundreds! {
            $crate::ten! { [[fn(); 10]; 10] {
                $crate::ten! { [fn(); 10] {
                    $($items)*
                    pub(super) const TOUCHES: fn() = touch;
                } }
            } }
        }
    };
}

#[cfg(not(debug_assertions))]
#[doc(hidden)]
#[macro_export]
macro_rules! hundreds {
    ($($items:tt)*) => {
        $crate::ten! { $crate::many::Touches { $($items)* } }
    };
}

#[cfg(debug_assertions)]
#[doc(hidden)]
#[macro_export]
macro_rules! hundreds {
    ($($items:tt)*) => {
        mod s0 { $($items)* }
        pub(super) const TOUCHES: $crate::many::Touches = [s0::TOUCHES];
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! ten {
    ($touches:ty { $($items:tt)* }) => {
        mod s0 { $($items)* }
        mod s1 { $($items)* }
        mod s2 { $($items)* }
        mod s3 { $($items)* }
        mod s4 { $($items)* }
        mod s5 { $($items)* }
        mod s6 { $($items)* }
        mod s7 { $($items)* }
        mod s8 { $($items)* }
        mod s9 { $($items)* }
        pub(super) const TOUCHES: $touches = [
            s0::TOUCHES, s1::TOUCHES, s2::TOUCHES, s3::TOUCHES, s4::TOUCHES,
            s5::TOUCHES, s6::TOUCHES, s7::TOUCHES, s8::TOUCHES, s9::TOUCHES,
        ];
    };
}

/// `PROGRAM THREADS STATES`: starts threads that each touch that many states.
///
/// # Panics
///
/// If there are other arguments.
pub fn main(touches: &'static Touches) {
    let numbers: Vec<usize> = env::args()
        .skip(1)
        .map(|number| number.parse().expect("THREADS STATES, two numbers"))
        .collect();
    let [threads, states] = numbers[..] else {
        panic!("THREADS STATES, two numbers");
    };
    let touches = &touches.as_flattened().as_flattened()[..states];
    threads::nested(threads, move || touches.iter().for_each(|touch| touch()));
}
