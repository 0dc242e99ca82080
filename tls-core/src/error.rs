//! Why an access was refused.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};
use std::ops::Deref;
use std::panic::Location;

use crate::state::subject::Subject;
use crate::state::word::GROUPS;

/// Why an access to a thread-local state was refused.
///
/// Returned by the `try_` accessors; the plain ones panic with the same text, at the
/// caller's line. `E` is the type given as `error = E`.
///
/// It implements [`Error`] for every `E`, and converts with `?` into `Box<dyn Error + Send + Sync>`,
/// into `anyhow::Error` and their like, also when `E` is itself `anyhow::Error`. It has the size of three
/// pointers. Making one allocates only if it holds an initializer's error.
///
/// # Examples
///
/// ```
/// use tls_core::{AccessError, thread_local_state};
///
/// #[thread_local_state]
/// struct Scratch {
///     buffer: Vec<u8>,
/// }
///
/// fn main() {
///     Scratch::BUFFER.with_mut(|_| {
///         let error = Scratch::BUFFER.try_with(Vec::len).unwrap_err();
///         assert!(matches!(error, AccessError::Borrowed(_)));
///         assert_eq!(error.state_name(), "Scratch");
///         assert_eq!(error.field_name(), Some("buffer"));
///     });
/// }
/// ```
#[non_exhaustive]
pub enum AccessError<E: 'static = Infallible> {
    /// Something still borrows from the state in a way that conflicts with this access.
    Borrowed(Site),
    /// The initializer reached the state that it is initializing.
    Recursive(Site),
    /// The thread is exiting, and the state's turn has come: its destructor has begun, its value was
    /// leaked because it was borrowed or set aside, or there was no value. See
    /// [destruction](crate::guide::destruction).
    Destroyed(Site),
    /// The state is `explicit` and this thread has not called `init_with`.
    NotInitialized(Site),
    /// There is a value already, so none is made from the given ones.
    AlreadyInitialized(Site),
    /// The initializer failed. Nothing was left behind; the next access tries again.
    Init(InitError<E>),
}

/// Where an access was refused: the state, the field if it was one field's, and with
/// debug assertions the place in the source where the borrow that conflicts began.
#[derive(Clone, Copy)]
pub struct Site {
    pub(crate) subject: &'static Subject,
    pub(crate) borrowed_at: Option<&'static Location<'static>>,
}

/// The error that an initializer returned, with the name of its state.
///
/// It dereferences to the initializer's own error.
pub struct InitError<E: 'static> {
    error: Box<E>,
    of: &'static Failure<E>,
}

/// What is known of the errors of a state's initializer. The attribute finds the functions, because it knows the
/// type.
pub struct Failure<E: 'static> {
    /// The state's name.
    pub state: &'static str,
    /// What [`Error::source`] leads to.
    pub source: fn(&E) -> Option<&(dyn Error + 'static)>,
    /// As [`Display`], or a text in its place.
    pub display: fn(&E, &mut Formatter<'_>) -> fmt::Result,
    /// As [`Debug`], or a text in its place.
    pub debug: fn(&E, &mut Formatter<'_>) -> fmt::Result,
}

/// The refusals that need no user error; what the non-generic code deals in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Borrowed,
    Recursive,
    Destroyed,
    NotInitialized,
    AlreadyInitialized,
}

impl Refusal {
    pub(crate) fn at<E>(self, site: Site) -> AccessError<E> {
        match self {
            Self::Borrowed => AccessError::Borrowed(site),
            Self::Recursive => AccessError::Recursive(site),
            Self::Destroyed => AccessError::Destroyed(site),
            Self::NotInitialized => AccessError::NotInitialized(site),
            Self::AlreadyInitialized => AccessError::AlreadyInitialized(site),
        }
    }
}

impl<E> AccessError<E> {
    /// Returns the name of the state.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{AccessError, thread_local_state};
    /// #[thread_local_state(explicit)]
    /// struct Settings {
    ///     verbose: bool,
    /// }
    ///
    /// # fn main() {
    /// let error = Settings::state().try_with(|settings| settings.verbose).unwrap_err();
    /// assert_eq!(error.state_name(), "Settings");
    /// # }
    /// ```
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self {
            Self::Borrowed(site)
            | Self::Recursive(site)
            | Self::Destroyed(site)
            | Self::NotInitialized(site)
            | Self::AlreadyInitialized(site) => site.subject.state(),
            Self::Init(failed) => failed.of.state,
        }
    }

    /// Returns the name of the field, if the access was to a single one.
    ///
    /// See [`AccessError`] for an example.
    #[must_use]
    pub fn field_name(&self) -> Option<&'static str> {
        match self {
            Self::Borrowed(site)
            | Self::Recursive(site)
            | Self::Destroyed(site)
            | Self::NotInitialized(site)
            | Self::AlreadyInitialized(site) => site.subject.field(),
            Self::Init(_) => None,
        }
    }
}

