//! What each shared type means, and in which declarations it may stand.

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};

use tls_core::shared::{Gauge, HistogramSnapshot, Part, Peak, UpDown};
use tls_core::{Counter, Histogram, ThreadLocalState, thread_local_state};

use crate::support::on_thread;

#[thread_local_state]
struct Each {
    #[state(shared)]
    counter: Counter,
    #[state(shared)]
    up_down: UpDown,
    #[state(shared)]
    gauge: Gauge,
    #[state(shared)]
    peak: Peak,
}

#[test]
fn what_an_exited_thread_leaves_is_its_sum_and_its_peak_and_nothing_of_its_gauge() {
    let write = || {
        Each::COUNTER.add(3);
        Each::COUNTER.increment();
        Each::UP_DOWN.add(-7);
        Each::UP_DOWN.increment();
        Each::UP_DOWN.decrement();
        Each::UP_DOWN.decrement();
        Each::GAUGE.set(100);
        Each::GAUGE.add(-30);
        Each::GAUGE.add(5);
        Each::PEAK.record(8);
        Each::PEAK.record(9);
        Each::PEAK.record(2);
    };
    let own = || {
        (
            Each::COUNTER.get(),
            Each::UP_DOWN.get(),
            Each::GAUGE.get(),
            Each::PEAK.get(),
        )
    };
    let totals = || {
        let gauge = Each::GAUGE.total();
        (
            Each::COUNTER.total(),
            Each::UP_DOWN.total(),
            gauge,
            Each::PEAK.total(),
        )
    };
    on_thread(move || {
        write();
        assert_eq!(own(), (4, -8, 75, 9));
        assert_eq!(totals(), (4, -8, 75, 9));
    });
    assert_eq!(totals(), (4, -8, 0, 9));
    on_thread(move || {
        write();
        on_thread(move || {
            Each::PEAK.record(5);
            Each::GAUGE.set(-5);
            assert_eq!(own(), (0, 0, -5, 5), "a thread's own");
            assert_eq!(totals(), (8, -16, 70, 9), "all threads'");
        });
        Each::GAUGE.set(-1);
        Each::PEAK.record(10);
        assert_eq!(totals(), (8, -16, -1, 10));
    });
    assert_eq!(
        totals(),
        (8, -16, 0, 10),
        "the peak of a thread that ended is a peak"
    );
}

#[thread_local_state]
struct Wrapping {
    #[state(shared)]
    counter: Counter,
    #[state(shared)]
    up_down: UpDown,
    #[state(shared)]
    gauge: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    histogram: Histogram,
}

/// Writing never fails.
#[test]
fn values_at_the_ends_of_their_range_panic_nowhere() {
    on_thread(|| {
        Wrapping::COUNTER.add(u64::MAX);
        Wrapping::COUNTER.add(3);
        Wrapping::UP_DOWN.add(i64::MAX);
        Wrapping::UP_DOWN.increment();
        Wrapping::GAUGE.set(i64::MIN);
        Wrapping::GAUGE.add(-1);
        Wrapping::PEAK.record(u64::MAX);
        Wrapping::HISTOGRAM.record(u64::MAX);
        Wrapping::HISTOGRAM.record(2);
        assert_eq!(Wrapping::COUNTER.total(), 2);
        assert_eq!(Wrapping::UP_DOWN.total(), i64::MIN);
        assert_eq!(Wrapping::GAUGE.total(), i64::MAX);
        assert_eq!(Wrapping::PEAK.total(), u64::MAX);
        assert_eq!(
            (
                Wrapping::HISTOGRAM.total().count(),
                Wrapping::HISTOGRAM.total().sum()
            ),
            (2, 1)
        );
        on_thread(|| {
            Wrapping::COUNTER.add(u64::MAX);
            Wrapping::UP_DOWN.add(i64::MIN);
        });
        assert_eq!(Wrapping::COUNTER.total(), 1);
        assert_eq!(Wrapping::UP_DOWN.total(), 0);
    });
    assert_eq!(Wrapping::COUNTER.total(), 1);
    assert_eq!(Wrapping::UP_DOWN.total(), 0);
}

