//! Reads as much as possible of a struct that cannot be parsed: its name and the fields without
//! mistakes, so that uses of these cause no further errors.
//!
//! The compiler has parsed the struct before, and has usually reported the mistake. It has not if this
//! crate's parser does not know some syntax.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Field, Fields};

/// The readable parts of a struct.
pub(crate) struct Repaired {
    pub(crate) input: DeriveInput,
    /// The code next to it: type aliases for its fields, and the report of the mistake if nothing else
    /// reports it.
    pub(crate) beside: TokenStream,
}

/// Reads a struct that cannot be parsed because of `error`. If the caller has not reported the error,
/// the compiler has, or the returned code causes a report.
pub(crate) fn repair(
    item: &TokenStream,
    error: &syn::Error,
    is_reported: bool,
) -> Option<Repaired> {
    let parts = Parts::read(item)?;
    let mut input = parts.header()?;
    let Data::Struct(data) = &mut input.data else {
        return None;
    };
    let is_generic = !input.generics.params.is_empty();
    let mut aliases = TokenStream::new();
    let mut fields = Punctuated::new();
    let is_named = parts.body.delimiter() == Delimiter::Brace;
    for (index, tokens) in split(parts.body.stream(), is_named).into_iter().enumerate() {
        let alias = format_ident!("__TlsType{index}Of{}", parts.name, span = Span::call_site());
        let Some((field, alias)) = FieldParts::read(tokens, is_named)
            .and_then(|it| it.parse(&alias, is_reported && !is_generic))
        else {
            continue;
        };
        aliases.extend(alias);
        fields.push(field);
    }
    if fields.is_empty() {
        // Without this field, the missing fields would be reported as a second mistake.
        let field = if is_named {
            Field::parse_named.parse2(quote!(__unreadable: ()))
        } else {
            Field::parse_unnamed.parse2(quote!(()))
        };
        fields.extend(field.ok());
    }
    match &mut data.fields {
        Fields::Named(named) => named.named = fields,
        Fields::Unnamed(unnamed) => unnamed.unnamed = fields,
        Fields::Unit => return None,
    }
    let report = (!is_reported).then(|| parts.report(&input, error));
    let copy = parts.copy(report.as_ref());
    Some(Repaired {
        input,
        beside: quote!(#aliases #copy),
    })
}

/// A struct's tokens.
struct Parts {
    attrs: Vec<Attribute>,
    /// The tokens from the visibility up to the fields.
    head: TokenStream,
    name: Ident,
    body: Group,
    /// The tokens after the fields.
    tail: TokenStream,
}

impl Parts {
    fn read(item: &TokenStream) -> Option<Self> {
        let mut tokens = item.clone().into_iter().peekable();
        let mut attrs = Vec::new();
        let mut head = TokenStream::new();
        loop {
            match tokens.next()? {
                TokenTree::Punct(hash) if hash.as_char() == '#' => {
                    attrs.push(attribute(&tokens.next()?)?);
                }
                TokenTree::Ident(word) if word == "struct" => {
                    head.extend([TokenTree::Ident(word)]);
                    break;
                }
                TokenTree::Ident(word) if word == "pub" => head.extend([TokenTree::Ident(word)]),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                    head.extend([TokenTree::Group(group)]);
                }
                _ => return None,
            }
        }
        let TokenTree::Ident(name) = tokens.next()? else {
            return None;
        };
        head.extend([TokenTree::Ident(name.clone())]);
        let mut angles = Angles::default();
        let mut has_where = false;
        let body = loop {
            match tokens.next()? {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break group,
                TokenTree::Group(group)
                    if group.delimiter() == Delimiter::Parenthesis
                        && angles.is_outside()
                        && !has_where =>
                {
                    break group;
                }
                token => {
                    has_where |= matches!(&token, TokenTree::Ident(word) if word == "where");
                    angles.pass(&token);
                    head.extend([token]);
                }
            }
        };
        Some(Self {
            attrs,
            head,
            name,
            body,
            tail: tokens.collect(),
        })
    }

    /// Returns the struct without its fields.
    fn header(&self) -> Option<DeriveInput> {
        let Self { head, tail, .. } = self;
        let empty = Group::new(self.body.delimiter(), TokenStream::new());
        let mut input: DeriveInput = syn::parse2(quote!(#head #empty #tail)).ok()?;
        input.attrs.clone_from(&self.attrs);
        Some(input)
    }

    /// Returns an unused copy with the same mistake, so that the compiler checks what the user has
    /// written.
    fn copy(&self, report: Option<&TokenStream>) -> TokenStream {
        let Self { head, tail, .. } = self;
        let mut body = Group::new(self.body.delimiter(), without_meaning(self.body.stream()));
        body.set_span(self.body.span());
        quote! {
            #[allow(warnings, clippy::all)]
            const _: () = {
                #head #body #tail
                #report
            };
        }
    }

    /// Returns a use of a field that the copy does not have. The compiler does not report such a use in
    /// a struct in which it has already reported a mistake. So no mistake is reported twice.
    fn report(&self, input: &DeriveInput, error: &syn::Error) -> TokenStream {
        let name = &self.name;
        let (generics, types, clause) = input.generics.split_for_impl();
        let unreadable = Ident::new(
            "that_thread_local_state_could_read_because_it_does_not_know_this_syntax",
            Span::call_site(),
        );
        let use_of = quote_spanned!(error.span()=> __state.#unreadable);
        quote! {
            fn __read #generics (__state: &#name #types) #clause {
                let _ = &#use_of;
            }
        }
    }
}

/// The tokens of a field.
struct FieldParts {
    attrs: Vec<Attribute>,
    /// The visibility and, if the field is named, the name and a colon.
    head: TokenStream,
    ty: TokenStream,
}

impl FieldParts {
    fn read(tokens: Vec<TokenTree>, is_named: bool) -> Option<Self> {
        let mut attrs = Vec::new();
        let mut rest = Vec::with_capacity(tokens.len());
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            // Accept an attribute anywhere, also after the visibility, where it is a mistake.
            let found = match (&token, tokens.peek()) {
                (TokenTree::Punct(hash), Some(next)) if hash.as_char() == '#' => attribute(next),
                _ => None,
            };
            if let Some(found) = found {
                attrs.extend(Some(found));
                tokens.next();
            } else {
                rest.push(token);
            }
        }
        let mut rest = rest.into_iter().peekable();
        let mut head = TokenStream::new();
        let is_pub = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "pub");
        let is_scope = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
        if let Some(word) = rest.next_if(is_pub) {
            head.extend([word]);
            if is_named {
                head.extend(rest.next_if(is_scope));
            }
        }
        if is_named {
            head.extend([rest.next()?]);
            let is_colon =
                |token: &TokenTree| matches!(token, TokenTree::Punct(it) if it.as_char() == ':');
            // A missing colon was the mistake, so add it.
            let colon = rest.next_if(is_colon);
            head.extend([colon.unwrap_or_else(|| Punct::new(':', Spacing::Alone).into())]);
        }
        let mut angles = Angles::default();
        let mut ty = TokenStream::new();
        for token in rest {
            let is_equals = matches!(&token, TokenTree::Punct(it) if it.as_char() == '=');
            if is_equals && angles.is_outside() {
                break;
            }
            angles.pass(&token);
            ty.extend([token]);
        }
        Some(Self { attrs, head, ty })
    }

    /// Returns the field, if it can be parsed. If only its type cannot be parsed, which the compiler can
    /// read, a type alias takes the place of the type.
    fn parse(self, alias: &Ident, may_name: bool) -> Option<(Field, TokenStream)> {
        let Self { attrs, head, ty } = self;
        let parse = |ty: &TokenStream| {
            let tokens = quote!(#head #ty);
            let field = Field::parse_named.parse2(tokens.clone());
            field.or_else(|_| Field::parse_unnamed.parse2(tokens)).ok()
        };
        let (field, named) = match parse(&ty) {
            Some(field) => (field, TokenStream::new()),
            None if may_name && !ty.is_empty() => (
                parse(&quote!(#alias))?,
                quote! {
                    #[doc(hidden)]
                    #[allow(warnings, clippy::all)]
                    type #alias = #ty;
                },
            ),
            None => return None,
        };
        Some((Field { attrs, ..field }, named))
    }
}

/// Returns the attribute with these brackets after its `#`.
fn attribute(brackets: &TokenTree) -> Option<Attribute> {
    let TokenTree::Group(group) = brackets else {
        return None;
    };
    if group.delimiter() != Delimiter::Bracket {
        return None;
    }
    let attrs = Attribute::parse_outer.parse2(quote!(# #group)).ok()?;
    attrs.into_iter().next()
}

/// Splits at commas outside brackets, and before the beginning of a named field: a half-typed field has
/// no comma, or lacks a bracket.
fn split(tokens: TokenStream, is_named: bool) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut angles = Angles::default();
    let mut all = vec![Vec::new()];
    let mut head = 0..0;
    for (index, token) in tokens.iter().enumerate() {
        // A quote and the word after it are one lifetime.
        let is_lifetime = index > 0 && is_quote(&tokens[index - 1]);
        if is_named && index >= head.end && !is_lifetime {
            if let Some(len) = head_of(&tokens[index..]) {
                head = index..index + len;
            }
        }
        let is_comma = matches!(token, TokenTree::Punct(it) if it.as_char() == ',');
        let is_between = is_comma && angles.is_outside();
        let is_begun = all.last().is_some_and(|last| !last.is_empty());
        if is_between || (is_begun && head.start == index && !head.is_empty()) {
            angles = Angles::default();
            all.push(Vec::new());
        }
        if is_between {
            continue;
        }
        angles.pass(token);
        if let Some(last) = all.last_mut() {
            last.push(token.clone());
        }
    }
    all
}

fn is_quote(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(it) if it.as_char() == '\'')
}

/// Returns the number of tokens up to and including the colon, if a field begins here.
fn head_of(tokens: &[TokenTree]) -> Option<usize> {
    let is_group = |token: Option<&TokenTree>, delimiter| matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter);
    let is_word = |token: &TokenTree| matches!(token, TokenTree::Ident(_));
    let mut len = 0;
    // Skip attributes and the visibility.
    loop {
        let delimiter = match tokens.get(len)? {
            TokenTree::Punct(hash) if hash.as_char() == '#' => Delimiter::Bracket,
            TokenTree::Ident(word) if word == "pub" => Delimiter::Parenthesis,
            _ => break,
        };
        len += 1;
        if is_group(tokens.get(len), delimiter) {
            len += 1;
        }
    }
    let is_colon = matches!(
        tokens.get(len + 1),
        Some(TokenTree::Punct(it)) if it.as_char() == ':' && it.spacing() == Spacing::Alone
    );
    (tokens.get(len).is_some_and(is_word) && is_colon).then_some(len + 2)
}

/// The depth in angle brackets.
#[derive(Default)]
struct Angles {
    depth: usize,
    /// Whether the last token may be the beginning of an arrow.
    is_arrow: bool,
}

impl Angles {
    fn pass(&mut self, token: &TokenTree) {
        let TokenTree::Punct(punct) = token else {
            self.is_arrow = false;
            return;
        };
        match punct.as_char() {
            '<' => self.depth += 1,
            '>' if !self.is_arrow => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.is_arrow = matches!(punct.as_char(), '-' | '=');
    }

    fn is_outside(&self) -> bool {
        self.depth == 0
    }
}

/// Replaces the attributes of the fields with attributes that have no effect, because nothing declares
/// the original ones.
fn without_meaning(tokens: TokenStream) -> TokenStream {
    let mut output = TokenStream::new();
    let mut is_attribute = false;
    for token in tokens {
        let is_hash = matches!(&token, TokenTree::Punct(it) if it.as_char() == '#');
        let may_be = std::mem::replace(&mut is_attribute, is_hash);
        let TokenTree::Group(group) = token else {
            output.extend([token]);
            continue;
        };
        let first = group.stream().into_iter().next();
        let is_cfg = matches!(first, Some(TokenTree::Ident(word)) if word == "cfg");
        let inner = if may_be && group.delimiter() == Delimiter::Bracket && !is_cfg {
            quote!(allow())
        } else {
            without_meaning(group.stream())
        };
        let mut other = Group::new(group.delimiter(), inner);
        other.set_span(group.span());
        output.extend([TokenTree::Group(other)]);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields_of(item: &str) -> Option<String> {
        let error = syn::Error::new(Span::call_site(), "odd");
        let Repaired { input, .. } = repair(&item.parse().unwrap(), &error, false)?;
        Some(quote!(#input).to_string().replace(' ', ""))
    }

    #[test]
    fn the_fields_that_are_right_are_kept_with_their_attributes() {
        for (item, expected) in [
            (
                "struct S { pub #[a] one: u8, #[b] two: Vec<(u8, u8)> }",
                "structS{#[a]pubone:u8,#[b]two:Vec<(u8,u8)>}",
            ),
            (
                "#[c] pub(crate) struct S { one u8, two: fn(u8) -> Vec<u8>, three: , four }",
                "#[c]pub(crate)structS{one:u8,two:fn(u8)->Vec<u8>}",
            ),
            (
                "struct S<T> where T: Fn(u8) { one: Map<u8, T> = 5, 7 }",
                "structS<T>whereT:Fn(u8){one:Map<u8,T>}",
            ),
            ("struct S(u8, = , pub u16);", "structS(u8,pubu16);"),
            ("struct S { one }", "structS{__unreadable:()}"),
            // A lifetime is not torn apart: its quote alone is no token.
            (
                "struct S { one: a 'two: u8, three: u8 }",
                "structS{three:u8}",
            ),
            (
                "struct S { one #[a] pub(crate) two: u8, three: four: u8, five: Vec<#[b] six: a::B }",
                "structS{#[a]pub(crate)two:u8,four:u8,#[b]six:a::B}",
            ),
        ] {
            assert_eq!(fields_of(item).as_deref(), Some(expected), "{item}");
        }
    }

    #[test]
    fn a_type_that_only_the_compiler_can_read_gets_a_name_unless_it_may_be_generic() {
        let beside = |item: &str| {
            let error = syn::Error::new(Span::call_site(), "odd");
            let Repaired { input, beside } = repair(&item.parse().unwrap(), &error, true).unwrap();
            quote!(#input #beside).to_string().replace(' ', "")
        };
        let output = beside("struct S { one: = , two: [u8; ; 1] }");
        assert!(output.contains("two:__TlsType1OfS}"), "{output}");
        assert!(output.contains("type__TlsType1OfS=[u8;;1];"), "{output}");
        assert!(!output.contains("__read"), "{output}");
        let output = beside("struct S<T> { one: [T; ; 1] }");
        assert!(!output.contains("type__Tls"), "{output}");
    }

    #[test]
    fn a_copy_has_the_same_tokens_and_no_attribute_that_nobody_knows() {
        let error = syn::Error::new(Span::call_site(), "odd");
        let item = "#[a] struct S<T> { pub #[b] one: u8, #[cfg(c)] two T }";
        let beside = repair(&item.parse().unwrap(), &error, false)
            .unwrap()
            .beside;
        let beside = beside.to_string().replace(' ', "");
        let copy = "structS<T>{pub#[allow()]one:u8,#[cfg(c)]twoT}fn__read<T>(__state:&S<T>)";
        assert!(beside.contains(copy), "{beside}");
    }

    #[test]
    fn of_what_is_no_struct_with_fields_there_is_nothing() {
        for item in [
            "fn f() {}",
            "struct S;",
            "struct S<",
            "struct",
            "# struct S {}",
            "",
        ] {
            assert_eq!(fields_of(item), None, "{item}");
        }
    }
}
