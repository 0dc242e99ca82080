//! What the library has set out to reach, and whether a run's records show that it does.

use crate::access::{LTO_UNDER_KEYS, UNDER_KEYS};
use crate::record::{LIMIT, OURS, Records};
use crate::report::number;
use std::fmt::{self, Display, Formatter, Write as _};

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

/// Every goal, judged.
pub(crate) fn judge(records: &Records) -> Vec<Goal> {
    let rows: [(_, _, Rule); 12] = [
        (
            "`get`, `set`, `update`, inlined `with`, `with_mut`, `with_state`, `with_state_mut`, LTO",
            "at most the limit + 2 instructions, one branch, and fewer instructions than every lazy peer",
            hot_paths,
        ),
        (
            "the same with `opt-level = \"s\"` and in default release",
            "at most the limit + 3 instructions",
            hot_paths_of_other_profiles,
        ),
        (
            "exclusive access, opaque body, LTO",
            "at most the limit + 7 instructions",
            opaque_body,
        ),
        (
            "time in an inlined loop",
            "at most 1.05 of the limit, times what the limit measured against itself shows",
            time,
        ),
        (
            "first access and thread exit, one dropping state",
            "at most 1.1 of std's lazy `RefCell`",
            birth_and_death,
        ),
        (
            "1,000 states touched, instructions per state",
            "at most 120",
            many_states,
        ),
        (
            "initialized thread-local image per lazy state",
            "0 bytes",
            image,
        ),
        (
            "`Counter::add`",
            "at most the limit + 3 instructions; with 2 threads at least 5 times as fast as the global atomic",
            add,
        ),
        (
            "total of all threads",
            "at most 2 ns a thread from 256 threads on, never slower than the registry of `Arc`s, but for what that measured against itself shows",
            total,
        ),
        ("cold build", "not above `serde_derive`", cold_build),
        (
            "500 structs beside the same by hand",
            "dev build at most 1.5 times, release build at most 1.2 times, code size not above",
            many_structs,
        ),
        (
            "the first row's accesses, and one with an opaque body, under keys of the operating system, LTO",
            "not above the standard library's way there, nor `thread_local`",
            under_keys,
        ),
    ];
    let goals = rows.map(|(what, aim, rule)| {
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
    above_limit(judge, "lto", &HOT, 2.0);
    branches(judge);
    fewer_than_lazy_peers(judge);
}

fn hot_paths_of_other_profiles(judge: &mut Judge<'_>) {
    above_limit(judge, "size", &HOT, 3.0);
    above_limit(judge, "release", &HOT, 3.0);
}

fn opaque_body(judge: &mut Judge<'_>) {
    let operation = "with_state_mut, opaque body";
    let peer = "std lazy RefCell";
    above_limit(judge, "lto", &[operation], 7.0);
    let limit = judge.value(operation, "lto", LIMIT, "instructions");
    let peer_value = judge.value(operation, "lto", peer, "instructions");
    if let (Some(limit), Some(value)) = (limit, peer_value) {
        judge.say(format!("{peer} {}", signed(value - limit)));
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

/// Of each operation the peer that needs least.
fn under_keys(judge: &mut Judge<'_>) {
    let opaque = "with_state_mut, opaque body";
    let mut said = Vec::new();
    for operation in HOT.into_iter().chain([opaque]) {
        let instructions = UNDER_KEYS
            .map(|candidate| judge.need(operation, LTO_UNDER_KEYS, candidate, "instructions"));
        if let [Some(ours), Some(std), Some(other)] = instructions {
            let text = format!(
                "`{operation}` {} ({}, {})",
                number(ours),
                number(std),
                number(other),
            );
            said.push(judge.check(ours <= std.min(other) + EXACT, text));
        }
    }
    if !said.is_empty() {
        judge.say(said.join(", "));
    }
}

fn birth_and_death(judge: &mut Judge<'_>) {
    let (operation, setting, peer) = ("first access and exit", "1 state", "std lazy RefCell");
    let ours = judge.need(operation, setting, OURS, "instructions");
    let theirs = judge.need(operation, setting, peer, "instructions");
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        let ratio = ours / theirs;
        let values = format!("{} against {} instructions", number(ours), number(theirs));
        let text = judge.check(ratio <= 1.1, format!("{ratio:.2} ({values})"));
        judge.say(text);
    }
}

fn many_states(judge: &mut Judge<'_>) {
    let (operation, setting) = ("touch", "1000 states");
    if let Some(ours) = judge.need(operation, setting, OURS, "instructions") {
        let text = judge.check(ours <= 120.0 + EXACT, number(ours));
        judge.say(text);
    }
    let peer = "std lazy RefCell";
    if let Some(theirs) = judge.value(operation, setting, peer, "instructions") {
        judge.say(format!("{peer} {}", number(theirs)));
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
    above_limit(judge, "lto", &["Counter::add"], 3.0);
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
    for (operation, at_most) in [("dev build", 1.5), ("release build", 1.2)] {
        let ours = judge.need(operation, setting, OURS, "s");
        let theirs = judge.need(operation, setting, peer, "s");
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            let ratio = ours / theirs;
            let mut text = format!("{operation} {ratio:.2} ({ours:.1} s against {theirs:.1} s");
            let ours = judge.value(operation, setting, OURS, "s of CPU");
            let theirs = judge.value(operation, setting, peer, "s of CPU");
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                let _ = write!(text, "; of CPU time {:.2}", ours / theirs);
            }
            let text = judge.check(ratio <= at_most, text + ")");
            judge.say(text);
        }
    }
    for profile in ["dev", "release"] {
        let setting = format!("{setting}, {profile}");
        let ours = judge.need("code size", &setting, OURS, "bytes");
        let theirs = judge.need("code size", &setting, peer, "bytes");
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            let text = format!("code size, {profile} {:.2}", ours / theirs);
            let text = judge.check(ours <= theirs, text);
            judge.say(text);
        }
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

    /// Records with which every goal is just met.
    fn all_met() -> Records {
        let mut records = Records::default();
        for (profile, above) in [("lto", 2.0), ("size", 3.0), ("release", 3.0)] {
            for operation in HOT {
                records.push(operation, profile, LIMIT, "instructions", 3.0);
                records.push(operation, profile, OURS, "instructions", 3.0 + above);
                records.push(operation, profile, OURS, "branches", 1.0);
                records.push(operation, profile, "std lazy Cell", "instructions", 6.0);
            }
        }
        let opaque = "with_state_mut, opaque body";
        for operation in HOT.into_iter().chain([opaque]) {
            for candidate in UNDER_KEYS {
                records.push(operation, LTO_UNDER_KEYS, candidate, "instructions", 20.0);
            }
        }
        for (candidate, instructions) in [(LIMIT, 5.0), (OURS, 12.0), ("std lazy RefCell", 16.0)] {
            records.push(opaque, "lto", candidate, "instructions", instructions);
        }
        for operation in LOOPS {
            for (candidate, time) in [(LIMIT, 1.0), (OURS, 1.05), ("limit again", 0.9)] {
                records.push(operation, "lto", candidate, "ns", time);
            }
        }
        for (candidate, instructions) in [(OURS, 1100.0), ("std lazy RefCell", 1000.1)] {
            let operation = "first access and exit";
            records.push(
                operation,
                "1 state",
                candidate,
                "instructions",
                instructions,
            );
        }
        records.push("touch", "1000 states", OURS, "instructions", 120.0);
        for profile in ["dev", "release"] {
            let operation = "thread-local image";
            records.push(operation, profile, OURS, "bytes initialized", 0.0);
        }
        records.push("Counter::add", "lto", LIMIT, "instructions", 3.0);
        records.push("Counter::add", "lto", OURS, "instructions", 6.0);
        records.push("add", "2 threads", OURS, "ns", 1.0);
        records.push("add", "2 threads", "global atomic", "ns", 5.0);
        for threads in [2, 16, 256, 2048] {
            let setting = format!("{threads} threads");
            for candidate in [OURS, "registry of Arcs", "registry of Arcs again"] {
                records.push("total", &setting, candidate, "ns per thread", 2.0);
            }
        }
        records.push("cold build", "dev", OURS, "s", 4.0);
        records.push("cold build", "dev", "serde_derive", "s", 4.0);
        for (operation, ours) in [("dev build", 3.0), ("release build", 2.4)] {
            records.push(operation, "500 structs", OURS, "s", ours);
            records.push(operation, "500 structs", "by hand", "s", 2.0);
        }
        for profile in ["dev", "release"] {
            for candidate in [OURS, "by hand"] {
                let setting = format!("500 structs, {profile}");
                records.push("code size", setting, candidate, "bytes", 9000.0);
            }
        }
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
        for (goal, names, value) in [
            (0, ("with", "lto", OURS, instructions), 5.5),
            (0, ("with", "lto", OURS, "branches"), 2.0),
            (0, ("set", "lto", "std lazy Cell", instructions), 5.0),
            (1, ("update", "size", OURS, instructions), 7.0),
            (1, ("get", "release", OURS, instructions), 7.0),
            (
                2,
                ("with_state_mut, opaque body", "lto", OURS, instructions),
                13.0,
            ),
            (3, ("loop of update", "lto", OURS, "ns"), 1.06),
            (
                4,
                ("first access and exit", "1 state", OURS, instructions),
                1101.0,
            ),
            (5, ("touch", "1000 states", OURS, instructions), 121.0),
            (
                6,
                ("thread-local image", "dev", OURS, "bytes initialized"),
                8.0,
            ),
            (7, ("Counter::add", "lto", OURS, instructions), 7.0),
            (7, ("add", "2 threads", "global atomic", "ns"), 4.9),
            (8, ("total", "256 threads", OURS, "ns per thread"), 2.01),
            (8, ("total", "16 threads", OURS, "ns per thread"), 2.1),
            (9, ("cold build", "dev", OURS, "s"), 4.1),
            (10, ("dev build", "500 structs", OURS, "s"), 3.1),
            (10, ("release build", "500 structs", OURS, "s"), 2.5),
            (10, ("code size", "500 structs, dev", OURS, "bytes"), 9001.0),
            (11, ("get", LTO_UNDER_KEYS, OURS, instructions), 21.0),
            (
                11,
                ("with", LTO_UNDER_KEYS, "std under keys", instructions),
                19.0,
            ),
            (
                11,
                ("set", LTO_UNDER_KEYS, "thread_local", instructions),
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
        assert_eq!(missed_with(ours, 1.1), [3]);
        let mut records = all_met();
        records.push("loop of get", "lto", OURS, "of the limit", 1.1);
        records.push("loop of get", "lto", "limit again", "of the limit", 1.06);
        assert_eq!(verdicts(&records)[3], Verdict::Met);
        let (operation, setting) = ("total", "2 threads");
        let again = "registry of Arcs again";
        records.push(operation, setting, OURS, "of the registry", 1.02);
        assert_eq!(verdicts(&records)[8], Verdict::Missed);
        records.push(operation, setting, again, "of the registry", 1.03);
        assert_eq!(verdicts(&records)[8], Verdict::Met);
    }

    #[test]
    fn numbers_of_threads_that_the_quick_form_leaves_out_are_not_missing() {
        let mut records = all_met();
        records.0.retain(|record| record.setting != "16 threads");
        records
            .0
            .retain(|record| record.setting != "dev" || record.unit == "s");
        assert!(
            verdicts(&records)
                .iter()
                .all(|verdict| *verdict == Verdict::Met)
        );
        records.0.retain(|record| record.setting != "256 threads");
        assert_eq!(verdicts(&records)[8], Verdict::NotMeasured);
    }

    #[test]
    fn a_missing_value_is_named_unless_another_misses_the_goal() {
        let mut records = all_met();
        records
            .0
            .retain(|record| (&*record.operation, &*record.setting) != ("get", "size"));
        let goal = &judge(&records)[1];
        assert_eq!(goal.verdict, Verdict::NotMeasured);
        let end = "not measured: `get`, size, tls-core, instructions and 1 more";
        assert!(goal.measured.ends_with(end), "{}", goal.measured);
        for record in &mut records.0 {
            if record.candidate == OURS && record.operation == "set" {
                record.value = 9.0;
            }
        }
        let goal = &judge(&records)[1];
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
        assert_eq!(verdicts(&records)[5], Verdict::NotMeasured);
    }
}
