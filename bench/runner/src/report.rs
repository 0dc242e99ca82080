//! The tables, as markdown.

use crate::Run;
use crate::goals::{Goal, judge};
use crate::machine::Machine;
use crate::pictures::Picture;
use crate::record::{LIMIT, OURS, Record, Records};
use std::fmt::Write as _;

pub(crate) struct Report {
    /// For the terminal: tables, then goals.
    pub(crate) short: String,
    /// The file `RESULTS.md`.
    pub(crate) full: String,
}

/// How the records of a part become tables. Candidates are the rows in any case.
enum Layout {
    /// A table for each setting, with a column for each operation.
    BySetting,
    /// A table for each operation, with a column for each setting.
    ByOperation,
    /// One table, with a column for each operation in each of its settings.
    InOne,
}

/// How a part is shown.
struct Section {
    part: &'static str,
    title: &'static str,
    layout: Layout,
    /// Units whose tables are folded, because few want to see them.
    folded: &'static [&'static str],
    /// How it was measured.
    method: &'static str,
}

const SECTIONS: [Section; 6] = [
    Section {
        part: "access",
        title: "Access",
        layout: Layout::BySetting,
        folded: &["branches", "memory operands"],
        method: "Counted by callgrind, an operation in a function of its own that is not inlined, \
            minus an empty function that is called in the same way. The state has been made \
            before, and is defined in another crate. The profiles: `release` as Cargo has it, \
            `lto` with fat LTO and one codegen unit, `size` with `opt-level = \"s\"`, `dev`, and `unchecked`, \
            which is `dev` without debug assertions. With `keys`: the form of platforms without native \
            thread-locals, and `std under keys`, the standard library's way there. `tls-core, borrow!`: the \
            macro in place of a closure. `tls-core, isolated`: within a job. An opaque body is a function that is \
            not inlined. `nested context`: a function of a runtime sets a handle in the thread's context of \
            eight fields, calls one that reads another field, which calls one that changes a third.",
    },
    Section {
        part: "time",
        title: "Time in a loop",
        layout: Layout::BySetting,
        folded: &["ns"],
        method: "The operation is inlined into a loop; candidates take turns. `limit again` is the limit \
            measured a second time as if it were another candidate: its distance from 1 is noise.",
    },
    Section {
        part: "births",
        title: "Birth and death",
        layout: Layout::InOne,
        folded: &[],
        method: "Instructions of a thread, counted by callgrind in the functions that touch the states and in \
            the C library's that runs the destructors, above those of a thread that touches \
            nothing. One state: with fat LTO, in `1 state, release` without; many: in default \
            release. The values of `thread_local`, `state` and `thread_map` outlive their threads, so \
            their figures hold no destructor. The thread-local image is what every thread of \
            the program gets at its start, per state: what is initialized is copied, the rest is \
            zeroed. `resident` is by how much the process has grown after so many threads, one \
            after the other.",
    },
    Section {
        part: "counts",
        title: "Counters of all threads",
        layout: Layout::ByOperation,
        folded: &["of the registry", "of the global atomic"],
        method: "Medians of rounds in which all candidates take turns, timed by criterion. `add` is one addition \
            by each of the threads. `total` is one reading of the sum over so many live threads, \
            divided by their number; `registry of Arcs again` is the registry measured a second time, and \
            its distance from the first is noise. Beside a writer, or a reader, means: while another \
            thread does so without pause.",
    },
    Section {
        part: "compile",
        title: "Compile time",
        layout: Layout::ByOperation,
        folded: &["s of CPU"],
        method: "Each build is a run of Cargo; candidates take turns, and the fastest round counts. `cold \
            build`: an empty crate with this one dependency, into an empty target directory. \
            The others: a crate of so many structs with four fields each, with the attribute and by \
            hand with `thread_local!`, `RefCell` and the same accessors, dependencies built before.",
    },
    Section {
        part: "sizes",
        title: "Sizes",
        layout: Layout::ByOperation,
        folded: &[],
        method: "Sections of a program that uses all structs, those of the compile time, above those of one that \
            uses none: instructions, what else is loaded, and what every thread gets. `expansion`: lines of \
            what the attribute makes of a struct of two fields in its three steps, as \
            `tests/expansions/plain.txt` records it, without comments.",
    },
];

const HOW_TO_READ: &str = "\
Less is better in every table. **limit** is a bare thread-local that is there from the start, which \
nothing can be faster than; it makes nothing, drops nothing and checks nothing. **tls-core** is this \
library. All others are what people use today, each in the form that its documentation recommends for the task. \
A dash: it cannot do that.

Counts of instructions are the same in every run with the same compiler. Times are not: they compare \
what stands in one table, and mean nothing beside numbers from elsewhere.
";

/// More columns than these make a second table.
const MOST_COLUMNS: usize = 8;

