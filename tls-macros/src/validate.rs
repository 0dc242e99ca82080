//! The mistakes that a declaration can contain.

use std::collections::HashMap;

use syn::spanned::Spanned as _;
use syn::{Member, Meta, Token, punctuated::Punctuated};

use crate::errors::Errors;
use crate::input::{Field, Input, Shape, same_handle};
use crate::tokens;

/// How much of a declaration can be expanded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There may be errors, but the struct can have a slot and handles.
    Expandable,
    /// Only stubs can be generated.
    Hopeless,
}

impl Input {
    /// Reports all mistakes. After a mistake, no initializer is expanded, so that one mistake causes one
    /// message.
    pub(crate) fn validate(&self, errors: &mut Errors) -> Verdict {
        let verdict = self.validate_item(errors);
        self.validate_args(errors);
        self.validate_handles(errors);
        for index in 0..self.fields.len() {
            self.validate_field(index, errors);
        }
        verdict
    }

    fn validate_item(&self, errors: &mut Errors) -> Verdict {
        let mut verdict = Verdict::Expandable;
        if let Shape::NotAStruct = self.shape {
            // The first step has reported this.
            return Verdict::Hopeless;
        }
        if let Some(parameter) = self.generics.params.first() {
            errors.push(
                parameter.span(),
                format_args!(
                    "a thread-local state cannot be generic, because it lives in a static, and a \
                     static has one type; write a struct for each type that you need, and share \
                     the logic through a trait or through generic functions that take `&mut {}`",
                    self.name(),
                ),
            );
            verdict = Verdict::Hopeless;
        } else if let Some(clause) = &self.generics.where_clause {
            errors.push(
                clause.where_token.span(),
                "a thread-local state cannot be generic, so there is nothing to constrain; \
                 remove the `where` clause",
            );
            verdict = Verdict::Hopeless;
        }
        for attr in self
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("repr"))
        {
            let Meta::List(list) = &attr.meta else {
                continue;
            };
            let Ok(reprs) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            else {
                continue;
            };
            for packed in reprs.iter().filter(|repr| repr.path().is_ident("packed")) {
                errors.push(
                    packed.path().span(),
                    "a thread-local state cannot be `repr(packed)`, because the accessors hand out \
                     references to its fields; put the packed data into a struct of its own and \
                     make that a field",
                );
            }
        }
        if self.fields.is_empty() && !self.has_shared {
            errors.push(
                self.ident.span(),
                format_args!(
                    "`{}` has no fields, so there is nothing for a thread to keep; add one, for \
                     instance `struct {} {{ count: u64 }}`",
                    self.name(),
                    self.ident,
                ),
            );
            verdict = Verdict::Hopeless;
        }
        verdict
    }

    fn validate_args(&self, errors: &mut Errors) {
        let args = &self.args;
        if args.constant.is_some() {
            let conflict = "has to be computed when a thread starts to use the state, and a `const` \
                            state is computed by the compiler; remove one of the two";
            if let Some((span, _)) = &args.error {
                errors.push(
                    *span,
                    "`error` and `const` exclude each other: a constant cannot fail; remove one \
                     of the two",
                );
            }
            if let Some((span, _)) = &args.init {
                errors.push(
                    *span,
                    format_args!(
                        "`init` and `const` exclude each other: what a function returns {conflict}"
                    ),
                );
            }
            if let Some(span) = args.explicit {
                errors.push(
                    span,
                    format_args!(
                        "`explicit` and `const` exclude each other: what is passed in {conflict}"
                    ),
                );
            }
            let missing = |field: &&Field| field.args.init.is_none();
            let is_told = args.init.is_some() || args.explicit.is_some();
            for field in self.fields.iter().filter(missing).filter(|_| !is_told) {
                let or_shared = if field.may_lack_shared() {
                    ", or `#[state(shared)]` if this is one of the types of `tls_core`"
                } else {
                    ""
                };
                errors.push(
                    field.span(),
                    format_args!(
                        "`{}` has no initializer, and a `const` state needs one on every field, \
                         because `Default` is not const; write `#[state(init = EXPR)]`{or_shared}",
                        field.name()
                    ),
                );
            }
        }
        if let (Some((span, _)), Some(_)) = (&args.init, args.explicit) {
            errors.push(
                *span,
                "`init` and `explicit` exclude each other: with `explicit`, each thread passes the values \
                 to `init_with`; remove one of the two",
            );
        }
        if let Some((_, fork)) = &args.fork {
            if fork != "reset" && fork != "keep" {
                errors.push(
                    fork.span(),
                    format_args!("unknown value `{fork}`; write `fork = reset` or `fork = keep`"),
                );
            }
        }
    }

    fn validate_handles(&self, errors: &mut Errors) {
        let mut handles = HashMap::new();
        for field in &self.fields {
            if let Some(other) = handles.insert(field.handle.to_string(), field) {
                errors.push(field.span(), same_handle(other, field, &self.ident));
            }
        }
    }

    fn validate_field(&self, index: usize, errors: &mut Errors) {
        let field = &self.fields[index];
        // For a tuple struct, the first step has reported this.
        if let (Some(shared), false) = (field.args.shared, self.is_unsealed) {
            errors.push(
                shared,
                "`shared` was added too late: `#[thread_local_state]` has already taken the shared fields out \
                 of the struct; put the attribute that adds it above `#[thread_local_state]`",
            );
        }
        let Some((_, tokens)) = &field.args.init else {
            return;
        };
        if let Some(default) = field.args.default {
            errors.push(
                default,
                "`init` and `default` exclude each other: `default` initializes the field with its \
                 `Default`; remove one of the two",
            );
        }
        if self.args.error.is_none() {
            for span in tokens::question_marks(tokens) {
                errors.push(
                    span,
                    "`?` needs an error type: write `#[thread_local_state(error = TYPE)]` on the \
                     struct, and the accessors return `Result<_, TYPE>`; or handle the error here",
                );
            }
        }
        for later in &self.fields[index + 1..] {
            let Member::Named(name) = &later.member else {
                continue;
            };
            if let Some(span) = tokens::use_of_value(tokens, name) {
                errors.push(
                    span,
                    format_args!(
                        "`{name}` is initialized after this field, and an initializer can use earlier fields \
                         only; move `{name}` above this field"
                    ),
                );
            }
        }
        for span in tokens::self_values(tokens) {
            let earlier: Vec<String> = self.fields[..index]
                .iter()
                .filter(|field| matches!(field.member, Member::Named(_)))
                .map(|field| format!("`{}`", field.name()))
                .collect();
            let cure = if earlier.is_empty() {
                "no field comes before this one, so compute its value from something else"
                    .to_owned()
            } else {
                format!(
                    "earlier fields are in scope by name, as references: {}",
                    earlier.join(", ")
                )
            };
            errors.push(
                span,
                format_args!("there is no `self` while the state is being initialized; {cure}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::{Ident, Span, TokenStream};
    use quote::quote;

    use crate::input::{alias, private};

    #[test]
    fn after_a_mistake_no_initializer_is_compiled() {
        let (alias, private) = (alias(&Ident::new("Worker", Span::call_site())), private());
        let expansion = |item: TokenStream| {
            let expansion = crate::expand::derive(quote! { #[#alias::#private::seal(())] #item });
            expansion.to_string().replace(' ', "")
        };
        let right = expansion(quote! {
            struct Worker { #[state(init = open())] file: File }
        });
        let wrong = expansion(quote! {
            struct Worker { #[state(init = open())] file: File, #[state(inti = 1)] n: u8 }
        });
        assert!(right.contains("open()") && !right.contains("compile_error"));
        assert!(!wrong.contains("open()") && wrong.contains("compile_error"));
    }
}