impl Site {
    /// Returns where the borrow that conflicts began, if that is known.
    ///
    /// It is recorded when `tls-core` is built with debug assertions, for
    /// [`AccessError::Borrowed`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{AccessError, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Scratch { buffer: Vec<u8> }
    /// # fn main() {
    /// Scratch::with_state_mut(|_| match Scratch::state().try_with(|_| ()) {
    ///     Err(AccessError::Borrowed(site)) => {
    ///         assert_eq!(site.borrowed_at().is_some(), cfg!(debug_assertions));
    ///     }
    ///     _ => unreachable!(),
    /// });
    /// # }
    /// ```
    #[must_use]
    pub fn borrowed_at(&self) -> Option<&'static Location<'static>> {
        self.borrowed_at
    }
}

impl<E> InitError<E> {
    pub(crate) fn new(error: E, of: &'static Failure<E>) -> Self {
        Self {
            error: Box::new(error),
            of,
        }
    }

    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (self.of.source)(&self.error)
    }

    /// Returns the initializer's own error.
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::{AccessError, thread_local_state};
    ///
    /// #[thread_local_state(error = std::num::ParseIntError)]
    /// struct Limit {
    ///     #[state(init = "many".parse()?)]
    ///     jobs: u32,
    /// }
    ///
    /// fn main() {
    ///     match Limit::state().try_with(|limit| limit.jobs) {
    ///         Err(AccessError::Init(failed)) => {
    ///             let cause: std::num::ParseIntError = failed.into_inner();
    ///             assert_eq!(cause.to_string(), "invalid digit found in string");
    ///         }
    ///         _ => unreachable!(),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn into_inner(self) -> E {
        *self.error
    }
}

impl<E> Deref for InitError<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.error
    }
}

/// As the error itself.
impl<E> Debug for InitError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (self.of.debug)(&self.error, f)
    }
}

/// As the error itself.
impl<E> Display for InitError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (self.of.display)(&self.error, f)
    }
}

/// `Worker`, or `Worker::conn` where one field was asked for.
impl Display for Site {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self.subject, f)
    }
}

impl Debug for Site {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("state", &self.subject.state())
            .field("field", &self.subject.field())
            .field("borrowed_at", &self.borrowed_at)
            .finish_non_exhaustive()
    }
}

impl<E> Debug for AccessError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Borrowed(site) => f.debug_tuple("Borrowed").field(site).finish(),
            Self::Recursive(site) => f.debug_tuple("Recursive").field(site).finish(),
            Self::Destroyed(site) => f.debug_tuple("Destroyed").field(site).finish(),
            Self::NotInitialized(site) => f.debug_tuple("NotInitialized").field(site).finish(),
            Self::AlreadyInitialized(site) => {
                f.debug_tuple("AlreadyInitialized").field(site).finish()
            }
            Self::Init(failed) => f.debug_tuple("Init").field(failed).finish(),
        }
    }
}

impl<E> Display for AccessError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Borrowed(site) => fmt_borrowed(site, None, f),
            Self::Recursive(site) => write!(
                f,
                "{site} is being initialized, and its initializer reached it again; \
                 an initializer must not access the state that it makes"
            ),
            Self::Destroyed(site) => write!(
                f,
                "{site} cannot be accessed any more, because its thread is exiting; \
                 in destructors use a `try_` accessor or one with a spare"
            ),
            Self::NotInitialized(site) => write!(
                f,
                "{site} has not been initialized on this thread; it is `explicit`: \
                 call `{}::state().init_with` first, for instance where the thread starts",
                site.subject.state()
            ),
            Self::AlreadyInitialized(site) => write!(
                f,
                "{site} has been initialized on this thread already; call `{}::state().reset` first, or \
                 `try_init_with`, which hands the values back",
                site.subject.state()
            ),
            Self::Init(failed) => fmt_failed(failed, f),
        }
    }
}

