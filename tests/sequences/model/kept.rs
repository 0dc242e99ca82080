//! Guards and futures, which are kept from one operation to another.

use super::{Life, Model, Run, Thread, Unwinding, Value};
use crate::program::{Around, Cause, Content, Event, Script, Slot, State, Target};

/// A future, with what it has between polls.
pub(super) struct Future {
    script: Script,
    around: Carried,
}

enum Carried {
    /// What the field is set to, if it was not lost.
    Scope(State, Slot, Option<Content>),
    Fresh(State, Option<Value>),
    Job(usize),
}

pub(super) enum Kept {
    Guard {
        state: State,
        slot: Slot,
        birth: u64,
        saved: Content,
    },
    Future(Box<Future>),
}

/// How a poll has ended.
enum Polled {
    Pending,
    Ready(Result<u64, Cause>),
}

impl Model {
    /// Keeps something, or drops it if it is too late for that.
    fn keep(&mut self, kept: Kept) -> Run {
        if self.thread.is_closed {
            return self.end(kept);
        }
        self.thread.kept.push(kept);
        Ok(())
    }

    /// Drops all that is kept, and keeps nothing any more.
    pub(super) fn close(&mut self) {
        self.thread.is_closed = true;
        while let Some(kept) = self.thread.kept.pop() {
            if let Err(Unwinding(cause)) = self.end(kept) {
                self.thread.panics -= 1;
                self.note(Event::Caught(cause));
            }
        }
    }

    pub(super) fn guard(&mut self, state: State, slot: Slot) -> Run<Result<u64, Cause>> {
        let token = self.make_token();
        let saved = match self.replace(state, slot, token)? {
            Ok(saved) => saved,
            Err(cause) => return Ok(Err(cause)),
        };
        let birth = self.value(state).birth;
        self.keep(Kept::Guard {
            state,
            slot,
            birth,
            saved,
        })?;
        Ok(Ok(0))
    }

    pub(super) fn future(&mut self, around: Around, script: &Script) -> Run {
        let around = match around {
            Around::Scope(state, slot) => Carried::Scope(state, slot, Some(self.make_token())),
            Around::Fresh(state) => Carried::Fresh(state, None),
            Around::Job(job) => Carried::Job(job),
        };
        let script = script.clone();
        self.keep(Kept::Future(Box::new(Future { script, around })))
    }

    pub(super) fn drop_kept(&mut self, index: usize) -> Run {
        let count = self.thread.kept.len();
        if count == 0 {
            return Ok(());
        }
        let kept = self.thread.kept.remove(index % count);
        self.end(kept)
    }

    pub(super) fn poll(&mut self, index: usize, elsewhere: bool) -> Run {
        let kept = &self.thread.kept;
        let futures = (0..kept.len()).filter(|&at| matches!(kept[at], Kept::Future(_)));
        let futures = futures.collect::<Vec<_>>();
        if futures.is_empty() {
            return Ok(());
        }
        let Kept::Future(mut future) = self.thread.kept.remove(futures[index % futures.len()])
        else {
            unreachable!("a future has been chosen");
        };
        let is_send = !matches!(future.around, Carried::Fresh(..));
        let polled = if elsewhere && is_send && !self.thread.is_exiting {
            self.elsewhere(|model| model.poll_once(&mut future))
        } else {
            self.poll_once(&mut future)
        };
        match polled {
            Ok(Polled::Ready(result)) => {
                self.note(Event::Returned(result));
                self.end(Kept::Future(future))
            }
            Ok(Polled::Pending) => {
                self.note(Event::Pending);
                self.thread.kept.push(Kept::Future(future));
                Ok(())
            }
            Err(unwinding) => {
                self.thread.kept.push(Kept::Future(future));
                Err(unwinding)
            }
        }
    }

    /// Does something on a thread that ends then.
    fn elsewhere<R>(&mut self, f: impl FnOnce(&mut Self) -> Run<R>) -> Run<R> {
        let here = std::mem::replace(&mut self.thread, Thread::new());
        let result = f(self);
        if result.is_err() {
            self.thread.panics -= 1;
        }
        self.close();
        self.exit();
        self.thread = here;
        if result.is_err() {
            self.thread.panics += 1;
        }
        result
    }

