//! What the library has set out to reach, and whether a run's records show that it does.

use crate::access::{LTO_UNDER_KEYS, UNDER_KEYS};
use crate::record::{BORROW, ISOLATED, LIMIT, OURS, Records};
use crate::report::number;
use std::fmt::{self, Display, Formatter};

/// The standard library's way to have what this library has.
const STD: &str = "std lazy RefCell";

/// One line of the table of goals.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) aim: &'static str,
    /// The values that it was judged by, or which are missing.
    pub(crate) measured: String,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// Nothing that was measured misses the goal, but not everything was.
    NotMeasured,
}

impl Display for Verdict {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::NotMeasured => "not measured",
        })
    }
}

/// Instructions are counted, not sampled; what is left after dividing by the number of operations is
/// the loop's and the harness' share, far below this.
const EXACT: f64 = 0.05;

const HOT: [&str; 7] = [
    "get",
    "set",
    "update",
    "with",
    "with_mut",
    "with_state",
    "with_state_mut",
];

/// With bodies that are not inlined.
const OPAQUE: [&str; 9] = [
    "with, opaque body",
    "with_mut, opaque body",
    "with_state, opaque body",
    "with_state_mut, opaque body",
    "try_with, opaque body",
    "try_with_mut, opaque body",
    "try_with of the whole, opaque body",
    "try_with_mut of the whole, opaque body",
    "push to a String",
];

const NESTED: [&str; 4] = [
    "nested with_state",
    "nested with_state, opaque body",
    "nested try_with of the whole",
    "nested try_with of the whole, opaque body",
];

/// With a macro in place of the closure.
const BORROWED: [&str; 9] = [
    "with",
    "with_mut",
    "with_state",
    "with_state_mut",
    "with, opaque body",
    "with_mut, opaque body",
    "with_state, opaque body",
    "with_state_mut, opaque body",
    "push to a String",
];

const ADD: &str = "Counter::add";

/// Whether a goal is about this access.
pub(crate) fn is_about(operation: &str) -> bool {
    let lists = [&HOT[..], &OPAQUE, &NESTED, &[ADD]];
    lists.iter().any(|list| list.contains(&operation))
}

/// The candidates that, like this library, make their value on first access.
const LAZY_PEERS: [&str; 10] = [
    "std lazy Cell",
    "std lazy RefCell",
    "std OnceCell",
    "thread_local",
    "state",
    "linked",
    "ref_thread_local",
    "static_init",
    "thread_local_collect",
    "thread_map",
];

const LOOPS: [&str; 3] = ["loop of get", "loop of update", "loop of with_state_mut"];

