//! The second step: what stands beside the struct.
//!
//! The code is thin on purpose: one slot, one trait impl, and functions of one line that lead
//! into the runtime crate. All names that could meet the user's are either absolute paths or
//! start with `__`. The `unsafe` tokens carry the span of this expansion, so that they pass a
//! `forbid(unsafe_code)` in the user's crate; of the user's tokens only names and types stand inside them.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Member};

use crate::errors::Errors;
use crate::fallback;
use crate::functions::{functions, uncallable};
use crate::input::{Field, Init, Input, Shape, private};
use crate::tokens;
use crate::validate::Verdict;

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let input = Input::new(item, &mut errors);
    let verdict = input.validate(&mut errors);
    let is_clean = errors.is_empty() && !input.is_unsealed;
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
        probe(input, &names)
    } else {
        TokenStream::new()
    };
    let values = input.takes_values().then(|| values(input, &names));
    let fill_from_values = input
        .takes_values()
        .then(|| fill_from_values(input, is_clean));
    let slot = if input.args.constant.is_some() && is_clean {
        quote!(constant)
    } else {
        quote!(new)
    };
    let state = state_impl(input, &names, is_clean);
    let functions = functions(input, &names);
    let handles = handles(input, is_clean);
    let uncallable = uncallable(input);
    let complete = is_clean.then(|| complete(input));
    let is_filled = is_clean && input.args.explicit.is_none() && input.args.constant.is_none();
    let drop_field = (is_filled || (is_clean && input.takes_values()))
        .then(|| drop_field(input))
        .flatten();
    let at_load = input
        .is_reset_by_fork()
        .then(|| quote!(__tls_private::at_load!();));
    let allow = allow();
    quote! {
        #probe
        #values
        #allow
        const _: () = {
            use #tls as __tls;
            use __tls::#private as __tls_private;
            use __tls_private::std as __tls_std;

            __tls_private::slot!(#ident = #slot);

            #state

            impl #ident {
                #functions
                #fill_from_values
                #drop_field
            }

            #uncallable

            #handles

            #at_load

            #complete
        };
    }
}

/// Fails to compile if the struct has a field that the initializer does not fill (one that
/// another attribute has added later, or if the third step has not been taken), if the hidden field is
/// another than that step adds, or if there can be no references to the fields.
fn complete(input: &Input) -> TokenStream {
    let ident = &input.ident;
    let members = input.fields.iter().map(|field| {
        let member = &field.member;
        // If something makes the struct packed behind our back, the error is here. Of one span, or a
        // field that a macro of the user's wrote would not see it.
        let local = format_ident!("__field_{}", field.index, span = field.span());
        quote_spanned!(field.span()=> #member: ref mut #local)
    });
    let hidden = hidden_member(input);
    let span = Span::call_site().located_at(ident.span());
    // By `ref mut`: a plain name would be a constant of the user's, if there is one of that name.
    quote_spanned! {span=>
        impl #ident {
            #[doc(hidden)]
            const __TLS_FIELDS: fn(&mut Self) =
                |&mut Self { #(#members,)* #hidden: ref mut __hidden }: &mut Self| {
                    // Without a size: nothing is written there.
                    let _: *mut __tls_private::MadeOncePerThreadSoUseWithState<Self> = &raw mut *__hidden;
                };
        }
    }
}

