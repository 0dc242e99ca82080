//! Questions about an initializer that need no parser for expressions.
//!
//! Initializers stay tokens, because parsing them would need the `full` feature of syn, which adds a
//! second to the cold build of every user. If a scan cannot be sure, it answers "no", and the compiler
//! decides.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::token::Brace;
use syn::{Fields, Lifetime};

/// Macros of the standard library whose arguments are expressions.
const EXPRESSION_MACROS: &[&str] = &[
    "vec",
    "format",
    "format_args",
    "print",
    "println",
    "eprint",
    "eprintln",
    "dbg",
    "panic",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "write",
    "writeln",
    "matches",
    "todo",
    "unimplemented",
    "unreachable",
    "env",
    "option_env",
    "concat",
    "stringify",
    "include_str",
    "include_bytes",
    "include",
    "line",
    "file",
    "column",
    "module_path",
    "cfg",
];

/// Functions of the standard library that return a `Result`.
const FALLIBLE: &[&str] = &[
    "parse",
    "from_str",
    "from_utf8",
    "open",
    "create",
    "connect",
    "bind",
    "read_to_string",
    "current_dir",
    "var",
];

/// Returns `true` if an initializer ends with a call that probably returns a `Result`, so that its `?`
/// may have been forgotten. The compiler suggests the `?` if the expression is in a function where it
/// would be allowed.
pub(crate) fn may_lack_question_mark(tokens: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let Some((TokenTree::Group(arguments), mut before)) = tokens.split_last() else {
        return false;
    };
    if arguments.delimiter() != Delimiter::Parenthesis {
        return false;
    }
    // Skip `::<TYPE>`.
    let mut depth = 0_usize;
    while let Some((token, rest)) = before.split_last() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '>' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth = depth.saturating_sub(1),
            TokenTree::Punct(punct) if punct.as_char() == ':' => {}
            _ if depth > 0 => {}
            _ => break,
        }
        before = rest;
    }
    matches!(before.last(), Some(TokenTree::Ident(name)) if {
        let name = name.to_string();
        name.starts_with("try_") || FALLIBLE.contains(&name.as_str())
    })
}

/// Returns `true` unless an initializer certainly cannot return early.
pub(crate) fn may_return(tokens: &TokenStream) -> bool {
    let mut before_bang: Option<String> = None;
    let mut ident: Option<String> = None;
    for token in tokens.clone() {
        let macro_name = before_bang.take();
        match &token {
            TokenTree::Punct(punct) => match punct.as_char() {
                '?' => return true,
                '!' => before_bang = ident.take(),
                _ => ident = None,
            },
            TokenTree::Ident(name) => {
                let name = name.to_string();
                if name == "return" {
                    return true;
                }
                ident = Some(name);
            }
            TokenTree::Group(group) => {
                ident = None;
                if macro_name.is_some_and(|name| !EXPRESSION_MACROS.contains(&name.as_str()))
                    || may_return(&group.stream())
                {
                    return true;
                }
            }
            TokenTree::Literal(_) => ident = None,
        }
    }
    false
}

/// Finds the `?` operators that would leave the initializer itself.
///
/// Skips closures, async blocks and nested functions, because a `?` in them leaves only these. Also
/// skips the arguments of unknown macros.
pub(crate) fn question_marks(tokens: &TokenStream) -> Vec<Span> {
    let mut found = Vec::new();
    walk(tokens, &mut |before, token, _| {
        if let (Some(before), TokenTree::Punct(punct)) = (before, token) {
            // After `:` or `+`, it is a bound: `?Sized`.
            if punct.as_char() == '?'
                && !matches!(before, TokenTree::Punct(p) if p.as_char() != '?')
            {
                found.push(punct.span());
            }
        }
    });
    found
}

/// Finds the uses of `self`.
pub(crate) fn self_values(tokens: &TokenStream) -> Vec<Span> {
    let mut found = Vec::new();
    walk(tokens, &mut |before, token, after| {
        let is_punct = |token: Option<&TokenTree>, char| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char);
        match token {
            // `self::path` is not a value.
            TokenTree::Ident(ident)
                if ident == "self" && !is_punct(after, ':') && !is_punct(before, ':') =>
            {
                found.push(ident.span());
            }
            _ => {}
        }
    });
    found
}

