//! The second step: what stands beside the struct.
//!
//! The code is thin on purpose: one slot, one trait impl, and functions of one line that lead
//! into the runtime crate. All names that could meet the user's are either absolute paths or
//! start with `__`. The `unsafe` tokens carry the span of this expansion, so that they pass a
//! `forbid(unsafe_code)` in the user's crate; of the user's tokens only names and types stand inside them.

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

/// How much is expanded. After a mistake the rest is a stub, so that uses of the struct are no further
/// errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    WithoutInitializers,
    /// Of a struct that cannot have a slot.
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
    // Not in the block: where an item is private to one, rust-analyzer looks for its uses nowhere else.
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

/// Fails to compile if the struct has a field that the initializer does not fill (one that
/// another attribute has added later, or if the third step has not been taken), if the hidden field is
/// another than that step adds, or if there can be no references to the fields.
fn complete(input: &Input) -> TokenStream {
    let members = input.fields.iter().map(|field| {
        let member = &field.member;
        // If something makes the struct packed behind our back, the error is here. Of one span, or a
        // field that a macro of the user's wrote would not see it.
        let local = format_ident!("__field_{}", field.index, span = field.span());
        quote_spanned!(field.span()=> #member: ref mut #local)
    });
    let hidden = hidden_member(input);
    let span = Span::call_site().located_at(input.ident.span());
    // By `ref mut`: a plain name would be a constant of the user's, if there is one of that name.
    let ident = &input.ident;
    quote_spanned! {span=>
        const _: fn(&mut #ident) =
            |&mut #ident { #(#members,)* #hidden: ref mut __hidden }: &mut #ident| {
                // Without a size: nothing is written there.
                let _: *mut __tls_private::MadeOncePerThreadSoUseWithState<#ident> = &raw mut *__hidden;
            };
    }
}

/// The generics of the impls. Those of a struct that has any say what the traits ask for, so that
/// nothing but the generics is reported.
fn generics(input: &Input, form: Form) -> Generics {
    let mut generics = input.generics.clone();
    if form == Form::Stub {
        let clause = generics.make_where_clause();
        clause.predicates.push(parse_quote!(Self: 'static));
    }
    generics
}

/// What is known of the errors of the accessors, or of the function that makes the state from values.
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

/// The state of the handles of a struct that cannot be one: in generic code that itself does not always live long
/// enough for the trait.
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

        // SAFETY: none of this runs.
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

/// The trait impls.
fn state_impl(input: &Input, names: &Names, form: Form) -> TokenStream {
    let is_clean = form == Form::Whole;
    let ident = &input.ident;
    let name = input.name();
    let fields = input.fields.iter().map(Field::name);
    // The whole is one in two ways.
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
    // A generic length of a const parameter cannot be.
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
            // SAFETY: the function keeps to the contract of an initializer.
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
        // SAFETY: the slot is this type's alone, and the initializer fills it.
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

/// The handles of the fields, with the user's span except in the `unsafe` part.
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
        // Two of one name have been reported, and of a shared field the handle stands elsewhere.
        if *is_handle_taken || field.args.shared.is_some() {
            continue;
        }
        let offset = if is_clean {
            quote!(#tls::#private::std::mem::offset_of!(Self, #member))
        } else {
            quote!(0)
        };
        // SAFETY: the offset and the number are of one field, and that its type is this one is checked.
        let made = quote!(unsafe { #tls::Field::__new(#offset, #index) });
        // A reference would be coerced, a raw pointer to what is mutable is not. It is the handle itself
        // that is compared, because a type that a macro writes may be another each time.
        let made = if is_clean {
            // Not of the user's span: lints on uses of some names would be the user's.
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
