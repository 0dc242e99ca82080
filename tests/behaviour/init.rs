//! Initializers that fail, panic or reach what they are making.

use std::cell::Cell;

use tls_core::{AccessError, thread_local_state};

use crate::kinds::{
    Explicit, Failure, Fallible, Kind, Lazy, NotMade, START, for_each_kind, make, no_more_on_init,
    on_init,
};
use crate::refusals::{Refusal, assert_refused, assert_reset_refused};
use crate::support::{OnDrop, note, noted, on_thread, panic_of, recorded};

for_each_kind! {
    a_failed_initialization_leaves_nothing_and_the_next_access_tries_again
    nothing_is_dropped_for_a_thread_whose_initializer_only_ever_failed
    an_initializer_that_reaches_its_own_state_is_told_so_by_every_accessor
    an_initializer_that_reaches_its_own_state_through_another_is_told_so
    an_initializer_that_ends_after_reaching_itself_leaves_nothing
    a_state_may_be_initialized_inside_an_access_to_another
}

/// Fails, by an error where the kind has one and by a panic where not.
fn fail<K: Kind>() {
    on_init(|| Err(Failure("not now")));
    if K::MAY_FAIL {
        assert_eq!(K::make(), Err(NotMade::Failed("not now".into())));
    } else {
        assert!(panic_of(K::make).text.contains("not now"));
    }
    no_more_on_init();
}

fn a_failed_initialization_leaves_nothing_and_the_next_access_tries_again<K: Kind>() {
    if !K::RUNS_CODE {
        return;
    }
    for _ in 0..3 {
        fail::<K>();
        assert!(!K::state().is_initialized());
        assert_eq!(K::state().peek(Kind::number).ok().flatten(), None);
        assert!(!K::state().reset(), "there is nothing to reset");
    }
    make::<K>();
    assert_eq!(K::plain(K::NUMBER.get()), START);
}

fn nothing_is_dropped_for_a_thread_whose_initializer_only_ever_failed<K: Kind>() {
    if !K::RUNS_CODE {
        return;
    }
    let events = recorded(|| {
        fail::<K>();
        fail::<K>();
    });
    let make = format!("make {}", K::NAME);
    assert_eq!(events, [make.clone(), make]);
}

fn an_initializer_that_reaches_its_own_state_is_told_so_by_every_accessor<K: Kind>() {
    if !K::RUNS_CODE {
        return;
    }
    on_init(|| {
        no_more_on_init();
        assert_refused::<K>(Refusal::Recursive);
        assert_reset_refused::<K>(Refusal::Recursive);
        let fresh = panic_of(|| K::state().with_fresh(|| ()));
        assert!(
            fresh.text.contains("is being initialized"),
            "{}",
            fresh.text
        );
        let spare = K::plain(K::NUMBER.with_or_else(|| 1, |number| *number));
        assert_eq!(spare, 1);
        Ok(())
    });
    make::<K>();
    assert_eq!(K::plain(K::NUMBER.get()), START);
    K::state().try_with_mut(|_| ()).unwrap();
}

thread_local! {
    static INNER: Cell<Option<Refusal>> = const { Cell::new(None) };
}

fn an_initializer_that_reaches_its_own_state_through_another_is_told_so<K: Kind>() {
    #[thread_local_state(in_function)]
    struct Other {
        #[state(init = reach::<Lazy>())]
        number: u64,
        #[state(init = reach::<Fallible>())]
        second: u64,
        #[state(init = reach::<Explicit>())]
        third: u64,
    }
    fn reach<K: Kind>() -> u64 {
        let result = K::NUMBER.try_with(|number| *number);
        if let Err(AccessError::Recursive(_)) = result {
            INNER.set(Some(Refusal::Recursive));
            return 1;
        }
        0
    }
    if !K::RUNS_CODE {
        return;
    }
    on_init(|| {
        no_more_on_init();
        Other::with_state(|_| ());
        Ok(())
    });
    make::<K>();
    let reached = [Lazy::NAME, Fallible::NAME, Explicit::NAME].contains(&K::NAME);
    assert_eq!(INNER.get().is_some(), reached);
    // Both work.
    let sum = Other::with_state(|other| other.number + other.second + other.third);
    assert_eq!(sum, u64::from(reached));
    assert_eq!(K::plain(K::NUMBER.get()), START);
    Other::state().try_with_mut(|_| ()).unwrap();
    K::state().try_with_mut(|_| ()).unwrap();
}

fn an_initializer_that_ends_after_reaching_itself_leaves_nothing<K: Kind>() {
    if !K::RUNS_CODE {
        return;
    }
    on_init(|| {
        K::plain(K::with_state(|_| ()));
        Ok(())
    });
    let panic = panic_of(K::make);
    assert!(
        panic.text.contains("its initializer accessed it again"),
        "{}",
        panic.text
    );
    assert!(!K::state().is_initialized());
    no_more_on_init();
    make::<K>();
}

fn a_state_may_be_initialized_inside_an_access_to_another<K: Kind>() {
    First::with_state_mut(|first| {
        make::<K>();
        first.number = K::plain(K::NUMBER.get());
    });
    assert_eq!(First::NUMBER.get(), START);
}

#[thread_local_state]
struct First {
    number: u64,
}

#[thread_local_state]
struct Ping {
    #[state(init = Pong::with_state(|pong| pong.number) + 1)]
    number: u64,
}

