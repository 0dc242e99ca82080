//! The third step: the hidden field, which prevents the struct from being built by hand.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::{
    Attribute, Data, DeriveInput, Fields, FieldsNamed, FieldsUnnamed, Visibility, parse_quote,
};

use crate::input::{alias, is_ours, private};
use crate::tokens::narrow_braces;

/// Adds the hidden field, unless the arguments say `open`, which means that the declaration has
/// mistakes.
pub(crate) fn seal(args: &TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(mut input) = syn::parse2::<DeriveInput>(item.clone()) else {
        return item.clone();
    };
    let says = |name: &str| {
        let mut args = args.clone().into_iter();
        args.any(|token| matches!(token, TokenTree::Ident(ident) if ident == name))
    };
    let (is_open, has_shared) = (says("open"), says("shared"));
    let (alias, private) = (alias(&input.ident), private());
    let hidden = quote!(#alias::#private::MadeOncePerThreadSoUseWithState<Self>);
    if let Data::Struct(data) = &mut input.data {
        for field in &mut data.fields {
            field.attrs.retain(|attr| !is_ours(attr.path(), "state"));
        }
        narrow_braces(&mut data.fields);
        match &mut data.fields {
            _ if is_open => {}
            Fields::Named(fields) if has_shared || !fields.named.is_empty() => {
                add_named(fields, &hidden);
            }
            Fields::Unnamed(fields) if !fields.unnamed.is_empty() => {
                add_unnamed(fields, &input.vis, &hidden);
            }
            _ => {}
        }
    }
    // A lint, which has had two names, reports zero-sized fields of foreign types with private fields.
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

/// Returns `true` for `repr(transparent)`, also within a `cfg_attr`.
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

/// Adds the field with the visibility of the struct. If the field were private, the compiler would also
/// report that the constructor is private.
fn add_unnamed(fields: &mut FieldsUnnamed, vis: &Visibility, hidden: &TokenStream) {
    let field: FieldsUnnamed = parse_quote!((#[doc(hidden)] #vis #hidden));
    fields.unnamed.extend(field.unnamed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(args: &str, item: &str) -> String {
        let output = seal(&args.parse().unwrap(), &item.parse().unwrap());
        output.to_string().replace(' ', "")
    }

    #[test]
    fn every_declaration_without_a_mistake_gets_the_hidden_field() {
        for (args, item) in [
            ("()", "struct Worker { jobs: u64 }"),
            ("()", "struct Worker { jobs: u64, }"),
            ("()", "struct Worker(u64);"),
            ("() shared", "struct Worker {}"),
        ] {
            let sealed = sealed(args, item);
            assert!(
                sealed.contains("MadeOncePerThreadSoUseWithState<Self>"),
                "{sealed}"
            );
        }
        let sealed = sealed("() open shared", "struct Worker {}");
        assert_eq!(sealed, "structWorker{}");
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
}
