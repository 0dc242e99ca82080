//! The exporter, which exports every shared field of the program as a metric. It works in any program.
//!
//! | a field | becomes |
//! |---|---|
//! | `Counter` | a counter, its name ending in `_total` |
//! | `UpDown`, `Gauge`, `Peak` | a gauge |
//! | `Histogram` | a histogram with cumulative buckets |
//! | element of an array | the same, with a label: `index="3"`, or the label given by [`Labels`] |
//!
//! The name of a metric consists of the names of the state and of the field, so the names of states must be
//! unique. A field in microseconds, whose name ends in `_micros`, is exported in seconds, the unit that
//! `OpenMetrics` requires.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tls_core::shared::{SharedFieldInfo, Total};

/// The names of an array's elements, which otherwise have only numbers.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) state: &'static str,
    pub(crate) field: &'static str,
    /// The name of the label.
    pub(crate) name: &'static str,
    /// Its value for each element.
    pub(crate) values: Vec<String>,
}

/// Upper bounds of the exported buckets, in the unit of the field. The library's own buckets are much
/// finer. All machines export the same buckets, because only histograms with equal buckets can be added
/// up.
const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// The format that [`SharedFields`] are encoded in.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Reads the totals at each scrape, so there is nothing to keep up to date.
#[derive(Debug)]
pub(crate) struct SharedFields {
    labels: Vec<Labels>,
}

impl SharedFields {
    pub(crate) fn new(labels: Vec<Labels>) -> Self {
        Self { labels }
    }

    /// The label of an element of an array.
    fn label(&self, info: &SharedFieldInfo) -> Option<(&'static str, String)> {
        let index = info.index?;
        let labels = self
            .labels
            .iter()
            .find(|labels| (labels.state, labels.field) == (info.state, info.field));
        let named =
            labels.and_then(|labels| Some((labels.name, labels.values.get(index)?.clone())));
        Some(named.unwrap_or_else(|| ("index", index.to_string())))
    }
}

impl Collector for SharedFields {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut infos = tls_core::shared::shared_fields();
        // Sort, so that each scrape has the same order and the elements of an array are adjacent.
        infos.sort_by_key(|info| (info.state, info.field, info.index));
        for family in infos.chunk_by(|a, b| (a.state, a.field) == (b.state, b.field)) {
            let first = &family[0]; // no chunk is empty
            let kind = match first.total {
                Total::Counter(_) => MetricType::Counter,
                Total::UpDown(_) | Total::Gauge(_) | Total::Peak(_) => MetricType::Gauge,
                Total::Histogram(_) => MetricType::Histogram,
                // A kind of a newer `tls_core`, which this exporter does not know.
                _ => continue,
            };
            let scale = Scale::of(first.field);
            let name = format!("{}_{}", snake_case(first.state), scale.name);
            let unit = scale.unit.as_ref();
            let mut metric = encoder.encode_descriptor(&name, &help(first.help), unit, kind)?;
            for info in family {
                if let Some(label) = self.label(info) {
                    scale.encode(&mut metric.encode_family(&[label])?, &info.total)?;
                } else {
                    scale.encode(&mut metric, &info.total)?;
                }
            }
        }
        Ok(())
    }
}

/// How the numbers of a field become the numbers of a metric.
struct Scale {
    /// The field's name without its unit, which the encoder appends.
    name: &'static str,
    unit: Option<Unit>,
    divisor: f64,
}

impl Scale {
    fn of(field: &'static str) -> Self {
        match field.strip_suffix("_micros") {
            Some(name) => Self {
                name,
                unit: Some(Unit::Seconds),
                divisor: 1e6,
            },
            None => Self {
                name: field,
                unit: None,
                divisor: 1.0,
            },
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the format knows nothing better than `f64`"
    )]
    fn encode(&self, metric: &mut MetricEncoder<'_>, total: &Total) -> fmt::Result {
        let scaled = |number: u64| number as f64 / self.divisor;
        match total {
            // Without a unit, a count is an integer and must be formatted as one.
            Total::Counter(count) if self.unit.is_none() => {
                metric.encode_counter::<NoLabelSet, _, u64>(count, None)
            }
            Total::Counter(count) => {
                metric.encode_counter::<NoLabelSet, _, u64>(&scaled(*count), None)
            }
            Total::UpDown(level) | Total::Gauge(level) if self.unit.is_none() => {
                metric.encode_gauge(level)
            }
            Total::UpDown(level) | Total::Gauge(level) => {
                metric.encode_gauge(&(*level as f64 / self.divisor))
            }
            Total::Peak(peak) => metric.encode_gauge(&scaled(*peak)),
            Total::Histogram(snapshot) => {
                let mut lower = 0;
                let mut bucket = |bound: f64, at_most: u64| {
                    // The encoder computes cumulative counts itself.
                    let count = at_most - lower;
                    lower = at_most;
                    (bound, count)
                };
                let mut buckets: Vec<_> = BOUNDS
                    .iter()
                    .map(|&bound| bucket(scaled(bound), snapshot.count_at_most(bound)))
                    .collect();
                buckets.push(bucket(f64::INFINITY, snapshot.count()));
                let (sum, count) = (scaled(snapshot.sum()), snapshot.count());
                metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
            }
            _ => Ok(()),
        }
    }
}

/// Converts `HttpServer` to `http_server`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

/// Returns the first paragraph of a doc comment, in one line and escaped.
fn help(doc: &str) -> String {
    let lines = doc.lines().map(str::trim);
    let paragraph: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    paragraph
        .join(" ")
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
}
