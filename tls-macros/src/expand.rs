//! The second step: the code that accompanies the struct.
//!
//! The code is thin on purpose: one slot, one trait impl, and functions of one line that call the
//! runtime crate. Names that could clash with the user's are absolute paths or start with `__`. The
//! `unsafe` tokens carry the span of this expansion, so that they are accepted under
//! `forbid(unsafe_code)` in the user's crate. Of the user's tokens, only names and types occur inside
//! `unsafe`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{DeriveInput, Generics, Type, parse_quote};

use crate::editor;
use crate::errors::Errors;
use crate::functions::{functions, uncallable};
use crate::init::{constant, fill_from_values, init, values};
use crate::input::{Field, Input};
use crate::names::{Names, allow, error_type, hidden_member, output, output_body};
use crate::probe::probe;
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
    let form = match verdict {
        Verdict::Hopeless => Form::Stub,
        Verdict::Expandable if errors.is_empty() && !input.is_unsealed => Form::Whole,
        Verdict::Expandable => Form::WithoutInitializers,
    };
    let errors = errors.into_compile_errors();
    let expansion = expand(&input, form);
    quote!(#errors #expansion)
}

/// How much is expanded. After a mistake, the rest is a stub, so that uses of the struct cause no
/// further errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    WithoutInitializers,
    /// For a struct that cannot have a slot.
    Stub,
}

