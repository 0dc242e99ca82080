//! The derive of the shared fields.
//!
//! One constant describes all shared fields, and a handle refers to its field by number. With one
//! constant per field, each computed from the one before, the chain would be too deep for the compiler.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DeriveInput, Generics, Meta, Token};

use crate::editor;
use crate::errors::Errors;
use crate::input::{Field, alias, is_ours, private, same_handle};
use crate::names::allow;

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let Some(shared) = Shared::new(item, &mut errors) else {
        return TokenStream::new();
    };
    shared.validate(&mut errors);
    let errors = errors.into_compile_errors();
    let expansion = shared.expand();
    quote!(#errors #expansion)
}

/// The shared fields of a state.
struct Shared {
    attrs: Vec<Attribute>,
    /// The state.
    ident: Ident,
    /// Whether the state itself registers the handler that runs before `main`.
    is_reset_by_fork: bool,
    generics: Generics,
    fields: Vec<Field>,
    /// Fields that are not shared and may have the same handles as shared fields.
    plain: Vec<Field>,
}

impl Shared {
    /// Reads the struct of shared fields that the first step has generated.
    fn new(item: DeriveInput, errors: &mut Errors) -> Option<Self> {
        let attr = item
            .attrs
            .iter()
            .find(|attr| is_ours(attr.path(), "shared_of"))?;
        let of = |input: ParseStream<'_>| {
            let ident: Ident = input.parse()?;
            Ok((ident, input.parse::<Option<Ident>>()?))
        };
        let (ident, by_fork) = attr.parse_args_with(of).ok()?;
        let Data::Struct(data) = item.data else {
            return None;
        };
        let mut fields = Vec::with_capacity(data.fields.len());
        let mut plain = Vec::new();
        for field in data.fields {
            let is_plain = field.attrs.iter().any(|attr| is_ours(attr.path(), "plain"));
            if is_plain {
                plain.push(Field::new(0, field, &ident, &mut Errors::default()));
            } else {
                fields.push(Field::new(fields.len(), field, &ident, errors));
            }
        }
        Some(Self {
            attrs: item.attrs,
            ident,
            is_reset_by_fork: by_fork.is_some_and(|fork| fork == "reset"),
            generics: item.generics,
            fields,
            plain,
        })
    }

    fn validate(&self, errors: &mut Errors) {
        if !self.fields.is_empty() {
            self.validate_repr(errors);
        }
        self.validate_handles(errors);
        for field in &self.fields {
            if let Some((init, _)) = &field.args.init {
                errors.push(
                    *init,
                    "`init` and `shared` exclude each other: a shared field starts at zero; remove \
                     one of the two",
                );
            }
            if let Some(default) = field.args.default {
                errors.push(
                    default,
                    "a shared field starts at zero, which is its default; remove `default`",
                );
            }
            for attr in field.attrs.iter().filter(|attr| is_foreign(attr)) {
                let path = attr.path().to_token_stream().to_string().replace(' ', "");
                errors.push(
                    attr.path().span(),
                    format_args!(
                        "`{path}` has no effect on a shared field, because the field is taken out of the \
                         struct before derives and other attributes run; remove this attribute"
                    ),
                );
            }
        }
    }

    fn validate_repr(&self, errors: &mut Errors) {
        for attr in self.attrs.iter().filter(|it| it.path().is_ident("repr")) {
            let reprs = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            let mut all = reprs.iter().flatten();
            if all.any(|repr| repr.path().is_ident("packed")) {
                // Packed states are refused elsewhere, with or without shared fields.
                continue;
            }
            for repr in reprs.iter().flatten().filter(|it| it.path().is_ident("C")) {
                errors.push(
                    repr.path().span(),
                    "a state with shared fields cannot be `repr(C)`: shared fields are not part of the \
                     value, so its layout differs from the declaration; put the data that needs this \
                     layout into a struct of its own and make that a field",
                );
            }
        }
    }

    fn validate_handles(&self, errors: &mut Errors) {
        let mut handles = HashMap::new();
        for field in self.plain.iter().chain(&self.fields) {
            // A conflict between two plain fields is reported elsewhere.
            let is_new = field.args.shared.is_some();
            if let Some(other) = handles.insert(field.handle.to_string(), field) {
                if is_new {
                    errors.push(field.span(), same_handle(other, field, &self.ident));
                }
            }
        }
    }

    fn expand(&self) -> TokenStream {
        if self.fields.is_empty() {
            return TokenStream::new();
        }
        let (tls, private) = (alias(&self.ident), private());
        let is_hopeless = !self.generics.params.is_empty() || self.generics.where_clause.is_some();
        let registry = if is_hopeless {
            self.stub()
        } else {
            self.registry()
        };
        let handles = self.handles(&tls, &private, is_hopeless);
        let ident = &self.ident;
        let (impl_generics, ty_generics, where_clause) = self.generics.split_for_impl();
        let allow = allow();
        // The impl of the handles is outside the block: see `expand`.
        quote! {
            #allow
            const _: () = {
                use #tls as __tls;
                use __tls::#private as __tls_private;
                use __tls_private::std as __tls_std;

                #registry
            };

            #allow
            impl #impl_generics #ident #ty_generics #where_clause {
                #handles
            }
        }
    }

    /// Returns the registry of the process, the thread-local of the thread, and the trait impl that
    /// leads to both.
    fn registry(&self) -> TokenStream {
        let ident = &self.ident;
        let name = ident.unraw().to_string();
        let fields = self.fields.iter().map(|field| {
            let (name, help) = (field.name(), field.help());
            let shape = shape(field, &quote!(__tls));
            quote!(__tls_private::SharedMeta::of(#name, #help, &#shape))
        });
        let at_load = (!self.is_reset_by_fork).then(|| quote!(__tls_private::at_load!();));
        quote! {
            const __TLS_SHARED: &[__tls_private::SharedMeta] = &__tls_private::laid_out([#(#fields),*]);
            const __TLS_CELLS: __tls_std::primitive::usize = __tls_private::cells_of(__TLS_SHARED);
            const __TLS_RESTS: __tls_std::primitive::usize = __tls_private::rests_of(__TLS_SHARED);

            static __TLS_SHARING: __tls_private::Sharing =
                __tls_private::Sharing::new(#name, __tls_std::module_path!(), __TLS_SHARED, __tls_private::install);

            #at_load

            static __TLS_REGISTRY: __tls_private::Registry<[__tls_private::Rest; __TLS_RESTS]> =
                // SAFETY: the registry is a static, and `__TLS_RESTS` is the number of rests of the fields.
                unsafe { __tls_private::Registry::new(&__TLS_SHARING) };

            __tls_private::local!(__TLS_CELLS);

            // SAFETY: the registry and the local belong to this state alone, and both have `__TLS_CELLS` cells.
            #[automatically_derived]
            unsafe impl __tls_private::HasSharedFields for #ident {
                type __Local = __tls_private::Local<__TLS_CELLS>;

                const __FIELDS: &'static [__tls_private::SharedMeta] = __TLS_SHARED;

                #[inline]
                fn __local() -> *const Self::__Local {
                    __tls_private::pointer_of!(__TLS_LOCAL)
                }

                #[inline]
                fn __registry() -> &'static __tls_private::Registry {
                    &__TLS_REGISTRY
                }
            }
        }
    }

    /// Returns the trait impl for a struct that cannot be a state, so that uses of its handles cause no
    /// further errors.
    fn stub(&self) -> TokenStream {
        let ident = &self.ident;
        let (impl_generics, ty_generics, where_clause) = self.generics.split_for_impl();
        quote! {
            // SAFETY: the struct has been refused, and this never runs.
            #[automatically_derived]
            unsafe impl #impl_generics __tls_private::HasSharedFields for #ident #ty_generics #where_clause {
                type __Local = __tls_private::Local<0>;

                const __FIELDS: &'static [__tls_private::SharedMeta] = &[];

                fn __local() -> *const Self::__Local {
                    __tls_private::stub()
                }

                fn __registry() -> &'static __tls_private::Registry {
                    __tls_private::stub()
                }
            }
        }
    }

    fn handles(&self, tls: &Ident, private: &Ident, is_hopeless: bool) -> TokenStream {
        let is_taken = |field: &&Field| {
            let others = self.plain.iter().chain(&self.fields[..field.index]);
            others.into_iter().any(|other| other.handle == field.handle)
        };
        let handles = self.fields.iter().filter(|field| !is_taken(field));
        handles
            .map(|field| {
                let Field {
                    index,
                    vis,
                    ty,
                    handle,
                    ..
                } = field;
                let made = if is_hopeless {
                    quote!(#tls::#private::stub())
                } else {
                    let shape = shape(field, tls);
                    let fields = quote!(<Self as #tls::#private::HasSharedFields>::__FIELDS);
                    // SAFETY: this is the field of this number in the state's registry, and has this type.
                    quote!(unsafe { #tls::shared::SharedField::__new(&#shape, #fields, #index) })
                };
                let value = editor::value(&made);
                let summary = format!("The handle of the shared field `{}`.", field.name());
                let docs = field.docs_of_handle(&summary);
                let lints = field.attrs.iter().filter(|attr| is_lint(attr));
                quote_spanned! {field.span()=>
                    #docs
                    #(#lints)*
                    #vis const #handle: #tls::shared::SharedField<Self, #ty> #value;
                }
            })
            .collect()
    }
}

/// Returns the shape of a field. Only this expression requires that the type can be shared, and it is
/// always the same, so that a mistake is one error.
fn shape(field: &Field, tls: &impl ToTokens) -> TokenStream {
    let ty = &field.ty;
    quote_spanned!(ty.span()=> <#ty as #tls::shared::Shareable>::__SHAPE)
}

fn is_lint(attr: &Attribute) -> bool {
    ["allow", "warn", "deny", "forbid", "expect"]
        .iter()
        .any(|lint| attr.path().is_ident(lint))
}

/// Returns `true` if an attribute is meant for a macro that does not see the field.
fn is_foreign(attr: &Attribute) -> bool {
    let path = attr.path();
    let is_known = ["cfg", "cfg_attr", "doc", "deprecated"]
        .iter()
        .any(|known| path.is_ident(known));
    // Attributes of tools are useful on any field.
    let is_of_a_tool = path.segments.len() > 1
        && ["clippy", "rustfmt", "rust_analyzer", "diagnostic", "miri"]
            .iter()
            .any(|tool| path.segments[0].ident == tool);
    !(is_known || is_of_a_tool || is_lint(attr) || is_ours(path, "state"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(attrs: &str, fields: &str) -> String {
        let item = format!(
            "#[__tls_core_for_Worker::__private::shared_of(Worker)] {attrs} \
             struct __TlsSharedOfWorker {{ {fields} }}"
        );
        let output = derive(item.parse().unwrap());
        output.to_string().replace(' ', "")
    }

    #[test]
    fn attributes_of_derives_are_refused_and_those_of_tools_are_not() {
        for (attr, is_refused) in [
            ("#[serde(skip)]", true),
            ("#[must_use]", true),
            ("#[other::helper]", true),
            ("#[doc = \"Text.\"]", false),
            ("#[allow(dead_code)]", false),
            ("#[clippy::some]", false),
            ("#[rustfmt::skip]", false),
        ] {
            let derived = derived("", &format!("{attr} #[state(shared)] done: Counter"));
            assert_eq!(derived.contains("compile_error"), is_refused, "{attr}");
            assert!(derived.contains("DONE:"), "{derived}");
        }
    }

    #[test]
    fn lints_and_docs_go_to_the_handle() {
        let field =
            "#[doc = \"Text.\"] #[deprecated] #[allow(some_lint)] #[state(shared)] done: Counter";
        let derived = derived("", field);
        assert!(
            derived.contains("#[allow(some_lint)]constDONE:"),
            "{derived}"
        );
        assert!(derived.contains("#[deprecated]"), "{derived}");
    }

    #[test]
    fn without_fields_there_is_nothing_beside_the_struct() {
        assert_eq!(derived("#[repr(C)]", ""), "");
    }

    #[test]
    fn a_plain_field_of_the_same_handle_is_one_error_and_no_handle() {
        let fields =
            "#[__tls_core_for_Worker::__private::plain] Done: u64, #[state(shared)] done: Counter";
        let derived = derived("", fields);
        assert_eq!(derived.matches("compile_error").count(), 1, "{derived}");
        assert!(!derived.contains("DONE:"), "{derived}");
    }
}
