//! The table of threads.

use std::thread::ThreadId;

/// What each thread has written to a shared field: returned by
/// [`SharedField::per_thread`](crate::shared::SharedField::per_thread), which has an example.
///
/// The rows and what exited threads have left make up the total, by the rule of the field's type. For a
/// [`Peak`](crate::shared::Peak) the total is the greatest of them. For a [`Gauge`](crate::shared::Gauge)
/// exited threads leave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerThread<V> {
    pub(super) rows: Vec<ThreadValue<V>>,
    pub(super) exited: V,
}

impl<V> PerThread<V> {
    /// Returns the rows of the live threads, in no particular order.
    #[must_use]
    pub fn rows(&self) -> &[ThreadValue<V>] {
        &self.rows
    }

    /// Returns the rows of the live threads by value, in no particular order.
    #[must_use]
    pub fn into_rows(self) -> Vec<ThreadValue<V>> {
        self.rows
    }

    /// Returns what exited threads have left.
    #[must_use]
    pub fn exited(&self) -> &V {
        &self.exited
    }
}

/// A live thread's share of a shared field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadValue<V> {
    /// The thread.
    pub thread: ThreadId,
    /// The thread's name, if it has one.
    pub name: Option<String>,
    /// What the thread has written.
    pub value: V,
}
