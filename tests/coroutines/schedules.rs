//! Which coroutine goes on when, and what becomes of those that have not ended.

use std::thread;

use crate::acts::{Act, begin_late, end_late, is_stuck, probe};
use crate::items::{Entries, Item, Record, record_to, watch};
use crate::kinds::{Explicit, Fallible, Inline, Kind, Large, ResetByFork};
use crate::stage::{Actor, Leaked, Stacks, leave_late, quiet, register_late};

/// What happens next, to the coroutine of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Resume(usize),
    /// Unwinds it.
    Drop(usize),
    /// It is never heard of again.
    Leak(usize),
}

/// What becomes of coroutines that have not ended when their thread ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// They are dropped before.
    Drop,
    /// They are never heard of again.
    Leak,
    /// They are dropped when the states are gone.
    DropLate,
    /// They go on when the states are gone.
    ResumeLate,
}

const ENDS: [End; 4] = [End::Drop, End::Leak, End::DropLate, End::ResumeLate];

#[derive(Clone, Debug)]
struct Schedule {
    /// Whether there is a value before.
    is_made: bool,
    acts: Vec<Act>,
    steps: Vec<Step>,
    end: End,
}

/// What is left of a thread.
struct Outcome {
    leaked: Vec<Leaked>,
    stacks: Stacks,
    /// Whether there was a value that could not be had.
    is_stuck: bool,
    has_unended: bool,
}

/// What was seen in many schedules.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    schedules: usize,
    lent: usize,
    refused: usize,
    stuck: usize,
    leaked: usize,
}

impl Seen {
    /// That there was enough of everything for the checks to mean something.
    fn assert_diverse(self) {
        let Self {
            schedules,
            lent,
            refused,
            stuck,
            leaked,
        } = self;
        // A few may be of one sort.
        assert!(
            schedules < 100
                || lent > schedules
                    && refused > schedules
                    && stuck > schedules / 100
                    && leaked > schedules / 100,
            "{self:?}"
        );
    }
}

/// The main part, on a thread of its own.
fn act<K: Kind>(schedule: &Schedule, mut stacks: Stacks) -> Outcome {
    if matches!(schedule.end, End::DropLate | End::ResumeLate) {
        register_late([begin_late::<K>, end_late::<K>]);
    }
    if schedule.is_made {
        K::make();
    }
    let mut leaked = Vec::new();
    let mut actors: Vec<Option<Actor>> = Vec::new();
    for &act in &schedule.acts {
        actors.push(Some(Actor::new(stacks.take(), move || act.run::<K>())));
    }
    for &step in &schedule.steps {
        match step {
            Step::Resume(index) => {
                if let Some(actor) = &mut actors[index]
                    && !actor.has_ended()
                {
                    actor.resume();
                }
            }
            Step::Drop(index) => {
                if let Some(actor) = actors[index].take() {
                    stacks.give(actor.into_stack());
                }
            }
            Step::Leak(index) => {
                leaked.extend(actors[index].take().map(Actor::leak));
            }
        }
        probe::<K>();
    }
    let mut unended = Vec::new();
    for actor in actors.into_iter().flatten() {
        if actor.has_ended() || schedule.end == End::Drop {
            stacks.give(actor.into_stack());
        } else {
            unended.push(actor);
        }
    }
    probe::<K>();
    let is_stuck = is_stuck::<K>();
    let has_unended = !unended.is_empty() || !leaked.is_empty();
    match schedule.end {
        End::Drop => {}
        End::Leak => leaked.extend(unended.into_iter().map(Actor::leak)),
        End::DropLate => leave_late(unended, false),
        End::ResumeLate => leave_late(unended, true),
    }
    Outcome {
        leaked,
        stacks,
        is_stuck,
        has_unended,
    }
}

/// Runs schedules, one after the other.
struct Runner {
    /// Of the present thread. Its last destructors still write to it, so it is not on any stack.
    record: &'static Record,
    stacks: Stacks,
    seen: Seen,
}

impl Runner {
    fn new() -> Self {
        quiet();
        Self {
            record: Box::leak(Box::default()),
            stacks: Stacks::default(),
            seen: Seen::default(),
        }
    }

