//! Stackful coroutines that suspend themselves inside of accesses, initializers and destructors.
//!
//! What the word's model says of borrows that end in any order is tried here with values that own
//! memory: schedules of coroutines that each do one thing, and are resumed, dropped midway (which unwinds
//! them), or never heard of again. Each schedule has a thread of its own. Checked are:
//!
//! - Two references of which one is exclusive never overlap.
//! - Behind every reference is, after each suspension, what was there before it.
//! - When its thread has ended, every item has been dropped once, except those of values that were still
//!   borrowed and of those that lie on a stack which never goes on.
//! - Where borrows have ended in order, the state is free.
//!
//! `TLS_STATE_TEST_SCHEDULES` is how many schedules are tried of each kind of state and way of choosing
//! them; `TLS_STATE_TEST_SEED` chooses others. Under a sanitizer the memory is checked, too: it wants
//! `--features corosensei/sanitizer`, and no leak detection, because leaks are what is counted here.

mod acts;
mod items;
mod kinds;
mod schedules;
mod stage;