/// Finds a use of a variable with this name: an operation that applies to values, not to functions.
/// Finds nothing in an expression that may define the variable itself.
pub(crate) fn use_of_value(tokens: &TokenStream, name: &Ident) -> Option<Span> {
    if may_bind(tokens) {
        return None;
    }
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let char_at = |index: usize| match tokens.get(index) {
        Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
        _ => None,
    };
    tokens.iter().enumerate().find_map(|(index, token)| match token {
        TokenTree::Group(group) => use_of_value(&group.stream(), name),
        TokenTree::Ident(ident) if ident == name => {
            let before = index.checked_sub(1).and_then(char_at);
            let is_other = matches!(before, Some('.' | ':' | '\''));
            let is_value = match char_at(index + 1) {
                // Not a range, whose start may be a constant.
                Some('.') => char_at(index + 2) != Some('.'),
                Some(char) => matches!(char, '+' | '-' | '*' | '/' | '%' | '?'),
                None => matches!(tokens.get(index + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket),
            };
            (is_value && !is_other).then(|| ident.span())
        }
        _ => None,
    })
}

/// Returns `true` if an expression may define variables.
fn may_bind(tokens: &TokenStream) -> bool {
    const WORDS: &[&str] = &["let", "for", "match", "fn", "static", "const", "use"];
    let mut before = String::new();
    for token in tokens.clone() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == '|' => return true,
            TokenTree::Punct(punct) if punct.as_char() == '!' => {
                let is_macro = syn::parse_str::<Ident>(&before).is_ok();
                if is_macro && !EXPRESSION_MACROS.contains(&before.as_str()) {
                    return true;
                }
            }
            TokenTree::Ident(ident) if WORDS.iter().any(|word| ident == word) => return true,
            TokenTree::Group(group) if may_bind(&group.stream()) => return true,
            _ => {}
        }
        before = token.to_string();
    }
    false
}

/// Visits the tokens that run as part of the initializer itself, with their neighbors.
fn walk(
    tokens: &TokenStream,
    visit: &mut impl FnMut(Option<&TokenTree>, &TokenTree, Option<&TokenTree>),
) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut skip_to_separator = false;
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| &tokens[index]);
        let after = tokens.get(index + 1);
        if matches!(token, TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';')) {
            skip_to_separator = false;
        }
        if skip_to_separator || opens_own_body(before, token) {
            skip_to_separator = true;
            continue;
        }
        match token {
            TokenTree::Group(group) if is_transparent(&tokens[..index]) => {
                walk(&group.stream(), visit);
            }
            _ => {}
        }
        visit(before, token, after);
    }
}

/// Returns `true` if a closure, an async block, a function or another item begins here.
fn opens_own_body(before: Option<&TokenTree>, token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(ident) => ["async", "fn", "impl", "trait", "mod", "try", "macro_rules"]
            .iter()
            .any(|keyword| ident == keyword),
        // A `|` after an operand is a binary or.
        TokenTree::Punct(punct) if punct.as_char() == '|' => match before {
            None => true,
            Some(TokenTree::Punct(before)) => before.as_char() != '?',
            Some(TokenTree::Ident(before)) => {
                ["move", "return", "in", "else", "match", "break", "static"]
                    .iter()
                    .any(|keyword| before == keyword)
            }
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
            Some(TokenTree::Literal(_)) => false,
        },
        _ => false,
    }
}

/// Returns `true` if a group after these tokens probably contains expressions of the initializer.
fn is_transparent(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(name), TokenTree::Punct(bang)] if bang.as_char() == '!' => {
            EXPRESSION_MACROS.iter().any(|known| name == known)
        }
        _ => true,
    }
}