/// What all the declarations below have to hold: totaling a new field makes no value.
fn assert_works<S: ThreadLocalState>(total: impl Fn() -> u64, is_constant: bool) {
    assert_eq!(total(), 0);
    assert_eq!(S::state().is_initialized(), is_constant);
}

#[thread_local_state(const)]
struct Constant {
    #[state(shared)]
    count: Counter,
    #[state(init = 4)]
    number: u64,
}

#[test]
fn shared_fields_stand_in_a_const_state() {
    on_thread(|| {
        assert_works::<Constant>(|| Constant::COUNT.total(), true);
        Constant::with_state_mut(|state| {
            Constant::COUNT.add(state.number);
            state.number = 5;
        });
        assert!(Constant::state().reset());
        Constant::with_state(|state| Constant::COUNT.add(state.number));
    });
    assert_eq!(Constant::COUNT.total(), 8);
}

#[thread_local_state(error = String)]
struct Fallible {
    #[state(shared)]
    count: Counter,
    #[state(init = "4".parse::<u64>().map_err(|error| error.to_string())?)]
    number: u64,
}

#[test]
fn shared_fields_stand_in_a_state_with_an_error_and_their_functions_return_none() {
    on_thread(|| {
        assert_works::<Fallible>(|| Fallible::COUNT.total(), false);
        let () = Fallible::COUNT.increment();
        let () = Fallible::COUNT.add(2);
        let one = Fallible::with_state(|_| {
            Fallible::COUNT.increment();
            Fallible::COUNT.get()
        });
        assert_eq!(one, Ok(4));
        let added = || -> Result<(), String> {
            Fallible::COUNT.add(tls_core::borrow!(try Fallible::state()).number);
            Ok(())
        };
        added().unwrap();
    });
    assert_eq!(Fallible::COUNT.total(), 8);
}

#[thread_local_state(init = given)]
struct Given {
    #[state(shared)]
    count: Counter,
    text: String,
    #[state(init = { Given::COUNT.increment(); 3 })]
    number: u64,
}

fn given() -> GivenInit {
    Given::COUNT.add(10);
    GivenInit {
        text: "given".into(),
    }
}

#[test]
fn shared_fields_stand_in_a_state_that_a_function_makes() {
    on_thread(|| {
        assert_works::<Given>(|| Given::COUNT.total(), false);
        Given::with_state(|state| {
            assert_eq!((&*state.text, state.number), ("given", 3));
            Given::COUNT.add(100);
        });
    });
    assert_eq!(Given::COUNT.total(), 111);
}

#[thread_local_state(explicit)]
struct Explicit {
    text: String,
    #[state(shared)]
    count: Counter,
    #[state(init = { Explicit::COUNT.increment(); text.len() })]
    len: usize,
}

#[test]
fn shared_fields_stand_in_an_explicit_state() {
    on_thread(|| {
        assert_works::<Explicit>(|| Explicit::COUNT.total(), false);
        Explicit::COUNT.add(10);
        assert!(!Explicit::state().is_initialized());
        Explicit::state().init_with(ExplicitInit { text: "ab".into() });
        assert_eq!(Explicit::LEN.get(), 2);
    });
    assert_eq!(Explicit::COUNT.total(), 11);
}

#[thread_local_state]
struct OnlyShared {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    level: Gauge,
}

#[test]
fn all_fields_may_be_shared() {
    on_thread(|| {
        OnlyShared::with_state_mut(|_| {
            OnlyShared::COUNT.increment();
            OnlyShared::LEVEL.set(2);
        });
        assert!(OnlyShared::state().is_initialized());
        assert!(OnlyShared::state().reset());
        assert_eq!(OnlyShared::LEVEL.total(), 2);
    });
    assert_eq!(OnlyShared::COUNT.total(), 1);
}