/// The text of a panic: that of the error, and where it was met.
pub(crate) struct Panic<'a> {
    error: &'a AccessError,
    at: &'static Location<'static>,
}

impl<'a> Panic<'a> {
    pub(crate) fn new(error: &'a AccessError, at: &'static Location<'static>) -> Self {
        Self { error, at }
    }
}

impl Display for Panic<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.error {
            AccessError::Borrowed(site) => fmt_borrowed(site, Some(self.at), f),
            error => Display::fmt(error, f),
        }
    }
}

/// Says what to do about a borrow that conflicts, with an access at this place if that is known.
fn fmt_borrowed(
    site: &Site,
    accessed_at: Option<&'static Location<'static>>,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    write!(f, "{site} is already borrowed")?;
    if let Some(borrowed_at) = site.borrowed_at {
        write!(f, " at {borrowed_at}")?;
        if accessed_at == Some(borrowed_at) {
            return fmt_came_back(site, f);
        }
        if let Some(accessed_at) = accessed_at {
            write!(f, ", and accessed again at {accessed_at}")?;
        }
    }
    if let Some((first, last)) = site.subject.group() {
        write!(
            f,
            "; the fields `{first}` to `{last}` count as one, because a state has borrow \
             flags for {GROUPS} fields only"
        )?;
    }
    f.write_str(if site.subject.is_removed() {
        "; end that access first"
    } else if site.subject.field().is_none() {
        "; end the first access before the second, or use the handles of separate fields"
    } else {
        "; use the reference that the outer access has, and if you want to write, make that one \
         exclusive: `with_mut`, `with_state_mut`, `borrow_mut!`"
    })
}

/// The code that has borrowed has run itself again.
fn fmt_came_back(site: &Site, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(
        ", and accessed again by the same code: what runs during the access has run other work on this thread \
         (another task of a thread pool, a future in `block_on`, a callback); end the access before that",
    )?;
    if site.subject.field().is_some() {
        f.write_str(", or use `with_or_else` or `with_mut_or_else`, which fall back on a spare")?;
    }
    Ok(())
}

impl<E> Error for AccessError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Init(failed) => failed.source(),
            _ => None,
        }
    }
}

/// A value that was passed in and not taken, with the reason.
///
/// # Examples
///
/// ```
/// use tls_core::{InitWithError, thread_local_state};
///
/// #[thread_local_state(explicit)]
/// struct Session {
///     server: String,
/// }
///
/// fn main() {
///     let values = |server: &str| SessionInit { server: server.into() };
///     Session::state().init_with(values("db1"));
///     match Session::state().try_init_with(values("db2")) {
///         Err(InitWithError::Refused(rejected)) => {
///             assert_eq!(rejected.value.server, "db2");
///             assert_eq!(rejected.error.state_name(), "Session");
///         }
///         _ => unreachable!(),
///     }
/// }
/// ```
pub struct Rejected<V, E: 'static = Infallible> {
    /// The value.
    pub value: V,
    /// Why it was not taken.
    pub error: AccessError<E>,
}

impl<V, E> Debug for Rejected<V, E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<V, E> Display for Rejected<V, E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.error, f)
    }
}

impl<V, E> Error for Rejected<V, E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Why a state was not initialized from given values.
///
/// [`Rejected`] has an example.
#[non_exhaustive]
pub enum InitWithError<V, E: 'static = Infallible> {
    /// There is a value already, it is being initialized, or it was destroyed. The values are handed back.
    Refused(Rejected<V>),
    /// An initializer failed. Nothing was left behind, and the values have been dropped.
    Failed(InitError<E>),
}

impl<V, E> Debug for InitWithError<V, E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(rejected) => f.debug_tuple("Refused").field(rejected).finish(),
            Self::Failed(failed) => f.debug_tuple("Failed").field(failed).finish(),
        }
    }
}

impl<V, E> Display for InitWithError<V, E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(rejected) => Display::fmt(rejected, f),
            Self::Failed(failed) => fmt_failed(failed, f),
        }
    }
}

impl<V, E> Error for InitWithError<V, E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Failed(failed) => failed.source(),
        }
    }
}

/// What `source` leads to is not repeated; reports print both.
fn fmt_failed<E>(failed: &InitError<E>, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "`{}` could not be initialized", failed.of.state)?;
    match failed.source() {
        Some(_) => Ok(()),
        None => write!(f, ": {failed}"),
    }
}
