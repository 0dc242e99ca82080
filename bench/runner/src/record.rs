//! One measured number, and how all of them are kept.

use serde::{Deserialize, Serialize};

/// What every part of the bench produces. A goal or a table finds it by its four names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The operation: `get`, `add`, `first access and exit`.
    pub(crate) operation: String,
    /// Under which circumstances: `lto`, `256 threads`, `500 structs, dev`.
    pub(crate) setting: String,
    /// Who: `limit`, `tls-core`, `std lazy RefCell`.
    pub(crate) candidate: String,
    /// What the number counts: `instructions`, `branches`, `ns`, `bytes`, `s`.
    pub(crate) unit: String,
    pub(crate) value: f64,
}

/// The name of the bare thread-local that nothing can be faster than.
pub(crate) const LIMIT: &str = "limit";
/// The name of this library.
pub(crate) const OURS: &str = "tls-core";
/// Its macro, beside the function that takes a closure.
pub(crate) const BORROW: &str = "tls-core, borrow!";
/// What is counted for a job.
pub(crate) const ISOLATED: &str = "tls-core, isolated";

/// The records of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Records(pub(crate) Vec<Record>);

impl Records {
    pub(crate) fn push(
        &mut self,
        operation: impl Into<String>,
        setting: impl Into<String>,
        candidate: impl Into<String>,
        unit: impl Into<String>,
        value: f64,
    ) {
        self.0.push(Record {
            operation: operation.into(),
            setting: setting.into(),
            candidate: candidate.into(),
            unit: unit.into(),
            value,
        });
    }

    /// The one record of these names.
    pub(crate) fn value(
        &self,
        operation: &str,
        setting: &str,
        candidate: &str,
        unit: &str,
    ) -> Option<f64> {
        self.0
            .iter()
            .find(|record| {
                record.operation == operation
                    && record.setting == setting
                    && record.candidate == candidate
                    && record.unit == unit
            })
            .map(|record| record.value)
    }
}
