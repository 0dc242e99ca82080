//! Attributes that get in the way of `#[thread_local_state]`.

use proc_macro::{TokenStream, TokenTree};

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
    let last = "#[test_attributes::packed_in_the_end(now)]";
    let mut last: Option<TokenStream> = last.parse().ok();
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