    fn poll_once(&mut self, future: &mut Future) -> Run<Polled> {
        let script = &mut future.script;
        match &mut future.around {
            Carried::Scope(state, slot, carried) => {
                let (state, slot) = (*state, *slot);
                let Some(token) = *carried else {
                    return self.panic(Cause::Lost);
                };
                match self.borrow(state, Target::Token(slot), true)? {
                    Err(Cause::Failed) => return Ok(Polled::Ready(Err(Cause::Failed))),
                    Err(cause) => return self.panic(cause),
                    Ok(()) => self.give_back(state),
                }
                let (birth, saved) = self.bind(state, slot, token);
                let result = self.step(script);
                self.unbind(state, slot, (birth, saved), carried, result)
            }
            Carried::Fresh(state, fresh) => {
                let aside = match self.evict(*state) {
                    Ok(aside) => aside,
                    Err(Cause::Destroyed) => None,
                    Err(cause) => return self.panic(cause),
                };
                self.put(*state, fresh);
                let result = self.step(script);
                self.take_out(*state, fresh, aside);
                result
            }
            Carried::Job(job) => {
                self.enter(*job);
                let result = self.step(script);
                self.leave();
                result
            }
        }
    }

    fn step(&mut self, script: &mut Script) -> Run<Polled> {
        if let Some(body) = script.polls.pop_front() {
            self.run(&body)?;
        }
        Ok(if script.polls.is_empty() {
            Polled::Ready(Ok(0))
        } else {
            Polled::Pending
        })
    }

    fn bind(&mut self, state: State, slot: Slot, token: Content) -> (u64, Content) {
        let value = self.value(state);
        let at = super::index_of(slot);
        (value.birth, std::mem::replace(&mut value.tokens[at], token))
    }

    /// The end of a poll, or of the drop of a future. What cannot be restored is dropped, and the future has lost
    /// its own.
    fn unbind<R>(
        &mut self,
        state: State,
        slot: Slot,
        (birth, saved): (u64, Content),
        carried: &mut Option<Content>,
        result: Run<R>,
    ) -> Run<R> {
        let (is_restored, left) = self.restore(state, slot, birth, saved);
        *carried = is_restored.then_some(left);
        if is_restored {
            result
        } else {
            self.drop_after(result, left)
        }
    }

    /// Puts the value of a future in its place, if that is free.
    fn put(&mut self, state: State, value: &mut Option<Value>) {
        let place = self.place(state);
        if let Life::Uninitialized = place.life
            && let Some(value) = value.take()
        {
            place.life = Life::Alive(value);
        }
    }

    fn take_out(&mut self, state: State, fresh: &mut Option<Value>, mut aside: Option<Value>) {
        match self.evict(state) {
            Ok(taken) => {
                assert!(fresh.is_none(), "its place was free, and is");
                *fresh = taken;
                self.put(state, &mut aside);
            }
            Err(cause) => assert!(
                cause == Cause::Destroyed && aside.is_none(),
                "no state ends in a poll"
            ),
        }
    }

    fn drop_script(&mut self, script: &Script) {
        self.note(Event::FutureDropped);
        self.catch(&script.at_drop);
    }

    /// Drops a guard or a future.
    fn end(&mut self, kept: Kept) -> Run {
        let Future { script, around } = match kept {
            Kept::Guard {
                state,
                slot,
                birth,
                saved,
            } => {
                let (_, left) = self.restore(state, slot, birth, saved);
                return self.drop_token(left);
            }
            Kept::Future(future) => *future,
        };
        match around {
            Carried::Scope(state, slot, mut carried) => {
                let mut result = Ok(());
                let mut bound = None;
                if let Some(token) = carried {
                    // What is refused is not set.
                    match self.borrow(state, Target::Token(slot), true) {
                        Ok(Ok(())) => {
                            self.give_back(state);
                            bound = Some(self.bind(state, slot, token));
                        }
                        Ok(Err(_)) => {}
                        Err(unwinding) => result = Err(unwinding),
                    }
                }
                self.drop_script(&script);
                if let Some(bound) = bound {
                    result = self.unbind(state, slot, bound, &mut carried, result);
                }
                match carried {
                    Some(token) => self.drop_after(result, token),
                    None => result,
                }
            }
            Carried::Fresh(state, mut fresh) => {
                let aside = self.evict(state);
                if aside.is_ok()
                    || aside
                        .as_ref()
                        .is_err_and(|&cause| cause == Cause::Destroyed)
                {
                    self.put(state, &mut fresh);
                    self.drop_script(&script);
                    self.take_out(state, &mut fresh, aside.ok().flatten());
                } else {
                    self.drop_script(&script);
                }
                fresh.map_or(Ok(()), |fresh| self.drop_tokens(fresh.tokens))
            }
            Carried::Job(job) => {
                self.enter(job);
                self.drop_script(&script);
                self.leave();
                Ok(())
            }
        }
    }
}