/// Asks for the values of one goal, and says what they are.
type Rule = fn(&mut Judge<'_>);

const GOALS: [(&str, &str, Rule); 16] = [
    (
        "`get`, `set`, `update`, inlined `with`, `with_mut`, `with_state`, `with_state_mut`; LTO, `opt-level = \"s\"`, default release",
        "at most the limit + 2 instructions; with LTO one branch, and fewer instructions than every lazy peer",
        hot_paths,
    ),
    (
        "opaque body: `with`, `with_mut`, `with_state`, `with_state_mut`, `try_with`, `try_with_mut`; push to a `String`; release and LTO",
        "fewer instructions than std's lazy `RefCell`, every one",
        opaque_bodies,
    ),
    (
        "nested `with_state`, nested `try_with` of the whole; release and LTO",
        "at most std's lazy `RefCell` + 8 instructions",
        nested,
    ),
    (
        "`borrow!`, `borrow_mut!`, inlined and with an opaque body; release and LTO",
        "at most the instructions of the accessor with a closure",
        borrows,
    ),
    (
        "time in an inlined loop",
        "at most 1.05 of the limit, times what the limit measured against itself shows",
        time,
    ),
    (
        "first access and thread exit, one dropping state; release and LTO",
        "at most 1.1 of std's lazy `RefCell`",
        birth_and_death,
    ),
    (
        "10, 100, 1,000 dropping states touched and dropped, each",
        "at most 1.15 of std's lazy `RefCell`",
        many_states,
    ),
    (
        "initialized thread-local image per lazy state",
        "0 bytes",
        image,
    ),
    (
        "unoptimized access, with and without debug assertions",
        "at most 1.5 of std's lazy `RefCell`",
        unoptimized,
    ),
    (
        "`Counter::add`",
        "at most the limit + 3 instructions, in a job, too; with 2 threads at least 5 times as fast as the global atomic",
        add,
    ),
    (
        "total of all threads",
        "at most 2 ns a thread from 256 threads on, never slower than the registry of `Arc`s, except by what that measured against itself shows",
        total,
    ),
    ("cold build", "not above `serde_derive`", cold_build),
    (
        "500 structs beside the same by hand",
        "check at most 1.5 times, dev build 1.2 times, release build 1.0 times, code size in release 1.5 times",
        many_structs,
    ),
    (
        "expansion of a struct of two fields",
        "at most 150 lines",
        expansion,
    ),
    ("size of `AccessError`", "at most 24 bytes", error),
    (
        "the first row's accesses, and one with an opaque body, under keys of the operating system, LTO",
        "not above the standard library's way there",
        under_keys,
    ),
];

/// Every goal, judged.
pub(crate) fn judge(records: &Records) -> Vec<Goal> {
    let goals = GOALS.map(|(what, aim, rule)| {
        let mut judgement = Judge::new(records);
        rule(&mut judgement);
        let (measured, verdict) = judgement.end();
        Goal {
            what,
            aim,
            measured,
            verdict,
        }
    });
    goals.into()
}

fn hot_paths(judge: &mut Judge<'_>) {
    for profile in ["lto", "size", "release"] {
        above_limit(judge, profile, &HOT, 2.0);
    }
    branches(judge);
    fewer_than_lazy_peers(judge);
}

fn opaque_bodies(judge: &mut Judge<'_>) {
    for profile in ["lto", "release"] {
        beside(judge, profile, &OPAQUE, [OURS, STD], |ours, std| {
            ours < std - EXACT
        });
    }
}

fn nested(judge: &mut Judge<'_>) {
    for profile in ["lto", "release"] {
        beside(judge, profile, &NESTED, [OURS, STD], |ours, std| {
            ours <= std + 8.0 + EXACT
        });
    }
}

fn borrows(judge: &mut Judge<'_>) {
    for profile in ["lto", "release"] {
        beside(judge, profile, &BORROWED, [BORROW, OURS], not_above);
    }
}

fn under_keys(judge: &mut Judge<'_>) {
    let operations = [&HOT[..], &["with_state_mut, opaque body"]].concat();
    let [ours, std, ..] = UNDER_KEYS;
    beside(judge, LTO_UNDER_KEYS, &operations, [ours, std], not_above);
}

fn not_above(ours: f64, theirs: f64) -> bool {
    ours <= theirs + EXACT
}

/// Instructions of each operation, and in brackets those of whom it is compared with.
fn beside(
    judge: &mut Judge<'_>,
    profile: &str,
    operations: &[&str],
    [candidate, other]: [&str; 2],
    is_met: impl Fn(f64, f64) -> bool,
) {
    let mut said = Vec::new();
    for operation in operations {
        let values =
            [candidate, other].map(|name| judge.need(operation, profile, name, "instructions"));
        if let [Some(ours), Some(theirs)] = values {
            let text = format!("`{operation}` {} ({})", number(ours), number(theirs));
            said.push(judge.check(is_met(ours, theirs), text));
        }
    }
    if !said.is_empty() {
        judge.say(format!("{profile}, beside {other}: {}", said.join(", ")));
    }
}

/// Instructions above those of the limit, of each operation: at most so many.
fn above_limit(judge: &mut Judge<'_>, profile: &str, operations: &[&str], at_most: f64) {
    let mut above = Vec::new();
    for operation in operations {
        let ours = judge.need(operation, profile, OURS, "instructions");
        let limit = judge.need(operation, profile, LIMIT, "instructions");
        if let (Some(ours), Some(limit)) = (ours, limit) {
            let met = ours - limit <= at_most + EXACT;
            let text = format!("`{operation}` {}", signed(ours - limit));
            above.push(judge.check(met, text));
        }
    }
    if !above.is_empty() {
        judge.say(format!("{profile}: {}", above.join(", ")));
    }
}

fn branches(judge: &mut Judge<'_>) {
    let mut most: Option<(f64, &str)> = None;
    for operation in HOT {
        if let Some(branches) = judge.need(operation, "lto", OURS, "branches")
            && most.is_none_or(|(most, _)| branches > most)
        {
            most = Some((branches, operation));
        }
    }
    if let Some((most, operation)) = most {
        let text = format!("branches: at most {} (`{operation}`)", number(most));
        let text = judge.check(most <= 1.0 + EXACT, text);
        judge.say(text);
    }
}

fn fewer_than_lazy_peers(judge: &mut Judge<'_>) {
    // The peer that comes nearest to us, or is ahead the most: difference, and how to say it.
    let mut nearest: Option<(f64, String)> = None;
    for operation in HOT {
        let Some(ours) = judge.need(operation, "lto", OURS, "instructions") else {
            continue;
        };
        let mut peers = 0;
        for peer in LAZY_PEERS {
            let Some(theirs) = judge.value(operation, "lto", peer, "instructions") else {
                continue;
            };
            peers += 1;
            let difference = theirs - ours;
            if nearest
                .as_ref()
                .is_none_or(|(least, _)| difference < *least)
            {
                let (ours, theirs) = (number(ours), number(theirs));
                let text = format!("nearest lazy peer: `{operation}` {ours}, {peer} {theirs}");
                nearest = Some((difference, text));
            }
        }
        if peers == 0 {
            judge.miss(format!("lazy peers of `{operation}`, lto"));
        }
    }
    if let Some((difference, text)) = nearest {
        let text = judge.check(difference > EXACT, text);
        judge.say(text);
    }
}

/// The limit was measured twice. Where its second measurement was above the first by some percent, so
/// may we be; where it was below, nothing is granted.
fn time(judge: &mut Judge<'_>) {
    for operation in LOOPS {
        let ours = of_another(judge, operation, "lto", OURS, LIMIT, "ns", "of the limit");
        let again = of_another(
            judge,
            operation,
            "lto",
            "limit again",
            LIMIT,
            "ns",
            "of the limit",
        );
        if let (Some(ours), Some(again)) = (ours, again) {
            let met = ours <= 1.05 * again.max(1.0);
            let text = format!("{operation}: {ours:.3} (limit again: {again:.3})");
            let text = judge.check(met, text);
            judge.say(text);
        }
    }
}

fn birth_and_death(judge: &mut Judge<'_>) {
    for setting in ["1 state", "1 state, release"] {
        let values = ["first access and exit", setting, STD, "instructions"];
        ratio(judge, setting, values, 1.1);
    }
}

fn many_states(judge: &mut Judge<'_>) {
    for setting in ["10 states", "100 states", "1000 states"] {
        let values = ["touch", setting, STD, "instructions"];
        ratio(judge, setting, values, 1.15);
    }
}

fn unoptimized(judge: &mut Judge<'_>) {
    for profile in ["dev", "unchecked"] {
        for operation in HOT {
            let values = [operation, profile, STD, "instructions"];
            ratio(judge, &format!("{profile}: `{operation}`"), values, 1.5);
        }
    }
}

/// This library's value as a ratio to a peer's.
fn ratio(
    judge: &mut Judge<'_>,
    name: &str,
    [operation, setting, peer, unit]: [&str; 4],
    at_most: f64,
) {
    let ours = judge.need(operation, setting, OURS, unit);
    let theirs = judge.need(operation, setting, peer, unit);
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        let ratio = ours / theirs;
        let values = format!("{} against {} {unit}", number(ours), number(theirs));
        let text = judge.check(ratio <= at_most, format!("{name} {ratio:.2} ({values})"));
        judge.say(text);
    }
}

