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
/// The `try_` accessors return it. The plain accessors panic with the same text, at the caller's line.
/// `E` is the type given as `error = E`.
///
/// `AccessError<E>` implements [`Error`] for every `E`. It converts with `?` into
/// `Box<dyn Error + Send + Sync>`, `anyhow::Error` and similar types, also when `E` is itself
/// `anyhow::Error`. It has the size of three pointers, and allocates only to hold an initializer's error.
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
    /// Another borrow of the state conflicts with this access.
    Borrowed(Site),
    /// The initializer accessed the state that it initializes.
    Recursive(Site),
    /// The thread is exiting, and the state's turn has come: its destructor has begun, its value was
    /// leaked because it was borrowed or set aside, or there was no value. See
    /// [destruction](crate::guide::destruction).
    Destroyed(Site),
    /// The state is `explicit`, and this thread has not called `init_with`.
    NotInitialized(Site),
    /// The state has a value already, so none is initialized from the given values.
    AlreadyInitialized(Site),
    /// An initializer failed. It left nothing behind, and the next access tries again.
    Init(InitError<E>),
}

/// Where an access was refused.
///
/// Names the state and, if the access was to a single field, the field. With debug assertions, also has
/// the place in the source where the borrow that conflicts began.
#[derive(Clone, Copy)]
pub struct Site {
    pub(crate) subject: &'static Subject,
    pub(crate) borrowed_at: Option<&'static Location<'static>>,
}

/// The error that an initializer returned, with the name of its state.
///
/// Dereferences to the initializer's error.
pub struct InitError<E: 'static> {
    error: Box<E>,
    of: &'static Failure<E>,
}

/// How to treat the errors of a state's initializer. The expansion of the attribute selects the
/// functions, because it knows the type.
pub struct Failure<E: 'static> {
    /// The state's name.
    pub state: &'static str,
    /// What [`Error::source`] returns.
    pub source: fn(&E) -> Option<&(dyn Error + 'static)>,
    /// The error's [`Display`], or a text if it has none.
    pub display: fn(&E, &mut Formatter<'_>) -> fmt::Result,
    /// The error's [`Debug`], or a text if it has none.
    pub debug: fn(&E, &mut Formatter<'_>) -> fmt::Result,
}

/// The refusals that hold no error of the user's, for the code that is not generic.
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

    /// Returns the name of the field, if the access was to a single field.
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
    /// Returns where the borrow that conflicts began, if this is known.
    ///
    /// This is recorded for [`AccessError::Borrowed`] if `tls-core` is built with debug assertions.
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

/// Formats like the initializer's error.
impl<E> Debug for InitError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (self.of.debug)(&self.error, f)
    }
}

/// Formats like the initializer's error.
impl<E> Display for InitError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (self.of.display)(&self.error, f)
    }
}

/// Formats as `Worker`, or as `Worker::conn` if the access was to one field.
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
                "{site} is being initialized, and its initializer accessed it again; \
                 an initializer must not access the state that it initializes"
            ),
            Self::Destroyed(site) => write!(
                f,
                "{site} cannot be accessed any more, because its thread is exiting; \
                 in destructors, use a `try_` accessor, or one that falls back on a spare"
            ),
            Self::NotInitialized(site) => write!(
                f,
                "{site} has not been initialized on this thread; it is `explicit`: \
                 call `{}::state().init_with` first, for instance where the thread starts",
                site.subject.state()
            ),
            Self::AlreadyInitialized(site) => write!(
                f,
                "{site} has already been initialized on this thread; call `{}::state().reset` first, or use \
                 `try_init_with`, which returns the values",
                site.subject.state()
            ),
            Self::Init(failed) => fmt_failed(failed, f),
        }
    }
}

/// The text of a panic: that of the error, with the caller's location.
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

/// Formats what to do about a borrow that conflicts with an access, which is at `accessed_at` if that is
/// known.
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
            "; the fields `{first}` to `{last}` are borrowed together, because a state has borrow flags \
             for {GROUPS} fields only"
        )?;
    }
    f.write_str(if site.subject.is_removed() {
        "; end that access first"
    } else if site.subject.field().is_none() {
        "; end the first access before the second, or use the handles of separate fields"
    } else {
        "; use the reference of the outer access, and if you need to write, make that access \
         exclusive: `with_mut`, `with_state_mut`, `borrow_mut!`"
    })
}

/// Formats the text for code that has borrowed a state and then run itself again.
fn fmt_came_back(site: &Site, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(
        ", and accessed again by the same code: code inside the access ran other work on this thread \
         (another task of a thread pool, a future in `block_on`, a callback); end the access before \
         running other work",
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
    /// The state has a value already, is being initialized, or was destroyed. The values are returned.
    Refused(Rejected<V>),
    /// An initializer failed. It left nothing behind, and the values have been dropped.
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

/// Formats an initializer's failure. Does not repeat what `source` returns, because reports print both.
fn fmt_failed<E>(failed: &InitError<E>, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "`{}` could not be initialized", failed.of.state)?;
    match failed.source() {
        Some(_) => Ok(()),
        None => write!(f, ": {failed}"),
    }
}
