//! Forks in the midst of all that: a child checks what it has inherited.
//!
//! A child of a process with threads may do what is allowed to a signal handler, and not much else
//! is promised. What this one does beyond that is to allocate, which the C libraries that it runs on
//! provide for. It neither prints by way of the standard library nor panics. Half of them go on, to
//! end the accesses in whose midst they were forked.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;

use crate::model::{CONSTANT, FORKS, Life, Phase, Slot, Token, be_a_child, check, here, name};
use crate::states::{Given, Making, STATES, Subject, for_state};
use crate::{jobs, kept};

/// How many draws it takes until one forks.
pub(crate) const ONE_IN: u64 = 8;

/// A child that takes longer than this hangs.
const LIMIT: u32 = 120;

/// Whether to fork at all: not every tool follows.
pub(crate) fn is_enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| std::env::var("TLS_STATE_STRESS_FORKS").as_deref() != Ok("0"))
}

/// What of a state does not hold in the child.
pub(crate) type Wrong = (usize, &'static str);

/// Forks, and waits for the child, which ends here or later.
pub(crate) fn fork() {
    if !is_enabled() {
        return;
    }
    FORKS.fetch_add(1, SeqCst);
    // SAFETY: the child keeps to what this module says, and ends without returning.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: ends a child that hangs.
        unsafe { libc::alarm(LIMIT) };
        // Destructors of an exiting thread are none to return to.
        let goes_on = here(|model| model.phase == Phase::Working && model.chance(2));
        be_a_child();
        let result = check_all();
        if result.is_err() || !goes_on {
            end(result);
        }
        // The accesses around this end as usual. Then `end_child` is called.
        return;
    }
    check!(pid > 0, "fork: {}", std::io::Error::last_os_error());
    let mut status = 0;
    loop {
        // SAFETY: the pointer is valid, and the child has not been waited for.
        let found = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if found == pid {
            break;
        }
        let error = std::io::Error::last_os_error();
        check!(
            error.kind() == std::io::ErrorKind::Interrupted,
            "waitpid: {error}"
        );
    }
    check!(status == 0, "a child has ended with {status:#x}");
}

/// Ends this process at once.
pub(crate) fn end(result: Result<(), Wrong>) -> ! {
    let code = match result {
        Ok(()) => 0,
        Err((index, what)) => {
            let name = for_state!(index, name());
            for text in ["in a child: ", name, ": ", what, "\n"] {
                // SAFETY: the text is as long as that.
                unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
            }
            101
        }
    };
    // SAFETY: nothing else of this process is to run.
    unsafe { libc::_exit(code) };
}

/// In a child, when everything that was in use at the moment of the fork is no more.
pub(crate) fn end_child() -> ! {
    let check = || {
        for index in 0..STATES {
            for_state!(index, check_forgotten())?;
        }
        Ok(())
    };
    let result = check();
    // What is kept may have set something aside, which is not dropped. It may make values.
    kept::end_all(false);
    end(result)
}

/// What has been borrowed, made or set aside at the moment of the fork is gone, too.
fn check_forgotten<S: Subject>() -> Result<(), Wrong> {
    let verify = verify::<S>;
    if S::IS_RESET_BY_FORK {
        verify(!S::state().is_initialized(), "it has not been forgotten")?;
        verify(
            S::state().peek(|_| ()).ok().flatten().is_none(),
            "it can be peeked at",
        )?;
    }
    if S::IS_RESET_BY_FORK && S::MAKING != Making::Explicit {
        let found = S::state().try_with(|state| (state.is_intact(), state.number()));
        let is_new = matches!(found, Ok((true, None | Some(CONSTANT))));
        verify(is_new, "another cannot be made")?;
    }
    Ok(())
}

fn check_all() -> Result<(), Wrong> {
    for index in 0..STATES {
        for_state!(index, check_inherited())?;
    }
    for index in 0..STATES {
        for_state!(index, check_work())?;
    }
    Ok(())
}

fn verify<S: Subject>(holds: bool, what: &'static str) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err((S::INDEX, what)) }
}

/// Whether nothing of it was in use when the process was forked.
fn is_idle(slot: &Slot) -> bool {
    slot.borrows.is_empty() && slot.life != Life::Initializing
}

