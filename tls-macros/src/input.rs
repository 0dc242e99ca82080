//! The declaration: the struct and its attributes, with answers to the questions that the expansion
//! asks.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprLit, Fields, Generics, Index, Lit, Member, Meta, Path,
    PathSegment, Type, Visibility,
};

use crate::args::{FieldArgs, StateArgs};
use crate::errors::Errors;
use crate::tokens;

pub(crate) struct Input {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) args: StateArgs,
    /// Whether the first step has found mistakes. Then there is no third step.
    pub(crate) is_unsealed: bool,
    /// Whether the first step has taken shared fields out.
    pub(crate) has_shared: bool,
    pub(crate) fields: Vec<Field>,
    pub(crate) shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Named,
    Tuple,
    Unit,
    /// An enum or a union.
    NotAStruct,
}

pub(crate) struct Field {
    pub(crate) index: usize,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) member: Member,
    pub(crate) ty: Type,
    pub(crate) args: FieldArgs,
    /// The handle: the name in upper case.
    pub(crate) handle: Ident,
    /// Whether an earlier field has the same handle.
    pub(crate) is_handle_taken: bool,
    pub(crate) init: Init,
}

/// How a field is initialized.
pub(crate) enum Init {
    /// `#[state(init = EXPR)]`.
    Expr {
        tokens: TokenStream,
        /// Whether it may return an error: it contains `?`, `return` or an unknown macro, or may lack a
        /// `?`.
        is_fallible: bool,
        /// The earlier fields that it mentions.
        mentions: Vec<usize>,
    },
    /// From the values of `NameInit`.
    Given,
    /// With `Default`.
    Default,
}

impl Input {
    /// Reads a declaration. Adds mistakes in its attributes to `errors`.
    pub(crate) fn new(item: DeriveInput, errors: &mut Errors) -> Self {
        let mut args = StateArgs::default();
        let (mut is_unsealed, mut has_shared) = (false, false);
        for attr in item
            .attrs
            .iter()
            .filter(|attr| is_ours(attr.path(), "seal"))
        {
            let Meta::List(list) = &attr.meta else {
                continue;
            };
            for token in list.tokens.clone() {
                match token {
                    TokenTree::Group(group) => args = StateArgs::parse(group.stream(), errors),
                    TokenTree::Ident(ident) if ident == "shared" => has_shared = true,
                    _ => is_unsealed = true,
                }
            }
        }
        let (shape, fields) = match item.data {
            Data::Struct(data) => match data.fields {
                Fields::Named(fields) => (Shape::Named, fields.named),
                Fields::Unnamed(fields) => (Shape::Tuple, fields.unnamed),
                Fields::Unit => (Shape::Unit, Punctuated::new()),
            },
            Data::Enum(_) | Data::Union(_) => (Shape::NotAStruct, Punctuated::new()),
        };
        let mut input = Self {
            attrs: item.attrs,
            vis: item.vis,
            ident: item.ident,
            generics: item.generics,
            args,
            is_unsealed,
            has_shared,
            fields: Vec::with_capacity(fields.len()),
            shape,
        };
        for (index, field) in fields.into_iter().enumerate() {
            let mut field = Field::new(index, field, &input.ident, errors);
            let mut earlier = input.fields.iter();
            field.is_handle_taken = earlier.any(|earlier| earlier.handle == field.handle);
            input.fields.push(field);
        }
        input.plan();
        input
    }

    /// Decides how each field is initialized.
    fn plan(&mut self) {
        let has_error = self.args.error.is_some();
        let takes_values = self.takes_values();
        for index in 0..self.fields.len() {
            let init = match self.fields[index].args.init.clone() {
                Some((_, tokens)) => {
                    let mentions: Vec<usize> = (0..index)
                        .filter(|&earlier| match &self.fields[earlier].member {
                            Member::Named(name) => tokens::mentions(&tokens, name),
                            Member::Unnamed(_) => false,
                        })
                        .collect();
                    Init::Expr {
                        is_fallible: has_error
                            && (tokens::may_return(&tokens)
                                || tokens::may_lack_question_mark(&tokens)),
                        tokens,
                        mentions,
                    }
                }
                None if takes_values && self.fields[index].args.default.is_none() => Init::Given,
                None => Init::Default,
            };
            self.fields[index].init = init;
        }
    }