/// Both profiles where both are measured: the quick form has release only.
fn image(judge: &mut Judge<'_>) {
    let (operation, unit) = ("thread-local image", "bytes initialized");
    judge.need(operation, "release", OURS, unit);
    for profile in ["release", "dev"] {
        if let Some(bytes) = judge.value(operation, profile, OURS, unit) {
            // The image may be larger by a fixed part; per state that is next to nothing.
            let text = judge.check(bytes <= EXACT, format!("{profile}: {}", number(bytes)));
            judge.say(text);
        }
    }
}

fn add(judge: &mut Judge<'_>) {
    above_limit(judge, "lto", &[ADD], 3.0);
    let is_same = |within: f64, outside: f64| (within - outside).abs() <= EXACT;
    beside(judge, "lto", &[ADD], [ISOLATED, OURS], is_same);
    let setting = "2 threads";
    let (peer, ratio) = ("global atomic", "of the global atomic");
    if let Some(ratio) = of_another(judge, "add", setting, OURS, peer, "ns", ratio) {
        let times = 1.0 / ratio;
        let text = judge.check(times >= 5.0, format!("{setting}: {times:.1} times"));
        judge.say(text);
    }
}

/// All numbers of threads that are measured: the quick form has those only from which the
/// first half of the goal is judged. The registry was measured twice, and the second half
/// is judged as the goal of time is: we may be slower by what its second measurement is above its first.
fn total(judge: &mut Judge<'_>) {
    let unit = "ns per thread";
    for setting in ["256 threads", "2048 threads"] {
        if let Some(ours) = judge.need("total", setting, OURS, unit) {
            let text = format!("{setting}: {} ns a thread", number(ours));
            let text = judge.check(ours <= 2.0, text);
            judge.say(text);
        }
    }
    let (peer, peer_again) = ("registry of Arcs", "registry of Arcs again");
    let mut ratios = Vec::new();
    for setting in ["2 threads", "16 threads", "256 threads", "2048 threads"] {
        if judge.value("total", setting, OURS, unit).is_none() {
            continue;
        }
        let ours = of_another(judge, "total", setting, OURS, peer, unit, "of the registry");
        let again = of_another(
            judge,
            "total",
            setting,
            peer_again,
            peer,
            unit,
            "of the registry",
        );
        if let (Some(ours), Some(again)) = (ours, again) {
            let met = ours <= again.max(1.0);
            ratios.push(judge.check(met, format!("{setting} {ours:.2} (again: {again:.2})")));
        }
    }
    if !ratios.is_empty() {
        judge.say(format!("of the {peer}: {}", ratios.join(", ")));
    }
}

