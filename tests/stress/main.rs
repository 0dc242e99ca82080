//! Everything at once, at random, against a model.
//!
//! Eight threads work on 22 states of all kinds, end at any time and are replaced; there are panics in
//! closures, initializers and destructors, and forks; guards are kept, futures go from thread to thread, jobs
//! are entered by all; thread-locals that are not states come and go; an observer totals and collects. Each
//! thread knows what its states must hold and what each access must be answered with; of the totals
//! of all threads it is known between which numbers they must lie.
//!
//! It takes as many seconds as `TLS_STATE_STRESS_SECONDS` says. What each thread does follows from
//! the seed, which `TLS_STATE_STRESS_SEED` sets; when it does it does not.
//! `TLS_STATE_STRESS_FORKS=0` leaves forks out, for tools that cannot follow.
#![cfg(unix)]

mod foreign;
mod forks;
mod jobs;
mod kept;
mod model;
mod ops;
mod states;

use std::collections::HashSet;
use std::io::{Read as _, Seek as _, Write as _};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use tls_core::shared::{Total, shared_fields};

use model::{
    FORKS, METER_TOTALS, Model, OPERATIONS, PANICS, PANICS_AT_EXIT, Planned, Random, STOP, TOTALS,
    failures, lock, name, note_failure,
};
use ops::use_after;
use states::{STATES, Subject, for_state};

/// Set where the test itself runs.
const INSIDE: &str = "TLS_STATE_STRESS_INSIDE";

/// How many threads work at a time.
const SEATS: u64 = 8;

/// With those that observe.
const THREADS_AT_MOST: usize = 10;

static MODELS: Mutex<Vec<&'static Model>> = Mutex::new(Vec::new());
static THREADS: AtomicU64 = AtomicU64::new(0);

fn number_from(variable: &str) -> Option<u64> {
    env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

fn seconds() -> u64 {
    number_from("TLS_STATE_STRESS_SECONDS").unwrap_or(1)
}

/// What the library says on standard error when a destructor panics at thread exit.
const CONTAINED: &str = "panicked while its thread was exiting";

/// Runs the test in a process of its own, whose standard error it reads.
#[test]
fn random_operations_of_threads_that_come_and_go_agree_with_a_model() {
    if env::var_os(INSIDE).is_some() {
        stress();
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number_from("TLS_STATE_STRESS_SEED").unwrap_or(now.as_secs() % 1_000_000_007);
    let mut said = tempfile::tempfile().unwrap();
    let asan = env::var("ASAN_OPTIONS").unwrap_or_default();
    let tsan = env::var("TSAN_OPTIONS").unwrap_or_default();
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .env("RUST_BACKTRACE", "0")
        .env("TLS_STATE_STRESS_SEED", seed.to_string())
        .env("ASAN_OPTIONS", asan)
        .env("TSAN_OPTIONS", format!("{tsan}:die_after_fork=0"))
        .stdin(Stdio::null())
        .stdout(said.try_clone().unwrap())
        .stderr(said.try_clone().unwrap())
        .spawn()
        .unwrap();
    // What is under way when the time is over is finished: all in all not a second, but for tools
    // that make everything slow.
    let limit = Duration::from_secs(seconds() * 2 + 600);
    let started = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break Some(status);
        }
        if started.elapsed() > limit {
            process.kill().unwrap();
            process.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let mut text = String::new();
    said.rewind().unwrap();
    said.read_to_string(&mut text).unwrap();
    let (contained, rest): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.contains(CONTAINED));
    let rest = rest.join("\n");
    assert!(
        status.is_some_and(|status| status.success()),
        "seed {seed}: {status:?}\n{rest}"
    );
    let report = rest.lines().find(|line| line.starts_with("stress:"));
    let report = report.unwrap_or_else(|| panic!("seed {seed}: no report in\n{rest}"));
    println!("{report}");
    // One line for each, and each state's name in it.
    let expected = format!(" {} panics at thread exit", contained.len());
    assert!(
        report.contains(&expected),
        "{} in {report}",
        contained.len()
    );
}

/// A thread-local that is not a state and whose destructor runs before those of the states that the thread
/// has, or after.
struct Foreign;

impl Drop for Foreign {
    fn drop(&mut self) {
        let result = catch_unwind(|| {
            let is_last = model::foreign_is_dropped();
            let _inside = foreign::InDestructor::new();
            if is_last {
                for index in 0..STATES {
                    for_state!(index, use_after());
                }
            } else {
                ops::play_some_caught(5);
            }
            kept::close();
        });
        if result.is_err() {
            note_failure("a destructor has failed".to_owned());
        }
    }
}

thread_local! {
    static FOREIGN: Foreign = const { Foreign };
}

fn use_foreign() {
    FOREIGN.with(|_| ());
    model::register_foreign();
}

/// The thread is about to end, also if it panics.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        model::begin_to_end();
    }
}