    /// Returns the error type of the accessors. Accessors that do not initialize the state have none.
    pub(crate) fn error(&self) -> Option<&Type> {
        self.init_error().filter(|_| self.args.explicit.is_none())
    }

    /// Returns the error type of the initializers.
    pub(crate) fn init_error(&self) -> Option<&Type> {
        self.args.error.as_ref().map(|(_, ty)| ty)
    }

    /// Returns `true` if `NameInit` exists.
    pub(crate) fn takes_values(&self) -> bool {
        self.args.explicit.is_some() || self.args.init.is_some()
    }

    /// Returns the name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    pub(crate) fn init_ident(&self) -> Ident {
        format_ident!("{}Init", self.name(), span = self.ident.span())
    }

    /// Returns the name under which the expansion finds the runtime crate.
    pub(crate) fn alias(&self) -> Ident {
        alias(&self.ident)
    }

    /// Returns the fields of `NameInit`.
    pub(crate) fn given(&self) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(|field| field.args.init.is_none() && field.args.default.is_none())
    }

    /// Returns `true` if the struct is hidden from the documentation.
    pub(crate) fn is_hidden(&self) -> bool {
        self.attrs.iter().any(|attr| doc_says(attr, "hidden"))
    }

    /// Returns `true` if a forked child initializes the state anew.
    pub(crate) fn is_reset_by_fork(&self) -> bool {
        matches!(&self.args.fork, Some((_, fork)) if fork == "reset")
    }
}

impl Field {
    pub(crate) fn new(index: usize, field: syn::Field, state: &Ident, errors: &mut Errors) -> Self {
        let mut args = field_args(&field.attrs, errors);
        if let Some((equals, _)) = &field.default {
            let message = if args.shared.is_some() {
                "a shared field starts at zero; remove the value"
            } else {
                args.init.get_or_insert((equals.span(), TokenStream::new()));
                "an initial value is written above the field: `#[state(init = EXPR)]`"
            };
            errors.push(equals.span(), message);
        }
        let member = match field.ident {
            Some(ident) => Member::Named(ident),
            None => Member::Unnamed(Index {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                span: field.ty.span(),
            }),
        };
        Self {
            index,
            attrs: field.attrs,
            vis: field.vis,
            handle: handle(&member),
            member,
            ty: without_self(field.ty, state),
            args,
            is_handle_taken: false,
            init: Init::Default,
        }
    }

    /// Returns `true` if `#[state(shared)]` may be missing: the type has the name of a shared type. The
    /// user may have types of these names, too.
    pub(crate) fn may_lack_shared(&self) -> bool {
        self.args.init.is_none() && has_name_of_shared(&self.ty)
    }

