#![deny(warnings)]
#![forbid(unsafe_code)]

use tls_core::shared::Part;
use tls_core::{Counter, thread_local_state};

#[thread_local_state(explicit)]
struct Given {
    callback: Option<fn(&mut Self)>,
    length: [u8; Self::SIZE],
    #[state(init = callback.is_some())]
    is_set: bool,
}

impl Given {
    const SIZE: usize = 3;
}

#[thread_local_state(init = made)]
struct Made(fn(&Self) -> u8, u8);

fn made() -> MadeInit {
    MadeInit(|made| made.1, 5)
}

#[thread_local_state]
struct Shared {
    #[state(shared)]
    callbacks: Part<Vec<fn(&Self) -> u64>>,
    #[state(shared)]
    counts: [Counter; Self::KINDS],
    #[state(init = |_| Shared::COUNTS.at(1).get())]
    second: fn(&Self) -> u64,
}

impl Shared {
    const KINDS: usize = 2;
}

fn main() {
    let values = GivenInit {
        callback: Some(|given| given.length[2] = 7),
        length: [0; 3],
    };
    Given::state().init_with(values);
    Given::with_state_mut(|given| given.callback.map(|callback| callback(given)));
    assert_eq!(Given::LENGTH.get(), [0, 0, 7]);
    assert!(Given::IS_SET.get());

    assert_eq!(Made::with_state(|made| (made.0)(made)), 5);

    Shared::CALLBACKS.with_mut(|callbacks| callbacks.push(|_| Shared::COUNTS.at(0).get()));
    Shared::COUNTS.at(1).add(4);
    assert_eq!(Shared::with_state(|state| (state.second)(state)), 4);
    let callbacks = Shared::CALLBACKS.take_parts().concat();
    assert_eq!(Shared::with_state(|state| callbacks[0](state)), 0);
}