/// What one thread does, from its beginning to its end.
fn work(model: &'static Model, seed: u64) {
    model.enter(seed);
    let _end = End;
    let (length, is_foreign_last, panics) = model::here(|model| {
        let longest = 1 << model.random.below(12);
        (
            model.random.below(longest) + 1,
            model.chance(2),
            model.chance(10),
        )
    });
    if is_foreign_last {
        use_foreign();
    }
    for _ in 0..length {
        if STOP.load(SeqCst) {
            break;
        }
        ops::play_caught();
        if model::is_child() {
            forks::end_child();
        }
    }
    // A token that is dropped later could not be told from one of a value that ends.
    kept::end_all(true);
    if model::is_child() {
        forks::end_child();
    }
    if !is_foreign_last {
        use_foreign();
    }
    if panics {
        model::panic_as_planned();
    }
}

/// One thread after another.
fn keep_seat(seat: u64, seed: u64) {
    let model: &'static Model = Box::leak(Box::new(Model::new()));
    // A leak detector finds it here.
    lock(&MODELS).push(model);
    let mut seeds = Random::new(seed ^ (seat << 32));
    while !STOP.load(SeqCst) {
        let number = THREADS.fetch_add(1, SeqCst);
        let seed = seeds.next();
        let thread = thread::Builder::new()
            .name(format!("worker {number}"))
            .spawn(move || work(model, seed))
            .unwrap();
        if let Err(payload) = thread.join()
            && !payload.is::<Planned>()
        {
            note_failure(format!("thread {number} has failed"));
        }
        model.check_after_the_end();
    }
}

/// Totals, lists and takes, until all is over.
fn observe(seed: u64) {
    let mut random = Random::new(seed);
    while !STOP.load(SeqCst) {
        let index = usize::try_from(random.below(STATES as u64)).unwrap();
        for_state!(index, observe_state(random.below(20)));
        let job = usize::try_from(random.below(jobs::JOBS as u64)).unwrap();
        jobs::observe(job, index);
        if random.below(50) == 0 {
            check_all_fields();
        }
        // The others are to get their turn.
        thread::sleep(Duration::from_micros(random.below(300)));
    }
}

fn observe_state<S: Subject>(draw: u64) {
    match draw {
        0..2 => ops::take::<S>(),
        2..4 => {
            let listed = S::HITS.per_thread().into_rows();
            let ids: HashSet<_> = listed.iter().map(|thread| thread.thread).collect();
            model::check!(ids.len() == listed.len(), "{}: one thread twice", S::NAME);
            let is_worker = |name: &Option<String>| {
                name.as_deref()
                    .is_some_and(|name| name.starts_with("worker "))
            };
            model::check!(
                listed.iter().all(|thread| is_worker(&thread.name)),
                "{}: {listed:?}",
                S::NAME
            );
            let sum: u64 = listed.iter().map(|thread| thread.value).sum();
            let most = TOTALS[S::INDEX].hits.most();
            model::check!(sum <= most, "{}: {sum} of {most}", S::NAME);
        }
        _ => ops::check_totals::<S>(),
    }
}

/// The list of all of them says the same.
fn check_all_fields() {
    let least: Vec<u64> = TOTALS.iter().map(|totals| totals.hits.least()).collect();
    let fields = shared_fields();
    let most: Vec<u64> = TOTALS.iter().map(|totals| totals.hits.most()).collect();
    let mut found = 0;
    for index in 0..STATES {
        let name = for_state!(index, name());
        let field = fields
            .iter()
            .find(|field| (field.state, field.field) == (name, "hits"));
        match field.map(|field| &field.total) {
            None => model::check!(least[index] == 0, "{name} is not listed"),
            Some(Total::Counter(total)) => {
                found += 1;
                model::check!(
                    (least[index]..=most[index]).contains(total),
                    "{name} is listed with {total}"
                );
            }
            Some(other) => panic!("{name} is listed with {other:?}"),
        }
    }
    let listed = fields.iter().filter(|field| field.field == "hits").count();
    model::check!(found == listed, "{listed} are listed, {found} were found");
}

