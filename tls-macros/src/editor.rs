//! What is expanded for editors only.
//!
//! rust-analyzer follows a token into the expansion of an attribute. It does not follow the token from
//! there into a derive if another attribute comes after that. So the initializers are repeated next to
//! the struct, in a function that is never called. rust-analyzer also shows values of constants and
//! hidden names, so these are left out.
//!
//! A `cfg(rust_analyzer)` would not work, because the user's compiler does not know that name and would
//! warn.

use std::env;
use std::sync::OnceLock;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Data, DeriveInput, Member, Type};

use crate::errors::Errors;
use crate::input::Field;
use crate::take_out::with_only;
use crate::tokens::without_self;

/// Returns `true` if an editor runs the macro. rust-analyzer has a process of its own for macros.
pub(crate) fn asks() -> bool {
    static ASKS: OnceLock<bool> = OnceLock::new();
    *ASKS.get_or_init(|| {
        let program = env::current_exe().unwrap_or_default();
        let name = program.file_stem().unwrap_or_default();
        name.to_string_lossy().starts_with("rust-analyzer")
    })
}

/// Returns the value of a constant, or nothing in an editor, which would show it.
pub(crate) fn value(value: &TokenStream) -> Option<TokenStream> {
    (!asks()).then(|| quote!(= #value))
}

/// Returns the function with the initializers, if there are any. It precedes the struct, because
/// rust-analyzer completes in the first of several copies.
pub(crate) fn initializers(
    input: &DeriveInput,
    alias: &Ident,
    private: &Ident,
    error: Option<&Type>,
) -> Option<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return None;
    };
    let private = quote!(#alias::#private);
    let mut has_any = false;
    let mut lets = TokenStream::new();
    for (index, field) in data.fields.iter().enumerate() {
        let cfgs = with_only(&field.attrs, &["cfg"]);
        let field = Field::new(index, field.clone(), &input.ident, &mut Errors::default());
        let Field { member, ty, .. } = &field;
        let maker = field.args.init.as_ref().map(|(_, tokens)| {
            has_any = true;
            let mut tokens = without_self(tokens.clone(), &input.ident);
            if tokens.is_empty() {
                // The missing expression has been reported.
                tokens = quote!(#private::stub());
            }
            let closure = match error {
                None => quote!(|| -> #ty { #tokens }),
                Some(error) => quote! {
                    || -> #private::std::result::Result<#ty, #error> {
                        #private::std::result::Result::Ok(#tokens)
                    }
                },
            };
            quote!(let _ = #closure;)
        });
        // Later initializers may use the field by its name.
        let name = match member {
            Member::Named(name) => quote!(#name),
            Member::Unnamed(_) => quote!(_),
        };
        lets.extend(quote! {
            #(#cfgs)*
            let #name: &#ty = {
                #maker
                #private::stub()
            };
        });
    }
    has_any.then(|| {
        quote! {
            #[allow(unused_variables)]
            const _: fn() = || { #lets };
        }
    })
}

#[cfg(test)]
mod tests {
    fn initializers(item: &str, error: Option<&str>) -> Option<String> {
        let error = error.map(|error| syn::parse_str(error).unwrap());
        let (alias, private) = (quote::format_ident!("a"), quote::format_ident!("p"));
        let output = super::initializers(
            &syn::parse_str(item).unwrap(),
            &alias,
            &private,
            error.as_ref(),
        );
        output.map(|output| output.to_string().replace(' ', ""))
    }

    #[test]
    fn each_initializer_sees_the_fields_before_it_if_they_are_there() {
        let item = "struct S { #[cfg(x)] a: u8, #[cfg(x)] #[doc = \"\"] #[state(init = Self::f(a))] b: u8 }";
        let output = initializers(item, None).unwrap();
        let a = output.find("#[cfg(x)]leta:&u8={a::p::stub()};");
        let b = output.find("#[cfg(x)]letb:&u8={let_=||->u8{S::f(a)};a::p::stub()};");
        assert!(a.is_some() && a < b, "{output}");
    }

    #[test]
    fn one_that_may_fail_stands_where_a_question_mark_may() {
        let output = initializers("struct S(#[state(init = f()?)] u8);", Some("E")).unwrap();
        assert!(output.contains("Result<u8,E>{a::p::std::result::Result::Ok(f()?)}"));
    }

    #[test]
    fn without_initializers_there_is_nothing() {
        assert_eq!(initializers("struct S { a: u8 }", None), None);
        assert_eq!(initializers("enum S {}", None), None);
    }
}
