//! Derives and docs of structs with shared fields.

#![deny(warnings, missing_docs)]
//! The crate.

use tls_core::shared::Part;
use tls_core::{Counter, Histogram, thread_local_state};

/// Derived below.
#[thread_local_state]
#[derive(Debug)]
pub struct Below {
    /// Jobs done.
    #[state(shared)]
    pub done: Counter,
    /// A plain field.
    pub jobs: u64,
    /// Words by number.
    #[state(shared)]
    pub words: Part<Vec<String>>,
    /// By status.
    #[state(shared)]
    pub by_status: [Counter; 2],
}

/// Derived above.
#[derive(Debug)]
#[thread_local_state]
pub struct Above(
    /// Jobs done.
    #[state(shared)]
    pub Counter,
    /// A plain field.
    pub u64,
);

/// Written as attributes.
#[thread_local_state]
pub struct Docs {
    #[doc = "Jobs done."]
    #[doc = ""]
    #[doc = " That is all."]
    #[state(shared)]
    pub attribute: Counter,
    #[state(shared)]
    #[doc = concat!("Jobs ", "failed.")]
    pub computed: Counter,
    /**
     * A block.
     *
     * Of two paragraphs.
     */
    #[state(shared)]
    pub block: Counter,
    /// With an alias.
    #[doc(alias = "times")]
    #[state(shared)]
    #[allow(clippy::all)]
    pub latency: Histogram,
    /// Not to be used any more.
    #[deprecated = "use `attribute`"]
    #[state(shared)]
    pub old: Counter,
}

/// With a field that serde leaves out.
#[thread_local_state]
#[derive(serde::Serialize)]
pub struct Serialized {
    /// Jobs done.
    #[state(shared)]
    #[serde(skip)]
    pub done: Counter,
    /// A plain field.
    pub jobs: u64,
}

/// In the order of its fields.
#[thread_local_state]
#[repr(C)]
#[must_use]
pub struct InOrder {
    /// The first.
    pub first: u8,
    /// In between, and of no size.
    #[state(shared)]
    pub done: Counter,
    /// The second.
    pub second: u32,
}

/// A single field with a size.
#[thread_local_state]
#[repr(transparent)]
pub struct Transparent {
    /// A number.
    pub number: u64,
    /// Of no size.
    #[state(shared)]
    pub done: Counter,
}

/// Counts in its destructor.
#[thread_local_state]
pub struct Dropping {
    /// Dropped.
    #[state(shared)]
    pub dropped: Counter,
    jobs: Vec<u64>,
}

impl Drop for Dropping {
    fn drop(&mut self) {
        self.dropped.increment();
    }
}

fn help(field: &str) -> &'static str {
    tls_core::shared::shared_fields()
        .into_iter()
        .find(|info| info.state == "Docs" && info.field == field)
        .unwrap()
        .help
}

fn main() {
    Below::DONE.increment();
    assert_eq!(
        Below::with_state(|state| format!("{state:?}")),
        "Below { done: Counter(1), jobs: 0, words: Part(..), by_status: [Counter(0), Counter(0)] }"
    );
    assert_eq!(Above::with_state(|state| format!("{state:?}")), "Above(Counter(0), 0)");

    Docs::ATTRIBUTE.increment();
    assert_eq!(help("attribute"), "Jobs done.\n\nThat is all.");
    assert_eq!(help("latency"), "With an alias.");
    assert_eq!(help("block"), "A block.\n\nOf two paragraphs.");
    Docs::COMPUTED.increment();
    Docs::BLOCK.increment();
    #[expect(deprecated, reason = "that is what is tested")]
    Docs::OLD.increment();

    Serialized::with_state(|state| {
        let mut text = Vec::new();
        // No format at hand: it is enough that it can be.
        fn is_serialize(_: &impl serde::Serialize) {}
        is_serialize(state);
        text.push(state.jobs + state.done.get());
        assert_eq!(text, [0]);
    });
    assert_eq!((size_of::<InOrder>(), std::mem::offset_of!(InOrder, second)), (8, 4));
    assert_eq!(size_of::<Transparent>(), 8);
    Dropping::with_state_mut(|state| state.jobs.push(1));
    assert!(Dropping::reset_state());
    assert_eq!(Dropping::DROPPED.total(), 1);
}