    /// Returns the doc comment, as text.
    pub(crate) fn help(&self) -> String {
        let lines = self.attrs.iter().filter_map(|attr| match &attr.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text_of(&text.value())),
                _ => None,
            },
            _ => None,
        });
        let lines: Vec<String> = lines
            .map(|line| {
                line.strip_prefix(' ')
                    .unwrap_or(&line)
                    .trim_end()
                    .to_owned()
            })
            .collect();
        lines.join("\n").trim().to_owned()
    }

    /// Returns the name without `r#`, or the number of a tuple field.
    pub(crate) fn name(&self) -> String {
        match &self.member {
            Member::Named(ident) => ident.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        }
    }

    /// Returns the doc comment and the deprecation.
    pub(crate) fn docs(&self) -> TokenStream {
        self.docs_of()
            .map(quote::ToTokens::to_token_stream)
            .collect()
    }

    fn docs_of(&self) -> impl Iterator<Item = &Attribute> {
        self.attrs
            .iter()
            .filter(|attr| attr.path().is_ident("doc") || attr.path().is_ident("deprecated"))
    }

    /// Returns the attributes of the handle: the doc comment, `summary`, and the name of the field as an
    /// alias, so that the compiler suggests the handle for `Worker::jobs`.
    pub(crate) fn docs_of_handle(&self, summary: &str) -> TokenStream {
        let docs = self.docs();
        let separator = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
        let name = self.name();
        let is_new = matches!(self.member, Member::Named(_)) && self.handle.unraw() != name;
        let has_own = self.docs_of().any(|attr| doc_says(attr, "alias"));
        let alias = (is_new && !has_own).then(|| quote!(#[doc(alias = #name)]));
        quote!(#docs #separator #[doc = #summary] #alias)
    }

    pub(crate) fn span(&self) -> Span {
        match &self.member {
            Member::Named(ident) => ident.span(),
            Member::Unnamed(index) => index.span,
        }
    }
}

/// Returns `true` for `#[doc(WORD …)]`.
fn doc_says(attr: &Attribute, word: &str) -> bool {
    let is_word = |token: TokenTree| matches!(token, TokenTree::Ident(ident) if ident == word);
    match &attr.meta {
        Meta::List(list) if list.path.is_ident("doc") => {
            list.tokens.clone().into_iter().any(is_word)
        }
        _ => false,
    }
}

/// Returns the message for two fields that would have the same handle.
pub(crate) fn same_handle(one: &Field, other: &Field, ident: &Ident) -> String {
    format!(
        "the fields `{}` and `{}` would have the same handle, `{ident}::{}`; rename one of them",
        one.name(),
        other.name(),
        other.handle,
    )
}

/// Returns the text of one `#[doc]`. Removes the stars on the left of a block comment.
fn text_of(doc: &str) -> String {
    let starred = |line: &str| line.trim_start().strip_prefix('*').map(str::to_owned);
    let lines: Option<Vec<String>> = doc
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(starred)
        .collect();
    match lines {
        Some(lines) if doc.contains('\n') => {
            let text = lines
                .iter()
                .map(|line| line.strip_prefix(' ').unwrap_or(line));
            text.collect::<Vec<_>>().join("\n")
        }
        _ => doc.to_owned(),
    }
}

/// Returns the type as it can be written outside the struct, without `Self`.
pub(crate) fn without_self(ty: Type, name: &Ident) -> Type {
    let tokens = ty.to_token_stream();
    if !tokens::mentions(&tokens, &Ident::new("Self", Span::call_site())) {
        return ty;
    }
    let tokens = tokens::without_self(tokens, name);
    syn::parse2(tokens.clone()).unwrap_or(Type::Verbatim(tokens))
}

pub(crate) fn has_name_of_shared(ty: &Type) -> bool {
    match ty {
        Type::Array(array) => has_name_of_shared(&array.elem),
        Type::Group(group) => has_name_of_shared(&group.elem),
        Type::Paren(paren) => has_name_of_shared(&paren.elem),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            ["Counter", "UpDown", "Gauge", "Peak", "Histogram", "Part"]
                .iter()
                .any(|name| last.ident == name)
        }),
        _ => false,
    }
}

const ALIAS_PREFIX: &str = "__tls_core_for_";

/// Returns the name of the runtime crate next to the struct. A single `use` defines the name, so that a
/// crate that cannot be found is one error.
pub(crate) fn alias(ident: &Ident) -> Ident {
    format_ident!("{ALIAS_PREFIX}{}", ident.unraw(), span = Span::call_site())
}

/// Returns the name of the hidden module, which contains the version of both crates.
pub(crate) fn private() -> Ident {
    format_ident!(
        "__private_{}",
        env!("CARGO_PKG_VERSION").replace(['.', '-', '+'], "_")
    )
}

/// Returns `true` if the path names one of our attributes. The first step has written the path, or, for
/// `#[state]`, the user has written it within a `cfg_attr`.
pub(crate) fn is_ours(path: &Path, name: &str) -> bool {
    let is_name = |segment: &PathSegment| segment.ident == name;
    match (path.segments.first(), path.segments.last()) {
        (Some(_), Some(last)) if path.segments.len() == 1 => is_name(last) && name == "state",
        (Some(first), Some(last)) => {
            is_name(last) && first.ident.to_string().starts_with(ALIAS_PREFIX)
        }
        _ => false,
    }
}