fn cold_build(judge: &mut Judge<'_>) {
    let (operation, setting, peer) = ("cold build", "dev", "serde_derive");
    let ours = judge.need(operation, setting, OURS, "s");
    let theirs = judge.need(operation, setting, peer, "s");
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        let text = format!("{ours:.2} s against {theirs:.2} s");
        let text = judge.check(ours <= theirs, text);
        judge.say(text);
        let unit = "s of CPU";
        let ours = judge.value(operation, setting, OURS, unit);
        let theirs = judge.value(operation, setting, peer, unit);
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            judge.say(format!("CPU {ours:.2} s against {theirs:.2} s"));
        }
    }
}

/// Judged by the time that a user waits; the time that the processors work stands beside it.
fn many_structs(judge: &mut Judge<'_>) {
    let (setting, peer) = ("500 structs", "by hand");
    for (operation, at_most) in [("check", 1.5), ("dev build", 1.2), ("release build", 1.0)] {
        ratio(judge, operation, [operation, setting, peer, "s"], at_most);
        let unit = "s of CPU";
        let ours = judge.value(operation, setting, OURS, unit);
        let theirs = judge.value(operation, setting, peer, unit);
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            judge.say(format!("of CPU time {:.2}", ours / theirs));
        }
    }
    let values = ["code", "500 structs, release", peer, "bytes"];
    ratio(judge, "code size", values, 1.5);
}

fn expansion(judge: &mut Judge<'_>) {
    at_most(judge, ["expansion", "2 fields", OURS, "lines"], 150.0);
}

fn error(judge: &mut Judge<'_>) {
    at_most(judge, ["AccessError", "size_of", OURS, "bytes"], 24.0);
}

fn at_most(judge: &mut Judge<'_>, [operation, setting, candidate, unit]: [&str; 4], most: f64) {
    if let Some(value) = judge.need(operation, setting, candidate, unit) {
        let text = judge.check(value <= most, number(value));
        judge.say(text);
    }
}

/// A candidate's time as a ratio to another's. If the part has measured the ratio itself, round by round,
/// that is the better number than the quotient of two minima or medians.
fn of_another(
    judge: &mut Judge<'_>,
    operation: &str,
    setting: &str,
    candidate: &str,
    other: &str,
    unit: &str,
    ratio: &str,
) -> Option<f64> {
    if let Some(ratio) = judge.value(operation, setting, candidate, ratio) {
        return Some(ratio);
    }
    let value = judge.need(operation, setting, candidate, unit)?;
    let other = judge.need(operation, setting, other, unit)?;
    Some(value / other)
}