fn expand(input: &Input, form: Form) -> TokenStream {
    let names = Names::new(input);
    let Names { tls, private, .. } = &names;
    let ident = &input.ident;
    let is_clean = form == Form::Whole;
    let has_probe = is_clean && input.args.in_function.is_none() && !editor::asks();
    let probe = has_probe.then(|| probe(input, &names));
    let values = input.takes_values().then(|| values(input, &names));
    let slot = (form != Form::Stub).then(|| {
        let new = if input.args.constant.is_some() && is_clean {
            quote!(constant)
        } else {
            quote!(new)
        };
        quote!(__tls_private::slot!(#ident = #new);)
    });
    let state = state_impl(input, &names, form);
    let functions = functions(input, &names, form == Form::Stub);
    let stub = (form == Form::Stub).then(|| stub_state(input, &names));
    let handles = handles(input, &names, form);
    let uncallable = uncallable(input);
    let complete = is_clean.then(|| complete(input));
    let at_load =
        (is_clean && input.is_reset_by_fork()).then(|| quote!(__tls_private::at_load!();));
    let allow = allow();
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let inherent = quote! {
        impl #impl_generics #ident #ty_generics #where_clause {
            #functions
            #handles
        }
    };
    // The impl is outside the block: rust-analyzer searches for uses of an item in a block only within
    // that block.
    let (inherent, hopeless) = if form == Form::Stub {
        (None, Some(inherent))
    } else {
        (Some(quote!(#allow #inherent)), None)
    };
    quote! {
        #probe
        #values
        #allow
        const _: () = {
            use #tls as __tls;
            use __tls::#private as __tls_private;
            use __tls_private::std as __tls_std;

            #slot

            #state
            #stub

            #hopeless
            #complete

            #uncallable

            #at_load
        };

        #inherent
    }
}

/// Returns code that fails to compile in three cases: the struct has a field that the initializer does
/// not fill, because another attribute has added it later or the third step has not run; the hidden
/// field is not the one that the third step adds; or references to the fields are not allowed.
fn complete(input: &Input) -> TokenStream {
    let members = input.fields.iter().map(|field| {
        let member = &field.member;
        // If another macro makes the struct packed, the error is here. Both names have the same span,
        // because a field that a macro of the user wrote would not be found otherwise.
        let local = format_ident!("__field_{}", field.index, span = field.span());
        quote_spanned!(field.span()=> #member: ref mut #local)
    });
    let hidden = hidden_member(input);
    let span = Span::call_site().located_at(input.ident.span());
    // `ref mut`, because a plain name would match a constant of the user's with that name.
    let ident = &input.ident;
    quote_spanned! {span=>
        const _: fn(&mut #ident) =
            |&mut #ident { #(#members,)* #hidden: ref mut __hidden }: &mut #ident| {
                // The hidden field has no size, so nothing is written there.
                let _: *mut __tls_private::MadeOncePerThreadSoUseWithState<#ident> = &raw mut *__hidden;
            };
    }
}

/// Returns the generics of the impls. For a stub, adds the bounds that the traits require, so that only
/// the generics are reported.
fn generics(input: &Input, form: Form) -> Generics {
    let mut generics = input.generics.clone();
    if form == Form::Stub {
        let clause = generics.make_where_clause();
        clause.predicates.push(parse_quote!(Self: 'static));
    }
    generics
}

/// Returns how the errors of the accessors, or of the function that fills the state from values, are
/// treated.
fn failure(input: &Input, error: Option<&Type>, form: Form) -> TokenStream {
    let name = input.name();
    if form == Form::Stub {
        quote!(__tls_private::stub())
    } else if let Some(ty) = error {
        quote!(__tls_private::failure_of!(#name, #ty))
    } else {
        quote!(&__tls_private::no_failure(#name))
    }
}

/// Returns a type that replaces a struct that cannot be a state in the types of its handles. In generic
/// code, the struct itself does not always live long enough for the trait.
fn stub_state(input: &Input, names: &Names) -> TokenStream {
    let result = &names.result;
    let generics = input.generics.type_params();
    let is_generic = input.error().is_some_and(|error| {
        let error = quote!(#error);
        generics
            .into_iter()
            .any(|it| tokens::mentions(&error, &it.ident))
    });
    let error = input.error().filter(|_| !is_generic);
    let (output, output_body) = (
        output(error, &quote!(#result), &quote!(__tls_std)),
        output_body(error),
    );
    let error = error_type(error);
    quote! {
        struct __TlsStub;

        // SAFETY: this code never runs.
        unsafe impl __tls::ThreadLocalState for __TlsStub {
            type Error = #error;
            type Output<#result> = #output;
            type __Storage = __tls_private::Inline<Self>;
            type __AtFork = __tls_private::Keep;

            const __INFO: &'static __tls_private::Info = __tls_private::stub();
            const __FAILURE: &'static __tls_private::Failure<Self::Error> = __tls_private::stub();

            fn __slot() -> *const __tls_private::Slot<Self::__Storage> {
                __tls_private::stub()
            }

            fn __init(
                _: __tls_private::Uninit<Self>,
            ) -> __tls_std::result::Result<(), Self::Error> {
                __tls_private::stub()
            }

            fn __output<#result>(
                __result: __tls_std::result::Result<#result, Self::Error>,
            ) -> #output {
                #output_body
            }
        }
    }
}

/// Returns the trait impls.
fn state_impl(input: &Input, names: &Names, form: Form) -> TokenStream {
    let is_clean = form == Form::Whole;
    let ident = &input.ident;
    let name = input.name();
    let fields = input.fields.iter().map(Field::name);
    // Two subjects describe the whole state.
    let subjects = input.fields.len() + 2;
    let at_fork = Ident::new(
        if input.is_reset_by_fork() {
            "Reset"
        } else {
            "Keep"
        },
        Span::call_site(),
    );
    let explicit = input.args.explicit.is_some();
    // A const argument cannot depend on generic parameters, which a stub may have.
    let storage = if form == Form::Stub {
        quote!(__tls_private::Inline<Self>)
    } else {
        quote!(<__tls_private::Select<{ __tls_private::on_heap::<Self>() }> as __tls_private::Selected>::For<Self>)
    };
    let error = error_type(input.error());
    let result = &names.result;
    let accessor_output_body = output_body(input.error());
    let accessor_failure = failure(input, input.error(), form);
    let accessor_output = output(input.error(), &quote!(#result), &quote!(__tls_std));
    let init = init(input, is_clean);
    let constant = (input.args.constant.is_some() && is_clean).then(|| constant(input));
    let generics = generics(input, form);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let (info, slot) = if form == Form::Stub {
        (quote!(__tls_private::stub()), quote!(__tls_private::stub()))
    } else {
        let info = quote! {
            &__tls_private::Info::new::<Self>(
                &__tls_private::Subject::all::<#subjects>(&__tls_private::Names {
                    state: #name,
                    fields: &[#(#fields),*],
                }),
                #explicit,
                __TLS_TURN,
            )
        };
        let slot = quote! {
            __tls_private::pointer_of!(__TLS_SLOT)
        };
        (info, slot)
    };
    let lazy = (!explicit).then(|| {
        quote! {
            impl #impl_generics __tls::LazyState for #ident #ty_generics #where_clause {}
        }
    });
    let from_values = input.takes_values().then(|| {
        let values = input.init_ident();
        let fill = fill_from_values(input, is_clean);
        let error = input.init_error();
        let output = output(error, &quote!(()), &quote!(__tls_std));
        let output_body = output_body(error);
        let failure = failure(input, error, form);
        let error = error_type(error);
        quote! {
            // SAFETY: the function follows the contract of an initializer.
            unsafe impl #impl_generics __tls::FromValues for #ident #ty_generics #where_clause {
                type Values = #values;
                type InitError = #error;
                type InitOutput = #output;

                const __INIT_FAILURE: &'static __tls_private::Failure<Self::InitError> = #failure;

                #fill

                #[inline]
                fn __init_output(
                    __result: __tls_std::result::Result<(), Self::InitError>,
                ) -> Self::InitOutput {
                    #output_body
                }
            }
        }
    });
    quote! {
        // SAFETY: the slot belongs to this type alone, and the initializer fills it.
        unsafe impl #impl_generics __tls::ThreadLocalState for #ident #ty_generics #where_clause {
            type Error = #error;
            type Output<#result> = #accessor_output;
            type __Storage = #storage;

            type __AtFork = __tls_private::#at_fork;

            const __INFO: &'static __tls_private::Info = #info;

            const __FAILURE: &'static __tls_private::Failure<Self::Error> = #accessor_failure;

            #[inline]
            fn __slot() -> *const __tls_private::Slot<Self::__Storage> {
                #slot
            }

            #init

            #[inline]
            fn __output<#result>(
                __result: __tls_std::result::Result<#result, Self::Error>,
            ) -> #accessor_output {
                #accessor_output_body
            }
        }

        #lazy
        #from_values
        #constant
    }
}

/// Returns the handles of the fields, with the user's span except in the `unsafe` part.
fn handles(input: &Input, names: &Names, form: Form) -> TokenStream {
    let Names { tls, private, .. } = names;
    let is_clean = form == Form::Whole;
    let state = if form == Form::Stub {
        quote!(__TlsStub)
    } else {
        quote!(Self)
    };
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
        // Two handles of one name have been reported. The handle of a shared field is generated
        // elsewhere.
        if *is_handle_taken || field.args.shared.is_some() {
            continue;
        }
        let offset = if is_clean {
            quote!(#tls::#private::std::mem::offset_of!(Self, #member))
        } else {
            quote!(0)
        };
        // SAFETY: the offset and the number belong to one field, and `__of` checks that it has this type.
        let made = quote!(unsafe { #tls::Field::__new(#offset, #index) });
        // A reference would be coerced, but a raw pointer to mutable data is not. The handle itself is
        // compared, because a type that a macro writes may be a different type each time.
        let made = if is_clean {
            // Not the user's span, because lints on uses of some names would then be reported to the
            // user.
            let span = field.span().resolved_at(Span::call_site());
            quote_spanned!(span=> #tls::Field::__of(#made, |__state: &mut Self| &raw mut __state.#member))
        } else {
            made
        };
        let value = editor::value(&made);
        let docs = field.docs_of_handle(&format!("The handle of the field `{}`.", field.name()));
        handles.extend(quote_spanned! {field.span()=>
            #docs
            #vis const #handle: #tls::Field<#state, #ty> #value;
        });
    }
    handles
}
