//! Panics inside an access: they release the borrow and poison nothing.

use crate::kinds::{Kind, START, Witness, for_each_kind, make, on_drop};
use crate::support::{panic_of, try_panic_of};

for_each_kind! {
    a_panic_inside_any_accessor_releases_the_borrow
    a_panic_inside_nested_accesses_releases_all_of_them
    a_panic_in_the_destructor_of_a_fields_old_value_releases_the_borrow
    a_panic_in_a_spare_leaves_the_field_alone
}

/// Checks that a function panics as it should, and that everything is free afterwards.
#[track_caller]
fn assert_released<K: Kind, R>(f: impl FnOnce() -> R) {
    match try_panic_of(f) {
        Ok(_) => panic!("it did not panic"),
        Err(panic) => assert_eq!(panic.text, "on purpose"),
    }
    K::state()
        .try_with_mut(|state| assert_eq!(state.number(), START))
        .unwrap();
    K::NUMBER.try_with_mut(|_| ()).unwrap();
    assert_eq!(K::plain(K::NUMBER.get()), START);
}

fn a_panic_inside_any_accessor_releases_the_borrow<K: Kind>() {
    fn on_purpose<T>() -> T {
        panic!("on purpose")
    }
    make::<K>();
    assert_released::<K, _>(|| K::plain(K::with_state(|_| on_purpose::<()>())));
    assert_released::<K, _>(|| K::plain(K::with_state_mut(|_| on_purpose::<()>())));
    assert_released::<K, _>(|| K::state().try_with(|_| on_purpose::<()>()).is_ok());
    assert_released::<K, _>(|| K::state().try_with_mut(|_| on_purpose::<()>()).is_ok());
    assert_released::<K, _>(|| K::state().peek(|_| on_purpose::<()>()).ok().flatten());
    assert_released::<K, _>(|| K::state().with_fresh(on_purpose::<()>));
    assert_released::<K, _>(|| K::plain(K::NUMBER.with(|_| on_purpose::<()>())));
    assert_released::<K, _>(|| K::plain(K::NUMBER.with_mut(|_| on_purpose::<()>())));
    assert_released::<K, _>(|| K::NUMBER.try_with(|_| on_purpose::<()>()).is_ok());
    assert_released::<K, _>(|| K::NUMBER.try_with_mut(|_| on_purpose::<()>()).is_ok());
    assert_released::<K, _>(|| K::plain(K::NUMBER.update(|_| on_purpose())));
    assert_released::<K, _>(|| K::plain(K::NUMBER.scope(1, on_purpose::<()>)));
    assert_released::<K, _>(|| K::plain(K::NUMBER.with_or_else(|| 1, |_| on_purpose::<()>())));
    assert_released::<K, _>(|| K::plain(K::NUMBER.with_mut_or_else(|| 1, |_| on_purpose::<()>())));
}

fn a_panic_inside_nested_accesses_releases_all_of_them<K: Kind>() {
    make::<K>();
    assert_released::<K, _>(|| {
        K::plain(K::with_state(|_| {
            K::plain(K::NUMBER.with(|_| {
                K::plain(K::with_state(|_| {
                    K::plain(K::ITEMS.with(|_| panic!("on purpose")))
                }))
            }))
        }))
    });
    assert_released::<K, _>(|| {
        K::plain(K::ITEMS.with_mut(|_| {
            K::plain(
                K::NUMBER.with_mut(|_| K::plain(K::WITNESS.with_mut(|_| panic!("on purpose")))),
            )
        }))
    });
    // One that is caught inside leaves the outer borrow as it was.
    K::plain(K::ITEMS.with_mut(|_| {
        let inner = panic_of(|| K::plain(K::NUMBER.with_mut(|_| panic!("inside"))));
        assert_eq!(inner.text, "inside");
        assert!(K::ITEMS.try_with(|_| ()).is_err());
        K::NUMBER.try_with_mut(|_| ()).unwrap();
    }));
    K::state().try_with_mut(|_| ()).unwrap();
}

fn a_panic_in_the_destructor_of_a_fields_old_value_releases_the_borrow<K: Kind>() {
    fn panic_once(_: &mut Witness) {
        on_drop(|_| ());
        panic!("on purpose");
    }
    make::<K>();
    on_drop(panic_once);
    assert_released::<K, _>(|| K::plain(K::WITNESS.set(Witness::silent("first"))));
    assert_eq!(K::plain(K::WITNESS.with(|witness| witness.state)), "first");
    on_drop(panic_once);
    assert_released::<K, _>(|| drop(K::plain(K::WITNESS.replace(Witness::silent("second")))));
    assert_eq!(K::plain(K::WITNESS.with(|witness| witness.state)), "second");
    on_drop(panic_once);
    assert_released::<K, _>(|| K::plain(K::WITNESS.scope(Witness::silent("third"), || ())));
    assert_eq!(K::plain(K::WITNESS.with(|witness| witness.state)), "second");
}

fn a_panic_in_a_spare_leaves_the_field_alone<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.with_mut(|number| {
        let spare = || panic!("on purpose");
        let panic = panic_of(|| K::plain(K::NUMBER.with_mut_or_else(spare, |_| ())));
        assert_eq!(panic.text, "on purpose");
        assert_eq!(*number, START);
    }));
    K::state().try_with_mut(|_| ()).unwrap();
}
