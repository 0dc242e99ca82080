//! A slot without a value, and beside it what is known of the value that a slot would hold.
//!
//! Each step is done by way of the word, in the runtime's order, and what it does is then held against what
//! is known.

use std::fmt::{self, Debug, Formatter};

use crate::known::{
    Borrow, Guard, Life, Operation, Pending, Scope, Setting, Target, Then, Turn, Violation,
};
use crate::protocol::Protocol;
use crate::state::loans::{Joined, Loans};
use crate::state::word::Word;

pub(crate) struct Machine {
    pub(crate) loans: Loans,
    /// Whether the slot is in the list of its thread.
    pub(crate) is_listed: bool,
    pub(crate) turn: Turn,
    pub(crate) life: Life,
    /// In the order in which they have begun.
    pub(crate) pending: Vec<Pending>,
    /// Whether borrows have ended in the reverse order since none was outstanding.
    pub(crate) is_ordered: bool,
}

impl Clone for Machine {
    fn clone(&self) -> Self {
        Self {
            loans: self.loans.snapshot().0,
            pending: self.pending.clone(),
            ..*self
        }
    }
}

impl Debug for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("word", &self.loans.word.get())
            .field("beside", &self.loans.snapshot().1)
            .field("is_listed", &self.is_listed)
            .field("turn", &self.turn)
            .field("life", &self.life)
            .field("pending", &self.pending)
            .field("is_ordered", &self.is_ordered)
            .finish()
    }
}

impl Machine {
    /// A slot where nothing has happened.
    pub(crate) fn new() -> Self {
        Self {
            loans: Loans::new(Word::UNINITIALIZED),
            is_listed: false,
            turn: Turn::NotRegistered,
            life: Life::Uninitialized,
            pending: Vec::new(),
            is_ordered: true,
        }
    }

    /// All that may be tried.
    pub(crate) fn operations(&self, setting: &Setting) -> Vec<Operation> {
        let mut operations = Vec::with_capacity(32);
        if self.pending.len() < setting.most {
            operations.push(Operation::Peek);
            operations.push(Operation::Copy);
            for target in setting.targets() {
                operations.push(Operation::Access(target, false));
                operations.push(Operation::Access(target, true));
                if setting.lends {
                    operations.push(Operation::Lend(target, false));
                    operations.push(Operation::Lend(target, true));
                }
            }
        }
        if setting.is_reset_by_fork {
            operations.push(Operation::Fork);
        }
        if setting.scope == Scope::Everything {
            operations.push(Operation::Reset);
            operations.push(Operation::BeginTurn);
            operations.push(Operation::TearDown);
            operations.push(Operation::EndTurn);
            if self.pending.len() < setting.most {
                operations.push(Operation::Init);
                operations.push(Operation::SetAside);
            }
        }
        for (index, pending) in self.pending.iter().enumerate() {
            operations.push(Operation::End(index));
            match pending {
                Pending::Borrow(Borrow {
                    guard: Guard::Loan, ..
                }) => operations.push(Operation::Unwind(index)),
                Pending::Making { .. } => operations.push(Operation::Fail(index)),
                _ => {}
            }
        }
        operations
    }

    pub(crate) fn word(&self) -> Word {
        self.loans.word.get()
    }

    fn set_word(&self, word: Word) {
        self.loans.word.set(word);
    }

    /// The outstanding borrows, of any value.
    pub(crate) fn all_borrows(&self) -> impl Iterator<Item = &Borrow> {
        self.pending.iter().filter_map(|pending| match pending {
            Pending::Borrow(borrow) => Some(borrow),
            _ => None,
        })
    }

    /// The borrows of the value in the slot.
    pub(crate) fn borrows(&self) -> impl Iterator<Item = &Borrow> {
        self.all_borrows().filter(|borrow| !borrow.is_of_gone)
    }

    pub(crate) fn is_borrowed(&self) -> bool {
        self.borrows().next().is_some()
    }

