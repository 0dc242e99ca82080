//! The first step: the attribute itself.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::{Data, DeriveInput, Field, Meta, Path, Type, parse_quote_spanned};

use crate::args::StateArgs;
use crate::bare;
use crate::derives;
use crate::editor;
use crate::errors::Errors;
use crate::input::{alias, private};
use crate::renamed;
use crate::repair::repair;
use crate::take_out::take_out;
use crate::tokens;

pub(crate) fn attribute(args: &TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut broken = None;
    let mut input = match syn::parse2::<DeriveInput>(item.clone()) {
        Ok(input) => input,
        Err(error) => {
            let is_unknown = is_unknown_to_the_parser(&error);
            if let Some(repaired) = repair(item, &error, is_unknown) {
                if is_unknown {
                    errors.add(not_a_struct(item, &error));
                }
                broken = Some(repaired.beside);
                repaired.input
            } else {
                errors.add(not_a_struct(item, &error));
                let item = without_state(item.clone());
                let errors = errors.into_compile_errors();
                return quote!(#errors #item);
            }
        }
    };
    match &input.data {
        Data::Struct(_) => {}
        Data::Enum(data) => errors.push(data.enum_token.span, wrong_item("an enum")),
        Data::Union(data) => errors.push(data.union_token.span, wrong_item("a union")),
    }
    reject_references(&mut input, &mut errors);
    remove_ours(&mut input, &mut errors);

    // Errors are discarded here: the second step reports them.
    let StateArgs {
        krate, fork, error, ..
    } = StateArgs::parse(args.clone(), &mut Errors::default());
    let error = error.map(|(_, error)| error);
    let by_fork = fork.map(|(_, fork)| fork);
    let mut private = private();
    if let Some(last) = krate.as_ref().and_then(|(_, path)| path.segments.last()) {
        // If the module is not found, the path names the wrong crate, so the error points to the path.
        private.set_span(last.ident.span());
    }
    let krate = krate.map_or_else(
        || our_crate(&mut errors),
        |(_, path)| path.into_token_stream(),
    );
    let alias = alias(&input.ident);
    let stubs = derives::reject(&mut input, &alias, &private, &mut errors);
    bare::correct(&mut input, &mut errors);
    rename_state(&mut input, &alias, &private);
    let beside = take_out(&mut input, &alias, &private, by_fork.as_ref(), &mut errors);
    let shared = beside.is_some().then(|| quote!(shared));
    let initializers =
        editor::asks().then(|| editor::initializers(&input, &alias, &private, error.as_ref()));
    let initializers = initializers.flatten();
    // After an error, leave the hidden field out. It could make other derives fail, and only our error
    // should be reported.
    let open = (!errors.is_empty() || broken.is_some()).then(|| quote!(open));
    let errors = errors.into_compile_errors();
    if let Data::Struct(data) = &mut input.data {
        tokens::narrow_braces(&mut data.fields);
    }
    // The derive goes last, so that the user's own derives run before the hidden field is added.
    let attrs = std::mem::take(&mut input.attrs);
    quote! {
        #errors
        #stubs
        #broken
        #initializers
        #[doc(hidden)]
        #[allow(non_snake_case, unused_imports)]
        use #krate as #alias;
        #(#attrs)*
        #[derive(#alias::#private::ThreadLocalStateExpand)]
        #[#alias::#private::seal((#args) #open #shared)]
        #input
        #beside
    }
}

/// Returns `true` if the compiler may accept what syn rejects. syn rejects such expressions unless
/// another crate enables its `full` feature.
fn is_unknown_to_the_parser(error: &syn::Error) -> bool {
    error.to_string().starts_with("unsupported expression")
}

/// Returns the path of the runtime crate if the attribute has no `crate = PATH`.
fn our_crate(errors: &mut Errors) -> TokenStream {
    renamed::name().map_or_else(
        || quote!(::tls_core),
        |name| {
            errors.push(
                Span::call_site(),
                format_args!(
                    "Cargo.toml renames the crate `tls_core` to `{name}`; write \
                     `#[thread_local_state(crate = {name})]`, next to any other arguments"
                ),
            );
            quote!(::#name)
        },
    )
}

/// Writes `#[state]` as a path into the runtime crate. If that crate is not found, the attribute then
/// causes no further error.
fn rename_state(input: &mut DeriveInput, alias: &Ident, private: &Ident) {
    let Data::Struct(data) = &mut input.data else {
        return;
    };
    for attr in data.fields.iter_mut().flat_map(|field| &mut field.attrs) {
        if let Some(state) = attr.path().get_ident().filter(|it| *it == "state").cloned() {
            let path: Path = parse_quote_spanned!(state.span()=> #alias::#private::#state);
            match &mut attr.meta {
                Meta::Path(it) => *it = path,
                Meta::List(list) => list.path = path,
                Meta::NameValue(pair) => pair.path = path,
            }
        }
    }
}

fn wrong_item(kind: &str) -> String {
    let cure = match kind {
        "an enum" => "make the enum a field: `struct Name { value: TheEnum }`",
        "a union" => "make the union a field: `struct Name { value: TheUnion }`",
        "a function" => {
            "put it on a struct with the data that the function keeps, and call \
             `Name::with_state_mut` in the function"
        }
        "a static" | "a constant" => {
            "put it on a struct with the value as a field: \
             `struct Name { #[state(init = EXPR)] value: TYPE }`"
        }
        "an impl" => "put it on the struct itself",
        "a trait" => "put it on a struct that implements the trait",
        "a module" => "put it on a struct within the module",
        _ => "put it on a struct with the data that each thread has to keep",
    };
    format!("`#[thread_local_state]` goes on a struct, and this is {kind}; {cure}")
}

/// Returns the error for an item that is not a struct, or for a struct that cannot be read.
fn not_a_struct(item: &TokenStream, error: &syn::Error) -> syn::Error {
    let mut tokens = item.clone().into_iter().peekable();
    let mut constant: Option<Span> = None;
    while let Some(token) = tokens.next() {
        match token {
            // Skip attributes, and the parentheses of `pub(…)`.
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                tokens.next_if(|token| matches!(token, TokenTree::Group(_)));
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {}
            TokenTree::Literal(_) => {}
            TokenTree::Ident(ident) => {
                let kind = match ident.to_string().as_str() {
                    "fn" => "a function",
                    "impl" => "an impl",
                    "static" => "a static",
                    "mod" => "a module",
                    "trait" => "a trait",
                    "type" => "a type alias",
                    "use" => "an import",
                    "macro_rules" => "a macro",
                    // `const fn` is a function.
                    "const" => {
                        constant = Some(ident.span());
                        continue;
                    }
                    "pub" | "unsafe" | "async" | "extern" | "crate" | "default" => continue,
                    _ => break,
                };
                return syn::Error::new(ident.span(), wrong_item(kind));
            }
            _ => break,
        }
    }
    match constant {
        Some(span) => syn::Error::new(span, wrong_item("a constant")),
        None if is_unknown_to_the_parser(error) => syn::Error::new(
            error.span(),
            "`#[thread_local_state]` cannot read this expression; define a `const` above the struct with \
             this value, and write the name of the `const` here",
        ),
        None => syn::Error::new(
            error.span(),
            format_args!("`#[thread_local_state]` cannot read this struct: {error}"),
        ),
    }
}

/// Removes `#[state(…)]` from an item that cannot be parsed, because no derive will declare that
/// attribute.
fn without_state(item: TokenStream) -> TokenStream {
    let is_state = |token: &TokenTree| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => matches!(
            group.stream().into_iter().next(),
            Some(TokenTree::Ident(ident)) if ident == "state"
        ),
        _ => false,
    };
    let mut output = TokenStream::new();
    let mut tokens = item.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                if tokens.next_if(is_state).is_none() {
                    output.extend([TokenTree::Punct(punct)]);
                }
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_state(group.stream()));
                inner.set_span(group.span());
                output.extend([TokenTree::Group(inner)]);
            }
            token => output.extend([token]),
        }
    }
    output
}

