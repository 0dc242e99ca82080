//! Where coroutines run: how they suspend themselves from any depth, and how their stacks are
//! used again.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::items::{count_refusal, is_recorded};

type Inner = Coroutine<(), (), (), DefaultStack>;

thread_local! {
    /// Of the coroutine that runs.
    static RUNNING: Cell<Option<*const Yielder<(), ()>>> = const { Cell::new(None) };
}

/// Suspends the coroutine that runs. Outside of coroutines it does nothing.
pub(crate) fn pause() {
    let Some(yielder) = RUNNING.get() else { return };
    // SAFETY: it is the yielder of the coroutine that runs, on whose stack this is called.
    unsafe { &*yielder }.suspend(());
    RUNNING.set(Some(yielder));
}

/// A coroutine that does one thing.
pub(crate) struct Actor(Inner);

/// A coroutine that is not heard of again, to be had back when its thread has ended.
pub(crate) struct Leaked(ManuallyDrop<Inner>);

// SAFETY: nothing is done with it but to take its stack away from under it.
unsafe impl Send for Leaked {}

impl Leaked {
    /// Takes the stack.
    pub(crate) fn into_stack(self) -> DefaultStack {
        let mut inner = ManuallyDrop::into_inner(self.0);
        // SAFETY: nothing refers to what is on the stack: what it had borrowed was thread-local, and its
        // thread has ended. What it owns is leaked.
        unsafe { inner.force_reset() };
        inner.into_stack()
    }
}

impl Actor {
    pub(crate) fn new(stack: DefaultStack, act: impl FnOnce() + 'static) -> Self {
        Self(Inner::with_stack(stack, move |yielder, ()| {
            RUNNING.set(Some(&raw const *yielder));
            act();
        }))
    }

    /// Goes on until it suspends itself or ends.
    pub(crate) fn resume(&mut self) {
        let outer = RUNNING.get();
        let result = self.0.resume(());
        RUNNING.set(outer);
        assert_eq!(
            self.has_ended(),
            matches!(result, CoroutineResult::Return(()))
        );
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0.done()
    }

    /// Unwinds it, if it has not ended, and takes its stack.
    pub(crate) fn into_stack(mut self) -> DefaultStack {
        let outer = RUNNING.take();
        self.0.force_unwind();
        RUNNING.set(outer);
        self.0.into_stack()
    }

    pub(crate) fn leak(self) -> Leaked {
        Leaked(ManuallyDrop::new(self.0))
    }
}

/// Stacks that have been used, because new ones have to be mapped.
#[derive(Default)]
pub(crate) struct Stacks(Vec<DefaultStack>);

impl Stacks {
    pub(crate) fn take(&mut self) -> DefaultStack {
        self.0
            .pop()
            .unwrap_or_else(|| DefaultStack::new(256 << 10).expect("memory for a stack"))
    }

    pub(crate) fn give(&mut self, stack: DefaultStack) {
        self.0.push(stack);
    }
}

thread_local! {
    /// Its destructor runs after those of all that registers later: the states.
    static LATE: RefCell<Late> = const {
        RefCell::new(Late {
            actors: Vec::new(),
            is_resumed: false,
        })
    };
}

thread_local! {
    static AROUND_LATE: Cell<[fn(); 2]> = const { Cell::new([|| (), || ()]) };
}

/// Coroutines that go on or are dropped when the states are gone.
struct Late {
    actors: Vec<Actor>,
    is_resumed: bool,
}

impl Drop for Late {
    fn drop(&mut self) {
        let [begin, end] = AROUND_LATE.get();
        begin();
        for mut actor in self.actors.drain(..) {
            while self.is_resumed && !actor.has_ended() {
                actor.resume();
            }
            drop(actor.into_stack());
        }
        end();
    }
}

/// Registers the destructor of those that come late: before any state. The functions are called before them and
/// after.
pub(crate) fn register_late(around: [fn(); 2]) {
    AROUND_LATE.set(around);
    LATE.with(|_| ());
}

pub(crate) fn leave_late(actors: Vec<Actor>, is_resumed: bool) {
    LATE.with(|late| {
        *late.borrow_mut() = Late { actors, is_resumed };
    });
}

/// The panic of an initializer.
pub(crate) const PLANNED: &str = "an initializer that panics";

fn is_refusal(text: &str) -> bool {
    text == PLANNED
        || text.contains("is already borrowed")
        || text.contains("is being initialized")
        || text.contains("cannot be accessed any more")
        || text.contains("has not been initialized")
        || text.contains("to is gone")
}

/// Calls what panics if it is refused. The unwinding of a coroutine goes on.
pub(crate) fn allowed<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            if text.is_some_and(is_refusal) {
                count_refusal();
                None
            } else {
                resume_unwind(payload)
            }
        }
    }
}

/// Keeps refusals off the terminal.
pub(crate) fn quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let ordinary = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<String>();
            let is_expected = is_recorded() && text.is_some_and(|text| is_refusal(text));
            if !is_expected {
                ordinary(info);
            }
        }));
    });
}