    /// Whether references to the value exist that exclude this one.
    pub(crate) fn conflicts(&self, target: Target, exclusive: bool) -> bool {
        let mut borrows = self.borrows();
        borrows.any(|other| target.overlaps(other.target) && (exclusive || other.is_exclusive))
    }

    /// Whether an access must be allowed. An exclusive one only if borrows have ended in order.
    pub(crate) fn is_due(&self, target: Target, exclusive: bool) -> bool {
        let mut borrows = self.borrows();
        let conflicts =
            borrows.any(|other| target.meets(other.target) && (exclusive || other.is_exclusive));
        self.life.is_alive() && !conflicts && (!exclusive || self.is_ordered)
    }

    /// Does this, if that changes anything.
    pub(crate) fn step(
        &self,
        operation: Operation,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<Option<Self>, Violation> {
        let mut next = self.clone();
        let is_done = match operation {
            Operation::Access(target, exclusive) => {
                next.access(target, exclusive, protocol, setting)?
            }
            Operation::Lend(target, exclusive) => {
                next.lend_held(target, exclusive, protocol, setting)?
            }
            Operation::Peek => next.join(Target::Whole, false, protocol, setting)?,
            // If there is a value, nothing is left of it: `check` tries that everywhere.
            Operation::Copy => next.make(Then::Copied, protocol, setting)?,
            // `Here::ensure` looks whether there is a value; so does `Making::begin`. This is
            // `Here::initialize_with`, too.
            Operation::Init => next.make(Then::Nothing, protocol, setting)?,
            Operation::End(index) => next.end(index, false, protocol, setting)?,
            Operation::Unwind(index) => next.end(index, true, protocol, setting)?,
            Operation::Fail(index) => next.fail(index),
            Operation::Reset => next.reset(protocol, setting)?,
            Operation::SetAside => next.set_aside(protocol, setting)?,
            Operation::Fork => next.fork(protocol, setting)?,
            Operation::BeginTurn => next.begin_turn(),
            Operation::TearDown => next.tear_down(protocol, setting)?,
            Operation::EndTurn => next.end_turn(),
        };
        if !is_done {
            return Ok(None);
        }
        next.check(protocol, setting)?;
        Ok(Some(next))
    }

    /// `access::accessor!`.
    fn access(
        &mut self,
        target: Target,
        exclusive: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        if protocol.is_free(&self.loans, target, exclusive) {
            self.lend(target, exclusive, protocol, setting)?;
            return Ok(true);
        }
        if self.join(target, exclusive, protocol, setting)? {
            return Ok(true);
        }
        self.make(Then::Borrow(target, exclusive), protocol, setting)
    }

    /// `Loan::begin`.
    fn lend(
        &mut self,
        target: Target,
        exclusive: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        let found = self.word();
        // What it tells the compiler.
        let is_so = match (target, exclusive) {
            (Target::Field(_), true) => found.has(target.set().taken(true)),
            _ => found.is_free() && self.loans.is_only_reader(),
        };
        setting.require(is_so, Violation::Assumed)?;
        protocol.lend(&self.loans, target, exclusive);
        self.begin(target, exclusive, Guard::Loan, setting)
    }

    /// `lend::lend` and `access::prepare`, up to the initialization.
    fn lend_held(
        &mut self,
        target: Target,
        exclusive: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        if !self.life.is_alive() {
            return self.make(Then::Lend(target, exclusive), protocol, setting);
        }
        let is_lent = self.hold(target, exclusive, protocol, setting)?;
        if !is_lent {
            setting.require(!self.is_due(target, exclusive), Violation::Refused)?;
        }
        Ok(is_lent)
    }

    /// The rest of them.
    fn hold(
        &mut self,
        target: Target,
        exclusive: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        let can_begin = protocol.is_free(&self.loans, target, exclusive)
            || protocol.prepare(&self.loans, target, exclusive);
        let joined = if can_begin {
            let found = self.word();
            // What it tells the compiler.
            let is_so = match (target, exclusive) {
                (Target::Whole, true) if setting.is_reset_by_fork => {
                    found.has(target.set().taken(true))
                }
                (Target::Field(_), true) => found.has(target.set().taken(true)),
                _ => found.is_free() && self.loans.is_only_reader(),
            };
            setting.require(is_so, Violation::Assumed)?;
            protocol.hold(&self.loans, target, exclusive);
            Some(if target == Target::Whole && !exclusive {
                Joined::Reader
            } else {
                Joined::Taken(target.set().taken(exclusive))
            })
        } else if exclusive {
            None
        } else {
            self.loans.join(target.set(), false)
        };
        if let Some(joined) = joined {
            self.begin(target, exclusive, Guard::Held(joined), setting)?;
        }
        Ok(joined.is_some())
    }

    /// `access::join` up to the initialization, and all of `access::peek`.
    fn join(
        &mut self,
        target: Target,
        exclusive: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        let joined = protocol.join(&self.loans, target, exclusive);
        if let Some(joined) = joined {
            self.begin(target, exclusive, Guard::Guest(joined), setting)?;
        } else {
            setting.require(!self.is_due(target, exclusive), Violation::Refused)?;
        }
        Ok(joined.is_some())
    }

    /// A reference comes to be.
    fn begin(
        &mut self,
        target: Target,
        is_exclusive: bool,
        guard: Guard,
        setting: &Setting,
    ) -> Result<(), Violation> {
        setting.require(self.life.is_alive(), Violation::Dangling)?;
        setting.require(!self.conflicts(target, is_exclusive), Violation::Conflict)?;
        self.pending.push(Pending::Borrow(Borrow {
            target,
            is_exclusive,
            guard,
            is_of_gone: false,
        }));
        Ok(())
    }

    /// The value goes, or its place is written to.
    fn go(&mut self, life: Life, setting: &Setting) -> Result<(), Violation> {
        setting.require(!self.is_borrowed(), Violation::Dangling)?;
        for pending in &mut self.pending {
            if let Pending::Borrow(borrow) = pending {
                borrow.is_of_gone = true;
            }
        }
        self.life = life;
        Ok(())
    }

    /// `Making::begin`.
    fn make(
        &mut self,
        then: Then,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        if !protocol.may_make(self.word()) {
            let is_missing = self.life == Life::Uninitialized;
            setting.require(!is_missing, Violation::Refused)?;
            return Ok(false);
        }
        setting.require(self.life == Life::Uninitialized, Violation::Confused)?;
        self.set_word(Word::INITIALIZING);
        self.go(Life::Initializing, setting)?;
        self.pending.push(Pending::Making {
            then,
            is_forked: false,
        });
        Ok(true)
    }

    /// `Making::complete`, and what the accessor goes on with.
    fn complete(
        &mut self,
        then: Then,
        is_forked: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        let is_making = self.life == Life::Initializing && self.word() == Word::INITIALIZING;
        setting.require(is_making, Violation::Confused)?;
        if setting.needs_drop {
            if matches!(self.turn, Turn::Now | Turn::Over) {
                self.set_word(Word::DESTROYED);
                return self.go(Life::Destroyed, setting);
            }
            self.turn = Turn::Registered;
        }
        self.is_listed = setting.has_list();
        self.set_word(Word::FREE);
        self.life = Life::NEW;
        if setting.is_reset_by_fork && is_forked {
            self.set_word(protocol.made_by_parent());
            self.life = Life::Alive {
                is_inherited: true,
                is_leaked: false,
            };
        }
        match then {
            Then::Nothing => self.settle(protocol, setting),
            Then::Copied if protocol.settles_copied() => self.settle(protocol, setting),
            Then::Copied => Ok(()),
            Then::Borrow(target, exclusive) => {
                let has_joined = self.join(target, exclusive, protocol, setting)?;
                setting.require(has_joined, Violation::Refused)
            }
            Then::Lend(target, exclusive) => {
                let is_lent = self.hold(target, exclusive, protocol, setting)?;
                setting.require(is_lent, Violation::Refused)
            }
        }
    }

    /// `Making::drop`.
    fn fail(&mut self, index: usize) -> bool {
        self.pending.remove(index);
        self.set_word(Word::UNINITIALIZED);
        self.life = Life::Uninitialized;
        true
    }

    /// `stale::settle`, and `stale::forget`.
    fn settle(&mut self, protocol: &impl Protocol, setting: &Setting) -> Result<(), Violation> {
        if protocol.is_over(self.word()) {
            setting.require(self.life.is_inherited(), Violation::Forgotten)?;
            self.set_word(Word::UNINITIALIZED);
            self.is_listed = false;
            self.go(Life::Uninitialized, setting)?;
        }
        Ok(())
    }

    fn end(
        &mut self,
        index: usize,
        by_panic: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        self.exchange_guards(index, protocol.guard(index, &self.pending));
        match self.pending.remove(index) {
            Pending::Borrow(borrow) => {
                let is_last = !self.pending[index..]
                    .iter()
                    .any(|pending| matches!(pending, Pending::Borrow(_)));
                let is_only = self.all_borrows().next().is_none();
                self.is_ordered = self.is_ordered && is_last || is_only;
                self.end_borrow(borrow, by_panic, protocol, setting)?;
            }
            Pending::Making { then, is_forked } => {
                self.complete(then, is_forked, protocol, setting)?;
            }
            Pending::Aside {
                has_value,
                is_forked,
            } => self.put_back(has_value, is_forked, protocol, setting)?,
        }
        Ok(true)
    }

    /// Of a protocol that is wrong: ends a borrow with another one's guard.
    fn exchange_guards(&mut self, index: usize, other: usize) {
        if let (Pending::Borrow(borrow), Pending::Borrow(of_other)) =
            (self.pending[index], self.pending[other])
        {
            let with = |borrow: Borrow, guard| Pending::Borrow(Borrow { guard, ..borrow });
            self.pending[index] = with(borrow, of_other.guard);
            self.pending[other] = with(of_other, borrow.guard);
        }
    }

    /// `Loan::end`, `Loan::drop`, and `Guest::end`. `Guest::drop` does the same as that.
    fn end_borrow(
        &mut self,
        borrow: Borrow,
        by_panic: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        let loans = &self.loans;
        let is_reset = setting.is_reset_by_fork;
        let Borrow {
            target,
            is_exclusive,
            ..
        } = borrow;
        let settles = match (borrow.guard, by_panic) {
            (Guard::Loan, false) => protocol.end_loan(loans, target, is_exclusive, is_reset),
            (Guard::Loan, true) => protocol.drop_loan(loans, target, is_exclusive),
            (Guard::Guest(joined), _) => protocol.end_guest(loans, joined, is_reset),
            (Guard::Held(joined), _) => {
                protocol.end_held(loans, target, is_exclusive, joined, is_reset)
            }
        };
        if settles {
            self.settle(protocol, setting)?;
        }
        Ok(())
    }

    /// `evict::evict`: whether there was a value, if it could be moved out.
    fn evict(
        &mut self,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<Option<bool>, Violation> {
        if self.word() == Word::UNINITIALIZED {
            return Ok(Some(false));
        }
        // `refusal::is_leaked`.
        let is_leaked = self.word().is_alive() && setting.needs_drop && !self.is_listed;
        if protocol.may_evict(self.word(), is_leaked) {
            setting.require(self.life.is_alive(), Violation::Confused)?;
            setting.require(!self.life.is_inherited(), Violation::ParentDropped)?;
            self.set_word(Word::UNINITIALIZED);
            self.is_listed = false;
            self.go(Life::Uninitialized, setting)?;
            return Ok(Some(true));
        }
        let is_due = self.life.is_alive() && !self.life.is_leaked() && !self.is_borrowed();
        setting.require(!is_due, Violation::Refused)?;
        Ok(None)
    }

    /// `evict::reset`.
    fn reset(&mut self, protocol: &impl Protocol, setting: &Setting) -> Result<bool, Violation> {
        Ok(self.evict(protocol, setting)? == Some(true))
    }

    /// `evict::with_fresh`.
    fn set_aside(
        &mut self,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        let has_value = match self.evict(protocol, setting)? {
            Some(has_value) => has_value,
            // `refusal::refusal` says so of a value that is leaked, too.
            None if self.word() == Word::DESTROYED || self.life.is_leaked() => false,
            None => return Ok(false),
        };
        self.pending.push(Pending::Aside {
            has_value,
            is_forked: false,
        });
        Ok(true)
    }

    /// `Aside::drop`.
    fn put_back(
        &mut self,
        has_value: bool,
        is_forked: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        let has_value =
            has_value && !(setting.is_reset_by_fork && is_forked && protocol.forgets_aside());
        let is_taken = self.is_borrowed()
            || self.life.is_leaked()
            || matches!(self.life, Life::Initializing | Life::Destroyed);
        if self.evict(protocol, setting)?.is_none() {
            // What was set aside is dropped.
            setting.require(!has_value || !is_forked, Violation::ParentDropped)?;
            return setting.require(!has_value || is_taken, Violation::NotPutBack);
        }
        if has_value {
            // If the turn is over (an initializer was suspended then, and has failed since), only the turn of an
            // older state drops it.
            self.is_listed = setting.has_list();
            self.set_word(Word::FREE);
            self.go(Life::NEW, setting)?;
            setting.require(!is_forked, Violation::ParentKept)?;
        }
        Ok(())
    }

    /// `stale::forget_states`, and what compares the number of forks.
    fn fork(&mut self, protocol: &impl Protocol, setting: &Setting) -> Result<bool, Violation> {
        for pending in &mut self.pending {
            match pending {
                Pending::Making { is_forked, .. } | Pending::Aside { is_forked, .. } => {
                    *is_forked = true;
                }
                Pending::Borrow(_) => {}
            }
        }
        // A value that the thread's exit has leaked is in no list: a fork passes over it.
        if self.is_listed {
            if let Life::Alive { is_inherited, .. } = &mut self.life {
                *is_inherited = true;
            }
            // `stale::mark`.
            self.set_word(protocol.marked(self.word()));
            self.settle(protocol, setting)?;
        }
        Ok(true)
    }

    /// The beginning of `exit::turn`.
    fn begin_turn(&mut self) -> bool {
        let has_come = self.turn == Turn::Registered;
        if has_come {
            self.turn = Turn::Now;
        }
        has_come
    }

    /// `list::pop` and `exit::tear_down`, in the turn of this state or of an older one.
    fn tear_down(
        &mut self,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        if !setting.needs_drop || !self.is_listed {
            return Ok(false);
        }
        self.is_listed = false;
        if protocol.may_drop(self.word()) {
            setting.require(!self.life.is_inherited(), Violation::ParentDropped)?;
            self.set_word(Word::DESTROYED);
            self.go(Life::Destroyed, setting)?;
        } else {
            setting.require(self.is_borrowed(), Violation::Leaked)?;
            if let Life::Alive { is_leaked, .. } = &mut self.life {
                *is_leaked = true;
            }
        }
        Ok(true)
    }

    /// The end of `exit::turn`, which goes on while the slot is in the list.
    fn end_turn(&mut self) -> bool {
        let is_over = self.turn == Turn::Now && !self.is_listed;
        if is_over {
            self.turn = Turn::Over;
            if self.word() == Word::UNINITIALIZED {
                self.set_word(Word::DESTROYED);
                self.life = Life::Destroyed;
            }
        }
        is_over
    }
}