/// What it has inherited.
fn check_inherited<S: Subject>() -> Result<(), Wrong> {
    let (life, idle) = here(|model| {
        let slot = &model.slots[S::INDEX];
        (slot.life, is_idle(slot))
    });
    let verify = verify::<S>;
    verify(S::HITS.get() == 0, "something is counted")?;
    verify(S::HITS.total() == 0, "the total is not zero")?;
    verify(S::HITS.take_total() == 0, "there is something to take")?;
    verify(jobs::are_empty::<S>(), "something is counted in a job")?;
    verify(S::state().live_threads() == 0, "threads are live")?;
    verify(
        S::HITS.per_thread().into_rows().is_empty(),
        "threads are listed",
    )?;
    if let Some(meters) = S::METERS {
        verify(meters.flow.total() == 0, "the flow is not zero")?;
        verify(meters.level.total() == 0, "the level is not zero")?;
        verify(meters.peak.total() == 0, "the peak is not zero")?;
        verify(meters.values.total().count() == 0, "there are values")?;
        verify(meters.by_kind.total() == [0; 3], "kinds are not zero")?;
        verify(meters.part.take_parts().is_empty(), "there are parts")?;
    }
    match life {
        Life::Alive(value) if idle => {
            let found = S::state()
                .peek(|state| {
                    let token = state.token().map(|token| (token.is_intact(), token.id));
                    (state.is_intact(), state.number(), token)
                })
                .ok()
                .flatten();
            if S::IS_RESET_BY_FORK {
                verify(found.is_none(), "it has not been reset")?;
                verify(!S::state().is_initialized(), "it is there")?;
            } else {
                let is_exiting = here(|model| model.phase) != Phase::Working;
                let Some((intact, number, token)) = found else {
                    return verify(is_exiting, "it is gone");
                };
                verify(intact, "it is not intact")?;
                verify(number.is_none_or(|it| it == value.number), "the number")?;
                verify(
                    token.is_none_or(|it| it == (true, value.token)),
                    "the token",
                )?;
            }
        }
        Life::None if idle => verify(!S::state().is_initialized(), "there is one")?,
        _ => {}
    }
    Ok(())
}

/// It works like any other.
fn check_work<S: Subject>() -> Result<(), Wrong> {
    let (life, idle, is_working) = here(|model| {
        let slot = &model.slots[S::INDEX];
        let is_working = model.phase == Phase::Working;
        (slot.life, is_idle(slot), is_working)
    });
    let verify = verify::<S>;
    if idle && is_working && life != Life::Destroyed {
        let is_new = life == Life::None || S::IS_RESET_BY_FORK;
        if is_new && S::MAKING == Making::Explicit {
            let given = S::give(CONSTANT, || Token::constant(S::INDEX));
            verify(given == Some(Given::Made), "it takes no values")?;
        }
        let changed = S::state().try_with_mut(|state| {
            let was_new = state.number().is_none_or(|number| number == CONSTANT);
            if let Some(number) = state.number_mut() {
                *number = 77;
            }
            was_new
        });
        match changed {
            Ok(was_new) => verify(was_new || !is_new, "it is not a new one")?,
            Err(_) => return verify(false, "it cannot be had"),
        }
        if let Some(field) = S::NUMBER {
            let found = field.try_with(|number| *number);
            verify(matches!(found, Ok(77)), "the number has not changed")?;
        }
        // Drops the copy, or what has just been made.
        verify(matches!(S::state().try_reset(), Ok(true)), "no reset")?;
        verify(!S::state().is_initialized(), "it is still there")?;
    }
    S::HITS.add(3);
    verify(S::HITS.total() == 3, "the total is wrong")?;
    verify(S::HITS.take_total() == 3, "what is taken is wrong")?;
    if is_working {
        verify(S::HITS.get() == 3, "its part is wrong")?;
        verify(S::state().live_threads() == 1, "it is not the only thread")?;
    }
    if let Some(meters) = S::METERS {
        meters.flow.decrement();
        verify(meters.flow.total() == -1, "the flow is wrong")?;
        meters.values.record(5);
        verify(meters.values.total().count() == 1, "the values are wrong")?;
        meters.part.with_mut(|part| part.push(9));
        verify(
            meters.part.take_parts().concat() == [9],
            "the part is wrong",
        )?;
    }
    Ok(())
}
