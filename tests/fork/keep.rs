//! `fork = keep`, and no `fork` at all: the child has the copy.

use tls_core::{borrow, borrow_mut};

use crate::kinds::{Inline, Kind, START, assert_own, dropped, for_each_kept_kind, make_own};
use crate::support::{
    ENDINGS, Ending, both, fork, fork_here, in_child, is_child, noted, on_thread_until,
};

for_each_kept_kind! {
    the_child_has_the_parents_value
    an_access_under_way_ends_as_usual
    a_borrow_under_way_ends_as_usual
    what_was_set_aside_comes_back_in_the_child
    a_scope_restores_in_the_child
    the_child_drops_it_when_its_thread_returns
}

/// Makes a state of the other sort, so that there is something to be done at a fork.
fn have_another() {
    Inline::state().init();
}

/// Fails if everything is reset. The two copies go separate ways.
fn the_child_has_the_parents_value<K: Kind>() {
    have_another();
    make_own::<K>(1);
    in_child(|| {
        let found = K::state()
            .try_with(|state| (state.number(), state.owner()))
            .unwrap();
        assert_eq!(found, (1, "parent"));
        K::plain(K::NUMBER.set(2));
        assert!(K::state().reset());
        K::make();
        assert_eq!(K::state().try_with(K::number).unwrap(), START);
    });
    assert_eq!(noted(), dropped::<K>("child", "parent"));
    assert_own::<K>(1);
}

/// Fails if the fork leaves a mark in the word.
fn an_access_under_way_ends_as_usual<K: Kind>() {
    have_another();
    make_own::<K>(1);
    both(|| {
        K::plain(K::OTHER.with(|_| {
            K::plain(K::NUMBER.with_mut(|number| {
                fork_here();
                *number += 1;
            }));
        }));
        K::state()
            .try_with_mut(|state| {
                assert_eq!((state.number(), state.owner()), (2, "parent"));
            })
            .unwrap();
    });
    assert_own::<K>(2);
}

/// The same without closures.
fn a_borrow_under_way_ends_as_usual<K: Kind>() {
    have_another();
    make_own::<K>(1);
    both(|| {
        {
            let _other = borrow!(K::OTHER);
            let number = borrow_mut!(K::NUMBER);
            fork_here();
            *number += 1;
        }
        K::state()
            .try_with_mut(|state| {
                assert_eq!((state.number(), state.owner()), (2, "parent"));
            })
            .unwrap();
    });
    assert_own::<K>(2);
}

/// Fails if what is set aside is forgotten for all states alike.
fn what_was_set_aside_comes_back_in_the_child<K: Kind>() {
    have_another();
    make_own::<K>(1);
    both(|| {
        K::state().with_fresh(|| {
            make_own::<K>(2);
            fork_here();
            let found = K::state()
                .try_with(|state| (state.number(), state.owner()))
                .unwrap();
            assert_eq!(found, (2, "parent"));
        });
        let found = K::state()
            .try_with(|state| (state.number(), state.owner()))
            .unwrap();
        assert_eq!(found, (1, "parent"));
    });
    let mut expected = dropped::<K>("child", "parent");
    expected.extend(dropped::<K>("parent", "parent"));
    let mut noted = noted();
    noted.sort();
    assert_eq!(noted, expected);
}

/// As above.
fn a_scope_restores_in_the_child<K: Kind>() {
    have_another();
    make_own::<K>(1);
    both(|| {
        K::plain(K::NUMBER.scope(2, || {
            fork_here();
            assert_eq!(K::plain(K::NUMBER.get()), 2);
        }));
        assert_eq!(K::plain(K::NUMBER.get()), 1);
    });
}

/// Fails if the list of what is to be dropped is emptied in the child.
fn the_child_drops_it_when_its_thread_returns<K: Kind>() {
    for ending in ENDINGS {
        let before = noted().len();
        on_thread_until(ending, || {
            have_another();
            make_own::<K>(1);
            fork()
        });
        let noted = &noted()[before..];
        let of_child: Vec<_> = noted
            .iter()
            .filter(|line| line.starts_with("child drops"))
            .cloned()
            .collect();
        match ending {
            Ending::Return => assert_eq!(of_child, dropped::<K>("child", "parent")),
            Ending::AtOnce => assert_eq!(of_child, [""; 0]),
            // Whether destructors run then is the platform's choice.
            Ending::Exit => assert!(of_child.len() <= 1),
        }
        let of_parent: Vec<_> = noted
            .iter()
            .filter(|line| line.starts_with("parent drops Kept"))
            .cloned()
            .collect();
        assert_eq!(of_parent, dropped::<K>("parent", "parent"));
    }
    assert!(!is_child());
}
