//! The third step: the hidden field that keeps anybody from building the struct by hand.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::token::Comma;
use syn::{
    Attribute, Data, DeriveInput, Fields, FieldsNamed, FieldsUnnamed, Meta, Type, Visibility,
    parse_quote,
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
        let mut number = 0_usize;
        for field in &mut data.fields {
            if is_shared(&field.attrs) {
                // Of a generic struct the second step makes stubs.
                if !is_open && input.generics.params.is_empty() {
                    let ty = &field.ty;
                    let shared = quote_spanned! {ty.span().resolved_at(Span::call_site())=>
                        #alias::Shared<Self, #ty, #number>
                    };
                    field.ty = Type::Verbatim(shared);
                }
                number += 1;
            }
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

/// Whether a field is `#[state(shared)]`. What else is written there the second step reports.
fn is_shared(attrs: &[Attribute]) -> bool {
    let mut state = attrs.iter().filter(|attr| is_ours(attr.path(), "state"));
    let Some(Meta::List(list)) = state.next().map(|attr| &attr.meta) else {
        return false;
    };
    let mut args = FieldArgs::default();
    args.parse(list.tokens.clone(), &mut Errors::default());
    args.shared.is_some()
}

/// Whether this is `repr(transparent)`, perhaps within a `cfg_attr`.
fn is_transparent(attr: &Attribute) -> bool {
    attr.meta
        .to_token_stream()
        .to_string()
        .contains("transparent")
}

fn add_named(fields: &mut FieldsNamed, hidden: &TokenStream) {
    if !fields.named.trailing_punct() {
        fields.named.push_punct(Comma::default());
    }
    let field: FieldsNamed = parse_quote!({
        #[doc(hidden)]
        __this_struct_is_made_once_per_thread_so_use_with_state: #hidden
    });
    fields.named.extend(field.named);
}

/// With the struct's own visibility: if it were private, the compiler would add to its error a
/// second one, that the constructor is.
fn add_unnamed(fields: &mut FieldsUnnamed, vis: &Visibility, hidden: &TokenStream) {
    if !fields.unnamed.trailing_punct() {
        fields.unnamed.push_punct(Comma::default());
    }
    let field: FieldsUnnamed = parse_quote!((#[doc(hidden)] #vis #hidden));
    fields.unnamed.extend(field.unnamed);
}