/// `R`, or `Result<R, TYPE>`.
pub(crate) fn output(input: &Input, plain: &TokenStream) -> TokenStream {
    input.args.error.as_ref().map_or_else(
        || plain.clone(),
        |(_, ty)| quote!(__tls_std::result::Result<#plain, #ty>),
    )
}

pub(crate) fn error_type(input: &Input) -> TokenStream {
    input.args.error.as_ref().map_or_else(
        || quote!(__tls_std::convert::Infallible),
        |(_, ty)| ty.to_token_stream(),
    )
}

fn state_impl(input: &Input, names: &Names, is_clean: bool) -> TokenStream {
    let ident = &input.ident;
    let name = input.name();
    let fields = input.fields.iter().map(Field::name);
    let at_fork = Ident::new(
        if input.is_reset_by_fork() {
            "Reset"
        } else {
            "Keep"
        },
        Span::call_site(),
    );
    let explicit = input.args.explicit.is_some();
    let error = error_type(input);
    let result = &names.result;
    let (output_body, source) = if input.args.error.is_some() {
        let source = quote! {
            fn __source(
                __error: &Self::Error,
            ) -> __tls_std::option::Option<&(dyn __tls_std::error::Error + 'static)> {
                use __tls_private::source::{Opaque as _, Plain as _, SendSync as _, Typed as _};
                (&&&&__tls_private::source::Of(__error)).__tls_source()
            }
        };
        (quote!(__result), source)
    } else {
        let body = quote! {
            match __result {
                __tls_std::result::Result::Ok(__value) => __value,
                __tls_std::result::Result::Err(__never) => match __never {},
            }
        };
        (body, TokenStream::new())
    };
    let output = output(input, &quote!(#result));
    let init = init(input, is_clean);
    let constant = (input.args.constant.is_some() && is_clean).then(|| constant(input));
    let lazy = (!explicit).then(|| {
        quote! {
            #[automatically_derived]
            impl __tls::LazyState for #ident {}
        }
    });
    let from_values = input.takes_values().then(|| {
        let values = input.init_ident();
        quote! {
            // SAFETY: the function keeps to the contract of an initializer.
            #[automatically_derived]
            unsafe impl __tls::FromValues for #ident {
                type Values = #values;

                #[inline]
                fn __fill(
                    __place: __tls_private::Place<Self>,
                    __values: #values,
                ) -> __tls_std::result::Result<(), Self::Error> {
                    Self::__tls_fill(__place, __values)
                }
            }
        }
    });
    quote! {
        // SAFETY: the slot is this type's alone, and the initializer fills it.
        #[automatically_derived]
        unsafe impl __tls::ThreadLocalState for #ident {
            type Error = #error;
            type Output<#result> = #output;
            type __Storage =
                <__tls_private::Select<{ __tls_private::on_heap::<Self>() }> as __tls_private::Selected>::For<Self>;

            type __AtFork = __tls_private::#at_fork;

            const __INFO: &'static __tls_private::Info =
                &__tls_private::Info::new::<Self>(#name, &[#(#fields),*], #explicit, &__TLS_TRIGGER);

            #[inline]
            fn __slot() -> *const __tls_private::Slot<Self::__Storage> {
                match __TLS_SLOT.try_with(|__slot| &raw const *__slot) {
                    __tls_std::result::Result::Ok(__slot) => __slot,
                    __tls_std::result::Result::Err(_) => __tls_private::stub(),
                }
            }

            #init

            #[inline]
            fn __output<#result>(
                __result: __tls_std::result::Result<#result, Self::Error>,
            ) -> #output {
                #output_body
            }

            #source
        }

        #lazy
        #from_values
        #constant
    }
}