pub(crate) fn report(run: &Run, pictures: &[Picture]) -> Report {
    let goals = goals(&judge(&run.records()));
    let mut short = String::new();
    let mut full = "# Results\n\n".to_owned();
    full += "Written by `bench/run`; [README.md](README.md) says how it measures.";
    if run.quick {
        full += " This was a quick run: fewer rounds, and only what the goals need.";
    }
    full += "\n\n## How to read this\n\n";
    full += HOW_TO_READ;
    let _ = write!(full, "\n## Goals\n\n{goals}");
    for section in &SECTIONS {
        let part = run.parts.iter().find(|(name, _)| name == section.part);
        let Some((_, records)) = part else { continue };
        let heading = format!("## {}\n\n", section.title);
        short += &heading;
        full += "\n";
        full += &heading;
        for picture in pictures
            .iter()
            .filter(|picture| picture.part == section.part)
        {
            let _ = writeln!(full, "![{}](pictures/{})\n", picture.caption, picture.file);
        }
        for table in tables(section, records) {
            let text = format!("**{}**\n\n{}\n", table.caption, table.text);
            if table.folded {
                let summary = &table.caption;
                let text = &table.text;
                let _ = writeln!(
                    full,
                    "<details><summary>{summary}</summary>\n\n{text}\n</details>\n"
                );
            } else {
                short += &text;
                full += &text;
            }
        }
        if records.0.is_empty() {
            full += "Not measured: this part has failed.\n\n";
        }
        full += section.method;
        full += "\n";
    }
    let _ = write!(full, "\n## Machine\n\n{}", machine(&run.machine));
    let _ = write!(short, "## Goals\n\n{goals}\n");
    Report { short, full }
}

fn goals(goals: &[Goal]) -> String {
    let mut text = "| | goal | measured | |\n|---|---|---|---|\n".to_owned();
    for Goal {
        what,
        aim,
        measured,
        verdict,
    } in goals
    {
        let _ = writeln!(text, "| {what} | {aim} | {measured} | {verdict} |");
    }
    text
}

fn machine(machine: &Machine) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "- {} UTC", machine.date);
    if let Some(commit) = &machine.commit {
        let _ = writeln!(text, "- commit {commit}");
    }
    let _ = writeln!(text, "- {}, {} cores", machine.processor, machine.cores);
    let _ = writeln!(text, "- {}", machine.system);
    let _ = writeln!(text, "- {}", machine.compiler);
    if let Some(valgrind) = &machine.valgrind {
        let _ = writeln!(text, "- {valgrind}");
    }
    let versions = machine.versions.iter();
    let versions: Vec<_> = versions
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = writeln!(text, "- {}", versions.join(", "));
    text
}

struct Table {
    caption: String,
    text: String,
    folded: bool,
}

/// The tables of a part, in the order in which its records came; folded ones last.
fn tables(section: &Section, records: &Records) -> Vec<Table> {
    let records = &records.0;
    let mut tables = Vec::new();
    for unit in distinct(records, |record| &record.unit) {
        let of_unit: Vec<&Record> = records
            .iter()
            .filter(|record| record.unit == unit)
            .collect();
        let mut push = |of_table: &[&Record], caption: String, column: fn(&Record) -> String| {
            let columns = distinct(of_table.iter().copied(), column);
            let parts = columns.len().div_ceil(MOST_COLUMNS);
            for columns in columns.chunks(columns.len().div_ceil(parts)) {
                tables.push(Table {
                    caption: caption.clone(),
                    text: table(of_table, columns, column),
                    folded: section.folded.contains(&&*unit),
                });
            }
        };
        match section.layout {
            Layout::InOne => push(&of_unit, unit.clone(), |record| {
                format!("{}, {}", record.operation, record.setting)
            }),
            Layout::BySetting => {
                for setting in distinct(of_unit.iter().copied(), |record| &record.setting) {
                    let mut of_table = of_unit.clone();
                    of_table.retain(|record| record.setting == setting);
                    let caption = format!("{setting}, {unit}");
                    push(&of_table, caption, |record| record.operation.clone());
                }
            }
            Layout::ByOperation => {
                for operation in distinct(of_unit.iter().copied(), |record| &record.operation) {
                    let mut of_table = of_unit.clone();
                    of_table.retain(|record| record.operation == operation);
                    let caption = format!("{operation}, {unit}");
                    push(&of_table, caption, |record| record.setting.clone());
                }
            }
        }
    }
    tables.sort_by_key(|table| table.folded);
    tables
}

