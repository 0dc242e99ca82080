//! States by 128 bits of each: two that differ in none of them are not to be expected.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::known::{Borrow, Guard, Pending};
use crate::machine::Machine;
use crate::state::loans::Joined;

pub(crate) type Seen = HashSet<u128, BuildHasherDefault<Lower>>;

/// The same for states from which the same can happen. So it leaves out:
///
/// - the order in which all that is outstanding has begun, once borrows have ended in another order: nothing
///   asks for it then, until none is outstanding;
/// - what nested borrows have found, once one of them has ended out of order: `Loans::end_nested` asks for it no
///   more, until none of them is outstanding.
pub(crate) fn print_of(machine: &Machine) -> u128 {
    let beside = machine.loans.snapshot().1;
    let is_disordered = beside.5;
    let mut print = Print::new();
    (machine.word(), beside).hash(&mut print);
    (
        machine.is_listed,
        machine.turn,
        machine.life,
        machine.is_ordered,
    )
        .hash(&mut print);
    let mut sum = 0_u128;
    for pending in &machine.pending {
        let mut own = Print::new();
        match pending {
            Pending::Borrow(Borrow {
                target,
                guard: Guard::Guest(Joined::Nested(_)) | Guard::Held(Joined::Nested(_)),
                is_of_gone,
                ..
            }) if is_disordered => (target, is_of_gone).hash(&mut own),
            _ => pending.hash(&mut own),
        }
        if machine.is_ordered {
            print.add_all(own.0);
        } else {
            sum = sum.wrapping_add(own.0);
        }
    }
    print.add_all(sum);
    print.0
}

/// Multiplies everything into a number.
struct Print(u128);

impl Print {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    fn add(&mut self, number: u64) {
        self.add_all(number.into());
    }

    fn add_all(&mut self, number: u128) {
        let mixed = (self.0 ^ number).wrapping_mul(0x0fc9_4e3b_f4e9_ab32_8664_58cd_56f5_e605);
        self.0 = mixed ^ (mixed >> 67);
    }
}

impl Hasher for Print {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.add(byte.into());
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        unreachable!("the whole of it is used")
    }
}

/// Takes the lower half of what is mixed already.
#[derive(Default)]
pub(crate) struct Lower(u64);

impl Hasher for Lower {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are put into the set")
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
