//! The second step: what stands beside the struct.
//!
//! The code is thin on purpose: one slot, one trait impl, and functions of one line that lead
//! into the runtime crate. All names that could meet the user's are either absolute paths or
//! start with `__`. The `unsafe` tokens carry the span of this expansion, so that they pass a
//! `forbid(unsafe_code)` in the user's crate; the user's own tokens never stand inside them.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Member};

use crate::errors::Errors;
use crate::fallback;
use crate::input::{Field, Init, Input, Shape, private};
use crate::tokens;
use crate::validate::Verdict;

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let mut input = Input::new(item, &mut errors);
    let verdict = input.validate(&mut errors);
    let is_clean = errors.is_empty();
    let errors = errors.into_compile_errors();
    let expansion = match verdict {
        Verdict::Expandable => expand(&input, is_clean),
        Verdict::Hopeless => fallback::expand(&input),
    };
    quote!(#errors #expansion)
}

/// What the generated code is made of, by name.
pub(crate) struct Names {
    /// `R` and `F`, unless the user has named a type like that.
    pub(crate) result: Ident,
    pub(crate) function: Ident,
    pub(crate) converted: Ident,
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
            converted: name("E"),
            tls: input.alias(),
            private: private(),
        }
    }
}

fn expand(input: &Input, is_clean: bool) -> TokenStream {
    let names = Names::new(input);
    let Names { tls, private, .. } = &names;
    let ident = &input.ident;
    let probe = if is_clean && input.args.in_function.is_none() {
        probe(input)
    } else {
        TokenStream::new()
    };
    let values = input.takes_values().then(|| values(input, &names));
    let fill_from_values = input.takes_values().then(|| fill_from_values(input, is_clean));
    let slot = if input.args.constant.is_some() && is_clean {
        quote!(constant)
    } else {
        quote!(new)
    };
    let state = state_impl(input, &names, is_clean);
    let functions = functions(input, &names);
    let handles = handles(input);
    let second = second_ones(&input.vis);
    let allow = allow();
    quote! {
        #probe
        #values
        #allow
        const _: () = {
            use #tls as __tls;
            use __tls::#private as __tls_private;
            use __tls_private::std as __tls_std;

            __tls_std::thread_local! {
                static __TLS_SLOT: __tls_private::Slot<#ident> = const {
                    // SAFETY: it is the slot of the key that the trait impl names.
                    unsafe { __tls_private::Slot::#slot() }
                };
            }

            #state

            impl #ident {
                #functions
                #fill_from_values
                #second
            }

            impl #ident {
                #handles
            }
        };
    }
}

