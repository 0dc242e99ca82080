//! States with more fields than there are borrow flags.

use tls_core::thread_local_state;

use crate::refusals::Refusal;
use crate::support::on_thread;

macro_rules! many_fields {
    ($Name:ident $($field:ident)*) => {
        #[thread_local_state]
        struct $Name {
            $($field: u32,)*
        }
    };
}

many_fields!(TwentyTwo f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21);
many_fields!(TwentyThree f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22);
many_fields!(TwentyFive f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24);

macro_rules! assert_borrowed {
    ($access:expr) => {
        assert_eq!(Refusal::of(&$access.unwrap_err()), Refusal::Borrowed)
    };
}

#[test]
fn twenty_two_fields_have_a_flag_each() {
    on_thread(|| {
        TwentyTwo::F21.with_mut(|last| {
            TwentyTwo::F20.with_mut(|last_but_one| {
                *last = 21;
                *last_but_one = 20;
                let text = TwentyTwo::F21.try_with(|_| ()).unwrap_err().to_string();
                assert!(!text.contains("count as one"), "{text}");
            });
            TwentyTwo::F0.set(1);
        });
        TwentyTwo::with_state_mut(|state| {
            assert_eq!((state.f0, state.f20, state.f21), (1, 20, 21));
        });
    });
}

#[test]
fn of_twenty_three_the_last_two_share_one() {
    on_thread(|| {
        TwentyThree::F21.with_mut(|_| {
            assert_borrowed!(TwentyThree::F22.try_with(|_| ()));
            TwentyThree::F20.set(20);
        });
        TwentyThree::F22.with_mut(|_| assert_borrowed!(TwentyThree::F21.try_with_mut(|_| ())));
        TwentyThree::F22.set(22);
        assert_eq!((TwentyThree::F20.get(), TwentyThree::F22.get()), (20, 22));
    });
}

#[test]
fn fields_that_share_a_flag_are_borrowed_together_and_the_text_says_which() {
    on_thread(|| {
        TwentyFive::F24.with_mut(|_| {
            for error in [
                TwentyFive::F21.try_with(|_| ()).unwrap_err(),
                TwentyFive::F23.try_with_mut(|_| ()).unwrap_err(),
            ] {
                let text = error.to_string();
                assert!(
                    text.contains("the fields `f21` to `f24` count as one"),
                    "{text}"
                );
                assert!(text.contains("22"), "{text}");
            }
            TwentyFive::F20.with_mut(|field| {
                *field = 1;
                let text = TwentyFive::F20.try_with(|_| ()).unwrap_err().to_string();
                assert!(!text.contains("count as one"), "{text}");
            });
        });
        // Shared borrows do not conflict.
        TwentyFive::F24.with(|_| assert_eq!(TwentyFive::F21.get(), 0));
        TwentyFive::with_state_mut(|state| assert_eq!(state.f20, 1));
    });
}

#[test]
fn many_fields_at_once_are_given_back_in_any_nesting() {
    on_thread(|| {
        TwentyFive::F0.with_mut(|_| {
            TwentyFive::F1.with(|_| {
                TwentyFive::F2.with_mut(|_| {
                    TwentyFive::F24.with_mut(|_| {
                        assert_borrowed!(TwentyFive::try_with_state(|_| ()));
                        TwentyFive::F3.update(|number| number + 1);
                    });
                    TwentyFive::F24.set(2);
                });
                assert_borrowed!(TwentyFive::F1.try_with_mut(|_| ()));
            });
            TwentyFive::F1.set(3);
        });
        TwentyFive::with_state_mut(|state| assert_eq!((state.f1, state.f3, state.f24), (3, 1, 2)));
    });
}
