//! The third step: the hidden field that keeps anybody from building the struct by hand.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::token::Comma;
use syn::{Data, DeriveInput, Fields, FieldsNamed, FieldsUnnamed, Visibility, parse_quote};

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
    let hidden = quote!(#alias::#private::MadeOncePerThread<Self>);
    if let Data::Struct(data) = &mut input.data {
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
    input.into_token_stream()
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