#[thread_local_state]
struct Pong {
    #[state(init = Ping::NUMBER.try_with(|n| *n).map_err(|e| note(e.to_string())).unwrap_or(10))]
    number: u64,
}

#[test]
fn two_states_that_need_each_other_both_work_after_the_first_refusal() {
    let events = recorded(|| {
        assert_eq!(Ping::NUMBER.get(), 11);
        assert_eq!(Pong::NUMBER.get(), 10);
        assert_eq!(noted().len(), 1, "refused once");
        Ping::state().reset();
        assert_eq!(Ping::NUMBER.get(), 11);
        Ping::state().reset();
        Pong::state().reset();
        // The other way round it is the plain accessor that meets the refusal.
        let panic = panic_of(|| Pong::NUMBER.get());
        assert!(
            panic.text.starts_with("`Pong` is being initialized"),
            "{}",
            panic.text
        );
        assert!(!Ping::state().is_initialized() && !Pong::state().is_initialized());
        assert_eq!(Ping::NUMBER.get(), 11);
    });
    assert_eq!(events.len(), 1, "{events:?}");
}

/// A part that notes its end.
struct Part(&'static str);

impl Drop for Part {
    fn drop(&mut self) {
        note(self.0);
    }
}

fn part(name: &'static str, fails_at: &str) -> Result<Part, Failure> {
    if name == fails_at {
        Err(Failure(name))
    } else {
        Ok(Part(name))
    }
}

fn part_or_panic(name: &'static str, fails_at: &str) -> Part {
    part(name, fails_at).unwrap()
}

thread_local! {
    static FAILS_AT: Cell<&'static str> = const { Cell::new("") };
}

#[thread_local_state(error = Failure)]
struct Parts {
    #[state(init = part("a", FAILS_AT.get())?)]
    a: Part,
    #[state(init = part("b", FAILS_AT.get())?)]
    b: Part,
    #[state(init = part_or_panic("c", FAILS_AT.get()))]
    c: Part,
    #[state(init = part("d", FAILS_AT.get())?)]
    d: Part,
}

#[test]
fn fields_made_before_the_one_that_fails_are_dropped_newest_first() {
    let events = recorded(|| {
        for (fails_at, dropped) in [("a", &[][..]), ("b", &["a"]), ("d", &["c", "b", "a"])] {
            FAILS_AT.set(fails_at);
            assert_eq!(Parts::with_state(|_| ()), Err(Failure(fails_at)));
            assert_eq!(noted(), dropped);
        }
        FAILS_AT.set("c");
        panic_of(|| Parts::with_state(|_| ()));
        assert_eq!(noted(), ["b", "a"], "by a panic");
        FAILS_AT.set("");
        Parts::with_state(|_| ()).unwrap();
        assert!(noted().is_empty());
    });
    assert_eq!(events, ["a", "b", "c", "d"], "as every struct");
}

#[thread_local_state(explicit, error = Failure)]
struct HalfGiven {
    given: Part,
    #[state(init = part("computed", FAILS_AT.get())?)]
    computed: Part,
    also_given: Part,
}

#[test]
fn given_values_are_dropped_when_a_computed_field_fails() {
    let values = || HalfGivenInit {
        given: Part("given"),
        also_given: Part("also given"),
    };
    let events = recorded(move || {
        FAILS_AT.set("computed");
        assert!(HalfGiven::state().try_init_with(values()).is_err());
        let mut dropped = noted();
        dropped.sort();
        assert_eq!(dropped, ["also given", "given"]);
        FAILS_AT.set("");
        assert!(matches!(HalfGiven::state().try_init_with(values()), Ok(())));
    });
    assert_eq!(events, ["given", "computed", "also given"]);
}

#[thread_local_state]
struct InOrder {
    #[state(init = vec![1, 2, 3])]
    base: Vec<u32>,
    #[state(init = base.iter().sum())]
    sum: u32,
    #[state(init = format!("{base:?} {sum}"))]
    text: String,
}

#[test]
fn earlier_fields_are_in_scope_by_name() {
    assert_eq!(InOrder::TEXT.with(String::clone), "[1, 2, 3] 6");
    InOrder::with_state(|state| assert_eq!((state.base.len(), state.sum), (3, 6)));
}

#[thread_local_state(error = std::num::ParseIntError)]
struct Returns {
    #[state(init = { if FAILS_AT.get().is_empty() { return Ok(5) } 6 })]
    early: u32,
    #[state(init = "8".parse()?)]
    parsed: u32,
}

#[test]
fn a_return_in_an_initializer_skips_no_field() {
    on_thread(|| {
        assert_eq!(
            Returns::with_state(|state| (state.early, state.parsed)),
            Ok((5, 8))
        );
        FAILS_AT.set("no");
        Returns::state().reset();
        assert_eq!(
            Returns::with_state(|state| (state.early, state.parsed)),
            Ok((6, 8))
        );
    });
}

#[test]
fn an_initializer_runs_once_for_many_accesses() {
    let events = recorded(|| {
        for _ in 0..100 {
            Lazy::with_state(|_| ());
            Lazy::NUMBER.update(|number| number + 1);
        }
        assert_eq!(Lazy::NUMBER.get(), START + 100);
        let _end = OnDrop(|| note("end"));
    });
    assert_eq!(events, ["make Lazy", "end", "drop Lazy"]);
}