/// `R`, or `Result<R, TYPE>`.
pub(crate) fn output(input: &Input, plain: &TokenStream) -> TokenStream {
    match &input.args.error {
        Some((_, ty)) => quote!(__tls_std::result::Result<#plain, #ty>),
        None => plain.clone(),
    }
}

fn error_type(input: &Input) -> TokenStream {
    match &input.args.error {
        Some((_, ty)) => quote!(#ty),
        None => quote!(__tls_std::convert::Infallible),
    }
}

fn access_error(input: &Input) -> TokenStream {
    match &input.args.error {
        Some((_, ty)) => quote!(__tls::AccessError<#ty>),
        None => quote!(__tls::AccessError),
    }
}

fn state_impl(input: &Input, names: &Names, is_clean: bool) -> TokenStream {
    let ident = &input.ident;
    let name = input.name();
    let fields = input.fields.iter().map(Field::name);
    let explicit = input.args.explicit.is_some();
    let error = error_type(input);
    let result = &names.result;
    let (output_body, source_body) = if input.args.error.is_some() {
        (
            quote!(__result),
            quote! {
                use __tls_private::source::{Opaque as _, Plain as _, SendSync as _, Typed as _};
                (&&&&__tls_private::source::Of(__error)).source()
            },
        )
    } else {
        (
            quote! {
                match __result {
                    __tls_std::result::Result::Ok(__value) => __value,
                    __tls_std::result::Result::Err(__never) => match __never {},
                }
            },
            quote!(match *__error {}),
        )
    };
    let output = output(input, &quote!(#result));
    let init = init(input, is_clean);
    let constant = (input.args.constant.is_some() && is_clean).then(|| constant(input));
    quote! {
        // SAFETY: the slot is this type's alone, and the initializer fills it.
        #[automatically_derived]
        unsafe impl __tls::ThreadLocalState for #ident {
            type Error = #error;
            type Output<#result> = #output;
            type __Storage =
                <__tls_private::Select<{ __tls_private::on_heap::<Self>() }> as __tls_private::Selected>::For<Self>;

            const __INFO: &'static __tls_private::Info =
                &__tls_private::Info::new::<Self>(#name, &[#(#fields),*], #explicit);
            const __KEY: &'static __tls_std::thread::LocalKey<__tls_private::Slot<Self>> = &__TLS_SLOT;

            #init

            #[inline]
            fn __output<#result>(
                __result: __tls_std::result::Result<#result, Self::Error>,
            ) -> #output {
                #output_body
            }

            fn __source(
                __error: &Self::Error,
            ) -> __tls_std::option::Option<&(dyn __tls_std::error::Error + 'static)> {
                #source_body
            }
        }

        #constant
    }
}

/// The closure that makes a field, with the user's tokens, and how to call it.
fn maker(input: &Input, field: &Field) -> Option<TokenStream> {
    let ty = &field.ty;
    match &field.init {
        Init::Expr { tokens, is_fallible, mentions } => {
            let parameters = mentions.iter().map(|&earlier| {
                let Field { member, ty, .. } = &input.fields[earlier];
                quote!(#member: &#ty)
            });
            // A name may be mentioned as something else, a field of another struct for instance.
            let used = mentions.iter().map(|&earlier| {
                let member = &input.fields[earlier].member;
                quote!(let _ = #member;)
            });
            Some(if *is_fallible {
                quote! {
                    |#(#parameters),*| -> __tls_std::result::Result<#ty, Self::Error> {
                        #(#used)*
                        __tls_std::result::Result::Ok::<#ty, Self::Error>(#tokens)
                    }
                }
            } else {
                let body = quote_spanned!(tokens.span()=> { #(#used)* #tokens });
                quote!(|#(#parameters),*| -> #ty #body)
            })
        }
        Init::Default => {
            let make = quote_spanned!(ty.span()=> <#ty as __tls_private::DefaultField>::default_field);
            Some(quote!(#make))
        }
        Init::Given => None,
        Init::Stub => Some(quote!(|| -> #ty { __tls_private::stub() })),
    }
}

/// The functions that fill a place with a value.
fn init(input: &Input, is_clean: bool) -> TokenStream {
    let result = quote!(__tls_std::result::Result<(), Self::Error>);
    let place = quote!(__place: __tls_std::ptr::NonNull<Self>);
    let done = quote!(__tls_std::result::Result::Ok(()));
    let body = if !is_clean {
        quote!({ let _ = __place; __tls_private::stub() })
    } else if input.args.explicit.is_some() {
        // The runtime reports `NotInitialized` before it comes to this.
        quote!({ let _ = __place; __tls_std::unreachable!() })
    } else if input.args.constant.is_some() {
        quote!({
            let __value = <Self as __tls_private::Constant>::VALUE;
            // SAFETY: the place is valid for writes.
            unsafe { __place.write(__value) };
            #done
        })
    } else if let Some((_, path)) = &input.args.init {
        let values = input.init_ident();
        let made = quote_spanned! {path.span()=>
            __tls_private::made::<#values, Self::Error, _>(#path())
        };
        quote!({
            let __values = #made?;
            // SAFETY: passed on.
            unsafe { Self::__tls_fill(__place, __values) }
        })
    } else {
        let fill = fill(input);
        quote!({ #fill })
    };
    quote! {
        unsafe fn __init(#place) -> #result #body
    }
}

/// Fills the fields of a place, in order.
fn fill(input: &Input) -> TokenStream {
    let mut makers = TokenStream::new();
    let mut fills = TokenStream::new();
    let mut keeps = TokenStream::new();
    for field in &input.fields {
        let handle = &field.handle;
        let local = format_ident!("__tls_field_{}", field.index);
        let maker = format_ident!("__tls_make_{}", field.index);
        if let Some(closure) = self::maker(input, field) {
            makers.extend(quote!(let #maker = #closure;));
        } else {
            let given = format_ident!("__tls_given_{}", field.index);
            makers.extend(quote!(let #maker = move || #given;));
        }
        let (mentions, is_fallible) = match &field.init {
            Init::Expr { mentions, is_fallible, .. } => (mentions.as_slice(), *is_fallible),
            _ => (&[][..], false),
        };
        let make = if mentions.is_empty() {
            quote!(#maker)
        } else {
            let arguments = mentions.iter().map(|earlier| format_ident!("__tls_field_{earlier}"));
            quote!(|| #maker(#(#arguments.get()),*))
        };
        fills.extend(if is_fallible {
            quote! {
                // SAFETY: the place is valid for writes, and the field is accessed through this.
                let #local = unsafe { Self::#handle.__try_fill(__place, #make) }?;
            }
        } else {
            quote! {
                // SAFETY: the place is valid for writes, and the field is accessed through this.
                let #local = unsafe { Self::#handle.__fill(__place, #make) };
            }
        });
        keeps.extend(quote!(#local.keep();));
    }
    quote! {
        #makers
        #fills
        #keeps
        __tls_std::result::Result::Ok(())
    }
}

/// The value of a `const` state.
fn constant(input: &Input) -> TokenStream {
    let ident = &input.ident;
    let mut lets = TokenStream::new();
    let mut members = TokenStream::new();
    for field in &input.fields {
        let local = format_ident!("__tls_field_{}", field.index);
        let Field { member, ty, .. } = field;
        if let Init::Expr { tokens, mentions, .. } = &field.init {
            let earlier = mentions.iter().map(|&earlier| {
                let member = &input.fields[earlier].member;
                let local = format_ident!("__tls_field_{earlier}");
                quote!(let #member = &#local; let _ = #member;)
            });
            let value = quote_spanned!(tokens.span()=> { #(#earlier)* #tokens });
            lets.extend(quote!(let #local: #ty = #value;));
        }
        members.extend(quote!(#member: #local,));
    }
    let hidden = hidden_member(input);
    quote! {
        #[automatically_derived]
        impl __tls_private::Constant for #ident {
            const VALUE: Self = {
                #lets
                Self {
                    #members
                    // SAFETY: it becomes a value in its slot.
                    #hidden: unsafe { __tls_private::MadeOncePerThread::new() },
                }
            };
        }
    }
}

/// The member that the third step adds.
fn hidden_member(input: &Input) -> TokenStream {
    match input.shape {
        Shape::Named => quote!(__this_struct_is_made_once_per_thread_so_use_with_state),
        _ => Literal::usize_unsuffixed(input.fields.len()).into_token_stream(),
    }
}

/// `NameInit`.
fn values(input: &Input, names: &Names) -> TokenStream {
    let Names { tls, private, .. } = names;
    let values = input.init_ident();
    let vis = &input.vis;
    let name = values.to_string();
    let docs = format!(
        "The fields of [`{}`] that have no initializer of their own.",
        input.name()
    );
    let members = input.given().map(|field| {
        let Field { member, ty, .. } = field;
        let docs = field.docs();
        match member {
            Member::Named(_) => quote!(#docs #vis #member: #ty),
            Member::Unnamed(_) => quote!(#docs #vis #ty),
        }
    });
    let definition = if input.shape == Shape::Tuple {
        quote!((#(#members),*);)
    } else {
        quote!({ #(#members),* })
    };
    let std = quote!(#tls::#private::std);
    let allow = allow();
    quote! {
        #[doc = #docs]
        #allow
        #vis struct #values #definition

        #[automatically_derived]
        impl #std::fmt::Debug for #values {
            fn fmt(&self, __f: &mut #std::fmt::Formatter<'_>) -> #std::fmt::Result {
                __f.write_str(#name)?;
                __f.write_str(" { .. }")
            }
        }
    }
}

/// The function that fills a place from a `NameInit`.
fn fill_from_values(input: &Input, is_clean: bool) -> TokenStream {
    let values = input.init_ident();
    let body = if is_clean {
        let members = input.given().map(|field| {
            let local = format_ident!("__tls_given_{}", field.index);
            match &field.member {
                member @ Member::Named(_) => quote!(#member: #local),
                Member::Unnamed(_) => quote!(#local),
            }
        });
        let pattern = if input.shape == Shape::Tuple {
            quote!(#values(#(#members),*))
        } else {
            quote!(#values { #(#members),* })
        };
        let fill = fill(input);
        quote!(let #pattern = __values; #fill)
    } else {
        quote!(let _ = (__place, __values); __tls_private::stub())
    };
    quote! {
        #[doc(hidden)]
        unsafe fn __tls_fill(
            __place: __tls_std::ptr::NonNull<Self>,
            __values: #values,
        ) -> __tls_std::result::Result<(), <Self as __tls::ThreadLocalState>::Error> {
            #body
        }
    }
}

/// The lints that say nothing about what the user wrote.
pub(crate) fn allow() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            deprecated,
            missing_docs,
            non_upper_case_globals,
            private_bounds,
            private_interfaces,
            unused_qualifications,
        )]
    }
}

/// The functions of the struct.
fn functions(input: &Input, names: &Names) -> TokenStream {
    let vis = &input.vis;
    let (r, f, e) = (&names.result, &names.function, &names.converted);
    let plain = output(input, &quote!(#r));
    let unit = output(input, &quote!(()));
    let error = access_error(input);
    let name = input.name();
    let fails = if input.args.error.is_some() {
        "\n\n# Errors\n\nThe error of the initializer, if there is no value and none could be made."
    } else {
        ""
    };
    let panics = "\n\n# Panics\n\nIf the value is borrowed in a way that conflicts, if the initializer \
                  reaches the state that it makes, or if the thread is exiting and has dropped its \
                  value.";
    let docs = |text: &str, more: &[&str]| {
        let docs = format!("{text}{}", more.concat());
        quote!(#[doc = #docs])
    };
    let refused = "\n\n# Errors\n\nSee `tls_core::AccessError`.";

    let with = docs(
        &format!("Calls a function with a shared reference to this thread's `{name}`, making it first if there is none."),
        &[fails, panics],
    );
    let with_mut = docs(
        &format!("Calls a function with an exclusive reference to this thread's `{name}`, making it first if there is none."),
        &[fails, panics],
    );
    let try_with = docs("Like `with_state`, but never panics of itself.", &[refused]);
    let try_with_mut = docs("Like `with_state_mut`, but never panics of itself.", &[refused]);
    let peek = docs(
        &format!("Calls a function with a shared reference to this thread's `{name}`, if there is one and it can be read. Never makes one."),
        &[],
    );
    let is_initialized = docs(&format!("Says whether this thread has a `{name}`. Never makes one."), &[]);
    let reset = docs(
        &format!("Drops this thread's `{name}`; the next access makes another. Says whether there was one.\n\n# Panics\n\nIf it is borrowed or being made, or if the thread is exiting and has dropped it."),
        &[],
    );
    let try_reset = docs("Like `reset_state`, but never panics of itself.", &[refused]);
    let fresh = docs(
        &format!("Sets this thread's `{name}` aside, calls a function that finds none, puts the old one back and drops what the function left; also if the function panics.\n\n# Panics\n\nIf it is borrowed or being made."),
        &[],
    );
    let run = input.args.error.as_ref().map(|(_, ty)| {
        let run = docs("Like `with_state`, with a function that returns a `Result` itself: one error type for both.", &["\n\n# Errors\n\nThe function's error, or the initializer's.", panics]);
        let run_mut = docs("Like `with_state_mut`, with a function that returns a `Result` itself: one error type for both.", &["\n\n# Errors\n\nThe function's error, or the initializer's.", panics]);
        quote! {
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
        }
    });
    let init = input.args.explicit.is_none().then(|| {
        let docs = docs(&format!("Makes this thread's `{name}`, if there is none."), &[fails, panics]);
        quote! {
            #docs
            #[track_caller]
            #vis fn init_state() -> #unit {
                __tls_private::init_state::<Self>()
            }
        }
    });
    let init_with = input.takes_values().then(|| {
        let values = input.init_ident();
        let output = output(input, &quote!(__tls_std::result::Result<(), #values>));
        let docs = docs(
            &format!("Makes this thread's `{name}` from these values.\n\n# Errors\n\nHands the values back if there is one already, if it is being made, or if the thread is exiting."),
            &[],
        );
        quote! {
            #docs
            #vis fn init_state_with(__values: #values) -> #output {
                // SAFETY: the function keeps to the contract of an initializer.
                unsafe { __tls_private::init_state_with::<Self, #values>(__values, Self::__tls_fill) }
            }
        }
    });
    quote! {
        #with
        #[inline]
        #[track_caller]
        #vis fn with_state<#r, #f>(__f: #f) -> #plain
        where
            #f: __tls_std::ops::FnOnce(&Self) -> #r,
        {
            __tls_private::with_state::<Self, #r, #f>(__f)
        }

        #with_mut
        #[inline]
        #[track_caller]
        #vis fn with_state_mut<#r, #f>(__f: #f) -> #plain
        where
            #f: __tls_std::ops::FnOnce(&mut Self) -> #r,
        {
            __tls_private::with_state_mut::<Self, #r, #f>(__f)
        }

        #run

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
        #vis fn is_state_initialized() -> bool {
            <Self as __tls::ThreadLocalState>::is_state_initialized()
        }

        #init

        #init_with

        #reset
        #[track_caller]
        #vis fn reset_state() -> bool {
            <Self as __tls::ThreadLocalState>::reset_state()
        }

        #try_reset
        #[track_caller]
        #vis fn try_reset_state() -> __tls_std::result::Result<bool, __tls::AccessError> {
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

/// The handles of the fields.
fn handles(input: &Input) -> TokenStream {
    let mut seen = Vec::new();
    let mut handles = TokenStream::new();
    for field in &input.fields {
        let Field { index, vis, member, ty, handle, .. } = field;
        // Two of one name have been reported.
        if seen.contains(&handle) {
            continue;
        }
        seen.push(handle);
        let docs = field.docs();
        let summary = format!("The handle of the field `{}`.", field.name());
        let separator = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
        handles.extend(quote! {
            #docs
            #separator
            #[doc = #summary]
            #vis const #handle: __tls::Field<Self, #ty> =
                // SAFETY: the offset, the number and the function are of one field.
                unsafe {
                    __tls::Field::__new(
                        __tls_std::mem::offset_of!(Self, #member),
                        #index,
                        |__state: &Self| &__state.#member,
                    )
                };
        });
    }
    handles
}

/// Functions that cannot be called, of the names that would make a second value: the compiler
/// says why, instead of that they do not exist.
pub(crate) fn second_ones(vis: &syn::Visibility) -> TokenStream {
    quote! {
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
    }
}

/// Fails to compile if the declaration stands in a function.
///
/// Within a block, `super` is the enclosing *module*. So the glob import brings the private
/// trait into scope only if the declaration itself stands at module level; then the method
/// that takes `self` by value wins over the fallback that takes it by reference. The two
/// differ in the length of the array that they return.
fn probe(input: &Input) -> TokenStream {
    let name = input.name();
    let ident = &input.ident;
    // Not to be guessed: a blanket impl of the user's with a method of the same name would
    // make the call ambiguous.
    let method = format_ident!("__tls_core_7f3a_is_{}_at_module_level", name);
    let level = format_ident!("__TlsCoreLevelOf{}", name);
    let module = format_ident!("__tls_core_level_of_{}", name);
    let message = format!(
        "`{name}` is declared inside a function; move the struct to module level, where every \
         caller names the same state. (In a function it would still be made once per thread, \
         not once per call, but nothing else could name it. If that is what you want, write \
         `#[thread_local_state(in_function)]`.)"
    );
    let span = Span::call_site().located_at(ident.span());
    let check = quote_spanned! {span=>
        const _: () = __check(&|| __Probe.#method());
    };
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, non_snake_case, dead_code, missing_docs)]
        trait #level {
            fn #method(self) -> [(); 1];
        }

        #[allow(non_snake_case, unused_imports, dead_code, missing_docs)]
        const _: () = {
            mod #module {
                use super::*;

                pub(super) struct __Probe;

                trait __Fallback {
                    fn #method(&self) -> [(); 0];
                }

                impl __Fallback for __Probe {
                    fn #method(&self) -> [(); 0] {
                        []
                    }
                }

                #[track_caller]
                const fn __check<const __N: usize, __F: ::core::ops::Fn() -> [(); __N]>(_: &__F) {
                    if __N == 0 {
                        ::core::panic!(#message)
                    }
                }

                #check
            }

            impl #level for #module::__Probe {
                fn #method(self) -> [(); 1] {
                    [()]
                }
            }
        };
    }
}
