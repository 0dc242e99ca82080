//! The attribute of the `tls-core` crate. Depend on that crate: it re-exports the attribute, and the
//! expansion uses it.
//!
//! The attribute works in three steps, because only a derive macro receives fields with their `cfg`s
//! resolved, and because the user's own derives must not see the hidden field:
//!
//! 1. [`thread_local_state`] refuses the derives that would create a second value or cannot work with
//!    the hidden field (`derives`), takes the shared fields out (`take_out`), and puts the next two
//!    steps on the struct (`attribute`);
//! 2. the derive parses, validates and expands (`input`, `validate`, `expand`);
//! 3. `seal` adds the hidden field and removes `#[state]` (`seal`). Its attribute also carries the
//!    arguments to the second step.
//!
//! The shared fields have a derive of their own (`shared`), which generates everything for them.

mod args;
mod attribute;
mod bare;
mod conditions;
mod derives;
mod editor;
mod errors;
mod expand;
mod functions;
mod init;
mod input;
mod names;
mod probe;
mod renamed;
mod repair;
mod seal;
mod shared;
mod take_out;
mod tokens;
mod validate;

/// Turns a struct into a singleton of every thread, initialized lazily and dropped when the thread ends.
///
#[doc = include_str!("thread_local_state.md")]
#[proc_macro_attribute]
pub fn thread_local_state(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    attribute::attribute(&args.into(), &item.into()).into()
}

/// The second step of `thread_local_state`.
#[doc(hidden)]
#[proc_macro_derive(ThreadLocalStateExpand, attributes(state))]
pub fn expand(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand::derive(item.into()).into()
}

/// The third step of `thread_local_state`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn seal(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    seal::seal(&args.into(), &item.into()).into()
}

/// Generates the code for the shared fields.
#[doc(hidden)]
#[proc_macro_derive(SharedFieldsExpand, attributes(state))]
pub fn expand_shared(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    shared::derive(item.into()).into()
}

/// Tells the derive above it which state the shared fields belong to, and then removes the struct that
/// contains them.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn shared_of(
    _: proc_macro::TokenStream,
    _: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    proc_macro::TokenStream::new()
}
