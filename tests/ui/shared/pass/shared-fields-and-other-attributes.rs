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

/// What serde does not see.
#[thread_local_state]
#[derive(serde::Serialize)]
pub struct Serialized {
    /// Jobs done.
    #[state(shared)]
    pub done: Counter,
    /// A plain field.
    pub jobs: u64,
}

/// Aligned, and with lints and attributes of tools on its fields.
#[thread_local_state]
#[repr(align(64))]
#[must_use]
pub struct Aligned {
    /// A number.
    pub number: u8,
    /// In between.
    #[state(shared)]
    #[rustfmt::skip]
    #[clippy::cognitive_complexity = "25"]
    pub done: Counter,
    #[state(shared)]
    #[expect(dead_code, reason = "that is what is tested")]
    unused: Counter,
    #[state(shared)]
    #[allow(missing_docs)]
    pub undocumented: Counter,
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
        Self::DROPPED.increment();
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
        "Below { jobs: 0 }"
    );

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
        text.push(state.jobs + Serialized::DONE.get());
        assert_eq!(text, [0]);
    });
    assert_eq!((size_of::<Aligned>(), align_of::<Aligned>()), (64, 64));
    Aligned::DONE.increment();
    assert_eq!(size_of::<Transparent>(), 8);
    Dropping::with_state_mut(|state| state.jobs.push(1));
    assert!(Dropping::state().reset());
    assert_eq!(Dropping::DROPPED.total(), 1);
}
