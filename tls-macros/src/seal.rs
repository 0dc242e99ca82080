//! The third step: the hidden field that keeps anybody from building the struct by hand.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Data, DeriveInput, Field, Fields, FieldsNamed, FieldsUnnamed, Meta, Type,
    Visibility, parse_quote,
};

use crate::args::FieldArgs;
use crate::errors::Errors;
use crate::input::{alias, is_ours, private};

/// Adds the hidden field, unless the arguments say `open`: the declaration is wrong.
pub(crate) fn seal(args: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(mut input) = syn::parse2::<DeriveInput>(item.clone()) else {
        return item.clone();
    };
    let is_open = args
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(_)));
    let (alias, private) = (alias(&input.ident), private());
    let hidden = quote!(#alias::#private::MadeOncePerThreadSoUseWithState<Self>);
    if let Data::Struct(data) = &mut input.data {
        // Of a generic struct the second step makes stubs.
        if !is_open && input.generics.params.is_empty() {
            share(&mut data.fields, &alias);
        }
        for field in &mut data.fields {
            field.attrs.retain(|attr| !is_ours(attr.path(), "state"));
        }
        match &mut data.fields {
            _ if is_open => {}
            Fields::Named(fields) if !fields.named.is_empty() => add_named(fields, &hidden),
            Fields::Unnamed(fields) if !fields.unnamed.is_empty() => {
                add_unnamed(fields, &input.vis, &hidden);
            }
            _ => {}
        }
    }
    // A zero-sized field of a foreign type with private fields is a lint, under one name or another.
    let transparent = input.attrs.iter().any(is_transparent).then(|| {
        quote! {
            #[allow(
                unknown_lints,
                renamed_and_removed_lints,
                repr_transparent_external_private_fields,
                repr_transparent_non_zst_fields
            )]
        }
    });
    quote!(#transparent #input)
}

