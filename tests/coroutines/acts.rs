//! What a coroutine does: one thing that suspends it, at most three times.

use std::cell::Cell;

use tls_core::{AccessError, Field, borrow, borrow_mut};

use crate::items::{Item, count_refusal, error, hold, suspending_an_item, watch, watch_order};
use crate::kinds::{Initializer, Kind, initializing, suspending_a_value};
use crate::stage::{allowed, pause};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    With,
    WithMut,
    WithSecond,
    WithMutSecond,
    WithState,
    WithStateMut,
    Lend,
    LendMut,
    LendMutSecond,
    LendState,
    LendStateMut,
    /// A field within the same field.
    LendNested,
    Peek,
    /// A field within the same field.
    Nested,
    /// A field within another one, and after that.
    Two,
    /// The whole within a field.
    WholeWithinField,
    WithOrElse,
    WithMutOrElse,
    Update,
    Scope,
    ScopeWithinScope,
    Fresh,
    FreshWithin,
    /// An initializer suspends it.
    Init,
    /// And then fails.
    InitThatFails,
    /// An initializer suspends it, and then the access that wanted the value.
    InitByAccess,
    /// A destructor suspends it: of a value.
    Reset,
    /// Of an item that has been in a field.
    Set,
    ResetAtOnce,
    Part,
}

impl Act {
    pub(crate) const ALL: &'static [Self] = &[
        Self::With,
        Self::WithMut,
        Self::WithSecond,
        Self::WithMutSecond,
        Self::WithState,
        Self::WithStateMut,
        Self::Lend,
        Self::LendMut,
        Self::LendMutSecond,
        Self::LendState,
        Self::LendStateMut,
        Self::LendNested,
        Self::Peek,
        Self::Nested,
        Self::Two,
        Self::WholeWithinField,
        Self::WithOrElse,
        Self::WithMutOrElse,
        Self::Update,
        Self::Scope,
        Self::ScopeWithinScope,
        Self::Fresh,
        Self::FreshWithin,
        Self::Init,
        Self::InitThatFails,
        Self::InitByAccess,
        Self::Reset,
        Self::Set,
        Self::ResetAtOnce,
        Self::Part,
    ];

    /// Does it.
    pub(crate) fn run<K: Kind>(self) {
        match self {
            Self::With => {
                granted(K::FIRST.try_with(look));
            }
            Self::WithMut => {
                granted(K::FIRST.try_with_mut(change));
            }
            Self::WithSecond => {
                granted(K::SECOND.try_with(look));
            }
            Self::WithMutSecond => {
                granted(K::SECOND.try_with_mut(change));
            }
            Self::WithState => {
                granted(K::state().try_with(look_at_all));
            }
            Self::WithStateMut => {
                granted(K::state().try_with_mut(change_all));
            }
            Self::Peek => {
                K::state().peek(look_at_all).ok().flatten();
            }
            Self::Nested => {
                granted(K::FIRST.try_with(|item| {
                    looking(item, || {
                        pause();
                        granted(K::FIRST.try_with(look));
                        pause();
                    });
                }));
            }
            Self::Two => {
                granted(K::FIRST.try_with_mut(|item| {
                    change(item);
                    granted(K::SECOND.try_with_mut(change));
                    item.change();
                }));
                granted(K::SECOND.try_with(look));
            }
            Self::WholeWithinField => {
                granted(K::SECOND.try_with(|item| {
                    looking(item, || {
                        granted(K::state().try_with(look_at_all));
                        pause();
                    });
                }));
            }
            Self::WithOrElse => with_or_else::<K>(),
            Self::WithMutOrElse => with_mut_or_else::<K>(),
            Self::Update => {
                allowed(|| {
                    K::NUMBER.update(|number| {
                        let _watch = watch_order();
                        pause();
                        number + 1
                    })
                });
            }
            Self::Scope => scope::<K>(K::FIRST, pause),
            Self::ScopeWithinScope => scope::<K>(K::FIRST, || {
                pause();
                scope::<K>(K::SECOND, || {
                    granted(K::FIRST.try_with_mut(change));
                });
                pause();
            }),
            Self::Fresh => fresh::<K>(|| {
                pause();
                K::make();
                pause();
            }),
            Self::FreshWithin => fresh::<K>(|| {
                K::make();
                granted(K::FIRST.try_with_mut(change));
                fresh::<K>(|| {
                    granted(K::state().try_with(look_at_all));
                });
            }),
            Self::Init => initializing(Initializer::Suspends, K::make),
            Self::InitThatFails => initializing(Initializer::SuspendsAndFails, K::make),
            Self::InitByAccess => {
                initializing(Initializer::Suspends, || {
                    granted(K::FIRST.try_with_mut(change))
                });
            }
            Self::Reset => reset::<K>(),
            Self::Set => set::<K>(),
            Self::ResetAtOnce => {
                granted(K::state().try_reset());
                pause();
                granted(K::state().try_reset());
            }
            Self::Part => part::<K>(),
            _ => {
                allowed(|| self.lend::<K>());
            }
        }
    }
}

