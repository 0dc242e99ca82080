//! Arguments of `#[state]` that are written as attributes of their own: `#[init = 5]`, `#[shared]`.
//!
//! Another derive may have a helper attribute of the same name, and an attribute above ours is not
//! visible here. So an attribute of a field counts as this mistake only if no attribute below ours could
//! use it, and `#[shared]` only on a field of one of our types.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Field, Meta, Path, Token, parse_quote_spanned};

use crate::errors::Errors;
use crate::input::has_name_of_shared;

/// Derives whose helper attributes cannot be `init` or `shared`. `Default` has one, `default`; the
/// others have none.
const KNOWN_DERIVES: &[&str] = &[
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Eq",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
];

/// Attributes that do not use attributes of fields.
const KNOWN_ATTRIBUTES: &[&str] = &[
    "allow",
    "cfg",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "forbid",
    "must_use",
    "repr",
    "warn",
];

/// Reports these attributes, and replaces them with the arguments that were meant.
pub(crate) fn correct(input: &mut DeriveInput, errors: &mut Errors) {
    if !input.attrs.iter().all(is_known) {
        return;
    }
    let Data::Struct(data) = &mut input.data else {
        return;
    };
    for field in &mut data.fields {
        correct_field(field, errors);
    }
}

fn is_known(attr: &Attribute) -> bool {
    let path = attr.path();
    if path.is_ident("derive") {
        let derives = attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        return derives.is_ok_and(|derives| {
            derives.iter().all(|derive| {
                let last = derive.segments.last();
                last.is_some_and(|last| KNOWN_DERIVES.iter().any(|known| last.ident == known))
            })
        });
    }
    KNOWN_ATTRIBUTES.iter().any(|known| path.is_ident(known))
}

fn correct_field(field: &mut Field, errors: &mut Errors) {
    let is_ours = |attr: &Attribute| attr.path().is_ident("state");
    // If the field also has a `#[state]`, what is meant is not certain.
    if field.attrs.iter().any(is_ours) {
        return;
    }
    let is_shared = has_name_of_shared(&field.ty);
    for attr in &mut field.attrs {
        let Some((argument, message)) = meant(&attr.meta, is_shared) else {
            continue;
        };
        let span = attr.path().segments[0].ident.span();
        errors.push(span, message);
        attr.meta = parse_quote_spanned!(span=> state(#argument));
        return;
    }
}

/// Returns the argument that was meant, and the message.
fn meant(meta: &Meta, is_shared: bool) -> Option<(TokenStream, String)> {
    let init = |value: TokenStream| {
        let message = "an initializer is written `#[state(init = EXPR)]`".to_owned();
        Some((quote!(init = #value), message))
    };
    match meta {
        Meta::NameValue(pair) if pair.path.is_ident("init") => init(pair.value.to_token_stream()),
        Meta::List(list) if list.path.is_ident("init") && !list.tokens.is_empty() => {
            init(list.tokens.clone())
        }
        Meta::Path(path) if path.is_ident("shared") && is_shared => Some((
            quote!(shared),
            "a shared field is written `#[state(shared)]`".to_owned(),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the corrected struct if a mistake is found.
    fn corrected(item: &str) -> Option<String> {
        let mut input: DeriveInput = syn::parse_str(item).unwrap();
        let mut errors = Errors::default();
        correct(&mut input, &mut errors);
        (!errors.is_empty()).then(|| quote!(#input).to_string().replace(' ', ""))
    }

    #[test]
    fn an_argument_as_an_attribute_of_its_own_is_a_mistake_and_is_corrected() {
        for (item, expected) in [
            (
                "struct S { #[init = 5] a: u8 }",
                "structS{#[state(init=5)]a:u8}",
            ),
            (
                "#[derive(Debug)] struct S { #[doc = \"x\"] #[init(f(1, 2))] a: u8 }",
                "#[derive(Debug)]structS{#[doc=\"x\"]#[state(init=f(1,2))]a:u8}",
            ),
            (
                "struct S { #[shared] a: Counter }",
                "structS{#[state(shared)]a:Counter}",
            ),
        ] {
            assert_eq!(corrected(item).as_deref(), Some(expected), "{item}");
        }
    }

    #[test]
    fn what_another_derive_may_know_is_left_alone() {
        for item in [
            "#[derive(Other)] struct S { #[init = 5] a: u8 }",
            "#[other] struct S { #[init = 5] a: u8 }",
            "#[cfg_attr(x, derive(Other))] struct S { #[init = 5] a: u8 }",
            "#[derive(\"Debug\")] struct S { #[init = 5] a: u8 }",
            "struct S { #[shared] a: u8 }",
            "struct S { #[init] a: u8 }",
            "struct S { #[init = 5] #[state(init = 5)] a: u8 }",
            "struct S { #[default] a: u8 }",
        ] {
            assert_eq!(corrected(item), None, "{item}");
        }
    }
}