    /// Fails if anything was wrong.
    fn run<K: Kind>(&mut self, schedule: &Schedule, seed: Option<u64>) {
        let record = self.record;
        *record.lock() = Entries::default();
        let stacks = std::mem::take(&mut self.stacks);
        let outcome = thread::scope(|scope| {
            let act = || {
                record_to(record);
                act::<K>(schedule, stacks)
            };
            // Unlike the end of the scope, this waits for the last destructor.
            scope.spawn(act).join()
        });
        let Ok(outcome) = outcome else {
            panic!("a panic in {schedule:?}, seed {seed:?}");
        };
        let mut entries = std::mem::take(&mut *record.lock());
        if let Err(error) = judge(&mut entries, &outcome) {
            panic!("{error}\nin {schedule:?}, seed {seed:?}");
        }
        let total = &mut self.seen;
        total.schedules += 1;
        total.lent += entries.lent;
        total.refused += entries.refused;
        total.stuck += usize::from(outcome.is_stuck);
        total.leaked += outcome.leaked.len();
        self.stacks = outcome.stacks;
        for leaked in outcome.leaked {
            self.stacks.give(leaked.into_stack());
        }
        if self.seen.schedules.is_multiple_of(64) {
            drop(K::take_parts());
        }
    }
}

/// What is wrong with the end of a thread.
fn judge(entries: &mut Entries, outcome: &Outcome) -> Result<(), String> {
    if !entries.errors.is_empty() {
        return Err(entries.errors.join("\n"));
    }
    if outcome.is_stuck && !outcome.has_unended && !entries.is_out_of_order {
        return Err("all borrows have ended in order, and the state is not free".into());
    }
    for (_, serials) in &entries.held {
        for serial in serials {
            let Some(index) = entries.alive.iter().position(|alive| alive == serial) else {
                return Err(format!("{serial} is dropped, and its owner has not ended"));
            };
            entries.alive.swap_remove(index);
        }
    }
    // A value that is borrowed when its thread ends is leaked, whole.
    let is_stuck = entries.is_stuck_late.unwrap_or(outcome.is_stuck);
    let expected = if is_stuck { 3 } else { 0 };
    if entries.alive.len() != expected {
        return Err(format!(
            "{:?} are not dropped, where {expected} items are in a borrowed value",
            entries.alive
        ));
    }
    Ok(())
}

/// How many schedules are run: by the environment more, for a full run.
fn limit() -> usize {
    std::env::var("TLS_STATE_TEST_SCHEDULES")
        .ok()
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(300)
}

/// All orders in which so many coroutines can be resumed, each at least once and at most so often.
fn orders(coroutines: usize, times: usize) -> Vec<Vec<Step>> {
    fn extend(steps: &mut Vec<Step>, counts: &mut [usize], all: &mut Vec<Vec<Step>>) {
        if counts.iter().all(|&count| count == 0) {
            all.push(steps.clone());
        }
        for index in 0..counts.len() {
            if counts[index] > 0 {
                counts[index] -= 1;
                steps.push(Step::Resume(index));
                extend(steps, counts, all);
                steps.pop();
                counts[index] += 1;
            }
        }
    }

    let mut all = Vec::new();
    let mut counts = vec![1; coroutines];
    loop {
        extend(&mut Vec::new(), &mut counts, &mut all);
        // The next numbers, as on a counter.
        let Some(index) = counts.iter().position(|&count| count < times) else {
            return all;
        };
        counts[index] += 1;
        counts[..index].fill(1);
    }
}

/// All sets of so many acts, the same one several times included.
fn sets(size: usize) -> Vec<Vec<Act>> {
    let mut sets = vec![(0, Vec::new())];
    for _ in 0..size {
        let longer = |(least, set): (usize, Vec<Act>)| {
            (least..Act::ALL.len()).map(move |index| {
                let mut set = set.clone();
                set.push(Act::ALL[index]);
                (index, set)
            })
        };
        sets = sets.into_iter().flat_map(longer).collect();
    }
    sets.into_iter().map(|(_, set)| set).collect()
}

