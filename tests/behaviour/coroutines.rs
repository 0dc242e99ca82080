//! Stackful coroutines, whose borrows end in any order or never.
//!
//! A borrow that ends while it is not the innermost leaves the state borrowed for good. That
//! is what is checked here: never two references that exclude each other.

use std::cell::Cell;
use std::ptr;

use corosensei::stack::valgrind::ValgrindStackRegistration;

use crate::kinds::{Kind, START, for_each_kind, make, on_drop};
use crate::refusals::Refusal;
use crate::support::{note, noted, recorded};

for_each_kind! {
    borrows_that_end_in_order_leave_the_state_free
    a_shared_borrow_that_ends_too_early_keeps_writers_out_until_the_other_ends
    an_exclusive_borrow_in_a_suspended_coroutine_keeps_everybody_out
    a_value_that_is_still_borrowed_at_thread_exit_is_leaked
    a_fresh_value_that_is_still_borrowed_stays_and_the_old_one_is_dropped
    a_field_that_is_borrowed_when_its_scope_ends_is_not_restored
    borrows_of_different_fields_end_in_any_order
}

/// A function with a stack of its own. It may be dropped while it is suspended.
struct Coroutine {
    inner: Box<Inner>,
}

struct Inner {
    own: libc::ucontext_t,
    caller: libc::ucontext_t,
    /// Valgrind must know that the stack pointer does not stray.
    _registration: ValgrindStackRegistration,
    stack: Vec<u8>,
    body: Option<Box<dyn FnOnce()>>,
    has_ended: bool,
}

thread_local! {
    /// The coroutine that runs.
    static RUNNING: Cell<*mut Inner> = const { Cell::new(ptr::null_mut()) };
}

impl Coroutine {
    fn new(body: impl FnOnce() + 'static) -> Self {
        // SAFETY: plain data that `getcontext` fills.
        let own: libc::ucontext_t = unsafe { std::mem::zeroed() };
        let mut stack = vec![0; 512 << 10];
        let mut inner = Box::new(Inner {
            own,
            caller: own,
            _registration: ValgrindStackRegistration::new(stack.as_mut_ptr(), stack.len()),
            stack,
            body: Some(Box::new(body)),
            has_ended: false,
        });
        // SAFETY: a valid place for a context.
        assert_eq!(unsafe { libc::getcontext(&raw mut inner.own) }, 0);
        inner.own.uc_stack.ss_sp = inner.stack.as_mut_ptr().cast();
        inner.own.uc_stack.ss_size = inner.stack.len();
        // SAFETY: initialized above, with a stack that lives as long as the context.
        unsafe { libc::makecontext(&raw mut inner.own, enter, 0) };
        Self { inner }
    }

    /// Runs it until it suspends itself or ends.
    fn resume(&mut self) {
        assert!(!self.inner.has_ended);
        let inner: *mut Inner = &raw mut *self.inner;
        let outer = RUNNING.replace(inner);
        // SAFETY: within the box, which stays where it is.
        let caller = unsafe { &raw mut (*inner).caller };
        // SAFETY: as above.
        let own = unsafe { &raw const (*inner).own };
        // SAFETY: the coroutine's own context was made by `new` or left by `suspend`.
        unsafe { switch(caller, own) };
        RUNNING.set(outer);
    }
}

/// Goes from one context to another, and returns when somebody goes back.
///
/// # Safety
///
/// Both are valid, and the second can be continued.
#[inline(never)]
unsafe fn switch(from: *mut libc::ucontext_t, to: *const libc::ucontext_t) {
    // SAFETY: passed on.
    assert_eq!(unsafe { libc::swapcontext(from, to) }, 0);
}

/// Goes back to whoever has resumed the coroutine that runs.
fn suspend() {
    let inner = RUNNING.get();
    // SAFETY: a coroutine runs, which is in a box that outlives this.
    let own = unsafe { &raw mut (*inner).own };
    // SAFETY: as above.
    let caller = unsafe { &raw const (*inner).caller };
    // SAFETY: somebody has resumed the coroutine, and waits in `resume`.
    unsafe { switch(own, caller) };
}

extern "C" fn enter() {
    // SAFETY: it is `resume` that has brought us here.
    let body = unsafe { (*RUNNING.get()).body.take() };
    body.unwrap()();
    // SAFETY: as above.
    unsafe { (*RUNNING.get()).has_ended = true };
    suspend();
}

fn refused<R, E: std::fmt::Debug>(result: Result<R, tls_core::AccessError<E>>) -> bool {
    result.is_err_and(|error| Refusal::of(&error) == Refusal::Borrowed)
}

