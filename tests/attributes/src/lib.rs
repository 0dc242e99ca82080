//! Attributes and macros that get in the way of `#[thread_local_state]`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proc_macro::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// Adds `#[repr(packed)]`.
#[proc_macro_attribute]
pub fn packed(_args: TokenStream, item: TokenStream) -> TokenStream {
    let mut output: TokenStream = "#[repr(packed)]".parse().unwrap_or_default();
    output.extend(item);
    output
}

/// Adds `#[repr(packed)]` when all other attributes of the item have run.
#[proc_macro_attribute]
pub fn packed_in_the_end(args: TokenStream, item: TokenStream) -> TokenStream {
    if !args.is_empty() {
        return packed(args, item);
    }
    in_the_end("#[test_attributes::packed_in_the_end(now)]", item)
}

/// Adds a field when all other attributes of the item have run.
#[proc_macro_attribute]
pub fn field_in_the_end(args: TokenStream, item: TokenStream) -> TokenStream {
    if args.is_empty() {
        return in_the_end("#[test_attributes::field_in_the_end(now)]", item);
    }
    let add_field = |token| match token {
        TokenTree::Group(fields) if fields.delimiter() == Delimiter::Brace => {
            let mut stream: TokenStream =
                "extra: ::std::vec::Vec<u64>,".parse().unwrap_or_default();
            stream.extend(fields.stream());
            TokenTree::Group(Group::new(Delimiter::Brace, stream))
        }
        other => other,
    };
    item.into_iter().map(add_field).collect()
}

/// Makes a `String` of the last field when all other attributes of the item have run.
#[proc_macro_attribute]
pub fn string_in_the_end(args: TokenStream, item: TokenStream) -> TokenStream {
    if args.is_empty() {
        return in_the_end("#[test_attributes::string_in_the_end(now)]", item);
    }
    let change_field = |token| match token {
        TokenTree::Group(fields) if fields.delimiter() == Delimiter::Brace => {
            let mut fields: Vec<TokenTree> = fields.stream().into_iter().collect();
            // Those within a path come in pairs.
            let is_single = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Alone);
            let is_path = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint);
            let colon =
                (1..fields.len()).rfind(|&at| is_single(&fields[at]) && !is_path(&fields[at - 1]));
            let mut stream: TokenStream = fields.drain(..=colon.unwrap_or_default()).collect();
            stream.extend("::std::string::String".parse::<TokenStream>());
            TokenTree::Group(Group::new(Delimiter::Brace, stream))
        }
        other => other,
    };
    item.into_iter().map(change_field).collect()
}

/// Puts an attribute behind all others of an item.
fn in_the_end(attribute: &str, item: TokenStream) -> TokenStream {
    let mut last: Option<TokenStream> = attribute.parse().ok();
    let mut output = TokenStream::new();
    for token in item {
        if matches!(token, TokenTree::Ident(_)) {
            output.extend(last.take());
        }
        output.extend([token]);
    }
    output
}

/// Leaves the item as it is.
#[proc_macro_attribute]
pub fn nothing(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// In the place of a type: one on its first expansion, and another on all later ones.
#[proc_macro]
pub fn counter_and_then_histogram(_args: TokenStream) -> TokenStream {
    static IS_FIRST: AtomicBool = AtomicBool::new(true);
    let name = if IS_FIRST.swap(false, Ordering::Relaxed) {
        "::tls_core::Counter"
    } else {
        "::tls_core::Histogram"
    };
    name.parse().unwrap_or_default()
}

/// In the place of a type: one on its second expansion, and another on all others.
#[proc_macro]
pub fn text_in_the_midst_of_numbers(_args: TokenStream) -> TokenStream {
    static EXPANSIONS: AtomicUsize = AtomicUsize::new(0);
    let name = if EXPANSIONS.fetch_add(1, Ordering::Relaxed) == 1 {
        "&'static str"
    } else {
        "usize"
    };
    name.parse().unwrap_or_default()
}
