//! The attribute of the `tls-core` crate; depend on that one.

use proc_macro::TokenStream;

#[proc_macro_attribute]
pub fn thread_local_state(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}
