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

many_fields!(Thirty f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29);
many_fields!(ThirtyOne f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30);
many_fields!(ThirtyThree f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30 f31 f32);

macro_rules! assert_borrowed {
    ($access:expr) => {
        assert_eq!(Refusal::of(&$access.unwrap_err()), Refusal::Borrowed)
    };
}

#[test]
fn thirty_fields_have_a_flag_each() {
    on_thread(|| {
        Thirty::F29.with_mut(|last| {
            Thirty::F28.with_mut(|last_but_one| {
                *last = 29;
                *last_but_one = 28;
                let text = Thirty::F29.try_with(|_| ()).unwrap_err().to_string();
                assert!(!text.contains("borrowed together"), "{text}");
            });
            Thirty::F0.set(1);
        });
        Thirty::with_state_mut(|state| {
            assert_eq!((state.f0, state.f28, state.f29), (1, 28, 29));
        });
    });
}

#[test]
fn of_thirty_one_the_last_two_share_one() {
    on_thread(|| {
        ThirtyOne::F29.with_mut(|_| {
            assert_borrowed!(ThirtyOne::F30.try_with(|_| ()));
            ThirtyOne::F28.set(28);
        });
        ThirtyOne::F30.with_mut(|_| assert_borrowed!(ThirtyOne::F29.try_with_mut(|_| ())));
        ThirtyOne::F30.set(30);
        assert_eq!((ThirtyOne::F28.get(), ThirtyOne::F30.get()), (28, 30));
    });
}

#[test]
fn fields_that_share_a_flag_are_borrowed_together_and_the_text_says_which() {
    on_thread(|| {
        ThirtyThree::F32.with_mut(|_| {
            for error in [
                ThirtyThree::F29.try_with(|_| ()).unwrap_err(),
                ThirtyThree::F31.try_with_mut(|_| ()).unwrap_err(),
            ] {
                let text = error.to_string();
                assert!(
                    text.contains("the fields `f29` to `f32` are borrowed together"),
                    "{text}"
                );
                assert!(text.contains("30"), "{text}");
            }
            ThirtyThree::F28.with_mut(|field| {
                *field = 1;
                let text = ThirtyThree::F28.try_with(|_| ()).unwrap_err().to_string();
                assert!(!text.contains("borrowed together"), "{text}");
            });
        });
        // Shared borrows do not conflict.
        ThirtyThree::F32.with(|_| assert_eq!(ThirtyThree::F29.get(), 0));
        ThirtyThree::with_state_mut(|state| assert_eq!(state.f28, 1));
    });
}

#[test]
fn many_fields_at_once_are_given_back_in_any_nesting() {
    on_thread(|| {
        ThirtyThree::F0.with_mut(|_| {
            ThirtyThree::F1.with(|_| {
                ThirtyThree::F2.with_mut(|_| {
                    ThirtyThree::F32.with_mut(|_| {
                        assert_borrowed!(ThirtyThree::state().try_with(|_| ()));
                        ThirtyThree::F3.update(|number| number + 1);
                    });
                    ThirtyThree::F32.set(2);
                });
                assert_borrowed!(ThirtyThree::F1.try_with_mut(|_| ()));
            });
            ThirtyThree::F1.set(3);
        });
        ThirtyThree::with_state_mut(|state| assert_eq!((state.f1, state.f3, state.f32), (3, 1, 2)));
    });
}