fn signed(value: f64) -> String {
    let text = number(value);
    if text.starts_with('−') {
        text
    } else {
        format!("+{text}")
    }
}

/// Collects what is said about one goal.
struct Judge<'a> {
    records: &'a Records,
    said: Vec<String>,
    missing: Vec<String>,
    missed: bool,
}

impl<'a> Judge<'a> {
    fn new(records: &'a Records) -> Self {
        Self {
            records,
            said: Vec::new(),
            missing: Vec::new(),
            missed: false,
        }
    }

    /// A value that may be absent.
    fn value(&self, operation: &str, setting: &str, candidate: &str, unit: &str) -> Option<f64> {
        let value = self.records.value(operation, setting, candidate, unit)?;
        // A division by zero somewhere is not a measurement.
        value.is_finite().then_some(value)
    }

    /// A value without which the goal cannot be met.
    fn need(&mut self, operation: &str, setting: &str, candidate: &str, unit: &str) -> Option<f64> {
        let value = self.value(operation, setting, candidate, unit);
        if value.is_none() {
            self.miss(format!("`{operation}`, {setting}, {candidate}, {unit}"));
        }
        value
    }

    fn miss(&mut self, what: String) {
        if !self.missing.contains(&what) {
            self.missing.push(what);
        }
    }

    /// Notes whether a part of the goal is met; the text stands out if not.
    fn check(&mut self, met: bool, text: String) -> String {
        self.missed |= !met;
        if met { text } else { format!("**{text}**") }
    }

    fn say(&mut self, text: String) {
        self.said.push(text);
    }