fn borrows_that_end_in_order_leave_the_state_free<K: Kind>() {
    make::<K>();
    let mut coroutine = Coroutine::new(|| {
        K::plain(K::with_state(|_| suspend()));
        suspend();
        K::plain(K::NUMBER.with_mut(|number| {
            suspend();
            *number += 1;
        }));
    });
    coroutine.resume();
    assert!(refused(K::state().try_with_mut(|_| ())));
    K::plain(K::with_state(|_| ()));
    coroutine.resume();
    K::state().try_with_mut(|_| ()).unwrap();
    coroutine.resume();
    assert!(refused(K::NUMBER.try_with(|_| ())));
    K::plain(K::ITEMS.with_mut(|items| items.push(1)));
    coroutine.resume();
    assert!(coroutine.inner.has_ended);
    K::state()
        .try_with_mut(|state| assert_eq!(state.number(), START + 1))
        .unwrap();
}

fn a_shared_borrow_that_ends_too_early_keeps_writers_out_until_the_other_ends<K: Kind>() {
    make::<K>();
    let mut coroutine = Coroutine::new(|| K::plain(K::with_state(|_| suspend())));
    coroutine.resume();
    K::plain(K::with_state(|state| {
        coroutine.resume();
        assert!(coroutine.inner.has_ended);
        assert!(refused(K::state().try_with_mut(|_| ())));
        assert!(refused(K::NUMBER.try_with_mut(|_| ())));
        assert!(K::state().try_reset().is_err());
        assert_eq!(state.number(), START);
    }));
    K::state().try_with_mut(|_| ()).unwrap();
    assert!(K::state().reset());
}

fn an_exclusive_borrow_in_a_suspended_coroutine_keeps_everybody_out<K: Kind>() {
    make::<K>();
    let mut coroutine = Coroutine::new(|| {
        K::plain(K::with_state_mut(|state| {
            suspend();
            *state.number_mut() += 1;
        }));
    });
    coroutine.resume();
    assert!(refused(K::state().try_with(|_| ())));
    assert!(refused(K::NUMBER.try_with(|_| ())));
    assert_eq!(K::state().peek(|_| ()).ok().flatten(), None);
    assert!(K::state().try_reset().is_err());
    coroutine.resume();
    K::state()
        .try_with_mut(|state| assert_eq!(state.number(), START + 1))
        .unwrap();
}

fn a_value_that_is_still_borrowed_at_thread_exit_is_leaked<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::WITNESS.with_mut(|witness| witness.memory = Vec::new()));
        noted();
        let mut coroutine = Coroutine::new(|| K::plain(K::NUMBER.with(|_| suspend())));
        coroutine.resume();
        on_drop(|_| note("dropped all the same"));
    });
    assert_eq!(events, [""; 0]);
}

fn a_fresh_value_that_is_still_borrowed_stays_and_the_old_one_is_dropped<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::NUMBER.set(1));
        on_drop(|_| note("dropped"));
        noted();
        let mut coroutine = Coroutine::new(|| {
            K::plain(K::with_state_mut(|state| {
                *state.number_mut() = 2;
                suspend();
                *state.number_mut() += 1;
            }));
        });
        K::state().with_fresh(|| {
            make::<K>();
            coroutine.resume();
            noted();
        });
        assert_eq!(
            noted(),
            [format!("drop {}", K::NAME), "dropped".into()],
            "the old one"
        );
        assert!(refused(K::state().try_with(|_| ())));
        coroutine.resume();
        K::state()
            .try_with_mut(|state| assert_eq!(state.number(), 3))
            .unwrap();
    });
    assert_eq!(events, [format!("drop {}", K::NAME), "dropped".into()]);
}

fn a_field_that_is_borrowed_when_its_scope_ends_is_not_restored<K: Kind>() {
    make::<K>();
    let mut coroutine = Coroutine::new(|| {
        K::plain(K::NUMBER.with(|number| {
            suspend();
            assert_eq!(*number, 1);
        }));
    });
    K::plain(K::NUMBER.scope(1, || coroutine.resume()));
    assert_eq!(K::plain(K::NUMBER.get()), 1);
    coroutine.resume();
    K::state()
        .try_with_mut(|state| assert_eq!(state.number(), 1))
        .unwrap();
}

fn borrows_of_different_fields_end_in_any_order<K: Kind>() {
    make::<K>();
    let mut first = Coroutine::new(|| {
        K::plain(K::NUMBER.with_mut(|number| {
            suspend();
            *number += 1;
        }));
    });
    let mut second = Coroutine::new(|| {
        K::plain(K::ITEMS.with_mut(|items| {
            suspend();
            items.push(1);
        }));
    });
    first.resume();
    second.resume();
    first.resume();
    // The first has ended before the second, which was nested in it, and has given back what it took.
    assert_eq!(K::plain(K::NUMBER.get()), START + 1);
    assert!(refused(K::ITEMS.try_with(|_| ())));
    assert!(refused(K::state().try_with(|_| ())));
    second.resume();
    assert_eq!(K::plain(K::ITEMS.with(Vec::len)), 1);
    K::state().try_with_mut(|_| ()).unwrap();
}
