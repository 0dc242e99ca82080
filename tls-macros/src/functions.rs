//! The functions of the struct: each is one line that calls the runtime crate.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::editor;
use crate::input::Input;
use crate::names::{Names, output};

/// Returns a doc comment with this text.
fn docs(text: &str) -> TokenStream {
    quote!(#[doc = #text])
}

/// Returns all functions of the struct.
pub(crate) fn functions(input: &Input, names: &Names, is_stub: bool) -> TokenStream {
    let access = access(input, names, is_stub);
    let vis = &input.vis;
    let name = input.name();
    let made = if input.args.explicit.is_some() {
        ", whose `init_with` initializes it"
    } else {
        ""
    };
    let state = docs(&format!(
        "Returns the handle of this thread's `{name}` as a whole{made}."
    ));
    let Names { tls, private, .. } = names;
    // A stub requires no trait, because in generic code not every type implements it.
    let body = if is_stub {
        quote!(#tls::#private::stub())
    } else {
        quote!(#tls::State::new())
    };
    quote! {
        #access

        #state
        #[inline]
        #[must_use]
        #vis const fn state() -> #tls::State<Self> {
            #body
        }
    }
}

/// Returns `with_state` and `with_state_mut`.
fn access(input: &Input, names: &Names, is_stub: bool) -> TokenStream {
    let vis = &input.vis;
    let Names {
        result: r,
        function: f,
        tls,
        private,
    } = names;
    let std = quote!(#tls::#private::std);
    let output = output(input.error(), &quote!(#r), &std);
    let with = docs(&access_text(input, "a shared", "exclusively", "with"));
    let with_mut = docs(&access_text(input, "an exclusive", "already", "with_mut"));
    let body = |accessor: TokenStream| {
        if is_stub {
            quote!(let _ = function; #tls::#private::stub())
        } else {
            quote!(#tls::State::<Self>::new().#accessor(function))
        }
    };
    let (body, body_mut) = (body(quote!(with)), body(quote!(with_mut)));
    // The compiler suggests a function by its alias, here to someone who calls `new`.
    // Documentation shows the parameter's name. A user's constant `f` must not be taken for a pattern.
    quote! {
        #with
        #[doc(alias = "new")]
        #[inline]
        #[track_caller]
        #vis fn with_state<#r, #f>(function: #f) -> #output
        where
            #f: #std::ops::FnOnce(&Self) -> #r,
        {
            #body
        }

        #with_mut
        #[inline]
        #[track_caller]
        #vis fn with_state_mut<#r, #f>(function: #f) -> #output
        where
            #f: #std::ops::FnOnce(&mut Self) -> #r,
        {
            #body_mut
        }
    }
}

/// Returns the documentation of `with_state` or `with_state_mut`.
fn access_text(input: &Input, kind: &str, borrowed: &str, like: &str) -> String {
    let name = input.name();
    let (first, missing) = if input.args.explicit.is_some() {
        (
            ", which `init_with` of the handle `state()` has initialized",
            "it has not been initialized, if ",
        )
    } else {
        (", initializing it first if there is none", "")
    };
    let errors = if input.error().is_some() {
        "\n\n# Errors\n\nReturns the initializer's error."
    } else {
        ""
    };
    format!(
        "Calls a function with {kind} reference to this thread's `{name}`{first}.{errors}\n\n# Panics\n\n\
         Panics if {missing}it is {borrowed} borrowed, is being initialized, or was destroyed because the \
         thread is exiting. See `tls_core::State::{like}`."
    )
}

/// Returns functions that cannot be called, with names that users might try. The compiler then reports
/// why, instead of reporting that the function does not exist.
///
/// They carry the user's span, so that the errors have no note on macros. For that reason, clippy would
/// lint them as the user's code.
pub(crate) fn uncallable(input: &Input) -> TokenStream {
    if input.is_unsealed || editor::asks() {
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
