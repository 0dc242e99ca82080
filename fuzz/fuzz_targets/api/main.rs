//! Bytes become programs: calls of the whole interface, nested in one another, by one to three
//! threads at once. A plain model says what each has to return, which destructors have to run and what
//! all is to be worth in the end. Initializers and destructors are parts of the program, too: they
//! call, fail and panic.
//!
//! Threads are used again by later runs, except where the end of one is the point.

#![no_main]

mod cells;
mod foreign;
mod kept;
mod model;
mod operations;
mod states;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;

use libfuzzer_sys::fuzz_target;

use crate::model::{Model, Seen, Status, check, model};
use crate::states::FACTS;

fuzz_target!(
    init: {
        // Instead of the fuzzer's, which ends the process at every panic.
        let ordinary = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // What the library hears, under keys, if it asks for a thread that is known no more.
            let is_gone = cfg!(tls_core_keys)
                && info.payload().downcast_ref::<&str>().is_some_and(|text| {
                    text.starts_with("use of std::thread::current() is not possible")
                });
            // What a program causes it also catches, and compares its text.
            if operations::operations() == 0 && !is_gone {
                ordinary(info);
                std::process::abort();
            }
        }));
    },
    |bytes: &[u8]| {
        let Some((&how, bytes)) = bytes.split_first() else {
            return;
        };
        let half = bytes.len() / 2;
        let third = bytes.len() / 3;
        // Mostly one thread: others take ten times as long.
        match how % 64 {
            0..52 => program(bytes),
            52..56 => {
                model::begin_thread(&FACTS);
                ending(bytes);
            }
            56..60 => {
                let worker = WORKERS.0.begin(&bytes[half..]);
                program(&bytes[..half]);
                worker.wait();
            }
            60..62 => {
                let first = WORKERS.0.begin(&bytes[third..2 * third]);
                let second = WORKERS.1.begin(&bytes[2 * third..]);
                program(&bytes[..third]);
                first.wait();
                second.wait();
            }
            _ => {
                model::begin_thread(&FACTS);
                let worker = WORKERS.0.begin(&bytes[half..]);
                ending(&bytes[..half]);
                worker.wait();
            }
        }
        model::begin_thread(&FACTS);
        cells::check_totals();
    }
);

/// Runs a program on this thread, and leaves no value.
fn program(bytes: &[u8]) {
    model::begin_thread(&FACTS);
    model(|model| model.load(bytes));
    loop {
        operations::run();
        let rest = model(Model::rest);
        if rest.is_empty() {
            break;
        }
        model(|model| model.load(&rest));
    }
    kept::end_all();
    cells::check_jobs(model(|model| std::mem::take(&mut model.jobs)));
    // No program is left, so destructors make nothing.
    model(|model| {
        for state in &mut model.states {
            state.status = Status::Uninitialized;
        }
    });
    operations::reset_all();
    model(Model::forget_values);
}

/// Runs a program on threads that end, one after the other, with what they have.
fn ending(bytes: &[u8]) {
    let mut rest = bytes.to_vec();
    for _ in 0..4 {
        rest = life(rest, operations::run).0;
        if rest.is_empty() {
            break;
        }
    }
}

/// Runs the next part of a program on a thread, until that has ended. Returns the rest.
fn life<R: Send + 'static>(bytes: Vec<u8>, f: impl FnOnce() -> R + Send + 'static) -> (Vec<u8>, R) {
    let thread = thread::Builder::new().stack_size(4 << 20).spawn(move || {
        let model = model::begin_thread(&FACTS);
        // Registered first, so its destructor runs last, except for those of states that are made then.
        LATE.with(|_| ());
        crate::model(|model| {
            model.register_late();
            model.ends = true;
            model.load(&bytes);
        });
        let result = f();
        crate::model(|model| model.is_exiting = true);
        (model, result)
    });
    let ended = thread.unwrap_or_else(|error| model::fail(error)).join();
    let Ok((ended, result)) = ended else {
        model::fail("a thread panicked")
    };
    model::lock(ended).exit_until(Seen::End);
    let rest = model::lock(ended).rest();
    let jobs = std::mem::take(&mut model::lock(ended).jobs);
    model::end_thread(ended);
    cells::check_jobs(jobs);
    (rest, result)
}

/// A thread-local of somebody else.
struct Late;

impl Drop for Late {
    /// Runs a part of the program after the states that the thread had have been dropped.
    fn drop(&mut self) {
        model(|model| {
            model.exit_until(Seen::Late);
            let alive = FACTS.iter().find(|facts| {
                facts.needs_drop && model.states[facts.index].status == Status::Alive
            });
            let alive = alive.map(|facts| facts.name);
            check!(
                alive.is_none() || cfg!(tls_core_keys),
                "{alive:?} was not dropped"
            );
            model.foreign_destructors += 1;
        });
        operations::run();
        kept::close();
        model(|model| model.foreign_destructors -= 1);
    }
}

thread_local! {
    static LATE: Late = const { Late };
}

/// A thread that runs a part of many programs.
struct Worker(Mutex<(Sender<Vec<u8>>, Receiver<()>)>);

static WORKERS: LazyLock<(Worker, Worker)> = LazyLock::new(|| (Worker::new(), Worker::new()));

impl Worker {
    fn new() -> Self {
        let (sender, programs) = channel::<Vec<u8>>();
        let (done, receiver) = channel();
        thread::spawn(move || {
            for bytes in programs {
                program(&bytes);
                if done.send(()).is_err() {
                    break;
                }
            }
        });
        Self(Mutex::new((sender, receiver)))
    }

    fn begin(&self, bytes: &[u8]) -> &Self {
        check!(
            model::lock(&self.0).0.send(bytes.to_vec()).is_ok(),
            "a worker has ended"
        );
        self
    }

    fn wait(&self) {
        check!(model::lock(&self.0).1.recv().is_ok(), "a worker has ended");
    }
}