/// Gives the shared fields the types of handles.
///
/// The second step sees the fields that the configuration leaves, this one sees all of them. So
/// the number of a field is computed by the compiler if one before it may be absent; and one that
/// may be shared becomes two, of which the configuration leaves one.
fn share(fields: &mut Fields, alias: &Ident) {
    let mut number = Number::default();
    let share = |field: Field| {
        let Some(condition) = shared_if(&field.attrs) else {
            return vec![field];
        };
        let mut shared = field.clone();
        let ty = &field.ty;
        let handle = quote_spanned! {ty.span().resolved_at(Span::call_site())=>
            #alias::Shared<Self, #ty, #number>
        };
        shared.ty = Type::Verbatim(handle);
        number.add(&present_if(&field.attrs).and(&condition));
        let Condition::If(predicate) = condition else {
            return vec![shared];
        };
        let mut plain = field;
        plain.attrs.push(parse_quote!(#[cfg(not(#predicate))]));
        shared.attrs.push(parse_quote!(#[cfg(#predicate)]));
        vec![plain, shared]
    };
    match fields {
        Fields::Named(FieldsNamed { named: all, .. })
        | Fields::Unnamed(FieldsUnnamed { unnamed: all, .. }) => {
            *all = std::mem::take(all).into_iter().flat_map(share).collect();
        }
        Fields::Unit => {}
    }
}

/// The number of a shared field: how many there are before it.
#[derive(Default)]
struct Number {
    always: usize,
    perhaps: Vec<TokenStream>,
}

impl Number {
    fn add(&mut self, condition: &Condition) {
        match condition {
            Condition::Always => self.always += 1,
            Condition::If(predicate) => self.perhaps.push(predicate.clone()),
        }
    }
}

impl ToTokens for Number {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { always, perhaps } = self;
        tokens.extend(if perhaps.is_empty() {
            quote!(#always)
        } else {
            quote!({ #always #(+ ::core::cfg!(#perhaps) as ::core::primitive::usize)* })
        });
    }
}

/// What the configuration has to be.
enum Condition {
    Always,
    If(TokenStream),
}

impl Condition {
    fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Always, Self::Always) => Self::Always,
            (Self::If(one), Self::Always) => Self::If(one),
            (Self::Always, Self::If(other)) => Self::If(other.clone()),
            (Self::If(one), Self::If(other)) => Self::If(quote!(all(#one, #other))),
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::If(one), Self::If(other)) => Self::If(quote!(any(#one, #other))),
            _ => Self::Always,
        }
    }
}

/// When a field is `#[state(shared)]`, if ever. What else is written there the second step
/// reports.
fn shared_if(attrs: &[Attribute]) -> Option<Condition> {
    let conditions = attrs.iter().filter_map(|attr| says_shared(&attr.meta));
    conditions.reduce(Condition::or)
}

fn says_shared(meta: &Meta) -> Option<Condition> {
    if let Some((predicate, attrs)) = configured(meta) {
        let condition = attrs.iter().filter_map(says_shared);
        let condition = condition.reduce(Condition::or)?;
        return Some(Condition::If(predicate).and(&condition));
    }
    let Meta::List(list) = meta else {
        return None;
    };
    let mut args = FieldArgs::default();
    if is_ours(&list.path, "state") {
        args.parse(list.tokens.clone(), &mut Errors::default());
    }
    args.shared.map(|_| Condition::Always)
}

/// When a field is there at all.
fn present_if(attrs: &[Attribute]) -> Condition {
    let conditions = attrs.iter().map(|attr| leaves(&attr.meta));
    conditions.fold(Condition::Always, |all, condition| all.and(&condition))
}

fn leaves(meta: &Meta) -> Condition {
    if let Some((predicate, attrs)) = configured(meta) {
        let conditions = attrs.iter().map(leaves);
        let condition = conditions.fold(Condition::Always, |all, condition| all.and(&condition));
        return Condition::If(quote!(not(#predicate))).or(condition);
    }
    match meta {
        Meta::List(list) if list.path.is_ident("cfg") => Condition::If(list.tokens.clone()),
        _ => Condition::Always,
    }
}

/// The predicate of a `cfg_attr`, and the attributes that it stands for.
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

/// Whether this is `repr(transparent)`, perhaps within a `cfg_attr`.
fn is_transparent(attr: &Attribute) -> bool {
    attr.meta
        .to_token_stream()
        .to_string()
        .contains("transparent")
}

fn add_named(fields: &mut FieldsNamed, hidden: &TokenStream) {
    let field: FieldsNamed = parse_quote!({
        #[doc(hidden)]
        __this_struct_is_made_once_per_thread_so_use_with_state: #hidden
    });
    fields.named.extend(field.named);
}

/// With the struct's own visibility: if it were private, the compiler would add to its error a
/// second one, that the constructor is.
fn add_unnamed(fields: &mut FieldsUnnamed, vis: &Visibility, hidden: &TokenStream) {
    let field: FieldsUnnamed = parse_quote!((#[doc(hidden)] #vis #hidden));
    fields.unnamed.extend(field.unnamed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(args: &str, item: &str) -> String {
        let output = seal(args.parse().unwrap(), &item.parse().unwrap());
        output.to_string().replace(' ', "")
    }

    #[test]
    fn every_declaration_without_a_mistake_gets_the_hidden_field_and_handles() {
        for item in [
            "struct Worker { #[state(shared)] done: Counter }",
            "struct Worker { #[state(shared)] done: Counter, }",
            "struct Worker(#[state(shared)] Counter);",
        ] {
            let sealed = sealed("()", item);
            assert!(sealed.contains("Shared<Self,Counter,"), "{sealed}");
            assert!(
                sealed.contains("MadeOncePerThreadSoUseWithState<Self>"),
                "{sealed}"
            );
        }
    }

    #[test]
    fn a_struct_without_fields_gets_none() {
        for item in ["struct Worker {}", "struct Worker();", "struct Worker;"] {
            let sealed = sealed("()", item);
            assert_eq!(sealed, item.replace(' ', ""));
        }
    }

    #[test]
    fn only_a_transparent_struct_may_have_a_hidden_field_without_size_beside_its_own() {
        let allow = "repr_transparent_external_private_fields";
        for repr in ["repr(transparent)", "cfg_attr(x, repr(transparent))"] {
            let sealed = sealed("()", &format!("#[{repr}] struct Worker {{ jobs: u64 }}"));
            assert!(sealed.contains(allow), "{sealed}");
        }
        let sealed = sealed("()", "#[repr(C)] struct Worker { jobs: u64 }");
        assert!(!sealed.contains(allow), "{sealed}");
    }

    #[test]
    fn shared_fields_of_a_declaration_with_a_mistake_stay_what_they_are() {
        for (args, item) in [
            (
                "() open",
                "struct Worker { #[state(shared)] done: Counter }",
            ),
            ("()", "struct Worker<T> { #[state(shared)] done: Counter }"),
        ] {
            let sealed = sealed(args, item);
            assert!(sealed.contains("done:Counter"), "{sealed}");
        }
    }

    #[test]
    fn a_condition_is_everything_before_the_first_comma() {
        let item = "struct Worker { #[cfg_attr(feature = \"x\", state(shared))] done: Counter }";
        let sealed = sealed("()", item);
        assert!(sealed.contains("#[cfg(feature=\"x\")]done:"), "{sealed}");
        assert!(
            sealed.contains("#[cfg(not(feature=\"x\"))]done:Counter"),
            "{sealed}"
        );
    }
}