/// The closure that makes a field, with the user's tokens.
fn maker_of(input: &Input, field: &Field) -> TokenStream {
    let ty = &field.ty;
    let Init::Expr {
        tokens,
        is_fallible,
        mentions,
    } = &field.init
    else {
        return TokenStream::new();
    };
    let parameters = mentions.iter().map(|&earlier| {
        let Field { member, ty, .. } = &input.fields[earlier];
        quote!(#member: &#ty)
    });
    // A name may be mentioned as something else, a field of another struct for instance.
    let used = mentions.iter().map(|&earlier| {
        let member = &input.fields[earlier].member;
        quote!(let _ = #member;)
    });
    if *is_fallible {
        quote! {
            |#(#parameters),*| -> __tls_std::result::Result<#ty, <Self as __tls::ThreadLocalState>::Error> {
                #(#used)*
                __tls_std::result::Result::Ok::<#ty, <Self as __tls::ThreadLocalState>::Error>(#tokens)
            }
        }
    } else {
        let body = quote_spanned!(tokens.span()=> { #(#used)* #tokens });
        quote!(|#(#parameters),*| -> #ty #body)
    }
}

/// The value of a field that has no initializer.
fn default(field: &Field) -> TokenStream {
    let ty = &field.ty;
    let default = if field.may_lack_shared() {
        quote!(DefaultFieldUnlessShared)
    } else {
        quote!(DefaultField)
    };
    quote_spanned! {ty.span()=>
        <#ty as __tls_private::#default>::default_field()
    }
}

/// The functions that fill a place with a value.
///
/// They are not `unsafe`: the body of an `unsafe fn` is a place where unsafe operations are allowed, and
/// the user's initializers stand in it.
fn init(input: &Input, is_clean: bool) -> TokenStream {
    let result = quote!(__tls_std::result::Result<(), Self::Error>);
    let place = quote!(__place: __tls_private::Place<Self>);
    let done = quote!(__tls_std::result::Result::Ok(()));
    let body = if !is_clean {
        quote!({
            let _ = __place;
            __tls_private::stub()
        })
    } else if input.args.explicit.is_some() {
        // The runtime reports `NotInitialized` before it comes to this.
        quote!({
            let _ = __place;
            __tls_std::unreachable!()
        })
    } else if input.args.constant.is_some() {
        quote!({
            // SAFETY: the place is valid for writes. (A local for the value would cost an
            // unoptimized build its size in stack.)
            unsafe {
                __tls_std::ptr::write(
                    __tls_private::Place::into_ptr(__place) as *mut __tls_private::ConstantValue<Self>,
                    <Self as __tls_private::Constant>::VALUE,
                )
            };
            #done
        })
    } else if let Some((_, path)) = &input.args.init {
        let values = input.init_ident();
        let made = if input.args.error.is_some() {
            quote_spanned! {path.span()=>
                __tls_private::MadeOrFailed::<#values, Self::Error>::into_result(#path())
            }
        } else {
            let made =
                quote_spanned! {path.span()=> __tls_private::Made::<#values>::made(#path()) };
            quote!(__tls_std::result::Result::Ok::<#values, Self::Error>(#made))
        };
        quote!({
            let __values = #made?;
            Self::__tls_fill(__place, __values)
        })
    } else {
        let fill = fill(input);
        quote!({ #fill })
    };
    // `inline`, like the next: they are called from one place, and are not compiled a second time.
    quote! {
        #[inline]
        fn __init(#place) -> #result #body
    }
}

/// Fills the fields of a place, in order.
fn fill(input: &Input) -> TokenStream {
    let mut makers = TokenStream::new();
    let mut fills = TokenStream::new();
    let last = input.fields.len().saturating_sub(1);
    for field in &input.fields {
        let member = &field.member;
        let mut is_fallible = false;
        let make = match &field.init {
            Init::Default => default(field),
            Init::Given => {
                let given = format_ident!("__tls_given_{}", field.index);
                quote!(#given)
            }
            Init::Expr {
                mentions,
                is_fallible: fallible,
                ..
            } => {
                is_fallible = *fallible;
                // A closure, which stands outside of the `unsafe` block.
                let maker = format_ident!("__tls_make_{}", field.index);
                let closure = maker_of(input, field);
                makers.extend(quote!(let #maker = #closure;));
                let arguments = mentions.iter().map(|&earlier| {
                    let member = &input.fields[earlier].member;
                    quote!(&(*__place).#member)
                });
                quote!(#maker(#(#arguments),*))
            }
        };
        // Not by way of `?`: without optimization that is one more copy on the stack.
        fills.extend(if is_fallible {
            quote! {
                // SAFETY: the place is valid for writes, and earlier fields have been written.
                match unsafe { #make } {
                    __tls_std::result::Result::Ok(__value) => {
                        // SAFETY: as above.
                        unsafe { __tls_std::ptr::write(&raw mut (*__place).#member, __value) }
                    }
                    __tls_std::result::Result::Err(__error) => {
                        return __tls_std::result::Result::Err(__error);
                    }
                }
            }
        } else {
            quote! {
                // SAFETY: the place is valid for writes, and earlier fields have been written.
                unsafe { __tls_std::ptr::write(&raw mut (*__place).#member, #make) };
            }
        });
        if field.index != last {
            fills.extend(quote! {
                // SAFETY: it has been written.
                unsafe { __tls_private::Filling::wrote(&mut __filling) };
            });
        }
    }
    // What a single field leaves behind if it cannot be made is nothing.
    let several = input.fields.len() > 1;
    let begin = several.then(|| {
        quote! {
            let mut __filling = {
                // SAFETY: it drops the fields of this place.
                unsafe {
                    __tls_private::Filling::<<Self as __tls::ThreadLocalState>::__AtFork>::new(
                        __place as *mut (),
                        Self::__tls_drop_field,
                    )
                }
            };
        }
    });
    let end = several.then(|| quote!(__tls_private::Filling::complete(__filling);));
    quote! {
        // From here on a pointer, with which the user's tokens can do nothing.
        let __place: *mut Self = __tls_private::Place::into_ptr(__place);
        #makers
        #begin
        #fills
        #end
        __tls_std::result::Result::Ok(())
    }
}

/// Drops a field of a value that is not whole yet. Of the last one there is no need.
fn drop_field(input: &Input) -> Option<TokenStream> {
    let count = input.fields.len();
    if count < 2 {
        return None;
    }
    let arms = input
        .fields
        .iter()
        .take(count - 1)
        .enumerate()
        .map(|(index, field)| {
            let member = &field.member;
            quote! {
                // SAFETY: it has been written, and is not used any more.
                #index => unsafe { __tls_std::ptr::drop_in_place(&raw mut (*__place).#member) },
            }
        });
    Some(quote! {
        #[doc(hidden)]
        #[inline]
        unsafe fn __tls_drop_field(__place: *mut (), __field: __tls_std::primitive::usize) {
            let __place = __place as *mut Self;
            match __field {
                #(#arms)*
                _ => {}
            }
        }
    })
}

/// The value of a `const` state.
fn constant(input: &Input) -> TokenStream {
    let ident = &input.ident;
    let mut lets = TokenStream::new();
    let mut members = TokenStream::new();
    for field in &input.fields {
        let local = format_ident!("__tls_field_{}", field.index);
        let Field { member, ty, .. } = field;
        if let Init::Expr {
            tokens, mentions, ..
        } = &field.init
        {
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
            const VALUE: __tls_private::ConstantValue<Self> = {
                #lets
                __tls_private::ConstantValue::new(Self {
                    #members
                    // SAFETY: it becomes a value in its slot.
                    #hidden: unsafe { __tls_private::MadeOncePerThreadSoUseWithState::new() },
                })
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
    let name = format!("{values} {{ .. }}");
    let docs = format!(
        "The fields of [`{}`] that have no initializer of their own.",
        input.name()
    );
    let members = input.given().map(|field| {
        let Field { member, ty, .. } = field;
        let mut docs = field.docs();
        if docs.is_empty() {
            let text = format!("The field `{}`.", field.name());
            docs = quote!(#[doc = #text]);
        }
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
                #std::fmt::Formatter::write_str(__f, #name)
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
        quote!(let _ = (&__place, &__values); __tls_private::stub())
    };
    quote! {
        #[doc(hidden)]
        fn __tls_fill(
            __place: __tls_private::Place<Self>,
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
            non_upper_case_globals,
            private_bounds,
            private_interfaces,
            unused_qualifications,
            // The type of a handle has more parts than that of its field.
            clippy::type_complexity,
        )]
    }
}

/// The handles of the fields, with the user's span except in the `unsafe` part.
fn handles(input: &Input, is_clean: bool) -> TokenStream {
    let ident = &input.ident;
    let mut handles = TokenStream::new();
    for field in &input.fields {
        let Field {
            index,
            vis,
            member,
            ty,
            handle,
            is_handle_taken,
            ..
        } = field;
        // Two of one name have been reported, and of a shared field the handle stands elsewhere.
        if *is_handle_taken || field.args.shared.is_some() {
            continue;
        }
        let offset = if is_clean {
            quote!(__tls_std::mem::offset_of!(Self, #member))
        } else {
            quote!(0)
        };
        // SAFETY: the offset and the number are of one field, and that its type is this one is checked.
        let made = quote!(unsafe { __tls::Field::__new(#offset, #index) });
        // A reference would be coerced, a raw pointer to what is mutable is not. It is the handle itself
        // that is compared, because a type that a macro writes may be another each time.
        let made = if is_clean {
            // Not of the user's span: lints on uses of some names would be the user's.
            let span = field.span().resolved_at(Span::call_site());
            quote_spanned!(span=> __tls::Field::__of(#made, |__state: &mut Self| &raw mut __state.#member))
        } else {
            made
        };
        let docs = field.docs();
        let summary = format!("The handle of the field `{}`.", field.name());
        let separator = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
        handles.extend(quote_spanned! {field.span()=>
            #docs
            #separator
            #[doc = #summary]
            #vis const #handle: __tls::Field<Self, #ty> = #made;
        });
    }
    quote! {
        impl #ident {
            #handles
        }
    }
}

/// Fails to compile if the declaration stands in a function.
///
/// Within a block, `super` is the enclosing *module*. So the glob import brings the private
/// trait into scope only if the declaration itself stands at module level; then the method
/// that takes `self` by value wins over the fallback that takes it by reference. The two
/// differ in the length of the array that they return.
fn probe(input: &Input, names: &Names) -> TokenStream {
    let name = input.name();
    // Not to be guessed: a blanket impl of the user's with a method of the same name would
    // make the call ambiguous.
    let method = format_ident!("__tls_core_7f3a_is_{}_at_module_level", name);
    let level = format_ident!("__TlsCoreLevelOf{}", name);
    // The compiler shows the path of the check.
    let module = format_ident!("is_{}_at_module_level", name);
    let message = format!(
        "`{name}` is declared inside a function or a block; move the struct to module level, \
         where every caller names the same state. (Here it would still be made once per \
         thread, not once per call, but nothing outside could name it. If that is what you \
         want, write `#[thread_local_state(in_function)]`.)"
    );
    let Names { tls, private, .. } = names;
    // The user's own span, so that the error has no note on macros.
    let span = input.ident.span();
    let (tls, private) = (
        format_ident!("{tls}", span = span),
        format_ident!("{private}", span = span),
    );
    let check = quote_spanned! {span=>
        const #module: () = #tls::#private::assert_at_module_level(#module::__LEVEL, #message);
    };
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, non_snake_case, dead_code)]
        trait #level: ::core::marker::Sized {
            fn #method(self) -> [(); 1] {
                [()]
            }
        }

        #[allow(non_snake_case, non_upper_case_globals, unused_imports, dead_code)]
        const _: () = {
            mod #module {
                use super::*;

                pub(super) struct __Probe;

                trait __Fallback {
                    fn #method(&self) -> [(); 0] {
                        []
                    }
                }

                impl __Fallback for __Probe {}

                pub(super) const fn __level<const __N: ::core::primitive::usize, __F: ::core::ops::Fn() -> [(); __N]>(_: &__F) -> ::core::primitive::usize {
                    __N
                }

                pub(super) const __LEVEL: ::core::primitive::usize = __level(&|| __Probe.#method());
            }

            #check

            impl #level for #module::__Probe {}
        };
    }
}
