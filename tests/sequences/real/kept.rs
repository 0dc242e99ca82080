//! Guards and futures, which are kept from one operation to another.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::{IS_QUIET, STACK, Token, catch, catch_all, field_of, in_job, note, run, script};
use crate::kinds::{Constant, Explicit, Fallible, Kind, Large, Lazy, ResetByFork, Shared, Wide};
use crate::program::{Around, Cause, Event, Script, State};

type Result = std::result::Result<u64, Cause>;

/// Does in each poll a part of what the program says.
struct Steps {
    script: Script,
    is_in_job: bool,
}

impl Steps {
    fn here(&self, f: impl FnOnce()) {
        if self.is_in_job { in_job(f) } else { f() }
    }
}

impl Future for Steps {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if let Some(body) = self.script.polls.pop_front() {
            self.here(|| run(&body));
        }
        if self.script.polls.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        note(Event::FutureDropped);
        self.here(|| catch(&self.script.at_drop));
    }
}

/// Returns what an operation returns. Not an `async` block: that could not be polled again after a panic.
struct Mapped<F: Future>(Pin<Box<F>>, fn(F::Output) -> Result);

impl<F: Future> Future for Mapped<F> {
    type Output = Result;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result> {
        self.0.as_mut().poll(context).map(self.1)
    }
}

type Here = Pin<Box<dyn Future<Output = Result>>>;
type Anywhere = Pin<Box<dyn Future<Output = Result> + Send>>;

pub(super) enum Kept {
    Guard(#[expect(dead_code, reason = "it is dropped")] Box<dyn Any>),
    Here(Here),
    Anywhere(Anywhere),
}

thread_local! {
    /// Without drop glue, so there in every destructor.
    static KEPT: ManuallyDrop<RefCell<Vec<Kept>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };

    /// Nothing is kept any more.
    static IS_CLOSED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps something, or drops it if it is too late for that.
pub(super) fn keep(kept: Kept) {
    if !IS_CLOSED.get() {
        KEPT.with(|all| all.borrow_mut().push(kept));
    }
}

fn remove(choose: impl FnOnce(&[Kept]) -> Option<usize>) -> Option<Kept> {
    KEPT.with(|all| {
        let mut all = all.borrow_mut();
        let index = choose(&all)?;
        Some(all.remove(index))
    })
}

/// Drops all that is kept, and keeps nothing any more.
pub(super) fn close() {
    IS_CLOSED.set(true);
    while let Some(kept) = remove(|all| all.len().checked_sub(1)) {
        catch_all(|| drop(kept));
    }
    KEPT.with(|all| all.take());
}

pub(super) fn drop_one(index: usize) {
    drop(remove(|all| index.checked_rem(all.len())));
}

pub(super) fn make_future(around: Around, script: Script) {
    keep(match around {
        Around::Job(job) => {
            let job = super::script().jobs[job].clone();
            let steps = Steps {
                script,
                is_in_job: true,
            };
            Kept::Anywhere(Box::pin(Mapped(Box::pin(job.run_future(steps)), |()| {
                Ok(0)
            })))
        }
        Around::Scope(state, _) | Around::Fresh(state) => match state {
            State::Lazy => of_state::<Lazy>(around, script),
            State::Fallible => of_state::<Fallible>(around, script),
            State::Explicit => of_state::<Explicit>(around, script),
            State::Constant => of_state::<Constant>(around, script),
            State::Large => of_state::<Large>(around, script),
            State::Wide => of_state::<Wide>(around, script),
            State::ResetByFork => of_state::<ResetByFork>(around, script),
            State::Shared => of_state::<Shared>(around, script),
        },
    });
}

fn of_state<K: Kind>(around: Around, script: Script) -> Kept {
    let steps = Steps {
        script,
        is_in_job: false,
    };
    let plain = |output| K::plain(output).map(|()| 0);
    if let Around::Scope(_, slot) = around {
        let future = field_of::<K>(slot).scope_future(Token::new(), steps);
        Kept::Anywhere(Box::pin(Mapped(Box::pin(future), plain)))
    } else {
        let future = K::state().with_fresh_future(steps);
        Kept::Here(Box::pin(Mapped(Box::pin(future), plain)))
    }
}

pub(super) fn poll(index: usize, elsewhere: bool) {
    let future = remove(|all| {
        let futures = (0..all.len()).filter(|&at| !matches!(all[at], Kept::Guard(_)));
        let futures = futures.collect::<Vec<_>>();
        Some(futures[index.checked_rem(futures.len())?])
    });
    let Some(mut future) = future else { return };
    let mut context = Context::from_waker(Waker::noop());
    let polled = catch_unwind(AssertUnwindSafe(|| match &mut future {
        Kept::Anywhere(future) if elsewhere && !script().is_exiting => poll_elsewhere(future),
        Kept::Anywhere(future) => future.as_mut().poll(&mut context),
        Kept::Here(future) => future.as_mut().poll(&mut context),
        Kept::Guard(_) => unreachable!("a future has been chosen"),
    }));
    let put_back = |future| KEPT.with(|all| all.borrow_mut().push(future));
    match polled {
        Ok(Poll::Ready(result)) => {
            note(Event::Returned(result));
            drop(future);
        }
        Ok(Poll::Pending) => {
            note(Event::Pending);
            put_back(future);
        }
        Err(payload) => {
            put_back(future);
            resume_unwind(payload);
        }
    }
}

/// Polls it on a thread that ends then.
fn poll_elsewhere(future: &mut Anywhere) -> Poll<Result> {
    let poll = || {
        IS_QUIET.set(true);
        let mut context = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
        close();
        note(Event::ThreadExits);
        script().is_exiting = true;
        polled
    };
    let polled = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK);
        // Unlike the end of the scope, this waits for the last destructor.
        thread.spawn_scoped(scope, poll).expect("a thread").join()
    });
    script().is_exiting = false;
    polled
        .expect("what panics has been caught")
        .unwrap_or_else(|payload| resume_unwind(payload))
}
