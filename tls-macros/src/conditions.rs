//! Under which configuration a field is shared.
//!
//! The first step sees attributes before the compiler has applied the configuration.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Meta};

use crate::args::FieldArgs;
use crate::errors::Errors;
use crate::input::is_ours;

/// When a field is shared.
pub(crate) enum Condition {
    Always,
    If(TokenStream),
}

impl Condition {
    fn under(predicate: &TokenStream, inner: Self) -> Self {
        match inner {
            Self::Always => Self::If(predicate.clone()),
            Self::If(inner) => Self::If(quote!(all(#predicate, #inner))),
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::If(one), Self::If(other)) => Self::If(quote!(any(#one, #other))),
            _ => Self::Always,
        }
    }
}

/// Returns the condition under which a field is `#[state(shared)]`, and the span of `shared`. The derive
/// of the shared fields reports mistakes in the other arguments.
pub(crate) fn shared_if(attrs: &[Attribute]) -> Option<(Condition, Span)> {
    // A second `#[state]` is a mistake that is reported elsewhere.
    let first = attrs.iter().position(|attr| is_ours(attr.path(), "state"));
    let attrs = first.map_or(attrs, |first| &attrs[..=first]);
    any(attrs.iter().filter_map(|attr| says_shared(&attr.meta)))
}

fn any(mut all: impl Iterator<Item = (Condition, Span)>) -> Option<(Condition, Span)> {
    let (first, span) = all.next()?;
    let condition = all.fold(first, |one, (other, _)| one.or(other));
    Some((condition, span))
}

fn says_shared(meta: &Meta) -> Option<(Condition, Span)> {
    if let Some((predicate, attrs)) = configured(meta) {
        let (inner, span) = any(attrs.iter().filter_map(says_shared))?;
        return Some((Condition::under(&predicate, inner), span));
    }
    let Meta::List(list) = meta else {
        return None;
    };
    let mut args = FieldArgs::default();
    if is_ours(&list.path, "state") {
        args.parse(list.tokens.clone(), &mut Errors::default());
    }
    args.shared.map(|span| (Condition::Always, span))
}

/// Returns the predicate of a `cfg_attr` and its attributes.
fn configured(meta: &Meta) -> Option<(TokenStream, Vec<Meta>)> {
    let list = meta.require_list().ok()?;
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let mut parts = vec![TokenStream::new()];
    for token in list.tokens.clone() {
        match (&token, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => {
                parts.push(TokenStream::new());
            }
            (_, Some(part)) => part.extend([token]),
            (_, None) => {}
        }
    }
    let mut parts = parts.into_iter();
    let predicate = parts.next()?;
    let attrs = parts.filter_map(|part| syn::parse2(part).ok()).collect();
    Some((predicate, attrs))
}

/// Returns the attribute if it has one of these names. Of a `cfg_attr`, keeps only the attributes with
/// these names.
pub(crate) fn only(meta: &Meta, names: &[&str]) -> Option<Meta> {
    if let Some((predicate, attrs)) = configured(meta) {
        let attrs: Vec<Meta> = attrs.iter().filter_map(|meta| only(meta, names)).collect();
        return (!attrs.is_empty()).then(|| syn::parse_quote!(cfg_attr(#predicate, #(#attrs),*)));
    }
    let is_named = names.iter().any(|name| meta.path().is_ident(name));
    is_named.then(|| meta.clone())
}

/// Returns the attribute unless it has one of these names. Of a `cfg_attr`, keeps only the other
/// attributes.
pub(crate) fn without(meta: &Meta, names: &[&str]) -> Option<Meta> {
    if let Some((predicate, attrs)) = configured(meta) {
        let attrs: Vec<Meta> = attrs
            .iter()
            .filter_map(|meta| without(meta, names))
            .collect();
        return (!attrs.is_empty()).then(|| syn::parse_quote!(cfg_attr(#predicate, #(#attrs),*)));
    }
    let is_named = names.iter().any(|name| meta.path().is_ident(name));
    (!is_named).then(|| meta.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared_if(attrs: &str) -> Option<String> {
        let item = format!("struct S {{ {attrs} a: u8 }}");
        let item: syn::DeriveInput = syn::parse_str(&item).unwrap();
        let syn::Data::Struct(data) = item.data else {
            unreachable!()
        };
        let field = data.fields.into_iter().next().unwrap();
        super::shared_if(&field.attrs).map(|(condition, _)| match condition {
            Condition::Always => String::new(),
            Condition::If(predicate) => predicate.to_string().replace(' ', ""),
        })
    }

    #[test]
    fn a_field_is_shared_when_the_configuration_says_so() {
        for (attrs, expected) in [
            ("#[doc = \"shared\"] #[state(init = 1)]", None),
            ("#[state(shared)]", Some("")),
            ("#[cfg_attr(x, state(shared))]", Some("x")),
            (
                "#[cfg_attr(feature = \"x\", doc = \"a\", state(shared))]",
                Some("feature=\"x\""),
            ),
            (
                "#[cfg_attr(all(x, y), cfg_attr(z, state(shared)), cfg(w))]",
                Some("all(all(x,y),z)"),
            ),
            (
                "#[cfg_attr(x, state(shared))] #[cfg_attr(y, state(shared))]",
                Some("any(x,y)"),
            ),
            ("#[cfg_attr(x, state(shared))] #[state(shared)]", Some("")),
            ("#[state(init = 1)] #[state(shared)]", None),
        ] {
            assert_eq!(shared_if(attrs).as_deref(), expected, "{attrs}");
        }
    }

    #[test]
    fn of_an_attribute_only_what_is_asked_for_is_left() {
        let only = |text: &str| {
            let meta = only(&syn::parse_str(text).unwrap(), &["cfg", "repr"]);
            meta.map(|meta| quote!(#meta).to_string().replace(' ', ""))
        };
        assert_eq!(only("cfg(x)").as_deref(), Some("cfg(x)"));
        assert_eq!(only("derive(Debug)"), None);
        assert_eq!(only("cfg_attr(x, derive(Debug))"), None);
        assert_eq!(
            only("cfg_attr(x, derive(Debug), repr(C), cfg_attr(y, cfg(z)))").as_deref(),
            Some("cfg_attr(x,repr(C),cfg_attr(y,cfg(z)))")
        );
    }
    #[test]
    fn of_an_attribute_all_is_left_but_what_is_to_go() {
        let without = |text: &str| {
            let meta = without(&syn::parse_str(text).unwrap(), &["serde", "arg"]);
            meta.map(|meta| quote!(#meta).to_string().replace(' ', ""))
        };
        assert_eq!(without("doc = \"serde\"").as_deref(), Some("doc=\"serde\""));
        assert_eq!(without("serde(default)"), None);
        assert_eq!(without("cfg_attr(x, serde(default), arg(long))"), None);
        assert_eq!(
            without("cfg_attr(x, cfg(y), cfg_attr(z, arg(long)), serde(default))").as_deref(),
            Some("cfg_attr(x,cfg(y))")
        );
    }
}
