//! A slot without a value, and beside it what is known of the value that a slot would hold.
//!
//! A [`Machine`] has the word, which is all that the protocol looks at, and for reference the things
//! that it stands for: the value's [`Life`] and all that has begun and not ended. Each step is done by
//! way of the word and is then held against these.

use crate::protocol::Protocol;
use crate::word::{Part, Word, group};

/// What a machine is a model of.
pub(crate) struct Setting {
    /// The numbers of the fields that are accessed, beside the whole.
    pub(crate) fields: &'static [usize],
    pub(crate) is_reset_by_fork: bool,
    pub(crate) needs_drop: bool,
    /// Whether only what has begun last may end: closures on one stack. Otherwise all may, as with
    /// coroutines.
    pub(crate) is_nested: bool,
    /// Borrows that have begun before and never end, with how often, the oldest first.
    pub(crate) pinned: &'static [(Target, bool, u64)],
    /// What is looked for.
    pub(crate) watched: &'static [Violation],
}

impl Setting {
    fn targets(&self) -> impl Iterator<Item = Target> {
        let fields = self.fields.iter().copied().map(Target::Field);
        std::iter::once(Target::Whole).chain(fields)
    }

    /// Goes on if nobody looks for this.
    fn violated(&self, violation: Violation) -> Result<(), Violation> {
        if self.watched.contains(&violation) {
            Err(violation)
        } else {
            Ok(())
        }
    }

    fn require(&self, condition: bool, violation: Violation) -> Result<(), Violation> {
        if condition {
            Ok(())
        } else {
            self.violated(violation)
        }
    }

    /// What must hold only if borrows end in order.
    fn require_nested(&self, condition: bool, violation: Violation) -> Result<(), Violation> {
        self.require(condition || !self.is_nested, violation)
    }
}

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Two references exclude each other.
    Conflict,
    /// A value is dropped, moved, forgotten or overwritten while it is borrowed.
    Dangling,
    /// A forked child drops what is the parent's.
    ParentDropped,
    /// A forked child keeps what is the parent's, although nothing borrows it.
    ParentKept,
    /// A value is forgotten without a fork.
    Forgotten,
    /// An access is refused without a conflict.
    Refused,
    /// A borrow that ends in order does not restore the word.
    NotRestored,
    /// A value to which nothing refers is not dropped at thread exit.
    Leaked,
    /// The word says something else than is the case.
    Confused,
    /// The invariant of the levels is broken.
    Levels,
}

impl Violation {
    pub(crate) const ALL: &'static [Self] = &[
        Self::Conflict,
        Self::Dangling,
        Self::ParentDropped,
        Self::ParentKept,
        Self::Forgotten,
        Self::Refused,
        Self::NotRestored,
        Self::Leaked,
        Self::Confused,
        Self::Levels,
    ];
}

/// What is accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Whole,
    Field(usize),
}

impl Target {
    pub(crate) fn part(self) -> Part {
        match self {
            Self::Whole => Part::WHOLE,
            Self::Field(number) => Part::field(number),
        }
    }

    /// Whether references to both refer to the same memory.
    fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Field(number), Self::Field(other)) => number == other,
            _ => true,
        }
    }

    /// Whether both are documented to be borrowed together: the fields from number 21 on are.
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Field(number), Self::Field(other)) => group(number) == group(other),
            _ => true,
        }
    }
}

/// What is the case, whatever the word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    Uninitialized,
    Initializing,
    Alive {
        /// In a forked child: the value is the parent's, and such values are reset.
        is_inherited: bool,
    },
    Destroyed,
}

/// What has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pending {
    /// A borrow: of the value in the slot or, if that is destroyed, of a leaked one.
    Borrow {
        target: Target,
        is_exclusive: bool,
        found: Word,
        left: Word,
    },
    /// An initializer runs, for an access if there is a target.
    Making {
        then: Option<(Target, bool)>,
        is_forked: bool,
    },
    /// A value, if there was one, is set aside.
    Aside { has_value: bool, is_forked: bool },
}

