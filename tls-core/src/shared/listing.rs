//! All shared fields of the process, for exporters.

use crate::shared::job;
use crate::shared::kinds::{Counter, Gauge, Histogram, Peak, Totaled, UpDown};
use crate::shared::layout::Kind;
use crate::shared::registry::Registry;
use crate::shared::snapshot::HistogramSnapshot;

/// The total of a shared field of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Total {
    /// The total of a [`Counter`].
    Counter(u64),
    /// The total of an [`UpDown`].
    UpDown(i64),
    /// The total of a [`Gauge`].
    Gauge(i64),
    /// The total of a [`Peak`].
    Peak(u64),
    /// The total of a [`Histogram`].
    Histogram(HistogramSnapshot),
}

/// A shared field and its total: returned by [`shared_fields`], which has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedFieldInfo {
    /// The name of the state.
    pub state: &'static str,
    /// The path of the module that declares the state. Two states of the same name differ in this path.
    pub module: &'static str,
    /// The name of the field.
    pub field: &'static str,
    /// The index of the element, if the field is an array.
    pub index: Option<usize>,
    /// The field's doc comment.
    pub help: &'static str,
    /// The total of the field.
    pub total: Total,
}

/// Returns every shared field in use, with its total, for exporters of metrics.
///
/// A field is in use if any shared field of its state has been written to or totaled in this process. To
/// export zeros from the start, total one field of each state first. Each element of an array is returned
/// separately. A [`Part`](crate::shared::Part) has no total, and is left out.
///
/// # Examples
///
/// ```
/// use tls_core::shared::{Total, shared_fields};
/// use tls_core::{Counter, thread_local_state};
///
/// #[thread_local_state]
/// struct Server {
///     /// Requests answered.
///     #[state(shared)]
///     requests: Counter,
/// }
///
/// fn main() {
///     Server::REQUESTS.increment();
///     let [field] = &shared_fields()[..] else { unreachable!() };
///     assert_eq!((field.state, field.field), ("Server", "requests"));
///     assert_eq!(field.help, "Requests answered.");
///     assert_eq!(field.total, Total::Counter(1));
/// }
/// ```
#[must_use]
pub fn shared_fields() -> Vec<SharedFieldInfo> {
    let mut found = Vec::new();
    for registry in job::registries() {
        for field in registry.sharing.fields {
            for element in 0..field.len {
                let cell = field.cell + element;
                let rest = field.rest + element * field.kind.rests();
                let total = match field.kind {
                    Kind::Counter => Total::Counter(total::<Counter>(&registry, cell, rest)),
                    Kind::UpDown => Total::UpDown(total::<UpDown>(&registry, cell, rest)),
                    Kind::Gauge => Total::Gauge(total::<Gauge>(&registry, cell, rest)),
                    Kind::Peak => Total::Peak(total::<Peak>(&registry, cell, rest)),
                    Kind::Histogram => Total::Histogram(total::<Histogram>(&registry, cell, rest)),
                    Kind::Part => continue,
                };
                found.push(SharedFieldInfo {
                    state: registry.sharing.state,
                    module: registry.sharing.module,
                    field: field.name,
                    index: field.is_array.then_some(element),
                    help: field.help,
                    total,
                });
            }
        }
    }
    found
}

fn total<T: Totaled>(registry: &Registry, cell: usize, rest: usize) -> T::Value {
    let mut total = T::__empty();
    T::__total(&registry.lock(), cell, rest, &mut total);
    total
}
