//! Per-thread state as a struct: [`#[thread_local_state]`](macro@thread_local_state) turns a
//! struct into a lazily initialized singleton of every thread, with typed accessors.
//!
//! TLS stands for thread-local storage here, not for transport layer security.
//!
//! ```
//! use tls_core::thread_local_state;
//!
//! /// One of these lives in every thread that asks for it.
//! #[thread_local_state]
//! struct Worker {
//!     #[state(init = Vec::with_capacity(4096))]
//!     scratch: Vec<u8>,
//!     jobs: u64, // no initializer: `Default`
//! }
//!
//! fn main() {
//!     // The whole state…
//!     Worker::with_state_mut(|worker| {
//!         worker.scratch.push(1);
//!         worker.jobs += 1;
//!     });
//!     // … or one field of it.
//!     Worker::JOBS.update(|jobs| jobs + 1);
//!     assert_eq!(Worker::JOBS.get(), 2);
//!
//!     // Another thread, another `Worker`.
//!     std::thread::spawn(|| assert_eq!(Worker::JOBS.get(), 0)).join().unwrap();
//! }
//! ```
//!
//! The value is initialized on a thread's first access, lives in that thread, and is dropped when the
//! thread ends. No function hands out an owned one and none can be built by hand, so the classic
//! mistake with thread-local objects, making one per call instead of one per thread, does not
//! compile.
//!
//! # Where to look
//!
//! - [`macro@thread_local_state`]: the attribute and its arguments.
//! - [`Field`]: the handle of a field, `Worker::JOBS`.
//! - [`State`]: the handle of the whole, `Worker::state()`, for everything but `with_state` and
//!   `with_state_mut`.
//! - [`shared`]: fields that all threads can total, with [`Counter`], [`Histogram`] and the others.
//! - [`AccessError`]: why an access was refused.
//! - [`ThreadLocalState`]: for code that is generic over states.
//!
//! What holds for all states is told in the [`guide`]: the order of
//! [destruction](guide::destruction), what [totals](guide::shared_fields) include,
//! [forks](guide::fork) and [platforms](guide::platforms).

