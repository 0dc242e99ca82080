//! What has to hold in every state.

use crate::known::{Borrow, Guard, Life, Setting, Target, Violation};
use crate::machine::Machine;
use crate::protocol::Protocol;
use crate::state::loans::{Joined, Loans};
use crate::state::word::{FieldSet, Permissions, Word};

/// What a borrow is in the table of `loans.rs`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exclusive,
    Owner,
    Reader,
    Nested,
}

impl Borrow {
    fn kind(&self) -> Kind {
        match (self.guard, self.target) {
            _ if self.is_exclusive => Kind::Exclusive,
            (Guard::Loan, Target::Whole)
            | (Guard::Guest(Joined::Reader) | Guard::Held(Joined::Reader), _) => Kind::Reader,
            (Guard::Loan, Target::Field(_))
            | (Guard::Guest(Joined::Taken(_)) | Guard::Held(Joined::Taken(_)), _) => Kind::Owner,
            (Guard::Guest(Joined::Nested(_)) | Guard::Held(Joined::Nested(_)), _) => Kind::Nested,
        }
    }
}

/// A sum of permissions, none of which may be in it twice.
struct Sum {
    permissions: Permissions,
    is_disjoint: bool,
}

impl Sum {
    fn add(&mut self, more: Permissions) {
        self.is_disjoint &= self.permissions.and(more) == Permissions::NONE;
        self.permissions = self.permissions.or(more);
    }
}

impl Machine {
    pub(crate) fn check(
        &self,
        protocol: &impl Protocol,
        setting: &Setting,
    ) -> Result<(), Violation> {
        self.check_life(setting)?;
        self.check_grants(protocol, setting)?;
        self.check_end(setting)?;
        if self.life.is_alive() {
            self.check_beside(setting)?;
        }
        Ok(())
    }

    /// The word and the list say what is the case: `Header` 1 and 4.
    fn check_life(&self, setting: &Setting) -> Result<(), Violation> {
        let word = self.word();
        let is_right = match self.life {
            Life::Uninitialized => word == Word::UNINITIALIZED,
            Life::Initializing => word == Word::INITIALIZING,
            Life::Destroyed => word == Word::DESTROYED,
            Life::Alive { .. } => word.is_alive() && word.is_stale() == self.life.is_inherited(),
        };
        let is_listed = setting.has_list() && self.life.is_alive() && !self.life.is_leaked();
        setting.require(is_right && self.is_listed == is_listed, Violation::Confused)?;
        let is_kept = self.life.is_inherited() && !self.is_borrowed();
        setting.require(!is_kept, Violation::ParentKept)
    }

    /// `Header` 2, for what the accessors' one test finds, for what is copied out, and for what scopes restore.
    /// The other accesses are tried.
    fn check_grants(&self, protocol: &impl Protocol, setting: &Setting) -> Result<(), Violation> {
        for target in setting.targets() {
            for exclusive in [false, true] {
                let lends = protocol.is_free(&self.loans, target, exclusive);
                let may_lend = self.life.is_alive() && !self.conflicts(target, exclusive);
                setting.require(!lends || may_lend, Violation::Conflict)?;
            }
            let reads = protocol.reads(&self.loans, target);
            let may_read = self.life.is_alive() && !self.conflicts(target, false);
            setting.require(!reads || may_read, Violation::Conflict)?;
            setting.require(reads || !self.is_due(target, false), Violation::Refused)?;
            let restores = protocol.restores(&self.loans, target);
            setting.require(
                restores || !self.is_due(target, true),
                Violation::NotRestored,
            )?;
        }
        Ok(())
    }

    /// When all borrows have ended, the word is free, and nothing is left beside it.
    fn check_end(&self, setting: &Setting) -> Result<(), Violation> {
        if self.is_borrowed() {
            return setting.require(!self.word().is_free(), Violation::Confused);
        }
        let is_free = self.word().is_free() || !self.life.is_alive();
        let nothing = Loans::new(Word::FREE).snapshot().1;
        let is_empty = self.loans.snapshot().1 == nothing;
        setting.require(is_free && is_empty, Violation::NotFree)
    }

    /// The invariants of `Loans` and of `loans::Beside`. And no permission is lost, or comes to be: each is in
    /// the word, with one borrow, handed in, or kept out of the word for readers and nested borrows.
    fn check_beside(&self, setting: &Setting) -> Result<(), Violation> {
        let word = self.word();
        let all = FieldSet::ALL.write();
        let (more_readers, withheld, nested, relied_on, handed_in, is_disordered) =
            self.loans.snapshot().1;
        let of = |kind| self.borrows().filter(move |borrow| borrow.kind() == kind);
        let writes = |kind| {
            of(kind).fold(Permissions::NONE, |writes, borrow| {
                writes.or(borrow.target.set().write())
            })
        };
        let owned = writes(Kind::Owner);
        let taken = owned.or(writes(Kind::Exclusive));

        let readers = of(Kind::Reader).count();
        let joined = if more_readers < 0 { Loans::JOINED } else { 0 };
        let is_counted = usize::try_from(more_readers - joined) == Ok(readers.saturating_sub(1))
            && (joined != 0 || readers == 0 || withheld == Permissions::NONE)
            && word.has_readers() == (readers > 0)
            && nested == of(Kind::Nested).count()
            && word.has_nested() == (nested > 0)
            && word.withholds() == (readers > 0 || nested > 0);
        let there = word.permissions().and(all);
        let is_withheld = if word.withholds() {
            withheld == taken.or(handed_in).or(there)
                && (there == Permissions::NONE || !word.has_readers())
        } else {
            withheld == Permissions::NONE
        };
        let needed = writes(Kind::Nested);
        let is_relied_on = if is_disordered {
            relied_on.and(needed) == needed && nested > 0 && !self.is_ordered
        } else {
            relied_on == needed
        };
        let is_handed_in = handed_in == relied_on.without(owned);

        let mut sum = Sum {
            permissions: word.permissions(),
            is_disjoint: true,
        };
        for borrow in of(Kind::Exclusive).chain(of(Kind::Owner)) {
            sum.add(borrow.target.set().taken(borrow.is_exclusive));
        }
        sum.add(handed_in);
        if word.withholds() {
            sum.add(all.without(withheld));
        }
        let is_whole = sum.is_disjoint && sum.permissions == Word::FREE.permissions();
        setting.require(
            is_counted && is_withheld && is_relied_on && is_handed_in && is_whole,
            Violation::Beside,
        )
    }
}