fn stress() {
    let seed = number_from("TLS_STATE_STRESS_SEED").expect("the seed is given");
    forks::is_enabled();
    let ordinary = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let says = |part| {
            info.payload_as_str()
                .is_some_and(|text| text.contains(part))
        };
        // An initializer's error, where a borrow without a closure has no other way to tell; and what the library
        // hears if it asks for a thread that is known no more.
        let is_told = says(ops::NOT_INITIALIZED)
            || cfg!(tls_core_keys) && says("use of std::thread::current() is not possible");
        if !ops::is_quiet() && !is_told {
            ordinary(info);
            note_failure(info.to_string());
        }
    }));
    let end = Instant::now() + Duration::from_secs(seconds());
    thread::scope(|scope| {
        for seat in 0..SEATS {
            scope.spawn(move || keep_seat(seat, seed));
        }
        scope.spawn(|| {
            // It is to end in any case, so that the others can.
            let result = catch_unwind(AssertUnwindSafe(|| observe(seed ^ 0x0B5E_44E4)));
            if result.is_err() {
                note_failure("the observer has failed".to_owned());
            }
        });
        while Instant::now() < end && !STOP.load(SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        STOP.store(true, SeqCst);
    });
    let failures = failures();
    assert!(failures.is_empty(), "{failures:#?}");
    let model: &'static Model = Box::leak(Box::new(Model::new()));
    lock(&MODELS).push(model);
    let last = thread::spawn(move || {
        let _end = End;
        model.enter(seed);
        kept::end_anywhere();
    });
    assert!(last.join().is_ok(), "what is left cannot be dropped");
    model.check_after_the_end();
    for index in 0..STATES {
        for_state!(index, check_end());
        jobs::check_end_of(index);
    }
    // Not `println!`: the harness does not capture this, but may be writing its own line.
    let report = format!(
        "\nstress: seed {seed}, {} states, {} operations, {} threads, {} forks, {} panics, {} panics \
         at thread exit\n",
        STATES,
        OPERATIONS.load(SeqCst),
        THREADS.load(SeqCst),
        FORKS.load(SeqCst),
        PANICS.load(SeqCst),
        PANICS_AT_EXIT.load(SeqCst),
    );
    std::io::stdout().write_all(report.as_bytes()).unwrap();
}

/// All threads have been joined: now everything is exact.
fn check_end<S: Subject>() {
    let totals = &TOTALS[S::INDEX];
    let exact = totals.hits.exact();
    assert_eq!(S::state().live_threads(), 0, "{}", S::NAME);
    assert_eq!(S::HITS.total(), exact, "{}", S::NAME);
    ops::take::<S>();
    assert_eq!(totals.taken.load(SeqCst), exact, "{}", S::NAME);
    assert_eq!(S::HITS.take_total(), 0);
    assert_eq!(S::HITS.per_thread().into_rows(), []);
    let Some(meters) = S::METERS else { return };
    let totals = &METER_TOTALS[meters.index];
    let flow = totals.up.exact().cast_signed() - totals.down.exact().cast_signed();
    assert_eq!(meters.flow.total(), flow, "{}", S::NAME);
    assert_eq!(meters.level.total(), 0);
    assert_eq!(meters.peak.total(), totals.peak_published.load(SeqCst));
    let values = meters.values.total();
    assert_eq!(values.count(), totals.values.exact());
    assert_eq!(values.sum(), totals.sum.load(SeqCst));
    assert_eq!(totals.values_taken.load(SeqCst), values.count());
    for (kind, total) in meters.by_kind.total().into_iter().enumerate() {
        assert_eq!(total, totals.by_kind[kind].exact());
        assert_eq!(totals.by_kind_taken[kind].load(SeqCst), total);
    }
    let mut collected = lock(&totals.collected);
    collected.sort_unstable();
    assert!(
        collected.iter().copied().eq(0..totals.pushed.load(SeqCst)),
        "{}: parts were lost or came twice",
        S::NAME
    );
}