/// Reports references without a lifetime. Otherwise, the compiler would suggest a lifetime parameter on
/// the struct.
fn reject_references(input: &mut DeriveInput, errors: &mut Errors) {
    let Data::Struct(data) = &mut input.data else {
        return;
    };
    // A field that the configuration removes may have any type.
    let is_certain = |field: &&mut Field| {
        let mut attrs = field.attrs.iter();
        !attrs.any(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr"))
    };
    for field in data.fields.iter_mut().filter(is_certain) {
        let mut found = Vec::new();
        let ty = tokens::bare_references(field.ty.to_token_stream(), &mut found);
        if let Some(span) = found.first() {
            errors.push(
                *span,
                "a thread-local state outlives anything that it could borrow; store an owned value, for \
                 instance a `String`, or write `&'static` for data that is never dropped",
            );
            field.ty = syn::parse2(ty.clone()).unwrap_or(Type::Verbatim(ty));
        }
    }
}

/// Reports and removes our attributes where they do not belong: a second `#[thread_local_state]`, and
/// `#[state]` on the struct.
fn remove_ours(input: &mut DeriveInput, errors: &mut Errors) {
    input.attrs.retain(|attr| {
        let Some(segment) = attr.path().segments.last() else {
            return true;
        };
        if segment.ident == "thread_local_state" {
            errors.push(
                segment.ident.span(),
                "a second `#[thread_local_state]` on this struct; put all arguments into one",
            );
            false
        } else if attr.path().is_ident("state") {
            errors.push(
                segment.ident.span(),
                "`#[state]` goes on a field; the arguments of the whole struct are written \
                 `#[thread_local_state(…)]`",
            );
            false
        } else {
            true
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_is_no_struct_is_named_whatever_stands_before_its_keyword() {
        for (item, kind) in [
            ("fn f() {}", "a function"),
            (
                "#[inline] pub(crate) const unsafe extern \"C\" fn f() {}",
                "a function",
            ),
            ("pub const N: u8 = 1;", "a constant"),
            ("impl Worker {}", "an impl"),
            ("mod worker {}", "a module"),
            ("pub unsafe trait Work {}", "a trait"),
            ("type Worker = u8;", "a type alias"),
            ("pub(crate) use other::Worker;", "an import"),
            ("macro_rules! worker { () => {} }", "a macro"),
            ("#[doc = \"x\"] #[a] static S: u8 = 1;", "a static"),
        ] {
            let error = syn::Error::new(Span::call_site(), "odd");
            let error = not_a_struct(&item.parse().unwrap(), &error).to_string();
            assert!(
                error.contains(&format!("and this is {kind};")),
                "{item}: {error}"
            );
        }
    }

    #[test]
    fn an_item_that_cannot_be_told_gets_the_answer_of_the_parser() {
        for item in ["struct 5;", "= fn f() {}", "[a] fn f() {}", ""] {
            let error = syn::Error::new(Span::call_site(), "odd");
            let error = not_a_struct(&item.parse().unwrap(), &error).to_string();
            assert!(
                error.contains("cannot read this struct: odd"),
                "{item}: {error}"
            );
        }
    }

    #[test]
    fn an_expression_that_the_parser_lacks_is_to_be_a_constant() {
        let item = "struct S { a: [u8; if LARGE { 2 } else { 1 }] }";
        let error = syn::Error::new(
            Span::call_site(),
            "unsupported expression; enable syn's features=[\"full\"]",
        );
        let error = not_a_struct(&item.parse().unwrap(), &error).to_string();
        assert!(error.contains("define a `const`"), "{error}");
        // The parser reports this error if it is built without the `full` feature.
        if let Err(error) = syn::parse_str::<syn::DeriveInput>(item) {
            let error = not_a_struct(&item.parse().unwrap(), &error).to_string();
            assert!(error.contains("define a `const`"), "{error}");
        }
    }

    #[test]
    fn a_reference_without_a_lifetime_is_a_mistake_unless_the_field_may_not_be_there() {
        for (field, is_mistake) in [
            ("name: &str", true),
            ("#[doc = \"x\"] name: &str", true),
            ("#[cfg(x)] name: &str", false),
            ("#[cfg_attr(x, cfg(y))] name: &str", false),
            ("name: &'static str", false),
        ] {
            let item = format!("struct Worker {{ {field} }}").parse().unwrap();
            let output = attribute(&TokenStream::new(), &item).to_string();
            assert_eq!(output.contains("outlives anything"), is_mistake, "{field}");
        }
    }

    #[test]
    fn only_our_attributes_go_from_an_item_that_cannot_be_read() {
        for (item, without) in [
            (
                "#[state(init = 1)] a #[other] b (#[state] c)",
                "a #[other] b (c)",
            ),
            (
                "# (state) a ! [state] b # [stated] c",
                "# (state) a ! [state] b #[stated] c",
            ),
        ] {
            let without: TokenStream = without.parse().unwrap();
            let output = without_state(item.parse().unwrap());
            assert_eq!(output.to_string(), without.to_string());
        }
    }
}
