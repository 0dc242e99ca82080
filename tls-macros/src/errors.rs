//! Collects errors, so that all mistakes of one declaration are reported together.

use proc_macro2::{Span, TokenStream};
use syn::Error;

#[derive(Default)]
pub(crate) struct Errors(Vec<Error>);

impl Errors {
    /// Adds an error that points to a token.
    pub(crate) fn push(&mut self, span: Span, message: impl std::fmt::Display) {
        self.0.push(Error::new(span, message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the error of a parser.
    pub(crate) fn add(&mut self, error: Error) {
        self.0.push(error);
    }

    /// Adds the errors of a nested step.
    pub(crate) fn append(&mut self, part: Self) {
        self.0.extend(part.0);
    }

    /// Returns one `compile_error!` for each error.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.0.iter().map(Error::to_compile_error).collect()
    }
}