/// Finds the references without a lifetime in the type of a field, where each needs one, and returns the
/// type with `'static` in these places. References in the type of a function need no lifetime.
pub(crate) fn bare_references(ty: TokenStream, found: &mut Vec<Span>) -> TokenStream {
    let mut output = TokenStream::new();
    let mut tokens = ty.into_iter().peekable();
    let mut before: Option<TokenTree> = None;
    while let Some(token) = tokens.next() {
        let is_after =
            |char| matches!(&before, Some(TokenTree::Punct(punct)) if punct.as_char() == char);
        match &token {
            // The length of an array or the return type of a function follows.
            TokenTree::Punct(punct)
                if punct.as_char() == ';' || (punct.as_char() == '>' && is_after('-')) =>
            {
                output.extend([token]);
                output.extend(tokens);
                break;
            }
            TokenTree::Group(group)
                if group.delimiter() != Delimiter::Brace
                    && !matches!(before, Some(TokenTree::Ident(_)))
                    && !is_after('!') =>
            {
                let inner = bare_references(group.stream(), found);
                let mut inner = Group::new(group.delimiter(), inner);
                inner.set_span(group.span());
                output.extend([TokenTree::Group(inner)]);
            }
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                output.extend([token.clone()]);
                let is_lifetime = |next: &TokenTree| matches!(next, TokenTree::Punct(punct) if punct.as_char() == '\'');
                if !tokens.peek().is_some_and(is_lifetime) {
                    found.push(punct.span());
                    Lifetime::new("'static", punct.span()).to_tokens(&mut output);
                }
            }
            _ => output.extend([token.clone()]),
        }
        before = Some(token);
    }
    output
}

/// Replaces `Self` with the name of the struct, because `Self` has another meaning outside the struct.
/// Also replaces it in the arguments of macros. A `Self` that a macro itself writes is not replaced.
pub(crate) fn without_self(tokens: TokenStream, name: &Ident) -> TokenStream {
    let without = |token| match token {
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut name = name.clone();
            name.set_span(ident.span());
            TokenTree::Ident(name)
        }
        TokenTree::Group(group) => {
            let inner = without_self(group.stream(), name);
            let mut inner = Group::new(group.delimiter(), inner);
            inner.set_span(group.span());
            TokenTree::Group(inner)
        }
        token => token,
    };
    tokens.into_iter().map(without).collect()
}

/// Returns `true` if the tokens mention a name, also within a format string.
pub(crate) fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            text.contains('"') && formats(&text, &syn::ext::IdentExt::unraw(name).to_string())
        }
        TokenTree::Punct(_) => false,
    })
}

/// Returns `true` if a format string captures a name: `{name}`, `{name:?}`, `{:name$}`.
fn formats(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let is_word = |char: char| char.is_alphanumeric() || char == '_';
        !text[..at].ends_with(is_word) && !text[at + name.len()..].starts_with(is_word)
    }) && text.contains('{')
}

