//! What shared fields promise: totals that are exact while threads come and go.
//!
//! The checks that a first attempt at such a registry would fail are functions over a trait
//! ([`count::Count`] and its like). They run against the library, where they must succeed, and
//! against the attempts in [`naive`], where they must not.

#[path = "../support/meter.rs"]
#[macro_use]
mod meter;
#[path = "../behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

#[cfg(not(any(target_arch = "powerpc", target_arch = "s390x")))]
// for which there are no coroutines
mod abandoned;
mod arrays;
mod borrows;
mod count;
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers are drawn and ranks found in floating point"
)]
mod histogram;
mod isolated;
#[cfg(not(any(target_arch = "powerpc", target_arch = "s390x")))]
mod isolated_coroutines;
mod kinds;
mod late;
mod lifecycle;
mod listing;
mod naive;
mod parts;
mod take;
mod thread_names;
mod totals;