/// What may be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Access(Target, bool),
    /// Makes the value, if there is none.
    Init,
    /// Ends what has begun. An initializer succeeds.
    End(usize),
    /// An initializer fails.
    Fail(usize),
    Reset,
    SetAside,
    Fork,
    /// The thread exits, and drops this value.
    TearDown,
    /// The thread exits, and has dropped all values.
    Finish,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    word: Word,
    life: Life,
    pending: Vec<Pending>,
    /// Whether what is made would be dropped when the thread exits.
    is_open: bool,
}

impl Machine {
    /// A slot where nothing has happened or, if borrows are pinned, one of a value that they borrow from.
    pub(crate) fn new(protocol: &impl Protocol, pinned: &[(Target, bool, u64)]) -> Self {
        let mut machine = Self {
            word: Word::UNINITIALIZED,
            life: Life::Uninitialized,
            pending: Vec::new(),
            is_open: true,
        };
        if !pinned.is_empty() {
            machine.life = Life::Alive {
                is_inherited: false,
            };
            machine.word = Word::FREE;
        }
        for &(target, is_exclusive, times) in pinned {
            for _ in 0..times {
                let word = machine.word;
                assert!(protocol.allows(word, target.part(), is_exclusive));
                machine.word = protocol.borrowed(word, target.part(), is_exclusive);
            }
        }
        machine
    }

    /// All that may be tried.
    pub(crate) fn operations(&self, setting: &Setting) -> Vec<Operation> {
        let mut operations = vec![
            Operation::Init,
            Operation::Reset,
            Operation::SetAside,
            Operation::Fork,
            Operation::TearDown,
            Operation::Finish,
        ];
        for target in setting.targets() {
            operations.push(Operation::Access(target, false));
            operations.push(Operation::Access(target, true));
        }
        let last = self.pending.len().saturating_sub(1);
        let first = if setting.is_nested { last } else { 0 };
        for (index, pending) in self.pending.iter().enumerate().skip(first) {
            operations.push(Operation::End(index));
            if matches!(pending, Pending::Making { .. }) {
                operations.push(Operation::Fail(index));
            }
        }
        operations
    }

    /// The borrows of the value in the slot.
    fn borrows(&self, setting: &Setting) -> impl Iterator<Item = (Target, bool)> {
        let is_alive = matches!(self.life, Life::Alive { .. });
        let pinned = setting.pinned.iter();
        let pinned = pinned.map(|&(target, is_exclusive, _)| (target, is_exclusive));
        let begun = self.pending.iter().filter_map(|pending| match *pending {
            Pending::Borrow {
                target,
                is_exclusive,
                ..
            } => Some((target, is_exclusive)),
            _ => None,
        });
        pinned.chain(begun).filter(move |_| is_alive)
    }

    fn is_borrowed(&self, setting: &Setting) -> bool {
        self.borrows(setting).next().is_some()
    }

    /// Whether the thread would drop what is made now.
    fn may_exist(&self, setting: &Setting) -> bool {
        self.is_open || !setting.needs_drop
    }

