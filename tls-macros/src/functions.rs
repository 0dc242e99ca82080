//! The functions of the struct: one line each, that leads into the runtime crate.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::expand::{Names, access_error, output};
use crate::input::Input;

const FAILS: &str =
    "\n\n# Errors\n\nThe error of the initializer, if there is no value and none could be made.";
const PANICS: &str = "\n\n# Panics\n\nIf the value is borrowed in a way that conflicts, if the \
                      initializer reaches the state that it makes, or if the thread is exiting \
                      and has dropped its value.";
const REFUSES: &str = "\n\n# Errors\n\nSee `tls_core::AccessError`.";

/// A doc comment.
fn docs(text: &str, sections: &[&str]) -> TokenStream {
    let docs = format!("{text}{}", sections.concat());
    quote!(#[doc = #docs])
}

/// What the doc comment of a plain accessor says about errors.
fn fails(input: &Input) -> &'static str {
    if input.args.error.is_some() {
        FAILS
    } else {
        ""
    }
}

/// All functions of the struct.
pub(crate) fn functions(input: &Input, names: &Names) -> TokenStream {
    let access = access(input, names);
    let run = run(input, names);
    let try_access = try_access(input, names);
    let life = life(input, names);
    quote!(#access #run #try_access #life)
}

/// `with_state` and `with_state_mut`.
fn access(input: &Input, names: &Names) -> TokenStream {
    let vis = &input.vis;
    let (r, f) = (&names.result, &names.function);
    let output = output(input, &quote!(#r));
    let access = |kind: &str| {
        let text = format!(
            "Calls a function with {kind} reference to this thread's `{}`, making it first if \
             there is none.",
            input.name()
        );
        docs(&text, &[fails(input), PANICS])
    };
    let (with, with_mut) = (access("a shared"), access("an exclusive"));
    quote! {
        #with
        #[inline]
        #[track_caller]
        #vis fn with_state<#r, #f>(__f: #f) -> #output
        where
            #f: __tls_std::ops::FnOnce(&Self) -> #r,
        {
            __tls_private::with_state::<Self, #r, #f>(__f)
        }

        #with_mut
        #[inline]
        #[track_caller]
        #vis fn with_state_mut<#r, #f>(__f: #f) -> #output
        where
            #f: __tls_std::ops::FnOnce(&mut Self) -> #r,
        {
            __tls_private::with_state_mut::<Self, #r, #f>(__f)
        }
    }
}

/// `run_state` and `run_state_mut`, of states with an error type.
fn run(input: &Input, names: &Names) -> Option<TokenStream> {
    let (_, ty) = input.args.error.as_ref()?;
    let vis = &input.vis;
    let (r, f, e) = (&names.result, &names.function, &names.converted);
    let run = |like: &str| {
        let text = format!(
            "Like `{like}`, with a function that returns a `Result` itself: one error type for \
             both.\n\n# Errors\n\nThe function's error, or the initializer's."
        );
        docs(&text, &[PANICS])
    };
    let (run, run_mut) = (run("with_state"), run("with_state_mut"));
    Some(quote! {
        #run
        #[inline]
        #[track_caller]
        #vis fn run_state<#r, #e, #f>(__f: #f) -> __tls_std::result::Result<#r, #e>
        where
            #f: __tls_std::ops::FnOnce(&Self) -> __tls_std::result::Result<#r, #e>,
            #e: __tls_std::convert::From<#ty>,
        {
            __tls_private::flatten(__tls_private::with_state::<Self, _, #f>(__f))
        }

        #run_mut
        #[inline]
        #[track_caller]
        #vis fn run_state_mut<#r, #e, #f>(__f: #f) -> __tls_std::result::Result<#r, #e>
        where
            #f: __tls_std::ops::FnOnce(&mut Self) -> __tls_std::result::Result<#r, #e>,
            #e: __tls_std::convert::From<#ty>,
        {
            __tls_private::flatten(__tls_private::with_state_mut::<Self, _, #f>(__f))
        }
    })
}

/// The functions that neither panic nor, but for the first two, make the state.
fn try_access(input: &Input, names: &Names) -> TokenStream {
    let vis = &input.vis;
    let (r, f) = (&names.result, &names.function);
    let name = input.name();
    let error = access_error(input);
    let try_with = docs(
        "Like `with_state`, but never panics on its own.",
        &[REFUSES],
    );
    let try_with_mut = docs(
        "Like `with_state_mut`, but never panics on its own.",
        &[REFUSES],
    );
    let peek = docs(
        &format!(
            "Calls a function with a shared reference to this thread's `{name}`, if there is one \
             and it can be read. Never makes one."
        ),
        &[],
    );
    let is_initialized = docs(
        &format!("Says whether this thread has a `{name}`. Never makes one."),
        &[],
    );
    quote! {
        #try_with
        #[inline]
        #[track_caller]
        #vis fn try_with_state<#r, #f>(__f: #f) -> __tls_std::result::Result<#r, #error>
        where
            #f: __tls_std::ops::FnOnce(&Self) -> #r,
        {
            <Self as __tls::ThreadLocalState>::try_with_state(__f)
        }

        #try_with_mut
        #[inline]
        #[track_caller]
        #vis fn try_with_state_mut<#r, #f>(__f: #f) -> __tls_std::result::Result<#r, #error>
        where
            #f: __tls_std::ops::FnOnce(&mut Self) -> #r,
        {
            <Self as __tls::ThreadLocalState>::try_with_state_mut(__f)
        }

        #peek
        #[inline]
        #[track_caller]
        #vis fn peek_state<#r, #f>(__f: #f) -> __tls_std::option::Option<#r>
        where
            #f: __tls_std::ops::FnOnce(&Self) -> #r,
        {
            <Self as __tls::ThreadLocalState>::peek_state(__f)
        }

        #is_initialized
        #[inline]
        #[must_use]
        #vis fn is_state_initialized() -> __tls_std::primitive::bool {
            <Self as __tls::ThreadLocalState>::is_state_initialized()
        }
    }
}

/// The functions that make the state and drop it.
fn life(input: &Input, names: &Names) -> TokenStream {
    let vis = &input.vis;
    let (r, f) = (&names.result, &names.function);
    let name = input.name();
    let init = (input.args.explicit.is_none()).then(|| {
        let unit = output(input, &quote!(()));
        let text = format!("Makes this thread's `{name}`, if there is none.");
        let docs = docs(&text, &[fails(input), PANICS]);
        quote! {
            #docs
            #[inline]
            #[track_caller]
            #vis fn init_state() -> #unit {
                __tls_private::init_state::<Self>()
            }
        }
    });
    let init_with = input.takes_values().then(|| {
        let values = input.init_ident();
        let output = output(input, &quote!(__tls_std::result::Result<(), #values>));
        let text = format!(
            "Makes this thread's `{name}` from these values.\n\n# Errors\n\nHands the values back \
             if there is one already, if it is being made, or if the thread is exiting."
        );
        let docs = docs(&text, &[]);
        quote! {
            #docs
            #vis fn init_state_with(__values: #values) -> #output {
                // SAFETY: the function keeps to the contract of an initializer.
                unsafe { __tls_private::init_state_with::<Self, #values>(__values, Self::__tls_fill) }
            }
        }
    });
    let reset = docs(
        &format!(
            "Drops this thread's `{name}`; the next access makes another. Says whether there was \
             one.\n\n# Panics\n\nIf it is borrowed or being made, or if the thread is exiting and \
             has dropped it."
        ),
        &[],
    );
    let try_reset = docs(
        "Like `reset_state`, but never panics on its own.",
        &[REFUSES],
    );
    let fresh = docs(
        &format!(
            "Sets this thread's `{name}` aside, calls a function that finds none, puts the old \
             one back and drops what the function left; also if the function panics.\n\n# Panics\
             \n\nIf it is borrowed or being made."
        ),
        &[],
    );
    quote! {
        #init

        #init_with

        #reset
        #[inline]
        #[track_caller]
        #vis fn reset_state() -> __tls_std::primitive::bool {
            <Self as __tls::ThreadLocalState>::reset_state()
        }

        #try_reset
        #[inline]
        #[track_caller]
        #vis fn try_reset_state() -> __tls_std::result::Result<__tls_std::primitive::bool, __tls::AccessError> {
            <Self as __tls::ThreadLocalState>::try_reset_state()
        }

        #fresh
        #[track_caller]
        #vis fn with_fresh_state<#r, #f>(__f: #f) -> #r
        where
            #f: __tls_std::ops::FnOnce() -> #r,
        {
            __tls_private::with_fresh_state::<Self, #r, #f>(__f)
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
    let run = input.args.error.is_none().then(|| {
        quote_spanned! {input.ident.span()=>
            #[doc(hidden)]
            #vis fn run_state<'__a, __R, __F>(__f: __F) -> __R
            where
                Self: __tls_private::HasError<'__a>,
                __F: __tls_std::ops::FnOnce(&Self) -> __R,
            {
                let _ = &__f;
                __tls_private::stub()
            }

            #[doc(hidden)]
            #vis fn run_state_mut<'__a, __R, __F>(__f: __F) -> __R
            where
                Self: __tls_private::HasError<'__a>,
                __F: __tls_std::ops::FnOnce(&mut Self) -> __R,
            {
                let _ = &__f;
                __tls_private::stub()
            }
        }
    });
    let init = input.args.explicit.is_some().then(|| {
        quote_spanned! {input.ident.span()=>
            #[doc(hidden)]
            #vis fn init_state<'__a>()
            where
                Self: __tls_private::MadeWithoutValues<'__a>,
            {
            }
        }
    });
    let functions = quote_spanned! {input.ident.span()=>
        #run

        #init

        #[doc(hidden)]
        #vis fn default<'__a>() -> <Self as __tls_private::SecondOne<'__a>>::Made
        where
            Self: __tls_private::SecondOne<'__a>,
        {
            __tls_private::stub()
        }

        #[doc(hidden)]
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