/// Turns a struct into a singleton of every thread, initialized lazily and dropped when the thread ends.
///
/// The struct must have fields and no generics, stand at module level, and is then made by
/// nobody but its thread. The attribute adds a hidden private field, a constant for each field,
/// its handle, with the field's visibility, and the functions below, with the struct's. It implements
/// [`ThreadLocalState`], and [`LazyState`] or [`FromValues`] or both.
///
/// # Derives
///
/// A derive stands *below* the attribute. There it sees the fields that the value has, with the types
/// that they are declared with, and neither the hidden field nor a shared one. What it makes is compiled
/// with the hidden field, which comes last and has no size. So it works if its code takes fields one by
/// one: `Debug`, `PartialEq`, `Eq`, `PartialOrd`, `Ord`, `Hash`; `serde::Serialize`,
/// `borsh::BorshSerialize`; `Display`, `Debug`, `Error`, `Deref`, `AsRef`, `Index`, `IntoIterator`, `Into`
/// and their like of `derive_more`; `IntoBytes`, `KnownLayout`, `Immutable`, `Unaligned` of `zerocopy`;
/// `const_field_offset::FieldOffsets`.
///
/// Two kinds are refused, by their names, with what to write instead:
///
/// - those that make a second value: `Default`, `Clone`, `Copy`, `Deserialize`, `Parser`, `Builder`,
///   `Constructor`, `From`, `Add`, `Arbitrary`, `Zeroable`, `FromBytes` and their like;
/// - those whose code has a pattern of all fields without `..`: `Zeroize`, `ZeroizeOnDrop`,
///   `thiserror::Error`, `Derivative`, `derive_where`, `AddAssign` and its like, `derive_more::PartialEq`.
///
/// Of one that is not known by its name, the compiler says that the hidden field is missing or cannot be
/// reached. A derive that makes a value with `unsafe` code alone and is not known makes a second value, which is
/// unrelated to the thread's own: `with_state` lends only that one.
///
/// # Arguments on the struct
///
/// | argument | meaning |
/// |---|---|
/// | (none) | every field is made by its `#[state(init = EXPR)]` or `Default`, in order, on first access |
/// | `error = TYPE` | initializers may use `?`; plain accessors return `Result<_, TYPE>` |
/// | `init = PATH` | a function makes it: it returns `NameInit`, or `Result<NameInit, TYPE>` |
/// | `explicit` | never initialized lazily: each thread calls `Name::state().init_with(NameInit { … })` first |
/// | `const` | computed by the compiler: every field has an `init`, and all of them are constant |
/// | `fork = reset` | a forked child forgets the value, without dropping it, and makes its own on first access |
/// | `fork = keep` | a forked child finds the copy of the value. This is the default |
/// | `in_function` | the declaration may stand in a function body |
/// | `crate = PATH` | where `tls_core` is found, if it was renamed or is re-exported |
///
/// `NameInit` is a plain struct, generated for `init` and `explicit`, of the fields that have no
/// initializer of their own. It has the struct's visibility, and so have its fields, also those that are private in the
/// struct: who makes a value gives them all. Its `Debug` prints no values, and it has no other derives.
///
/// # Arguments on a field
///
/// `#[state(init = EXPR)]`: the expression makes the field. Earlier fields are in scope by name, as
/// references.
///
/// `#[state(default)]`: the field starts as its `Default`. So does every field without an initializer, except
/// where `NameInit` would have it: then this keeps it out of there.
///
/// `#[state(shared)]`: each thread writes to the field, and all can read the total. Its type is one of
/// those in [`shared`], or an array of one of them. The field leaves the struct, because its count outlives
/// the value: what is left is its handle, a [`SharedField`](shared::SharedField), `Name::FIELD`, inside an
/// access as anywhere (`Self::FIELD` in the struct's own methods). So the field takes part in no borrows, is
/// not in `NameInit`, and is not reset. No derive below the attribute sees it, and attributes of derives do
/// not belong on it. A derive *above* the attribute sees the declaration. Tuple structs and structs that are
/// `repr(C)` have no shared fields.
///
/// # Functions
///
/// `R` stands for what a plain function returns: `R` itself, or `Result<R, TYPE>` with `error = TYPE`.
///
/// | function on the struct | meaning |
/// |---|---|
/// | `with_state(FnOnce(&Self) -> R) -> R` | shared access; initializes the value first if there is none |
/// | `with_state_mut(FnOnce(&mut Self) -> R) -> R` | exclusive access; initializes the value first if there is none |
/// | `state() -> State<Self>` | the handle of the whole, with everything else: [`try_with`](State::try_with), [`peek`](State::peek), [`init`](State::init), [`init_with`](State::init_with), [`reset`](State::reset), [`is_initialized`](State::is_initialized), [`with_fresh`](State::with_fresh), [`live_threads`](State::live_threads) and more |
///
/// The functions panic, at the caller's line and with the text of an [`AccessError`], if the value is
/// borrowed in a way that conflicts, if its initializer reaches it, if the thread is exiting and the
/// state is [destroyed](guide::destruction), or if it is `explicit` and has not been initialized.
///
/// Access to the whole value counts as access to all its fields: inside `with_state` use the
/// reference that the function receives, not a handle's `set`.
///
/// # Examples
///
/// Initializers that fail, and one error type for both them and the work:
///
/// ```
/// use std::num::ParseIntError;
/// use tls_core::thread_local_state;
///
/// #[thread_local_state(error = ParseIntError)]
/// struct Limits {
///     #[state(init = "16".parse()?)]
///     depth: u32,
///     #[state(init = depth * 2)] // an earlier field, as a reference
///     width: u32,
/// }
///
/// fn main() -> Result<(), ParseIntError> {
///     assert_eq!(Limits::WIDTH.get()?, 32);
///     // Until the function ends. With `try` the initializer's error leaves the function, as with `?`.
///     let limits = tls_core::borrow!(try Limits::state());
///     assert_eq!(limits.depth + "10".parse::<u32>()?, 26);
///     Ok(())
/// }
/// ```
///
/// A function that makes it, when one field is not enough for that:
///
/// ```
/// use std::sync::mpsc::{Receiver, Sender, channel};
/// use tls_core::thread_local_state;
///
/// #[thread_local_state(init = connect)]
/// struct Mailbox {
///     sender: Sender<u32>,
///     receiver: Receiver<u32>,
///     #[state(init = 0)]
///     read: u32, // has its own, so it is not in `MailboxInit`
/// }
///
/// fn connect() -> MailboxInit {
///     let (sender, receiver) = channel();
///     MailboxInit { sender, receiver }
/// }
///
/// fn main() {
///     Mailbox::with_state_mut(|mailbox| {
///         mailbox.sender.send(7).unwrap();
///         mailbox.read += mailbox.receiver.recv().unwrap();
///     });
///     assert_eq!(Mailbox::READ.get(), 7);
/// }
/// ```
///
/// What only the run knows, brought by each thread as it starts:
///
/// ```
/// use tls_core::{AccessError, thread_local_state};
///
/// #[thread_local_state(explicit)]
/// struct Session {
///     server: String,
/// }
///
/// fn main() {
///     let refused = Session::state().try_with(|_| ()).unwrap_err();
///     assert!(matches!(refused, AccessError::NotInitialized(_)));
///
///     let server = String::from("db1");
///     Session::state().init_with(SessionInit { server });
///     assert_eq!(Session::SERVER.with(String::len), 3);
/// }
/// ```
///
/// Constants, tuple structs, and derives:
///
/// ```
/// use tls_core::thread_local_state;
///
/// #[thread_local_state(const)]
/// #[derive(Debug)]
/// struct Numbers(#[state(init = 1)] u64, #[state(init = [0; 4])] [u8; 4]);
///
/// fn main() {
///     Numbers::FIELD_0.set(5);
///     let text = Numbers::with_state(|numbers| format!("{numbers:?}"));
///     assert_eq!(text, "Numbers(5, [0, 0, 0, 0])");
/// }
/// ```
///
/// One job, one test: a value of its own.
///
/// ```
/// use tls_core::thread_local_state;
///
/// #[thread_local_state]
/// struct Log {
///     lines: Vec<String>,
/// }
///
/// fn main() {
///     Log::LINES.with_mut(|lines| lines.push("before".into()));
///     Log::state().with_fresh(|| {
///         assert!(!Log::state().is_initialized());
///         Log::LINES.with_mut(|lines| lines.push("inside".into()));
///     });
///     assert_eq!(Log::LINES.with(Vec::len), 1);
///     assert!(Log::state().reset());
/// }
/// ```
#[doc(inline)]
pub use tls_macros::thread_local_state;

pub use crate::error::{AccessError, InitError, InitWithError, Rejected, Site};
pub use crate::shared::isolated::{Isolated, IsolatedFuture};
pub use crate::shared::kinds::{Counter, Histogram};
pub use crate::state::contract::{FromValues, LazyState, State, ThreadLocalState};
pub use crate::state::field::Field;
pub use crate::state::fresh::FreshFuture;
pub use crate::state::scope::{ScopeFuture, ScopeGuard};

#[macro_use]
mod platform;

mod borrow;
mod diagnose;
mod error;
mod fork;
pub mod guide;
mod mistakes;
mod pinned;
pub mod shared;
mod state;

/// For the attribute's expansion. Named after the version, so that the expansion of another
/// version does not compile.
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private_0_1_0;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
