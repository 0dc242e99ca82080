//! The check that a declaration is not inside a function.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

use crate::input::Input;
use crate::names::Names;

/// Returns code that fails to compile if the declaration is inside a function.
///
/// Within a block, `super` is the enclosing *module*. So the glob import brings the private trait into
/// scope only if the declaration itself is at module level. Then the method that takes `self` by value
/// takes precedence over the fallback that takes it by reference. The two methods differ in the length
/// of the array that they return.
pub(crate) fn probe(input: &Input, names: &Names) -> TokenStream {
    let name = input.name();
    // An unlikely name: if a blanket impl of the user's had a method of the same name, the call would be
    // ambiguous.
    let method = format_ident!("__tls_core_7f3a_is_{}_at_module_level", name);
    let level = format_ident!("__TlsCoreLevelOf{}", name);
    // The compiler shows this name in the path of the check.
    let module = format_ident!("is_{}_at_module_level", name);
    let message = format!(
        "`{name}` is declared inside a function or a block; move the struct to module level, \
         where every caller names the same state. (Here it would still be initialized \
         once per thread, not once per call, but no code outside could name it. If that is what you \
         want, write `#[thread_local_state(in_function)]`. A documentation test without `fn main` is itself \
         the body of a function: write `fn main() {{ … }}` below the struct.)"
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