#[thread_local_state]
struct First {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    balance: UpDown,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    part: Part<Vec<u8>>,
}

/// Each on a thread of its own, which writes nothing else.
#[test]
fn the_first_write_of_a_thread_counts_whichever_field_it_is_to() {
    on_thread(|| {
        First::COUNT.add(5);
        assert_eq!(
            (First::COUNT.total(), First::state().live_threads()),
            (5, 1)
        );
    });
    on_thread(|| {
        First::BALANCE.add(-5);
        assert_eq!(
            (First::BALANCE.total(), First::state().live_threads()),
            (-5, 1)
        );
    });
    on_thread(|| {
        First::LEVEL.set(5);
        assert_eq!(
            (First::LEVEL.total(), First::state().live_threads()),
            (5, 1)
        );
    });
    on_thread(|| {
        First::LEVEL.add(6);
        assert_eq!(
            (First::LEVEL.total(), First::state().live_threads()),
            (6, 1)
        );
    });
    on_thread(|| {
        First::PEAK.record(5);
        assert_eq!((First::PEAK.total(), First::state().live_threads()), (5, 1));
    });
    on_thread(|| {
        First::VALUES.record(5);
        assert_eq!(
            (First::VALUES.total().sum(), First::state().live_threads()),
            (5, 1)
        );
    });
    on_thread(|| {
        First::PART.with_mut(|part| part.push(5));
        assert_eq!(First::state().live_threads(), 1);
    });
    assert_eq!(First::PART.take_parts(), [[5]]);
    assert_eq!((First::COUNT.total(), First::BALANCE.total()), (5, -5));
    assert_eq!((First::PEAK.total(), First::VALUES.total().sum()), (5, 5));
}

#[thread_local_state]
#[derive(Debug)]
struct Debuggable {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    counts: [UpDown; 2],
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    part: Part<Vec<u8>>,
    #[state(init = 77)]
    number: u64,
}

#[test]
fn derives_below_the_attribute_see_no_shared_field() {
    Debuggable::COUNT.add(1111);
    on_thread(|| {
        Debuggable::COUNT.add(42);
        Debuggable::COUNTS.at(1).add(-43);
        Debuggable::LEVEL.set(-5);
        Debuggable::PEAK.record(6);
        Debuggable::VALUES.record(7);
        Debuggable::PART.with_mut(|part| part.push(8));
        let text = Debuggable::with_state(|state| format!("{state:?}"));
        assert_eq!(text, "Debuggable { number: 77 }");
        assert_eq!(Debuggable::COUNT.get(), 42);
    });
}

#[thread_local_state]
#[derive(PartialEq, Hash)]
struct Comparable {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    part: Part<Vec<u8>>,
    number: u64,
}

#[test]
fn a_shared_field_adds_nothing_to_comparisons_and_hashes() {
    let hash = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        value(&mut hasher);
        hasher.finish()
    };
    on_thread(move || {
        Comparable::COUNT.add(1);
        Comparable::with_state(|state| {
            assert!(PartialEq::eq(state, state));
            let before = hash(&|hasher| state.hash(hasher));
            Comparable::COUNT.add(1);
            assert_eq!(hash(&|hasher| state.hash(hasher)), before);
            assert_eq!(hash(&|hasher| 0_u64.hash(hasher)), before);
        });
    });
}

#[thread_local_state]
struct WithoutElements {
    #[state(shared)]
    none: [Counter; 0],
    #[state(shared)]
    nothing: [[Histogram; 3]; 0],
}

#[test]
fn an_array_without_elements_is_an_array() {
    on_thread(|| {
        assert_eq!(WithoutElements::NONE.get(), []);
        assert_eq!(WithoutElements::NONE.take_total(), []);
        assert!(WithoutElements::NOTHING.total().is_empty());
    });
}

