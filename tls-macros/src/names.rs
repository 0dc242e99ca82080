//! What the generated code is made of, by name.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::Type;

use crate::editor;
use crate::input::{Input, Shape, private};
use crate::tokens;

/// Names that depend on the declaration.
pub(crate) struct Names {
    /// `R` and `F`, unless the user has named a type like that.
    pub(crate) result: Ident,
    pub(crate) function: Ident,
    /// The runtime crate, outside of the blocks that have it under a shorter name.
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

/// The parameter `__f`, which documentation shows as `f`. A plain `f` would be a constant of that name, if the
/// user has one.
pub(crate) fn parameter(ty: &TokenStream) -> TokenStream {
    if editor::asks() {
        quote!(__f: #ty)
    } else {
        quote!(#[cfg(doc)] f: #ty, #[cfg(not(doc))] __f: #ty)
    }
}

/// `R`, or `Result<R, TYPE>`, where this is the path of the standard library.
pub(crate) fn output(error: Option<&Type>, plain: &TokenStream, std: &TokenStream) -> TokenStream {
    error.map_or_else(
        || plain.clone(),
        |ty| quote!(#std::result::Result<#plain, #ty>),
    )
}

/// What makes `R` of `Result<R, TYPE>`, if there is no type.
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

/// The member that the third step adds.
pub(crate) fn hidden_member(input: &Input) -> TokenStream {
    match input.shape {
        Shape::Named => quote!(__this_struct_is_made_once_per_thread_so_use_with_state),
        _ => Literal::usize_unsuffixed(input.fields.len()).into_token_stream(),
    }
}

/// The lints that say nothing about what the user wrote.
pub(crate) fn allow() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            deprecated,
            non_upper_case_globals,
            private_bounds,
            private_interfaces,
            unused_qualifications,
            // A state may be called `state`.
            clippy::self_named_constructors,
            // The type of a handle has more parts than that of its field.
            clippy::type_complexity,
        )]
    }
}
