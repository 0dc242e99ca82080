//! The part of the first step that takes the shared fields out of the struct.
//!
//! The shared fields move, with their attributes, into a struct of their own, on which the derive of the
//! shared fields runs, because a derive receives fields with their `cfg`s resolved. Nothing else sees
//! that struct, because an attribute removes it after the derive.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Member, parse_quote};

use crate::conditions::{Condition, only, shared_if};
use crate::errors::Errors;
use crate::input::{handle, without_self};

/// Takes the shared fields out of a struct. Returns the code for them, if there are any.
pub(crate) fn take_out(
    input: &mut DeriveInput,
    alias: &Ident,
    private: &Ident,
    by_fork: Option<&Ident>,
    errors: &mut Errors,
) -> Option<TokenStream> {
    let Data::Struct(data) = &mut input.data else {
        return None;
    };
    let shared = match &mut data.fields {
        Fields::Named(fields) => from_named(&mut fields.named, alias, private),
        Fields::Unnamed(fields) => from_tuple(&fields.unnamed, &input.ident, errors),
        Fields::Unit => Vec::new(),
    };
    if shared.is_empty() {
        return None;
    }
    let shared = shared.into_iter().map(|mut field| {
        field.ty = without_self(field.ty, &input.ident);
        field
    });
    let attrs = with_only(&input.attrs, &["cfg", "repr"]);
    let DeriveInput {
        vis,
        ident,
        generics,
        ..
    } = &*input;
    let name = format_ident!("__TlsSharedOf{}", ident.unraw(), span = Span::call_site());
    let where_clause = &generics.where_clause;
    Some(quote! {
        #[derive(#alias::#private::SharedFieldsExpand)]
        #[#alias::#private::shared_of(#ident #by_fork)]
        #(#attrs)*
        #vis struct #name #generics #where_clause { #(#shared),* }
    })
}

/// Moves the shared fields out. A field that is shared under a condition becomes two fields, of which
/// the configuration keeps one.
fn from_named<P: Default>(
    fields: &mut Punctuated<Field, P>,
    alias: &Ident,
    private: &Ident,
) -> Vec<Field> {
    let mut plain = Vec::with_capacity(fields.len());
    let mut shared = Vec::new();
    for (index, mut field) in std::mem::take(fields).into_iter().enumerate() {
        match shared_if(&field.attrs) {
            None => plain.push((index, field)),
            Some((Condition::Always, _)) => shared.push((index, field)),
            Some((Condition::If(predicate), _)) => {
                let mut taken = field.clone();
                taken.attrs.push(parse_quote!(#[cfg(#predicate)]));
                shared.push((index, taken));
                field.attrs.push(parse_quote!(#[cfg(not(#predicate))]));
                plain.push((index, field));
            }
        }
    }
    // The derive finds out whether the configuration keeps both.
    let in_the_way: Vec<Field> = plain
        .iter()
        .filter(|(index, field)| {
            let has_handle_of = |other: &Field| handle_of(field) == handle_of(other);
            shared
                .iter()
                .any(|(other, shared)| other != index && has_handle_of(shared))
        })
        .map(|(_, field)| {
            let mut field = field.clone();
            field.attrs = with_only(&field.attrs, &["cfg"]);
            field.attrs.push(parse_quote!(#[#alias::#private::plain]));
            field
        })
        .collect();
    fields.extend(plain.into_iter().map(|(_, field)| field));
    let shared = shared.into_iter().map(|(_, field)| field);
    in_the_way.into_iter().chain(shared).collect()
}

fn handle_of(field: &Field) -> Option<Ident> {
    let ident = field.ident.clone()?;
    Some(handle(&Member::Named(ident)))
}

/// Refuses the shared fields of a tuple struct. The fields stay in the struct, but get their handles.
fn from_tuple<P>(fields: &Punctuated<Field, P>, ident: &Ident, errors: &mut Errors) -> Vec<Field> {
    let mut shared = Vec::new();
    let mut may_be_plain = false;
    for (index, field) in fields.iter().enumerate() {
        let Some((condition, span)) = shared_if(&field.attrs) else {
            continue;
        };
        may_be_plain |= matches!(condition, Condition::If(_));
        let ty = field.ty.to_token_stream();
        errors.push(
            span,
            format_args!(
                "a shared field is not part of the value, so in a tuple struct the fields after it would \
                 get other numbers; give the fields names: \
                 `struct {ident} {{ #[state(shared)] name: {ty} }}`"
            ),
        );
        let mut field = field.clone();
        field.ident = Some(format_ident!("field_{index}", span = span));
        shared.push(field);
    }
    // If a field may be absent, the numbers of the fields after it are unknown. If a field may be plain,
    // the owner of its handle is unknown.
    let may_be_absent = |field: &Field| !with_only(&field.attrs, &["cfg"]).is_empty();
    if may_be_plain || fields.iter().any(may_be_absent) {
        shared.clear();
    }
    shared
}

/// Returns the attributes with these names.
pub(crate) fn with_only(attrs: &[Attribute], names: &[&str]) -> Vec<Attribute> {
    attrs
        .iter()
        .filter_map(|attr| {
            let meta = only(&attr.meta, names)?;
            Some(Attribute {
                meta,
                ..attr.clone()
            })
        })
        .collect()
}