#[thread_local_state]
struct BesideEmpty {
    #[state(shared)]
    first: Counter,
    #[state(shared)]
    empty: [[Counter; 0]; 3],
    #[state(shared)]
    next: [Counter; 2],
}

#[test]
fn an_array_without_elements_is_called_by_its_own_name() {
    let name = |field: &dyn std::fmt::Debug| format!("{field:?}");
    assert_eq!(name(&BesideEmpty::FIRST), "BesideEmpty::first");
    assert_eq!(name(&BesideEmpty::EMPTY), "BesideEmpty::empty");
    assert_eq!(name(&BesideEmpty::EMPTY.at(2)), "BesideEmpty::empty");
    assert_eq!(name(&BesideEmpty::NEXT), "BesideEmpty::next");
    assert_eq!(name(&BesideEmpty::NEXT.at(1)), "BesideEmpty::next");
}

mod elsewhere {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    pub(crate) struct Visible {
        #[state(shared)]
        pub(crate) count: Counter,
        #[state(shared)]
        hidden: Counter,
    }

    pub(crate) fn hidden() -> u64 {
        Visible::HIDDEN.increment();
        Visible::HIDDEN.total()
    }
}

#[test]
fn a_shared_field_has_the_visibility_that_it_was_given() {
    on_thread(|| {
        elsewhere::Visible::COUNT.increment();
        elsewhere::Visible::with_state(|_| elsewhere::Visible::COUNT.increment());
        assert_eq!(elsewhere::hidden(), 1);
    });
    assert_eq!(elsewhere::Visible::COUNT.total(), 2);
}

#[thread_local_state]
struct Raw {
    #[state(shared)]
    r#type: Counter,
    #[state(shared)]
    r#fn: [Counter; 2],
    r#match: u64,
}

#[test]
fn a_shared_field_may_have_a_raw_name() {
    on_thread(|| {
        Raw::TYPE.increment();
        Raw::FN.at(1).increment();
        Raw::with_state_mut(|state| {
            Raw::TYPE.increment();
            state.r#match += 1;
        });
        assert_eq!(
            (Raw::TYPE.get(), Raw::FN.get(), Raw::MATCH.get()),
            (2, [0, 1], 1)
        );
    });
}

/// A handle is `Copy`, can be passed around and sent; what it does is always done to the thread
/// that it is used on.
#[test]
fn a_handle_can_be_sent_to_another_thread() {
    let handle = Sent::COUNT;
    handle.add(3);
    on_thread(move || {
        assert_eq!(handle.get(), 0);
        handle.add(4);
    });
    assert_eq!((handle.get(), handle.total()), (3, 7));
}

#[thread_local_state]
struct Sent {
    #[state(shared)]
    count: Counter,
}

#[test]
fn a_handle_says_what_it_is_the_handle_of() {
    assert_eq!(format!("{:?}", Sent::COUNT), "Sent::count");
    assert_eq!(format!("{:?}", Raw::TYPE), "Raw::type");
    assert_eq!(format!("{:?}", Debuggable::LEVEL), "Debuggable::level");
    assert_eq!(format!("{:?}", Debuggable::COUNTS), "Debuggable::counts");
    assert!(format!("{:?}", Debuggable::COUNTS.at(1)).starts_with("Debuggable::counts"));
    assert_eq!(format!("{:?}", Debuggable::PART), "Debuggable::part");
}

#[thread_local_state(in_function)]
struct Generic {
    #[state(shared)]
    values: Histogram,
}

fn show<T: Display>(value: T) -> String {
    value.to_string()
}

#[test]
fn a_snapshot_outlives_its_thread() {
    let snapshot: HistogramSnapshot = on_thread(|| {
        Generic::VALUES.record(3);
        Generic::VALUES.get()
    });
    assert_eq!(show(snapshot.sum()), "3");
    assert_eq!(snapshot, Generic::VALUES.total());
}
