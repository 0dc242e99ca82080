//! Thread-locals of the standard library's, which states use and which use states.

use crate::model::{Seen, Status, check, deeper, model};
use crate::operations;

struct Foreign(usize);

impl Foreign {
    fn new(index: usize) -> Self {
        model(|model| {
            let status = model.foreign[index];
            check!(
                status == Status::Initializing,
                "{index}, somebody else's, is made and was {status:?}"
            );
        });
        deeper(operations::run);
        model(|model| model.register_foreign(index));
        Self(index)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        model(|model| {
            model.exit_until(Seen::Foreign(self.0));
            model.foreign_destructors += 1;
        });
        operations::run();
        model(|model| model.foreign_destructors -= 1);
    }
}

thread_local! {
    static FIRST: Foreign = Foreign::new(0);
    static SECOND: Foreign = Foreign::new(1);
    static THIRD: Foreign = Foreign::new(2);
}

/// Uses one of them, if its thread ends.
pub fn one(byte: u8) {
    let index = usize::from(byte % 3);
    let status = model(|model| {
        let status = model.foreign[index];
        let is_made = status == Status::Uninitialized;
        // Whoever makes itself is not asked.
        let may = model.ends && status != Status::Initializing;
        if !may || is_made && model.has_no_turn() {
            return None;
        }
        if is_made {
            model.foreign[index] = Status::Initializing;
        }
        Some(status)
    });
    let Some(status) = status else { return };
    let key = [&FIRST, &SECOND, &THIRD][index];
    let found = key.try_with(|foreign| foreign.0).ok();
    let should = (status != Status::Destroyed).then_some(index);
    check!(
        found == should,
        "{found:?} of somebody else's, not {should:?}"
    );
}