    fn end(mut self) -> (String, Verdict) {
        let verdict = if self.missed {
            Verdict::Missed
        } else if self.missing.is_empty() {
            Verdict::Met
        } else {
            Verdict::NotMeasured
        };
        // If nothing at all was measured, the verdict says so.
        if let (false, [first, rest @ ..]) = (self.said.is_empty(), &self.missing[..]) {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.said.push(format!("not measured: {first}{more}"));
        }
        (self.said.join("; "), verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    /// Records with which every goal is just met.
    #[expect(clippy::too_many_lines, reason = "so many are the goals")]
    fn all_met() -> Records {
        let mut records = Records::default();
        let mut push = |operation: &str, setting: &str, unit: &str, values: &[(&str, f64)]| {
            for &(candidate, value) in values {
                records.push(operation, setting, candidate, unit, value);
            }
        };
        let instructions = "instructions";
        for operation in HOT {
            for profile in ["lto", "size", "release"] {
                let values = [(LIMIT, 3.0), (OURS, 5.0), ("std lazy Cell", 6.0)];
                push(operation, profile, instructions, &values);
                push(operation, profile, "branches", &[(OURS, 1.0)]);
            }
            for profile in ["dev", "unchecked"] {
                push(
                    operation,
                    profile,
                    instructions,
                    &[(OURS, 150.0), (STD, 100.0)],
                );
            }
        }
        for profile in ["lto", "release"] {
            for operation in OPAQUE {
                push(
                    operation,
                    profile,
                    instructions,
                    &[(OURS, 20.0), (STD, 21.0)],
                );
            }
            for operation in NESTED {
                push(
                    operation,
                    profile,
                    instructions,
                    &[(OURS, 38.0), (STD, 30.0)],
                );
            }
            for operation in BORROWED {
                let ours = if HOT.contains(&operation) { 5.0 } else { 20.0 };
                push(operation, profile, instructions, &[(BORROW, ours)]);
            }
        }
        for operation in HOT.into_iter().chain(["with_state_mut, opaque body"]) {
            let values = UNDER_KEYS.map(|candidate| (candidate, 20.0));
            push(operation, LTO_UNDER_KEYS, instructions, &values);
        }
        for operation in LOOPS {
            let values = [(LIMIT, 1.0), (OURS, 1.05), ("limit again", 0.9)];
            push(operation, "lto", "ns", &values);
        }
        for setting in ["1 state", "1 state, release"] {
            let values = [(OURS, 1100.0), (STD, 1000.1)];
            push("first access and exit", setting, instructions, &values);
        }
        for setting in ["10 states", "100 states", "1000 states"] {
            let values = [(OURS, 115.0), (STD, 100.1)];
            push("touch", setting, instructions, &values);
        }
        for profile in ["dev", "release"] {
            let unit = "bytes initialized";
            push("thread-local image", profile, unit, &[(OURS, 0.0)]);
        }
        let values = [(LIMIT, 3.0), (OURS, 6.0), (ISOLATED, 6.0)];
        push(ADD, "lto", instructions, &values);
        push(
            "add",
            "2 threads",
            "ns",
            &[(OURS, 1.0), ("global atomic", 5.0)],
        );
        for threads in [2, 16, 256, 2048] {
            let registry = "registry of Arcs";
            let values = [
                (OURS, 2.0),
                (registry, 2.0),
                ("registry of Arcs again", 2.0),
            ];
            push(
                "total",
                &format!("{threads} threads"),
                "ns per thread",
                &values,
            );
        }
        push(
            "cold build",
            "dev",
            "s",
            &[(OURS, 4.0), ("serde_derive", 4.0)],
        );
        for (operation, ours) in [("check", 3.0), ("dev build", 2.4), ("release build", 2.0)] {
            push(
                operation,
                "500 structs",
                "s",
                &[(OURS, ours), ("by hand", 2.0)],
            );
        }
        let values = [(OURS, 9000.0), ("by hand", 6000.0)];
        push("code", "500 structs, release", "bytes", &values);
        push("expansion", "2 fields", "lines", &[(OURS, 150.0)]);
        push("AccessError", "size_of", "bytes", &[(OURS, 24.0)]);
        records
    }

    fn verdicts(records: &Records) -> Vec<Verdict> {
        judge(records).iter().map(|goal| goal.verdict).collect()
    }

    /// The indices of the goals that are missed if this one value is another.
    fn missed_with(
        (operation, setting, candidate, unit): (&str, &str, &str, &str),
        value: f64,
    ) -> Vec<usize> {
        let mut records = all_met();
        let record = records.0.iter_mut().find(|record| {
            (
                &*record.operation,
                &*record.setting,
                &*record.candidate,
                &*record.unit,
            ) == (operation, setting, candidate, unit)
        });
        record.expect("the record exists").value = value;
        let verdicts = verdicts(&records).into_iter().enumerate();
        verdicts
            .filter(|&(_, verdict)| verdict != Verdict::Met)
            .map(|(index, verdict)| {
                assert_eq!(verdict, Verdict::Missed);
                index
            })
            .collect()
    }

    #[test]
    fn what_just_meets_a_goal_meets_it() {
        for goal in judge(&all_met()) {
            assert_eq!(
                goal.verdict,
                Verdict::Met,
                "{}: {}",
                goal.what,
                goal.measured
            );
        }
    }

    #[test]
    fn without_records_nothing_is_measured() {
        for goal in judge(&Records::default()) {
            assert_eq!(goal.verdict, Verdict::NotMeasured, "{}", goal.what);
            assert_eq!(goal.measured, "");
        }
    }

    #[test]
    fn one_value_that_is_too_high_misses_its_goal() {
        let instructions = "instructions";
        let release = "1 state, release";
        for (goal, names, value) in [
            (0, ("set", "lto", OURS, instructions), 5.5),
            (0, ("get", "lto", OURS, "branches"), 2.0),
            (0, ("set", "lto", "std lazy Cell", instructions), 5.0),
            (0, ("update", "size", OURS, instructions), 6.0),
            (0, ("get", "release", OURS, instructions), 6.0),
            (
                1,
                ("try_with, opaque body", "lto", OURS, instructions),
                21.0,
            ),
            (1, ("push to a String", "release", STD, instructions), 20.0),
            (2, ("nested with_state", "lto", OURS, instructions), 39.0),
            (2, (NESTED[3], "release", STD, instructions), 29.0),
            (3, ("with", "lto", BORROW, instructions), 6.0),
            (
                3,
                ("push to a String", "release", BORROW, instructions),
                21.0,
            ),
            (4, ("loop of update", "lto", OURS, "ns"), 1.06),
            (
                5,
                ("first access and exit", release, OURS, instructions),
                1101.0,
            ),
            (6, ("touch", "10 states", OURS, instructions), 116.0),
            (
                7,
                ("thread-local image", "dev", OURS, "bytes initialized"),
                8.0,
            ),
            (8, ("with_mut", "dev", OURS, instructions), 151.0),
            (8, ("get", "unchecked", STD, instructions), 99.0),
            (9, (ADD, "lto", ISOLATED, instructions), 7.0),
            (9, (ADD, "lto", LIMIT, instructions), 2.0),
            (9, ("add", "2 threads", "global atomic", "ns"), 4.9),
            (10, ("total", "256 threads", OURS, "ns per thread"), 2.01),
            (10, ("total", "16 threads", OURS, "ns per thread"), 2.1),
            (11, ("cold build", "dev", OURS, "s"), 4.1),
            (12, ("check", "500 structs", OURS, "s"), 3.1),
            (12, ("dev build", "500 structs", OURS, "s"), 2.5),
            (12, ("release build", "500 structs", OURS, "s"), 2.1),
            (12, ("code", "500 structs, release", OURS, "bytes"), 9001.0),
            (13, ("expansion", "2 fields", OURS, "lines"), 151.0),
            (14, ("AccessError", "size_of", OURS, "bytes"), 32.0),
            (15, ("get", LTO_UNDER_KEYS, OURS, instructions), 21.0),
            (
                15,
                ("with", LTO_UNDER_KEYS, "std under keys", instructions),
                19.0,
            ),
        ] {
            assert_eq!(missed_with(names, value), [goal], "{names:?}");
        }
    }

    #[test]
    fn every_lazy_peer_counts() {
        for peer in LAZY_PEERS {
            let mut records = all_met();
            records.push("replace", "lto", peer, "instructions", 1.0);
            assert_eq!(
                verdicts(&records)[0],
                Verdict::Met,
                "not one of the operations"
            );
            records
                .0
                .retain(|record| record.candidate != "std lazy Cell");
            for operation in HOT {
                records.push(operation, "lto", peer, "instructions", 5.0);
            }
            assert_eq!(verdicts(&records)[0], Verdict::Missed, "{peer}");
        }
    }

    #[test]
    fn the_limits_own_noise_is_granted_and_nothing_for_luck() {
        let ours = ("loop of get", "lto", OURS, "ns");
        assert_eq!(missed_with(ours, 1.1), [4]);
        let mut records = all_met();
        records.push("loop of get", "lto", OURS, "of the limit", 1.1);
        records.push("loop of get", "lto", "limit again", "of the limit", 1.06);
        assert_eq!(verdicts(&records)[4], Verdict::Met);
        let (operation, setting) = ("total", "2 threads");
        let again = "registry of Arcs again";
        records.push(operation, setting, OURS, "of the registry", 1.02);
        assert_eq!(verdicts(&records)[10], Verdict::Missed);
        records.push(operation, setting, again, "of the registry", 1.03);
        assert_eq!(verdicts(&records)[10], Verdict::Met);
    }

    #[test]
    fn numbers_of_threads_that_the_quick_form_leaves_out_are_not_missing() {
        let mut records = all_met();
        records.0.retain(|record| record.setting != "16 threads");
        let is_image = |record: &Record| record.operation == "thread-local image";
        records
            .0
            .retain(|record| !(is_image(record) && record.setting == "dev"));
        assert!(
            verdicts(&records)
                .iter()
                .all(|verdict| *verdict == Verdict::Met)
        );
        records.0.retain(|record| record.setting != "256 threads");
        assert_eq!(verdicts(&records)[10], Verdict::NotMeasured);
    }

    #[test]
    fn a_missing_value_is_named_unless_another_misses_the_goal() {
        let mut records = all_met();
        records
            .0
            .retain(|record| (&*record.operation, &*record.setting) != ("get", "size"));
        let goal = &judge(&records)[0];
        assert_eq!(goal.verdict, Verdict::NotMeasured);
        let end = "not measured: `get`, size, tls-core, instructions and 1 more";
        assert!(goal.measured.ends_with(end), "{}", goal.measured);
        for record in &mut records.0 {
            if record.candidate == OURS && record.operation == "set" {
                record.value = 9.0;
            }
        }
        let goal = &judge(&records)[0];
        assert_eq!(goal.verdict, Verdict::Missed);
        assert!(goal.measured.contains("**`set` +6**"), "{}", goal.measured);
    }

    #[test]
    fn a_value_that_is_no_number_is_not_measured() {
        let mut records = all_met();
        for record in &mut records.0 {
            if record.operation == "touch" {
                record.value = f64::NAN;
            }
        }
        assert_eq!(verdicts(&records)[6], Verdict::NotMeasured);
    }
}
