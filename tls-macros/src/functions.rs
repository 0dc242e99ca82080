//! The functions of the struct: one line each, that leads into the runtime crate.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::input::Input;
use crate::names::{Names, output};

/// A doc comment.
fn docs(text: &str) -> TokenStream {
    quote!(#[doc = #text])
}

/// All functions of the struct.
pub(crate) fn functions(input: &Input, names: &Names) -> TokenStream {
    let access = access(input, names);
    let vis = &input.vis;
    let state = docs(&format!(
        "Returns the handle of this thread's `{}` as a whole.",
        input.name()
    ));
    quote! {
        #access

        #state
        #[inline]
        #[must_use]
        #vis const fn state() -> __tls::State<Self> {
            __tls::State::new()
        }
    }
}

/// `with_state` and `with_state_mut`.
fn access(input: &Input, names: &Names) -> TokenStream {
    let vis = &input.vis;
    let (r, f) = (&names.result, &names.function);
    let output = output(input.error(), &quote!(#r));
    let access = |kind: &str, like: &str| {
        docs(&format!(
            "Calls a function with {kind} reference to this thread's `{}`, initializing it first if there is \
             none. See `tls_core::State::{like}`, also for when it panics.",
            input.name()
        ))
    };
    let (with, with_mut) = (
        access("a shared", "with"),
        access("an exclusive", "with_mut"),
    );
    quote! {
        #with
        #[inline]
        #[track_caller]
        #vis fn with_state<#r, #f>(__f: #f) -> #output
        where
            #f: __tls_std::ops::FnOnce(&Self) -> #r,
        {
            __tls::State::<Self>::new().with(__f)
        }

        #with_mut
        #[inline]
        #[track_caller]
        #vis fn with_state_mut<#r, #f>(__f: #f) -> #output
        where
            #f: __tls_std::ops::FnOnce(&mut Self) -> #r,
        {
            __tls::State::<Self>::new().with_mut(__f)
        }
    }
}

/// Functions that cannot be called, of names that one might try: the compiler says why,
/// instead of that they do not exist.
///
/// They carry the user's span, so that the errors have no note on macros; therefore clippy takes
/// them for the user's.
pub(crate) fn uncallable(input: &Input) -> TokenStream {
    if input.is_unsealed {
        return TokenStream::new();
    }
    let vis = &input.vis;
    let functions = quote_spanned! {input.ident.span()=>
        #[doc(hidden)]
        #[inline]
        #vis fn default<'__a>() -> <Self as __tls_private::SecondOne<'__a>>::Made
        where
            Self: __tls_private::SecondOne<'__a>,
        {
            __tls_private::stub()
        }

        #[doc(hidden)]
        #[inline]
        #vis fn clone<'__a>(&self) -> Self
        where
            Self: __tls_private::SecondOne<'__a>,
        {
            __tls_private::stub()
        }
    };
    let ident = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    quote! {
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
        impl #impl_generics #ident #ty_generics #where_clause {
            #functions
        }
    }
}