    /// Whether an access must be allowed, borrows ending in order. If another has to be beside it, a
    /// level has to be left.
    fn is_due(&self, target: Target, exclusive: bool, least: u64, setting: &Setting) -> bool {
        let mut is_beside = false;
        for (other, is_exclusive) in self.borrows(setting) {
            if target.meets(other) {
                if exclusive || is_exclusive {
                    return false;
                }
                is_beside = true;
            }
        }
        !is_beside || self.word.levels() >= least
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
            Operation::Init => next.make(None, protocol, setting)?,
            Operation::End(index) => next.end(index, protocol, setting)?,
            Operation::Fail(index) => next.fail(index),
            Operation::Reset => next.reset(protocol, setting)?,
            Operation::SetAside => next.set_aside(protocol, setting)?,
            Operation::Fork => next.fork(protocol, setting)?,
            Operation::TearDown => next.tear_down(protocol, setting)?,
            Operation::Finish => next.finish(setting),
        };
        if !is_done {
            return Ok(None);
        }
        next.check(protocol, setting)?;
        Ok(Some(next))
    }

    /// `Header::lend`, and then `Header::acquire`.
    fn access(
        &mut self,
        target: Target,
        exclusive: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        let part = target.part();
        let is_lent = protocol.lends(self.word, part);
        if is_lent || (!exclusive && protocol.allows(self.word, part, false)) {
            self.borrow(target, exclusive, self.word, protocol, setting)?;
            return Ok(true);
        }
        if matches!(self.life, Life::Alive { .. }) {
            let is_due = self.is_due(target, exclusive, protocol.reserve(), setting);
            setting.require_nested(!is_due, Violation::Refused)?;
        }
        self.make(Some((target, exclusive)), protocol, setting)
    }

    fn borrow(
        &mut self,
        target: Target,
        is_exclusive: bool,
        found: Word,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        let is_alive = matches!(self.life, Life::Alive { .. });
        setting.require(is_alive, Violation::Confused)?;
        let conflicts = self.borrows(setting).any(|(other, is_other_exclusive)| {
            target.overlaps(other) && (is_exclusive || is_other_exclusive)
        });
        setting.require(!conflicts, Violation::Conflict)?;
        if setting.is_nested {
            let is_due = self.is_due(target, is_exclusive, protocol.reserve(), setting);
            setting.require(is_due, Violation::Confused)?;
        }
        let left = protocol.borrowed(found, target.part(), is_exclusive);
        self.word = left;
        self.pending.push(Pending::Borrow {
            target,
            is_exclusive,
            found,
            left,
        });
        Ok(())
    }

    /// `Making::begin`.
    fn make(
        &mut self,
        then: Option<(Target, bool)>,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        // `access::ensure` looks whether there is a value; so does `Making::begin`.
        let may_make = protocol.may_make(self.word);
        if !may_make || !self.may_exist(setting) {
            let is_missing = self.life == Life::Uninitialized && self.may_exist(setting);
            setting.require(!is_missing, Violation::Refused)?;
            return Ok(false);
        }
        setting.require(self.life == Life::Uninitialized, Violation::Confused)?;
        // It writes to the storage from here on.
        setting.require(!self.is_borrowed(setting), Violation::Dangling)?;
        self.word = Word::INITIALIZING;
        self.life = Life::Initializing;
        self.pending.push(Pending::Making {
            then,
            is_forked: false,
        });
        Ok(true)
    }

    fn end(
        &mut self,
        index: usize,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        match self.pending.remove(index) {
            Pending::Borrow { found, left, .. } => {
                self.end_borrow(found, left, protocol, setting)?;
            }
            Pending::Making { then, is_forked } => {
                self.complete(then, is_forked, protocol, setting)?;
            }
            Pending::Aside {
                has_value,
                is_forked,
            } => self.put_back(has_value && !is_forked, protocol, setting)?,
        }
        Ok(true)
    }

    /// `Borrow::drop`.
    fn end_borrow(
        &mut self,
        found: Word,
        left: Word,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        let before = self.word;
        let ended = protocol.ended(self.word, found, left, setting.is_reset_by_fork);
        self.word = ended.unwrap_or(self.word);
        let Life::Alive { is_inherited } = self.life else {
            // Of a leaked value.
            return setting.require(self.word == before, Violation::Confused);
        };
        let is_outermost = !self.is_borrowed(setting);
        if self.word == Word::UNINITIALIZED {
            // `Header::forget_value`.
            setting.require(is_outermost, Violation::Dangling)?;
            setting.require(is_inherited, Violation::Forgotten)?;
            self.life = Life::Uninitialized;
            return Ok(());
        }
        let expected = if is_inherited { found.stale() } else { found };
        setting.require_nested(self.word == expected, Violation::NotRestored)?;
        setting.require_nested(!is_inherited || !is_outermost, Violation::ParentKept)
    }

    /// `Making::complete`, then `Header::borrow_new` or `Slot::forget_after`.
    fn complete(
        &mut self,
        then: Option<(Target, bool)>,
        is_forked: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        let is_making = self.life == Life::Initializing && self.word == Word::INITIALIZING;
        setting.require(is_making, Violation::Confused)?;
        if !self.may_exist(setting) {
            self.word = Word::DESTROYED;
            self.life = Life::Destroyed;
            return Ok(());
        }
        self.word = Word::FREE;
        self.life = Life::Alive {
            is_inherited: false,
        };
        match then {
            Some((target, exclusive)) => {
                self.borrow(target, exclusive, Word::FREE, protocol, setting)?;
                if is_forked {
                    self.word = protocol.made_by_parent(self.word);
                    self.life = Life::Alive { is_inherited: true };
                }
            }
            None if is_forked => {
                self.word = Word::UNINITIALIZED;
                self.life = Life::Uninitialized;
            }
            None => {}
        }
        Ok(())
    }

    /// `Making::drop`.
    fn fail(&mut self, index: usize) -> bool {
        self.pending.remove(index);
        self.word = Word::UNINITIALIZED;
        self.life = Life::Uninitialized;
        true
    }

    /// `Slot::evict`: whether there was a value, if it could be moved out.
    fn evict(
        &mut self,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<Option<bool>, Violation> {
        if protocol.may_evict(self.word) {
            let Life::Alive { is_inherited } = self.life else {
                setting.violated(Violation::Confused)?;
                return Ok(None);
            };
            setting.require(!self.is_borrowed(setting), Violation::Dangling)?;
            setting.require(!is_inherited, Violation::ParentDropped)?;
            self.word = Word::UNINITIALIZED;
            self.life = Life::Uninitialized;
            return Ok(Some(true));
        }
        if self.word == Word::UNINITIALIZED {
            return Ok(Some(false));
        }
        let is_alive = matches!(self.life, Life::Alive { .. });
        let is_due = is_alive && !self.is_borrowed(setting);
        setting.require_nested(!is_due, Violation::Refused)?;
        Ok(None)
    }

    fn reset(&mut self, protocol: &impl Protocol, setting: &Setting) -> Result<bool, Violation> {
        Ok(self.evict(protocol, setting)? == Some(true))
    }

    /// `Slot::set_aside`.
    fn set_aside(
        &mut self,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        let has_value = match self.evict(protocol, setting)? {
            Some(has_value) => has_value,
            None if self.word == Word::DESTROYED => false,
            None => return Ok(false),
        };
        self.pending.push(Pending::Aside {
            has_value,
            is_forked: false,
        });
        Ok(true)
    }

    /// `Aside::drop`; says whether there is a value to be put back, which has not been forgotten.
    fn put_back(
        &mut self,
        has_value: bool,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        let could_be = self.life;
        if self.evict(protocol, setting)?.is_some() && has_value && self.may_exist(setting) {
            setting.require(self.life == Life::Uninitialized, Violation::Confused)?;
            self.word = Word::FREE;
            self.life = Life::Alive {
                is_inherited: false,
            };
        }
        // Only one that is destroyed cannot be had any more.
        let is_back = matches!(self.life, Life::Alive { .. });
        let is_due = has_value && self.may_exist(setting) && could_be != Life::Destroyed;
        setting.require_nested(is_back || !is_due, Violation::NotRestored)
    }

    /// `Header::forget`, and what compares the number of forks.
    fn fork(&mut self, protocol: &impl Protocol, setting: &Setting) -> Result<bool, Violation> {
        if !setting.is_reset_by_fork {
            return Ok(false);
        }
        for pending in &mut self.pending {
            match pending {
                Pending::Making { is_forked, .. } | Pending::Aside { is_forked, .. } => {
                    *is_forked = true;
                }
                Pending::Borrow { .. } => {}
            }
        }
        if !matches!(self.life, Life::Alive { .. }) {
            return Ok(true);
        }
        self.word = protocol.forked(self.word);
        if self.word == Word::UNINITIALIZED {
            setting.require(!self.is_borrowed(setting), Violation::Dangling)?;
            self.life = Life::Uninitialized;
        } else {
            setting.require_nested(self.is_borrowed(setting), Violation::ParentKept)?;
            self.life = Life::Alive { is_inherited: true };
        }
        Ok(true)
    }

    /// `Header::tear_down`.
    fn tear_down(
        &mut self,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<bool, Violation> {
        let Life::Alive { is_inherited } = self.life else {
            return Ok(false);
        };
        if !setting.needs_drop || !self.is_open {
            return Ok(false);
        }
        let is_dropped = protocol.may_drop(self.word);
        let is_borrowed = self.is_borrowed(setting);
        if is_dropped {
            setting.require(!is_borrowed, Violation::Dangling)?;
            setting.require(!is_inherited, Violation::ParentDropped)?;
        } else {
            setting.require_nested(is_borrowed, Violation::Leaked)?;
        }
        self.word = Word::DESTROYED;
        self.life = Life::Destroyed;
        Ok(true)
    }

    /// The end of the guard's destructor: it goes on while a value is left.
    fn finish(&mut self, setting: &Setting) -> bool {
        let is_alive = matches!(self.life, Life::Alive { .. });
        let may_finish = setting.needs_drop && self.is_open && !is_alive;
        self.is_open = !may_finish && self.is_open;
        may_finish
    }

    /// What has to hold at any time.
    fn check(&self, protocol: &impl Protocol, setting: &Setting) -> Result<(), Violation> {
        let word = self.word;
        let is_alive = matches!(self.life, Life::Alive { .. });
        let is_right = match self.life {
            Life::Uninitialized => word == Word::UNINITIALIZED,
            Life::Initializing => word == Word::INITIALIZING,
            Life::Destroyed => word == Word::DESTROYED,
            Life::Alive { is_inherited } => word.is_alive() && word.is_stale() == is_inherited,
        };
        setting.require(is_right, Violation::Confused)?;

        let is_borrowed = self.is_borrowed(setting);
        setting.require(!word.is_free() || !is_borrowed, Violation::Confused)?;
        setting.require_nested(
            word.is_free() || !is_alive || is_borrowed,
            Violation::NotRestored,
        )?;
        for target in setting.targets() {
            let part = target.part();
            // `access::get` borrows nothing, so it can be tried anywhere.
            let overlaps = |(other, _): &_| target.overlaps(*other);
            let may_read = is_alive
                && !self
                    .borrows(setting)
                    .filter(overlaps)
                    .any(|(_, is_exclusive)| is_exclusive);
            let reads = protocol.reads(word, part);
            setting.require(!reads || may_read, Violation::Conflict)?;
            let lends = protocol.lends(word, part);
            let may_lend = is_alive && !self.borrows(setting).any(|borrow| overlaps(&borrow));
            setting.require(!lends || may_lend, Violation::Conflict)?;
            if setting.is_nested {
                let is_due = is_alive && self.is_due(target, false, 0, setting);
                setting.require(reads == is_due, Violation::Refused)?;
                let is_due = is_alive && self.is_due(target, true, 0, setting);
                setting.require(lends == is_due, Violation::Refused)?;
            }
        }
        if is_alive {
            self.check_levels(protocol, setting)?;
        }
        Ok(())
    }

    /// The invariant on which the protocol rests: outstanding borrows have distinct numbers of levels
    /// left, none lower than the word's. And that levels do not run out.
    fn check_levels(&self, protocol: &impl Protocol, setting: &Setting) -> Result<(), Violation> {
        let mut levels = Vec::new();
        for pending in &self.pending {
            if let Pending::Borrow { left, .. } = pending {
                levels.push(left.levels());
            }
        }
        let count = levels.len() as u64;
        levels.push(self.word.levels());
        let is_lowest = levels.iter().all(|&level| level >= self.word.levels());
        levels.pop();
        levels.sort_unstable();
        let is_distinct = levels.windows(2).all(|pair| pair[0] != pair[1]);
        setting.require(is_lowest && is_distinct, Violation::Levels)?;
        let pinned: u64 = setting.pinned.iter().map(|(_, _, times)| times).sum();
        let level = self.word.levels();
        let is_right = level + count + pinned == Word::FREE.levels();
        setting.require_nested(is_right, Violation::Levels)?;
        // A nested borrow leaves one less than the reserve, and each group of fields can be borrowed
        // once more without the test.
        let groups = setting.fields.len() as u64;
        setting.require(level + groups + 1 >= protocol.reserve(), Violation::Levels)
    }
}
