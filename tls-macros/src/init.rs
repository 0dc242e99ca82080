//! How a value is made: the functions that fill a place, the constant, and `NameInit`.
//!
//! The functions are not `unsafe`: the body of an `unsafe fn` is a place where unsafe operations are allowed,
//! and the user's initializers stand in it. Each initializer is the body of a closure of its own, outside of
//! generated `unsafe`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::Member;
use syn::spanned::Spanned as _;

use crate::input::{Field, Init, Input, Shape};
use crate::names::{Names, allow, hidden_member, parameter};
use crate::tokens;

/// `__init`.
pub(crate) fn init(input: &Input, is_clean: bool) -> TokenStream {
    let result = quote!(__tls_std::result::Result<(), Self::Error>);
    let place = quote!(__place: __tls_private::Uninit<Self>);
    let done = quote!(__tls_std::result::Result::Ok(()));
    let body = if !is_clean {
        quote!({
            let _ = __place;
            __tls_private::stub()
        })
    } else if input.args.explicit.is_some() {
        // The runtime reports `NotInitialized` before it comes to this.
        quote!({
            let _ = __place;
            __tls_std::unreachable!()
        })
    } else if input.args.constant.is_some() {
        quote!({
            // SAFETY: the place is valid for writes. (A local for the value would cost an
            // unoptimized build its size in stack.)
            unsafe {
                __tls_std::ptr::write(
                    __tls_private::Uninit::into_ptr(__place) as *mut __tls_private::ConstantValue<Self>,
                    <Self as __tls_private::Constant>::VALUE,
                )
            };
            #done
        })
    } else if let Some((_, path)) = &input.args.init {
        let values = input.init_ident();
        let fill = quote!(<Self as __tls::FromValues>::__fill(__place, __values));
        let (made, fill) = if input.args.error.is_some() {
            let made = quote_spanned! {path.span()=>
                __tls_private::MadeOrFailed::<#values, Self::Error>::into_result(#path())
            };
            let fill = quote! {
                match __tls_private::Given::into_result(__values) {
                    __tls_std::result::Result::Ok(mut __values) => #fill,
                    __tls_std::result::Result::Err(mut __error) => {
                        __tls_std::result::Result::Err(__error)
                    }
                }
            };
            (made, fill)
        } else {
            let made =
                quote_spanned! {path.span()=> __tls_private::Made::<#values>::made(#path()) };
            (made, fill)
        };
        quote!({
            let mut __made = __tls_private::Passed::There(#made);
            match __tls_private::Passed::take(&mut __made) {
                __tls_std::option::Option::Some(mut __values) => #fill,
                __tls_std::option::Option::None => __tls_private::stub(),
            }
        })
    } else {
        let fill = fill(input);
        quote!({ #fill })
    };
    // `inline`, like the next: they are called from one place, and are not compiled a second time.
    quote! {
        #[inline]
        fn __init(#place) -> #result #body
    }
}

/// The function that fills a place from a `NameInit`.
pub(crate) fn fill_from_values(input: &Input, is_clean: bool) -> TokenStream {
    let values = input.init_ident();
    let body = if is_clean {
        let guards = input.given().enumerate().map(|(number, field)| {
            let given = format_ident!("__given_{}", field.index);
            let member = match &field.member {
                member @ Member::Named(_) => member.clone(),
                Member::Unnamed(_) => Member::from(number),
            };
            quote! {
                // SAFETY: the values are there, and nothing else drops their fields from here on.
                let #given = unsafe { __tls_private::given(&raw mut (*__values).#member) };
            }
        });
        let fill = fill(input);
        quote! {
            let __values: *mut #values = __tls_private::Given::into_ptr(__values);
            #(#guards)*
            #fill
        }
    } else {
        quote!(let _ = (&__place, &__values); __tls_private::stub())
    };
    quote! {
        #[inline]
        fn __fill(
            __place: __tls_private::Uninit<Self>,
            __values: __tls_private::Given<'_, #values>,
        ) -> __tls_std::result::Result<(), Self::InitError> {
            #body
        }
    }
}

/// Fills the fields of a place, in order. If one cannot be made, those before it are dropped, the last one
/// first. Nothing is left of a single field, or of the last one.
fn fill(input: &Input) -> TokenStream {
    let mut makers = TokenStream::new();
    let mut fills = TokenStream::new();
    let mut keeps = TokenStream::new();
    let last = input.fields.len().saturating_sub(1);
    for field in &input.fields {
        let member = &field.member;
        let mut is_fallible = false;
        let mut is_given = false;
        let make = match &field.init {
            Init::Default => default(field),
            Init::Given => {
                is_given = true;
                format_ident!("__given_{}", field.index).into_token_stream()
            }
            Init::Expr {
                mentions,
                is_fallible: fallible,
                ..
            } => {
                is_fallible = *fallible;
                // A closure, which stands outside of the `unsafe` block.
                let maker = format_ident!("__tls_make_{}", field.index);
                let closure = maker_of(input, field);
                makers.extend(quote!(let #maker = #closure;));
                let arguments = mentions.iter().map(|&earlier| {
                    let member = &input.fields[earlier].member;
                    quote!(&(*__place).#member)
                });
                quote!(#maker(#(#arguments),*))
            }
        };
        fills.extend(if is_given {
            quote! {
                // SAFETY: the place is valid for writes, and is not where the values are.
                unsafe { __tls_private::Written::move_to(#make, &raw mut (*__place).#member) };
            }
        } else if is_fallible {
            // Not by way of `?`, and not moved here: without optimization both are copies on the stack, while
            // the initializer runs.
            quote! {
                // SAFETY: the place is valid for writes, and earlier fields have been written.
                match unsafe { __tls_private::put(&raw mut (*__place).#member, #make) } {
                    __tls_std::result::Result::Ok(()) => {}
                    // By `mut`: a plain name would be a unit struct or a constant of the user's, if there is one
                    // of that name.
                    __tls_std::result::Result::Err(mut __error) => {
                        return __tls_std::result::Result::Err(__error);
                    }
                }
            }
        } else {
            quote! {
                // SAFETY: the place is valid for writes, and earlier fields have been written.
                unsafe { __tls_std::ptr::write(&raw mut (*__place).#member, #make) };
            }
        });
        if field.index != last {
            let written = format_ident!("__written_{}", field.index);
            fills.extend(quote! {
                // SAFETY: it has been written.
                let #written = unsafe {
                    __tls_private::written::<Self, _>(&raw mut (*__place).#member)
                };
            });
            keeps.extend(quote!(__tls_private::Written::keep(#written);));
        }
    }
    quote! {
        // From here on a pointer, with which the user's tokens can do nothing.
        let __place: *mut Self = __tls_private::Uninit::into_ptr(__place);
        #makers
        #fills
        #keeps
        __tls_std::result::Result::Ok(())
    }
}

/// The closure that makes a field, with the user's tokens.
fn maker_of(input: &Input, field: &Field) -> TokenStream {
    let ty = &field.ty;
    let Init::Expr {
        tokens,
        is_fallible,
        mentions,
    } = &field.init
    else {
        return TokenStream::new();
    };
    let parameters = mentions.iter().map(|&earlier| {
        let Field { member, ty, .. } = &input.fields[earlier];
        quote!(#member: &#ty)
    });
    // A name may be mentioned as something else, a field of another struct for instance.
    let used = mentions.iter().map(|&earlier| {
        let member = &input.fields[earlier].member;
        quote!(let _ = #member;)
    });
    if *is_fallible {
        let error = if input.takes_values() {
            quote!(<Self as __tls::FromValues>::InitError)
        } else {
            quote!(<Self as __tls::ThreadLocalState>::Error)
        };
        // Where a `?` may have been forgotten, the compiler says it better of a variable. Which takes its size on
        // the stack without optimization.
        let output = if tokens::may_return(tokens) {
            quote!(__tls_std::result::Result::Ok::<#ty, #error>(#tokens))
        } else {
            let value = format_ident!("__tls_value_{}", field.index);
            quote! {
                let #value: #ty = #tokens;
                __tls_std::result::Result::Ok(#value)
            }
        };
        quote! {
            |#(#parameters),*| -> __tls_std::result::Result<#ty, #error> {
                #(#used)*
                #output
            }
        }
    } else {
        let body = quote_spanned!(tokens.span()=> { #(#used)* #tokens });
        quote!(|#(#parameters),*| -> #ty #body)
    }
}

/// The value of a field that has no initializer.
fn default(field: &Field) -> TokenStream {
    let ty = &field.ty;
    let default = if field.may_lack_shared() {
        quote!(DefaultFieldUnlessShared)
    } else {
        quote!(DefaultField)
    };
    quote_spanned! {ty.span()=>
        <#ty as __tls_private::#default>::default_field()
    }
}

/// The value of a `const` state.
pub(crate) fn constant(input: &Input) -> TokenStream {
    let ident = &input.ident;
    let mut lets = TokenStream::new();
    let mut members = TokenStream::new();
    for field in &input.fields {
        let local = format_ident!("__tls_field_{}", field.index);
        let Field { member, ty, .. } = field;
        if let Init::Expr {
            tokens, mentions, ..
        } = &field.init
        {
            let earlier = mentions.iter().map(|&earlier| {
                let member = &input.fields[earlier].member;
                let local = format_ident!("__tls_field_{earlier}");
                quote!(let #member = &#local; let _ = #member;)
            });
            let value = quote_spanned!(tokens.span()=> { #(#earlier)* #tokens });
            lets.extend(quote!(let #local: #ty = #value;));
        }
        members.extend(quote!(#member: #local,));
    }
    let hidden = hidden_member(input);
    quote! {
        impl __tls_private::Constant for #ident {
            const VALUE: __tls_private::ConstantValue<Self> = {
                #lets
                __tls_private::ConstantValue::new(Self {
                    #members
                    // SAFETY: it becomes a value in its slot.
                    #hidden: unsafe { __tls_private::MadeOncePerThreadSoUseWithState::new() },
                })
            };
        }
    }
}

/// `NameInit`.
pub(crate) fn values(input: &Input, names: &Names) -> TokenStream {
    let Names { tls, private, .. } = names;
    let values = input.init_ident();
    let vis = &input.vis;
    let name = format!("{values} {{ .. }}");
    let state = input.name();
    let what = match &input.args.init {
        Some((_, path)) if input.args.explicit.is_none() => {
            let path = quote!(#path).to_string().replace(' ', "");
            format!("What `{path}` returns, and `{state}::state().init_with(…)` takes")
        }
        _ => format!("What `{state}::state().init_with(…)` takes"),
    };
    let docs = format!("{what}: the fields of [`{state}`] that have no initializer of their own.");
    let hidden = input.is_hidden().then(|| quote!(#[doc(hidden)]));
    let members = input.given().map(|field| {
        let Field { member, ty, .. } = field;
        let mut docs = field.docs();
        if docs.is_empty() {
            let text = format!("The field `{}`.", field.name());
            docs = quote!(#[doc = #text]);
        }
        match member {
            Member::Named(_) => quote!(#docs #vis #member: #ty),
            Member::Unnamed(_) => quote!(#docs #vis #ty),
        }
    });
    let definition = if input.shape == Shape::Tuple {
        quote!((#(#members),*);)
    } else {
        quote!({ #(#members),* })
    };
    let std = quote!(#tls::#private::std);
    let allow = allow();
    let parameter = parameter(&quote!(&mut #std::fmt::Formatter<'_>));
    quote! {
        #[doc = #docs]
        #hidden
        #allow
        #vis struct #values #definition

        impl #std::fmt::Debug for #values {
            fn fmt(&self, #parameter) -> #std::fmt::Result {
                #std::fmt::Formatter::write_str(__f, #name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::{Ident, Span};
    use quote::quote;

    use crate::input::{alias, private};

    /// The expansion of a state with these arguments and attributes.
    fn expansion(args: &str, attrs: &str) -> String {
        let (alias, private) = (alias(&Ident::new("Worker", Span::call_site())), private());
        let (args, attrs): (proc_macro2::TokenStream, proc_macro2::TokenStream) =
            (args.parse().unwrap(), attrs.parse().unwrap());
        let item = quote! {
            #[#alias::#private::seal((#args))]
            #attrs
            pub struct Worker { jobs: u64 }
        };
        crate::expand::derive(item).to_string()
    }

    #[test]
    fn a_state_that_the_documentation_leaves_out_takes_its_values_with_it() {
        let is_hidden = |attrs| {
            let expansion = expansion("explicit", attrs);
            let values = expansion.find("struct WorkerInit").unwrap();
            let attrs = expansion[..values].rfind("What `Worker").unwrap();
            expansion[attrs..values].contains("hidden")
        };
        assert!(is_hidden("#[doc(hidden)]"));
        assert!(is_hidden("#[doc(alias = \"w\", hidden)]"));
        assert!(!is_hidden(""));
        assert!(!is_hidden("#[doc = \"hidden\"]"));
    }

    #[test]
    fn only_what_an_access_does_is_said_of_it() {
        for (args, initializes, fails) in [
            ("", true, false),
            ("const", true, false),
            ("error = E", true, true),
            ("init = make", true, false),
            ("init = make, error = E", true, true),
            ("explicit", false, false),
            ("explicit, error = E", false, false),
        ] {
            let expansion = expansion(args, "");
            let has = |text: &str| expansion.contains(text);
            assert_eq!(has("initializing it first"), initializes, "{args}");
            assert_eq!(has("has not been initialized"), !initializes, "{args}");
            assert_eq!(has("# Errors"), fails, "{args}");
            assert!(has("# Panics"), "{args}");
        }
    }
}
