//! What stands beside a struct with shared fields: its registry and its threads' cells.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use crate::input::{Field, Input};

/// Nothing, if there are no shared fields.
pub(crate) fn shared(input: &Input, is_clean: bool) -> Option<TokenStream> {
    let last = input.shared().last()?;
    let last = meta(last.number);
    let ident = &input.ident;
    let name = input.name();
    let vis = &input.vis;
    let metas = input.shared().map(|field| meta(field.number));
    let fields: TokenStream = input
        .shared()
        .map(|field| self::field(input, field, is_clean))
        .collect();
    let live_threads = format!(
        "Returns how many threads have written to a shared field of `{name}` and have not exited: \
         `join` waits for that, the end of a `thread::scope` does not."
    );
    Some(quote! {
        #fields

        const __TLS_CELLS: __tls_std::primitive::usize = __tls_private::SharedMeta::end(&#last).0;
        const __TLS_WORDS: __tls_std::primitive::usize = __tls_private::SharedMeta::end(&#last).1;

        static __TLS_SHARING: __tls_private::Sharing =
            __tls_private::Sharing::new(
                #name, __tls_std::module_path!(), &[#(#metas),*], __TLS_CELLS, __tls_private::install,
            );

        static __TLS_REGISTRY: __tls_private::Registry<[__tls_private::Rest; __TLS_WORDS]> =
            // SAFETY: the numbers have been counted by those who use them.
            unsafe { __tls_private::Registry::new(&__TLS_SHARING) };

        __tls_std::thread_local! {
            static __TLS_LOCAL: __tls_private::Local<__TLS_CELLS> = const {
                // SAFETY: it is the thread-local that the trait impl names beside the registry.
                unsafe { __tls_private::Local::new() }
            };
        }

        // SAFETY: both are this state's alone, and of `__TLS_CELLS` cells.
        #[automatically_derived]
        unsafe impl __tls_private::HasSharedFields for #ident {
            type __Local = __tls_private::Local<__TLS_CELLS>;

            const __LOCAL: &'static __tls_std::thread::LocalKey<Self::__Local> = &__TLS_LOCAL;

            #[inline]
            fn __registry() -> &'static __tls_private::Registry {
                &__TLS_REGISTRY
            }
        }

        impl #ident {
            #[doc = #live_threads]
            #[must_use]
            #vis fn live_threads() -> __tls_std::primitive::usize {
                __tls_private::live_threads::<Self>()
            }
        }
    })
}

/// The constant that describes a shared field.
fn meta(number: usize) -> syn::Ident {
    format_ident!("__TLS_SHARED_{number}")
}

/// The description and the handle of a shared field.
fn field(input: &Input, field: &Field, is_clean: bool) -> TokenStream {
    let ident = &input.ident;
    let Field {
        number,
        vis,
        member,
        ty,
        handle,
        ..
    } = field;
    let meta = self::meta(*number);
    let name = field.name();
    let help = field.help();
    // Nothing else asks whether the type can be shared, and always in the same words, so that it is
    // one error.
    let shape = quote_spanned!(ty.span()=> <#ty as __tls::Shareable>::__SHAPE);
    let start = if *number == 0 {
        quote!((0, 0))
    } else {
        let before = self::meta(number - 1);
        quote!(__tls_private::SharedMeta::end(&#before))
    };
    let docs = field.docs();
    let separator = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    let summary = format!("The handle of the shared field `{name}`.");
    let handle = quote_spanned! {field.span()=>
        #docs
        #separator
        #[doc = #summary]
        #vis const #handle: __tls::SharedField<Self, #ty> =
            <Self as __tls_private::SharedAt<_, #number>>::__HANDLE;
    };
    // In the struct it is what the initializer takes it for, a handle without a size: another
    // attribute may have changed that.
    let check = is_clean.then(|| {
        // Of one span, or a field that a macro of the user's wrote would not see it.
        let state = Ident::new("__state", field.span());
        let pointer = quote_spanned!(field.span()=> &raw const #state.#member);
        quote! {
            const _: fn(&#ident) -> *const __tls::Shared<#ident, #ty, #number> =
                |#state: &#ident| #pointer;
        }
    });
    // Two of one name have been reported.
    let handle = (!field.is_handle_taken).then_some(handle);
    quote! {
        const #meta: __tls_private::SharedMeta =
            __tls_private::describe(#name, #help, &#shape, #start);

        // SAFETY: the cells and words are those that the description of this field counts.
        #[automatically_derived]
        unsafe impl __tls_private::SharedAt<#ty, #number> for #ident {
            const __HANDLE: __tls::SharedField<Self, #ty> =
                // SAFETY: as above.
                unsafe { __tls::SharedField::__new(&#shape, &#meta) };
        }

        impl #ident {
            #handle
        }

        #check
    }
}
