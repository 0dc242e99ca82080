//! Stubs for a declaration that cannot have a slot, so that its mistake is the only message:
//! all uses of the struct still type-check.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand::{Names, allow, output};
use crate::functions::uncallable;
use crate::input::Input;

pub(crate) fn expand(input: &Input) -> TokenStream {
    let names = Names::new(input);
    let Names { tls, private, .. } = &names;
    let (r, f, e) = (&names.result, &names.function, &names.converted);
    let ident = &input.ident;
    let vis = &input.vis;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let plain = output(input, &quote!(#r));
    let shared = quote!(#f: __tls_std::ops::FnOnce(&Self) -> #r);
    let exclusive = quote!(#f: __tls_std::ops::FnOnce(&mut Self) -> #r);
    let stub = quote!(let _ = &__f; __tls_private::stub());
    let run = input.args.error.as_ref().map(|(_, ty)| {
        quote! {
            #vis fn run_state<#r, #e, #f>(__f: #f) -> __tls_std::result::Result<#r, #e>
            where
                #f: __tls_std::ops::FnOnce(&Self) -> __tls_std::result::Result<#r, #e>,
                #e: __tls_std::convert::From<#ty>,
            { #stub }
            #vis fn run_state_mut<#r, #e, #f>(__f: #f) -> __tls_std::result::Result<#r, #e>
            where
                #f: __tls_std::ops::FnOnce(&mut Self) -> __tls_std::result::Result<#r, #e>,
                #e: __tls_std::convert::From<#ty>,
            { #stub }
        }
    });
    let uncallable = uncallable(input);
    let allow = allow();
    quote! {
        #allow
        const _: () = {
            use #tls as __tls;
            use __tls::#private as __tls_private;
            use __tls_private::std as __tls_std;

            impl #impl_generics #ident #ty_generics #where_clause {
                #vis fn with_state<#r, #f>(__f: #f) -> #plain where #shared { #stub }
                #vis fn with_state_mut<#r, #f>(__f: #f) -> #plain where #exclusive { #stub }
                #run
                #vis const fn state() -> __tls::State<Self> { __tls_private::stub() }
            }

            #uncallable
        };
    }
}