pub(crate) fn handle(member: &Member) -> Ident {
    match member {
        Member::Named(ident) => {
            let name = ident.unraw().to_string().to_uppercase();
            // The name in upper case is not always an identifier.
            syn::parse_str::<Ident>(&name)
                .map_or_else(|_| ident.clone(), |_| Ident::new(&name, ident.span()))
        }
        Member::Unnamed(index) => format_ident!("FIELD_{}", index.index, span = index.span),
    }
}

fn field_args(attrs: &[Attribute], errors: &mut Errors) -> FieldArgs {
    let mut args = FieldArgs::default();
    let mut seen = false;
    for attr in attrs.iter().filter(|attr| is_ours(attr.path(), "state")) {
        // The first step may have written the rest of the path, so point to its last segment.
        let span = attr
            .path()
            .segments
            .last()
            .map_or_else(Span::call_site, |it| it.ident.span());
        if seen {
            errors.push(
                span,
                "a second `#[state]` on this field; put all arguments into one: `#[state(…, …)]`",
            );
            continue;
        }
        seen = true;
        match &attr.meta {
            Meta::List(list) if !list.tokens.is_empty() => args.parse(list.tokens.clone(), errors),
            Meta::NameValue(pair) => errors.push(
                pair.eq_token.span(),
                "`state` takes its arguments in parentheses: write `#[state(init = EXPR)]`",
            ),
            Meta::Path(_) | Meta::List(_) => errors.push(
                span,
                "`#[state]` has no arguments; write `#[state(init = EXPR)]`, or remove it to \
                 initialize the field with its `Default`",
            ),
        }
    }
    args
}

#[cfg(test)]
mod tests {
    use proc_macro2::{Delimiter, Group, TokenTree};
    use quote::quote;

    use super::*;

    #[test]
    fn only_paths_that_the_first_step_has_written_and_the_word_state_are_ours() {
        let is_ours = |path: &str, name| is_ours(&syn::parse_str(path).unwrap(), name);
        assert!(is_ours("state", "state"));
        assert!(is_ours("__tls_core_for_Worker::__private::state", "state"));
        assert!(is_ours("__tls_core_for_Worker::__private::seal", "seal"));
        for (path, name) in [
            ("doc", "state"),
            ("seal", "seal"),
            ("other::state", "state"),
            ("__tls_core_for_Worker::__private::seal", "state"),
        ] {
            assert!(!is_ours(path, name), "{path}");
        }
    }

    #[test]
    fn the_help_of_a_field_is_its_doc_comment_and_nothing_else() {
        let item = "struct Worker {
            /// One,
            /// two.
            #[deprecated = \"old\"]
            #[doc = \"Three.\"]
            #[must_use]
            jobs: u64,
        }";
        let input = Input::new(syn::parse_str(item).unwrap(), &mut Errors::default());
        assert_eq!(input.fields[0].help(), "One,\ntwo.\nThree.");
    }

    #[test]
    fn names_of_shared_types_are_known_in_arrays_and_parentheses() {
        let has = |ty: &str| has_name_of_shared(&syn::parse_str(ty).unwrap());
        // A macro passes `$ty` as such a group.
        let tokens = Group::new(Delimiter::None, quote!(Counter));
        let group: Type = syn::parse2(TokenTree::Group(tokens).into()).unwrap();
        assert!(matches!(group, Type::Group(_)) && has_name_of_shared(&group));
        for ty in ["Counter", "tls_core::Part<u8>", "[[Peak; 2]; 3]", "(Gauge)"] {
            assert!(has(ty), "{ty}");
        }
        for ty in ["u64", "Option<Counter>", "Counter::Other", "(Gauge, Gauge)"] {
            assert!(!has(ty), "{ty}");
        }
    }

    #[test]
    fn a_block_comment_loses_its_stars_and_a_list_of_one_line_keeps_its_own() {
        assert_eq!(text_of("\n * One,\n *two.\n "), "One,\ntwo.");
        assert_eq!(text_of("\n * One,\n   two.\n "), "\n * One,\n   two.\n ");
        assert_eq!(text_of("* One."), "* One.");
        assert_eq!(text_of(" One."), " One.");
    }
}