impl Act {
    /// What is done without closures.
    fn lend<K: Kind>(self) {
        match self {
            Self::Lend => look(borrow!(K::FIRST)),
            Self::LendMut => change(borrow_mut!(K::FIRST)),
            Self::LendMutSecond => change(borrow_mut!(K::SECOND)),
            Self::LendState => look_at_all(borrow!(K::state())),
            Self::LendStateMut => change_all(borrow_mut!(K::state())),
            Self::LendNested => {
                let item = borrow!(K::SECOND);
                looking(item, || {
                    pause();
                    look(borrow!(K::SECOND));
                    pause();
                });
            }
            _ => unreachable!("by a closure"),
        }
    }
}

/// Tries what does not suspend: from outside of all coroutines.
pub(crate) fn probe<K: Kind>() {
    if !K::state().is_initialized() {
        return;
    }
    granted(K::FIRST.try_with(look));
    granted(K::FIRST.try_with_mut(change));
    granted(K::SECOND.try_with_mut(change));
    granted(K::state().try_with(look_at_all));
    granted(K::state().try_with_mut(change_all));
    K::state().peek(look_at_all).ok().flatten();
}

/// Counts what is refused.
fn granted<R, E>(result: Result<R, AccessError<E>>) -> bool {
    result.map_err(|_| count_refusal()).is_ok()
}

fn expect_same(is_same: bool) {
    if !is_same {
        error("something has changed behind a reference");
    }
}

/// Calls a function while a reference exists, which must not change anything behind it.
fn looking(item: &Item, f: impl FnOnce()) {
    let _watch = watch(&raw const *item, false, true);
    let before = item.content();
    f();
    expect_same(item.content() == before);
}

fn look(item: &Item) {
    looking(item, pause);
}

/// Suspends while an exclusive reference exists.
fn change(item: &mut Item) {
    let _watch = watch(&raw const *item, true, true);
    let before = item.change();
    pause();
    expect_same(item.content() == before);
    item.change();
}

fn look_at_all<K: Kind>(state: &K) {
    let _watch = watch(&raw const *state, false, true);
    let before = state.items().map(Item::content);
    pause();
    expect_same(state.items().map(Item::content) == before);
}

fn change_all<K: Kind>(state: &mut K) {
    let _watch = watch(&raw const *state, true, true);
    let before = state.items_mut().map(Item::change);
    pause();
    expect_same(state.items().map(Item::content) == before);
    let _ = state.items_mut().map(Item::change);
}

fn with_or_else<K: Kind>() {
    let spare = Cell::new(0);
    let output = K::FIRST.with_or_else(
        || {
            let item = Item::new();
            spare.set(item.serial());
            item
        },
        |item| {
            let is_spare = item.serial() == spare.get();
            let _held = is_spare.then(|| hold(vec![item.serial()]));
            let _watch = watch(&raw const *item, false, !is_spare);
            let before = item.content();
            pause();
            expect_same(item.content() == before);
        },
    );
    if !K::is_plain(output) {
        count_refusal();
    }
}

fn with_mut_or_else<K: Kind>() {
    let spare = Cell::new(0);
    let output = K::FIRST.with_mut_or_else(
        || {
            let item = Item::new();
            spare.set(item.serial());
            item
        },
        |item| {
            let is_spare = item.serial() == spare.get();
            let _held = is_spare.then(|| hold(vec![item.serial()]));
            let _watch = watch(&raw const *item, true, !is_spare);
            let before = item.change();
            pause();
            expect_same(item.content() == before);
            item.change();
        },
    );
    if !K::is_plain(output) {
        count_refusal();
    }
}

fn scope<K: Kind>(field: Field<K, Item>, f: impl FnOnce()) {
    let saved = field.try_with(Item::serial).unwrap_or_default();
    let bound = Item::new();
    allowed(|| {
        field.scope(bound, || {
            let _held = hold(vec![saved]);
            f();
        })
    });
}

fn fresh<K: Kind>(f: impl FnOnce()) {
    let aside = K::state()
        .peek(|state| state.items().map(Item::serial))
        .ok()
        .flatten();
    allowed(|| {
        K::state().with_fresh(|| {
            let _held = hold(aside.map(Vec::from).unwrap_or_default());
            f();
        });
    });
}

fn reset<K: Kind>() {
    let remaining = K::state()
        .peek(|state| {
            let [_, second, third] = state.items().map(Item::serial);
            [second, third]
        })
        .ok()
        .flatten();
    if let Some(remaining) = remaining {
        suspending_a_value(remaining, || granted(K::state().try_reset()));
    }
}

fn set<K: Kind>() {
    suspending_an_item(|| allowed(|| K::SECOND.set(Item::new())));
}

fn part<K: Kind>() {
    K::with_part(|numbers| {
        let _watch = watch(&raw const *numbers, true, false);
        numbers.push(1);
        let before = numbers.clone();
        pause();
        expect_same(*numbers == before);
        numbers.push(2);
    });
}