/// All sets of so many acts, in all orders of up to so many resumptions of each, with all ends; or as
/// many of these as there shall be, far from each other.
fn systematic<K: Kind>(size: usize, times: usize) {
    let orders = orders(size, times);
    let sets = sets(size);
    let total = orders.len() * sets.len() * ENDS.len() * 2;
    let count = limit().min(total);
    // A prime number that does not divide the total: all are met, in an order without a pattern.
    let prime = 15_485_863;
    assert!(!total.is_multiple_of(prime));
    let mut runner = Runner::new();
    for number in 0..count {
        let mut index = number * prime % total;
        let mut choose = |count: usize| {
            let chosen = index % count;
            index /= count;
            chosen
        };
        let schedule = Schedule {
            is_made: choose(2) == 0,
            end: ENDS[choose(ENDS.len())],
            acts: sets[choose(sets.len())].clone(),
            steps: orders[choose(orders.len())].clone(),
        };
        runner.run::<K>(&schedule, None);
    }
    runner.seen.assert_diverse();
    println!("of {total}: {:?}", runner.seen);
}

/// A generator of numbers: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("less than a usize")
    }
}

fn random_schedule(random: &mut Random) -> Schedule {
    let count = 2 + random.below(4);
    let acts = (0..count).map(|_| Act::ALL[random.below(Act::ALL.len())]);
    let acts = acts.collect();
    let steps = (0..count * 3).map(|_| {
        let index = random.below(count);
        match random.below(20) {
            0 => Step::Leak(index),
            1 | 2 => Step::Drop(index),
            _ => Step::Resume(index),
        }
    });
    let steps = steps.collect();
    Schedule {
        is_made: random.below(3) > 0,
        acts,
        steps,
        end: ENDS[random.below(ENDS.len())],
    }
}

/// Several coroutines, some of which are dropped or leaked midway.
fn random<K: Kind>() {
    let seed = std::env::var("TLS_STATE_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let mut runner = Runner::new();
    for number in 0..limit() {
        // Each schedule has a seed of its own, from which it can be had again.
        let mut random = Random(seed ^ (number as u64) << 32);
        runner.run::<K>(&random_schedule(&mut random), Some(seed));
    }
    runner.seen.assert_diverse();
    println!("seed {seed}: {:?}", runner.seen);
}

/// Fails if the checks do not find what they are there to find.
#[test]
fn references_that_exclude_each_other_and_items_that_are_lost_are_found() {
    let record: &'static Record = Box::leak(Box::default());
    thread::spawn(move || {
        record_to(record);
        let item = Item::new();
        let _shared = watch(&raw const item, false, true);
        let _beside = watch(&raw const item, false, true);
        assert_eq!(record.lock().errors.len(), 0);
        let _exclusive = watch(&raw const item, true, true);
        assert_eq!(record.lock().errors.len(), 1);
        std::mem::forget(item);
    })
    .join()
    .unwrap();
    let outcome = Outcome {
        leaked: Vec::new(),
        stacks: Stacks::default(),
        is_stuck: false,
        has_unended: false,
    };
    let mut entries = std::mem::take(&mut *record.lock());
    assert!(judge(&mut entries, &outcome).is_err());
    entries.errors.clear();
    assert!(judge(&mut entries, &outcome).is_err());
    entries.alive.clear();
    assert!(judge(&mut entries, &outcome).is_ok());
}

macro_rules! for_each_kind {
    ($($name:ident: $Kind:ident)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn two_coroutines_in_every_order() {
                systematic::<$Kind>(2, 3);
            }

            #[test]
            fn three_coroutines_in_every_order() {
                systematic::<$Kind>(3, 2);
            }

            #[test]
            fn several_coroutines_that_are_resumed_dropped_and_leaked_at_random() {
                random::<$Kind>();
            }
        })*
    };
}

for_each_kind! {
    inline: Inline
    on_the_heap: Large
    reset_by_fork: ResetByFork
    fallible: Fallible
    explicit: Explicit
}