/// Gives both braces of a struct the span of the closing one. Parsed braces have the span of everything
/// between them, and rust-analyzer would take them for the name of a field, too.
pub(crate) fn narrow_braces(fields: &mut Fields) {
    if let Fields::Named(fields) = fields {
        fields.brace_token = Brace(fields.brace_token.span.close());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> TokenStream {
        text.parse().unwrap()
    }

    #[test]
    fn question_marks_are_found_where_they_leave_the_initializer() {
        for text in [
            "f()?",
            "g(f()?)",
            "{ let x = f()?; x }",
            "vec![f()?]",
            "a?.b",
            "f()? | g()",
            "S { a: f()? }",
            "f()??",
            "a | f()?",
            "(a) | f()?",
            "1 | f()?",
            "a + (f()?)",
        ] {
            assert!(!question_marks(&stream(text)).is_empty(), "{text}");
            assert!(may_return(&stream(text)), "{text}");
        }
    }

    #[test]
    fn question_marks_of_inner_bodies_are_not_reported() {
        for text in [
            "|| f()?",
            "g(|x| x?, 1)",
            "g(1, |x| x?)",
            "{ {} |x| x? }",
            "{ return |x| x? }",
            "move || { f()?; Some(1) }",
            "async { f()? }",
            "{ fn inner() -> Option<u8> { f()?; None } inner() }",
            "unknown!(f()?)",
            "Box::<dyn Fn() + ?Sized>::new()",
        ] {
            assert!(question_marks(&stream(text)).is_empty(), "{text}");
        }
        assert!(!question_marks(&stream("g(|x| x, f()?)")).is_empty());
        assert_eq!(question_marks(&stream("f()? | g()?")).len(), 2);
    }

    #[test]
    fn self_in_a_type_is_the_struct() {
        let worker = Ident::new("Worker", Span::call_site());
        for (ty, expected) in [
            ("fn (& Self) -> Self", "fn (& Worker) -> Worker"),
            (
                "[Option < Self > ; Self :: N]",
                "[Option < Worker > ; Worker :: N]",
            ),
            ("Selfish < self :: T >", "Selfish < self :: T >"),
        ] {
            let output = without_self(stream(ty), &worker);
            assert_eq!(output.to_string(), stream(expected).to_string());
        }
    }

    #[test]
    fn early_returns_are_never_missed() {
        for text in [
            "{ return 1 }",
            "bail!(\"no\")",
            "if x { return 1 } else { 2 }",
        ] {
            assert!(may_return(&stream(text)), "{text}");
        }
        for text in ["Vec::new()", "vec![0; 4]", "format!(\"{a}\")", "a != b"] {
            assert!(!may_return(&stream(text)), "{text}");
        }
    }

    #[test]
    fn references_without_a_lifetime_are_found_where_they_need_one() {
        for (text, expected) in [
            ("&str", "&'static str"),
            ("Vec<&&mut str>", "Vec<&'static &'static mut str>"),
            ("[(u8, &str); N & 1]", "[(u8, &'static str); N & 1]"),
            ("Part<Option<&[u8]>>", "Part<Option<&'static [u8]>>"),
            ("Map<Vec<u8>, &str>", "Map<Vec<u8>, &'static str>"),
        ] {
            let mut found = Vec::new();
            let output = bare_references(stream(text), &mut found);
            assert!(!found.is_empty(), "{text}");
            assert_eq!(
                output.to_string().replace(' ', ""),
                expected.replace(' ', "")
            );
        }
        for text in [
            "&'a str",
            "fn(&str) -> &str",
            "Vec<Box<dyn Fn(&str, &mut u8) -> &str + Send>>",
            "[u8; { A & B }]",
            "Ring<{ A & B }>",
            "Fn(&str)",
            "ty!(&str)",
            "&'static dyn Fn(&u8)",
        ] {
            let mut found = Vec::new();
            let output = bare_references(stream(text), &mut found);
            assert!(found.is_empty(), "{text}");
            assert_eq!(output.to_string(), stream(text).to_string());
        }
    }

    #[test]
    fn self_is_found_as_a_value_and_not_as_a_path() {
        assert_eq!(self_values(&stream("self.a + f(self)")).len(), 2);
        assert!(self_values(&stream("self::f()")).is_empty());
    }

    #[test]
    fn a_value_is_known_by_what_is_done_with_it_unless_the_expression_may_have_made_it() {
        let name = Ident::new("a", Span::call_site());
        let is_used = |text| use_of_value(&stream(text), &name).is_some();
        for text in [
            "a.len()",
            "f(1, a.b)",
            "1 + a[0]",
            "{ a + 1 }",
            "a?",
            "vec![&a.x]",
            "!a.b",
        ] {
            assert!(is_used(text), "{text}");
        }
        for text in [
            "a",
            "f(a)",
            "a()",
            "a::b()",
            "self::a.len()",
            "x.a.len()",
            "0..a",
            "a..5",
            "{ let a = 1; a.b }",
            "f(|a| a.b)",
            "m!(a.b)",
            "match x { a => a.b }",
            "b.len()",
            "",
        ] {
            assert!(!is_used(text), "{text}");
        }
    }

    #[test]
    fn a_call_of_a_function_that_is_known_to_fail_may_lack_its_question_mark() {
        for (text, may_lack) in [
            ("\"5\".parse()", true),
            ("\"5\".parse::<Vec<u8>>()", true),
            ("std::fs::File::open(path)", true),
            ("pool.try_get()", true),
            ("\"5\".parse()?", false),
            ("Vec::<u8>::with_capacity(5)", false),
            ("parse", false),
            ("[parse; 2]", false),
            ("(5)", false),
            ("a > (5)", false),
            ("::<u8>()", false),
            ("", false),
        ] {
            assert_eq!(may_lack_question_mark(&stream(text)), may_lack, "{text}");
        }
    }

    #[test]
    fn names_are_found_in_expressions_and_format_strings() {
        let name = Ident::new("a", Span::call_site());
        for text in ["a.len()", "f(&a)", "format!(\"{a}\")", "format!(\"{a:?}\")"] {
            assert!(mentions(&stream(text), &name), "{text}");
        }
        for text in ["ab", "format!(\"{ab}\")", "\"a\""] {
            assert!(!mentions(&stream(text), &name), "{text}");
        }
    }
}