/// The table of these columns; a candidate that has nothing in any of them is left out.
fn table(records: &[&Record], columns: &[String], column: fn(&Record) -> String) -> String {
    let mut lines = vec![[&[String::new()], columns].concat()];
    for candidate in candidates(records.iter().copied()) {
        let cells = columns.iter().map(|wanted| {
            let found = records
                .iter()
                .find(|record| record.candidate == candidate && column(record) == *wanted);
            found.map(|record| number(record.value))
        });
        let cells: Vec<Option<String>> = cells.collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let name = if candidate == OURS {
            format!("**{candidate}**")
        } else {
            candidate
        };
        let cells = cells
            .into_iter()
            .map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
        lines.push([name].into_iter().chain(cells).collect());
    }
    aligned(&lines)
}

/// A markdown table whose columns are aligned in the source also: it is printed to terminals.
fn aligned(lines: &[Vec<String>]) -> String {
    let width = |index: usize| {
        let widths = lines.iter().map(|line| line[index].chars().count());
        widths.max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                let _ = write!(text, "| {cell:<width$} |");
            } else {
                let _ = write!(text, " {cell:>width$} |");
            }
        }
        text += "\n";
        if index == 0 {
            for (column, &width) in widths.iter().enumerate() {
                if column == 0 {
                    let _ = write!(text, "|{:-<1$}|", "", width + 2);
                } else {
                    let _ = write!(text, "{:-<1$}:|", "", width + 1);
                }
            }
            text += "\n";
        }
    }
    text
}

/// The candidates in the order of the tables: what cannot be beaten, this library, the standard library, the others as
/// they came.
pub(crate) fn candidates<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<String> {
    let mut candidates = distinct(records, |record| &record.candidate);
    candidates.sort_by_key(|candidate| match &**candidate {
        LIMIT => 0,
        other if other.starts_with(LIMIT) => 1,
        OURS => 2,
        other if other.starts_with(OURS) => 3,
        other if other.starts_with("std ") => 4,
        _ => 5,
    });
    candidates
}

/// What the records have at that place, each once, in the order of its first appearance.
pub(crate) fn distinct<'a, T: Into<String>>(
    records: impl IntoIterator<Item = &'a Record>,
    place: impl Fn(&'a Record) -> T,
) -> Vec<String>
where
    String: From<T>,
{
    let mut found = Vec::new();
    for record in records {
        let name = place(record).into();
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// A number with about three digits, and no more; zero if it is far from anything that is measured.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let text = if size >= 999.5 {
        let digits = format!("{size:.0}");
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else {
        let decimals = match size {
            100.0.. => 0,
            10.0.. => 1,
            0.1.. => 2,
            0.01.. => 3,
            0.0001.. => 4,
            _ => 0,
        };
        let text = format!("{size:.decimals$}");
        if decimals == 0 {
            text
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if value < 0.0 && text != "0" {
        format!("−{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BORROW;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        for (value, text) in [
            (0.0, "0"),
            (-0.00001, "0"),
            (0.00022, "0.0002"),
            (0.0243, "0.024"),
            (3.0004, "3"),
            (-2.0, "−2"),
            (1.204, "1.2"),
            (12.34, "12.3"),
            (100.0, "100"),
            (123.4, "123"),
            (999.7, "1,000"),
            (-1_234_567.0, "−1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_limit_is_first_and_then_this_library() {
        let mut records = Records::default();
        for candidate in [
            "state",
            BORROW,
            OURS,
            "limit, nightly",
            "std OnceCell",
            LIMIT,
        ] {
            records.push("get", "lto", candidate, "instructions", 1.0);
        }
        let expected = [
            "limit",
            "limit, nightly",
            OURS,
            BORROW,
            "std OnceCell",
            "state",
        ];
        assert_eq!(candidates(&records.0), expected);
    }

    #[test]
    fn what_a_candidate_cannot_do_is_a_dash() {
        let mut records = Records::default();
        records.push("get", "lto", OURS, "instructions", 5.0);
        records.push("with", "lto", OURS, "instructions", 6.0);
        records.push("get", "lto", "state", "instructions", 1200.0);
        let records: Vec<_> = records.0.iter().collect();
        let columns = ["get".to_owned(), "with".to_owned()];
        let expected = "\
            |              |   get | with |\n\
            |--------------|------:|-----:|\n\
            | **tls-core** |     5 |    6 |\n\
            | state        | 1,200 |    – |\n";
        let text = table(&records, &columns, |record| record.operation.clone());
        assert_eq!(text, expected);
    }

    #[test]
    fn many_columns_make_several_tables() {
        let mut records = Records::default();
        for operation in 0..10 {
            records.push(operation.to_string(), "lto", OURS, "instructions", 1.0);
            records.push(operation.to_string(), "lto", OURS, "branches", 1.0);
        }
        let tables = tables(&SECTIONS[0], &records);
        let captions: Vec<_> = tables
            .iter()
            .map(|table| (&*table.caption, table.folded))
            .collect();
        let (shown, folded) = (("lto, instructions", false), ("lto, branches", true));
        assert_eq!(captions, [shown, shown, folded, folded]);
    }
}
