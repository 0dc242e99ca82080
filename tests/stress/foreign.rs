//! Thread-locals of the standard library's that states use and that use states, made where they are first used.

use std::panic::catch_unwind;

use crate::model::{
    ForeignLife, Phase, check, here, is_child, note_failure, other_foreign_is_dropped,
    register_other_foreign,
};
use crate::ops;

/// Around the destructor of what is not a state.
pub(crate) struct InDestructor;

impl InDestructor {
    pub(crate) fn new() -> Self {
        here(|model| model.foreign_destructors += 1);
        Self
    }
}

impl Drop for InDestructor {
    fn drop(&mut self) {
        here(|model| model.foreign_destructors -= 1);
    }
}

struct Foreign(usize);

impl Foreign {
    fn new(number: usize) -> Self {
        ops::play_some_caught(1);
        register_other_foreign(number);
        Self(number)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let result = catch_unwind(|| {
            other_foreign_is_dropped(self.0);
            let _inside = InDestructor::new();
            ops::play_some_caught(2);
        });
        if result.is_err() {
            note_failure("a destructor has failed".to_owned());
        }
    }
}

thread_local! {
    static FIRST: Foreign = Foreign::new(0);
    static SECOND: Foreign = Foreign::new(1);
    static THIRD: Foreign = Foreign::new(2);
}

/// Uses one of them.
pub(crate) fn use_one() {
    let (number, life) = here(|model| {
        let number = usize::try_from(model.random.below(3)).unwrap();
        let life = model.foreign[number];
        // Under keys the states go when nothing drops it any more.
        let has_no_turn =
            cfg!(tls_core_keys) && model.phase == Phase::Exiting && model.foreign_destructors == 0;
        match life {
            ForeignLife::None if has_no_turn => (number, ForeignLife::Initializing),
            ForeignLife::None => {
                model.foreign[number] = ForeignLife::Initializing;
                (number, life)
            }
            life => (number, life),
        }
    });
    // Whoever makes itself is not asked.
    if life == ForeignLife::Initializing || is_child() {
        return;
    }
    let key = [&FIRST, &SECOND, &THIRD][number];
    let found = key.try_with(|foreign| foreign.0).ok();
    let expected = (life != ForeignLife::Destroyed).then_some(number);
    check!(
        found == expected,
        "{found:?} of what is not a state, not {expected:?}"
    );
}
