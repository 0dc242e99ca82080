//! `shared_fields`: what an exporter loops over.

use tls_core::shared::{Gauge, Part, Peak, SharedFieldInfo, Total, UpDown, shared_fields};
use tls_core::{Counter, Histogram, thread_local_state};

use crate::support::on_thread;

/// Not this text.
#[thread_local_state]
struct Listed {
    /// Jobs done.
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    /// Jobs under way,
    /// on all threads.
    under_way: UpDown,
    ordinary: u64,
    #[state(shared)]
    #[doc = "How many wait."]
    waiting: Gauge,
    #[state(shared)]
    longest: Peak,
    /// How long they took.
    #[state(shared)]
    took: Histogram,
    /// By outcome.
    #[state(shared)]
    by_outcome: [Counter; 3],
    #[state(shared)]
    words: Part<String>,
    #[state(shared)]
    r#type: Counter,
}

fn of(state: &str) -> Vec<SharedFieldInfo> {
    shared_fields()
        .into_iter()
        .filter(|info| info.state == state)
        .collect()
}

#[test]
fn shared_fields_in_use_are_listed_with_state_field_index_help_and_total() {
    on_thread(|| {
        Listed::DONE.add(1);
        Listed::UNDER_WAY.add(-2);
        Listed::TOOK.record(5);
        Listed::BY_OUTCOME.at(2).add(7);
        Listed::WORDS.with_mut(|words| words.push('a'));
        Listed::ORDINARY.set(3);
    });
    Listed::WAITING.set(3);
    Listed::LONGEST.record(4);
    Listed::TYPE.increment();
    let listed = of("Listed");
    let rows: Vec<_> = listed.iter().map(|info| (info.field, info.index)).collect();
    assert_eq!(
        rows,
        [
            ("done", None),
            ("under_way", None),
            ("waiting", None),
            ("longest", None),
            ("took", None),
            ("by_outcome", Some(0)),
            ("by_outcome", Some(1)),
            ("by_outcome", Some(2)),
            ("type", None),
        ]
    );
    let help: Vec<_> = listed.iter().map(|info| info.help.trim()).collect();
    assert_eq!(help[0], "Jobs done.");
    let words: Vec<_> = help[1].split_whitespace().collect();
    assert_eq!(words.join(" "), "Jobs under way, on all threads.");
    assert_eq!(help[2..5], ["How many wait.", "", "How long they took."]);
    assert_eq!(help[5..], ["By outcome.", "By outcome.", "By outcome.", ""]);
    assert!(matches!(listed[0].total, Total::Counter(1)));
    assert!(matches!(listed[1].total, Total::UpDown(-2)));
    assert!(matches!(listed[2].total, Total::Gauge(3)));
    assert!(matches!(listed[3].total, Total::Peak(4)));
    let Total::Histogram(took) = &listed[4].total else {
        panic!("{:?}", listed[4].total)
    };
    assert_eq!((took.count(), took.sum()), (1, 5));
    assert_eq!(*took, Listed::TOOK.total());
    assert!(matches!(listed[5].total, Total::Counter(0)));
    assert!(matches!(listed[7].total, Total::Counter(7)));
}

#[thread_local_state]
struct Once {
    #[state(shared)]
    count: Counter,
}

#[test]
fn a_field_is_listed_once_however_many_threads_use_it() {
    let use_it = || {
        Once::COUNT.increment();
        assert_eq!(of("Once").len(), 1);
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(use_it);
        }
    });
    let listed = of("Once");
    assert_eq!(listed.len(), 1);
    assert!(matches!(listed[0].total, Total::Counter(8)));
    assert_eq!((listed[0].index, listed[0].help), (None, ""));
}

mod first {
    #[tls_core::thread_local_state]
    pub(super) struct SameName {
        #[state(shared)]
        pub(super) count: tls_core::Counter,
    }
}

mod second {
    #[tls_core::thread_local_state]
    pub(super) struct SameName {
        #[state(shared)]
        pub(super) count: tls_core::Counter,
    }
}

#[test]
fn states_of_the_same_name_are_both_listed_with_their_modules() {
    first::SameName::COUNT.add(1);
    second::SameName::COUNT.add(2);
    let mut listed: Vec<_> = of("SameName")
        .into_iter()
        .map(|info| (info.module, info.total))
        .collect();
    listed.sort_unstable_by_key(|&(module, _)| module);
    let [(first, one), (second, two)] = &listed[..] else {
        panic!("{listed:?}")
    };
    assert_eq!(*first, concat!(module_path!(), "::first"));
    assert_eq!(*second, concat!(module_path!(), "::second"));
    assert_eq!((one, two), (&Total::Counter(1), &Total::Counter(2)));
}

/// Listing makes no value, registers nobody, and may stand anywhere.
#[test]
fn listing_inside_accesses_and_initializers_does_not_deadlock() {
    on_thread(|| {
        Within::COUNT.increment();
        Within::with_state_mut(|state| {
            assert_eq!(of("Within").len(), 1);
            Within::PART.with_mut(|part| {
                *part = of("Within").len();
            });
            assert_eq!(state.listed, 1);
        });
        assert_eq!(Within::PART.take_parts(), [1]);
    });
}

#[thread_local_state]
struct Within {
    #[state(shared)]
    count: Counter,
    #[state(shared)]
    part: Part<usize>,
    #[state(init = of("Within").len())]
    listed: usize,
}
