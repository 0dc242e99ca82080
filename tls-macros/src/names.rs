//! The names in the generated code, and small pieces of it.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::Type;

use crate::input::{Input, Shape, private};
use crate::tokens;

/// Names that depend on the declaration.
pub(crate) struct Names {
    /// `R` and `F`, unless the user has a type of that name.
    pub(crate) result: Ident,
    pub(crate) function: Ident,
    /// The runtime crate, outside the blocks that import it under a shorter name.
    pub(crate) tls: Ident,
    pub(crate) private: Ident,
}

impl Names {
    pub(crate) fn new(input: &Input) -> Self {
        let taken = match &input.args.error {
            Some((_, ty)) => quote!(#ty),
            None => TokenStream::new(),
        };
        let generics = input.generics.to_token_stream();
        let name = |plain: &str| {
            let plain = Ident::new(plain, Span::call_site());
            let is_taken = tokens::mentions(&taken, &plain)
                || tokens::mentions(&generics, &plain)
                || input.ident == plain;
            if is_taken {
                format_ident!("__{plain}")
            } else {
                plain
            }
        };
        Self {
            result: name("R"),
            function: name("F"),
            tls: input.alias(),
            private: private(),
        }
    }
}

/// Returns `R` or `Result<R, TYPE>`. `std` is the path of the standard library.
pub(crate) fn output(error: Option<&Type>, plain: &TokenStream, std: &TokenStream) -> TokenStream {
    error.map_or_else(
        || plain.clone(),
        |ty| quote!(#std::result::Result<#plain, #ty>),
    )
}

/// Returns the expression that turns a `Result` into the output type.
pub(crate) fn output_body(error: Option<&Type>) -> TokenStream {
    if error.is_some() {
        quote!(__result)
    } else {
        quote!(__tls_private::infallible(__result))
    }
}

pub(crate) fn error_type(error: Option<&Type>) -> TokenStream {
    error.map_or_else(
        || quote!(__tls_std::convert::Infallible),
        ToTokens::to_token_stream,
    )
}

/// Returns the member that the third step adds.
pub(crate) fn hidden_member(input: &Input) -> TokenStream {
    match input.shape {
        Shape::Named => quote!(__this_struct_is_made_once_per_thread_so_use_with_state),
        _ => Literal::usize_unsuffixed(input.fields.len()).into_token_stream(),
    }
}

/// Allows the lints that would report code that the user did not write.
pub(crate) fn allow() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            deprecated,
            non_upper_case_globals,
            private_bounds,
            private_interfaces,
            unused_qualifications,
            // A struct may be called `State`, like its function `state`.
            clippy::self_named_constructors,
            // The type of a handle is more complex than the type of its field.
            clippy::type_complexity,
        )]
    }
}
