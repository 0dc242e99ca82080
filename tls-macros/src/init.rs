//! How a value is initialized: the functions that fill a place, the constant, and `NameInit`.
//!
//! The functions are not `unsafe`, because the body of an `unsafe fn` may contain unsafe operations, and
//! it contains the user's initializers. Each initializer is the body of a closure of its own, outside
//! generated `unsafe` blocks.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::Member;
use syn::spanned::Spanned as _;

use crate::input::{Field, Init, Input, Shape};
use crate::names::{Names, allow, hidden_member};
use crate::tokens;

/// Returns the function `__init`.
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
        // Unreachable, because the runtime reports `NotInitialized` first.
        quote!({
            let _ = __place;
            __tls_std::unreachable!()
        })
    } else if input.args.constant.is_some() {
        quote!({
            // SAFETY: the place is valid for writes. (A local variable for the value would use as much
            // stack as the value in an unoptimized build.)
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
    // `inline`, like `__fill`: both have one caller, and are compiled only there.
    quote! {
        #[inline]
        fn __init(#place) -> #result #body
    }
}

/// Returns the function `__fill`, which fills a place from a `NameInit`.
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
                // SAFETY: the values are initialized, and nothing else drops their fields from here on.
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

/// Returns code that fills the fields of a place, in order. If a field cannot be initialized, the fields
/// before it are dropped in reverse order. The last field, or the only one, needs no guard, because
/// nothing can fail after it.
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
                // The closure is outside the `unsafe` block.
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
                // SAFETY: the place is valid for writes, and does not overlap the values.
                unsafe { __tls_private::Written::move_to(#make, &raw mut (*__place).#member) };
            }
        } else if is_fallible {
            // Neither `?` nor a move: in an unoptimized build, both copy the value on the stack, which
            // stays in use while the initializer runs.
            quote! {
                // SAFETY: the place is valid for writes, and earlier fields have been written.
                match unsafe { __tls_private::put(&raw mut (*__place).#member, #make) } {
                    __tls_std::result::Result::Ok(()) => {}
                    // `mut`, because a plain name would match a unit struct or a constant of the user's
                    // with that name.
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
                // SAFETY: the field has been written, and nothing else drops it before `keep`.
                let #written = unsafe {
                    __tls_private::written::<Self, _>(&raw mut (*__place).#member)
                };
            });
            keeps.extend(quote!(__tls_private::Written::keep(#written);));
        }
    }
    quote! {
        // From here on, the place is a pointer, which the user's tokens cannot use without `unsafe`.
        let __place: *mut Self = __tls_private::Uninit::into_ptr(__place);
        #makers
        #fills
        #keeps
        __tls_std::result::Result::Ok(())
    }
}

/// Returns the closure that initializes a field, with the user's tokens.
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
    // The mention may be something else, such as a field of another struct, so the parameter may be
    // unused.
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
        // If a `?` may have been forgotten, a variable leads to a clearer compiler error. In an
        // unoptimized build, the variable takes stack space.
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

/// Returns the value of a field that has no initializer.
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

/// Returns the constant of a `const` state.
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
                    // SAFETY: the field becomes part of a value in its slot.
                    #hidden: unsafe { __tls_private::MadeOncePerThreadSoUseWithState::new() },
                })
            };
        }
    }
}

/// Returns the struct `NameInit`.
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
    quote! {
        #[doc = #docs]
        #hidden
        #allow
        #vis struct #values #definition

        impl #std::fmt::Debug for #values {
            fn fmt(&self, formatter: &mut #std::fmt::Formatter<'_>) -> #std::fmt::Result {
                #std::fmt::Formatter::write_str(formatter, #name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::{Ident, Span};
    use quote::quote;

    use crate::input::{alias, private};

    /// Returns the expansion of a state with these arguments and attributes.
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
