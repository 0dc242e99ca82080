//! A thread's values: where they are stored, and how they are initialized, borrowed and dropped.
//!
//! Each file uses only files above it in this table.
//!
//! | file | what |
//! |---|---|
//! | `word` | the bits that say what may be accessed |
//! | `loans` | how borrows begin and end |
//! | `subject` | what an access is to, as messages name it |
//! | `target` | what of a value is accessed: the whole, or a field |
//! | `notes` | where borrows began, for the text of a panic |
//! | `slot` | a thread's place for one state; the wall around raw pointers to it |
//! | `fill` | initialization in place, field by field |
//! | `storage` | where a value lies: in the slot, or on the heap |
//! | `contract` | the traits that the attribute implements, and the handle of the whole |
//! | `here` | this thread's slot of a state whose type is known |
//! | `constant` | values in the initial image of a slot |
//! | `list` | a thread's lists of its states |
//! | `refusal` | why an access is refused |
//! | `stale` | values that a forked child must not inherit |
//! | `borrow` | outstanding borrows |
//! | `loan` | those of the hot path |
//! | `held` | those that a macro keeps |
//! | `exit` | what happens when a thread exits |
//! | `init` | initialization |
//! | `evict` | taking a value out |
//! | `fresh` | values that are set aside while others take their place |
//! | `access` | the accessors |
//! | `field` | the handle of a field |
//! | `scope` | fields that are set for a while |
//! | `whole` | what the handle of the whole can do |
//! | `lend` | borrows without a closure |

pub(crate) mod access;
pub(crate) mod borrow;
pub(crate) mod constant;
pub(crate) mod contract;
pub(crate) mod evict;
pub(crate) mod exit;
pub(crate) mod field;
pub(crate) mod fill;
pub(crate) mod fresh;
mod held;
pub(crate) mod here;
pub(crate) mod init;
pub(crate) mod lend;
pub(crate) mod list;
mod loan;
pub(crate) mod loans;
#[cfg(debug_assertions)]
pub(crate) mod notes;
pub(crate) mod refusal;
pub(crate) mod scope;
pub(crate) mod slot;
pub(crate) mod stale;
pub(crate) mod storage;
pub(crate) mod subject;
pub(crate) mod target;
pub(crate) mod whole;
pub(crate) mod word;
