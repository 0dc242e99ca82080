//! The arguments of the attribute and of `#[state]`, as written.

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Path, Token, Type};

use crate::errors::Errors;

/// The arguments of `#[thread_local_state(…)]`.
#[derive(Default)]
pub(crate) struct StateArgs {
    pub(crate) error: Option<(Span, Type)>,
    pub(crate) init: Option<(Span, Path)>,
    pub(crate) explicit: Option<Span>,
    pub(crate) constant: Option<Span>,
    pub(crate) fork: Option<(Span, Ident)>,
    pub(crate) in_function: Option<Span>,
    pub(crate) krate: Option<(Span, Path)>,
}

const STATE_ARGS: &[(&str, &str)] = &[
    ("error", "error = TYPE"),
    ("init", "init = PATH"),
    ("explicit", "explicit"),
    ("const", "const"),
    ("fork", "fork = reset` or `fork = keep"),
    ("in_function", "in_function"),
    ("crate", "crate = PATH"),
];

/// The arguments of `#[state(…)]`.
#[derive(Default)]
pub(crate) struct FieldArgs {
    pub(crate) init: Option<(Span, TokenStream)>,
    pub(crate) shared: Option<Span>,
}

const FIELD_ARGS: &[(&str, &str)] = &[("init", "init = EXPR"), ("shared", "shared")];

impl StateArgs {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let list = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = args.parse_one(input, errors) {
                    errors.add(error);
                    skip_to_comma(input);
                }
                next_comma(input, errors);
            }
            Ok(())
        };
        if let Err(error) = list.parse2(tokens) {
            errors.add(error);
        }
        args
    }

    fn parse_one(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let key = parse_key(input, STATE_ARGS)?;
        let span = key.span();
        let name = key.to_string();
        let twice = match name.as_str() {
            "error" => self.error.replace((span, parse_value(&key, input, STATE_ARGS)?)).is_some(),
            "init" => self
                .init
                .replace((span, parse_path(&key, input, "a function")?))
                .is_some(),
            "fork" => self.fork.replace((span, parse_value(&key, input, STATE_ARGS)?)).is_some(),
            "crate" => self
                .krate
                .replace((span, parse_path(&key, input, "the crate `tls_core`")?))
                .is_some(),
            "explicit" => self.explicit.replace(parse_flag(&key, input)?).is_some(),
            "const" => self.constant.replace(parse_flag(&key, input)?).is_some(),
            _ => self.in_function.replace(parse_flag(&key, input)?).is_some(),
        };
        if twice {
            errors.push(span, format_args!("`{name}` is given twice; remove one"));
        }
        Ok(())
    }
}

impl FieldArgs {
    /// Parses the list of one `#[state(…)]`.
    pub(crate) fn parse(&mut self, tokens: TokenStream, errors: &mut Errors) {
        let list = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = self.parse_one(input, errors) {
                    errors.add(error);
                    skip_to_comma(input);
                }
                next_comma(input, errors);
            }
            Ok(())
        };
        if let Err(error) = list.parse2(tokens) {
            errors.add(error);
        }
    }

    fn parse_one(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let key = parse_key(input, FIELD_ARGS)?;
        let span = key.span();
        if key == "shared" {
            if self.shared.replace(parse_flag(&key, input)?).is_some() {
                errors.push(span, "`shared` is given twice; remove one");
            }
            return Ok(());
        }
        parse_equals(&key, input, FIELD_ARGS)?;
        let expression = parse_expression(input, errors)?;
        if self.init.replace((span, expression)).is_some() {
            errors.push(span, "`init` is given twice; remove one");
        }
        Ok(())
    }
}

fn parse_key(input: ParseStream<'_>, known: &[(&str, &str)]) -> syn::Result<Ident> {
    let key = input.call(Ident::parse_any).map_err(|error| {
        syn::Error::new(
            error.span(),
            format_args!("expected an argument: {}", list(known)),
        )
    })?;
    let name = key.to_string();
    if known.iter().any(|(known, _)| *known == name) {
        return Ok(key);
    }
    let message = match closest(&name, known) {
        Some((_, form)) => format!("unknown argument `{name}`; did you mean `{form}`?"),
        None => format!("unknown argument `{name}`; there are {}", list(known)),
    };
    Err(syn::Error::new(key.span(), message))
}

fn list(known: &[(&str, &str)]) -> String {
    let forms: Vec<String> = known.iter().map(|(_, form)| format!("`{form}`")).collect();
    forms.join(", ")
}

fn form(key: &Ident, known: &[(&'static str, &'static str)]) -> &'static str {
    let name = key.to_string();
    known
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("", |(_, form)| form)
}

fn parse_equals(
    key: &Ident,
    input: ParseStream<'_>,
    known: &[(&'static str, &'static str)],
) -> syn::Result<()> {
    let missing = input.is_empty() || input.peek(Token![,]);
    if !missing && input.peek(Token![=]) {
        let equals: Token![=] = input.parse()?;
        if !input.is_empty() && !input.peek(Token![,]) {
            return Ok(());
        }
        return Err(syn::Error::new(
            equals.span(),
            format_args!("`{key}` needs a value: write `{}`", form(key, known)),
        ));
    }
    Err(syn::Error::new(
        key.span(),
        format_args!("`{key}` needs a value: write `{}`", form(key, known)),
    ))
}

fn parse_value<T: syn::parse::Parse>(
    key: &Ident,
    input: ParseStream<'_>,
    known: &[(&'static str, &'static str)],
) -> syn::Result<T> {
    parse_equals(key, input, known)?;
    input.parse().map_err(|error| {
        syn::Error::new(
            error.span(),
            format_args!("`{key}` has a different form: write `{}`", form(key, known)),
        )
    })
}

fn parse_path(key: &Ident, input: ParseStream<'_>, what: &str) -> syn::Result<Path> {
    parse_equals(key, input, STATE_ARGS)?;
    let wrong = |span| {
        let form = form(key, STATE_ARGS);
        syn::Error::new(
            span,
            format_args!("`{key}` takes the path of {what}: write `{form}`"),
        )
    };
    let path: Path = input.parse().map_err(|error| wrong(error.span()))?;
    if input.is_empty() || input.peek(Token![,]) {
        Ok(path)
    } else {
        Err(wrong(input.span()))
    }
}

/// Takes the rest of a list, because a comma may be part of an expression, except for a
/// further argument that stands at its end.
fn parse_expression(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        if input.peek(Token![,]) {
            let ahead = input.fork();
            let _: Token![,] = ahead.parse()?;
            if ahead.is_empty() {
                break;
            }
            if let Ok(key) = ahead.call(Ident::parse_any)
                && FIELD_ARGS.iter().any(|(known, _)| key == known)
                && (ahead.is_empty() || ahead.peek(Token![,]) || ahead.peek(Token![=]))
            {
                break;
            }
        }
        let token: proc_macro2::TokenTree = input.parse()?;
        tokens.extend([token]);
    }
    if let Some(semicolon) = tokens.clone().into_iter().find(
        |token| matches!(token, proc_macro2::TokenTree::Punct(punct) if punct.as_char() == ';'),
    ) {
        errors.push(
            semicolon.span(),
            "`init` takes one expression; write several statements in a block: \
             `init = { …; … }`",
        );
        return Ok(TokenStream::new());
    }
    Ok(tokens)
}

fn parse_flag(key: &Ident, input: ParseStream<'_>) -> syn::Result<Span> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(key.span());
    }
    Err(syn::Error::new(
        input.span(),
        format_args!("`{key}` takes no value: write `{key}` alone"),
    ))
}

fn next_comma(input: ParseStream<'_>, errors: &mut Errors) {
    if input.is_empty() {
        return;
    }
    if input.parse::<Token![,]>().is_err() {
        errors.push(input.span(), "expected a comma between two arguments");
        skip_to_comma(input);
        let _ = input.parse::<Token![,]>();
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<proc_macro2::TokenTree>();
    }
}

/// The known argument that was probably meant.
fn closest<'a>(name: &str, known: &'a [(&'a str, &'a str)]) -> Option<&'a (&'a str, &'a str)> {
    let name = name.to_lowercase();
    known
        .iter()
        .map(|entry| (distance(&name, entry.0), entry))
        .filter(|(distance, entry)| *distance <= entry.0.len() / 3 + usize::from(entry.0.len() < 6))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, entry)| entry)
        .or_else(|| {
            let synonym = match name.as_str() {
                "default" | "value" | "with" | "new" | "expr" | "lazy" => "init",
                "err" | "result" | "try" => "error",
                "local" | "function" | "allow_in_function" => "in_function",
                "manual" | "eager" => "explicit",
                "sync" | "counter" => "shared",
                _ => return None,
            };
            known.iter().find(|(known, _)| *known == synonym)
        })
}

/// The Damerau–Levenshtein distance (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_find_the_argument_that_was_meant() {
        let meant = |name| closest(name, STATE_ARGS).map(|entry| entry.0);
        assert_eq!(meant("eror"), Some("error"));
        assert_eq!(meant("errro"), Some("error"));
        assert_eq!(meant("explict"), Some("explicit"));
        assert_eq!(meant("infunction"), Some("in_function"));
        assert_eq!(meant("default"), Some("init"));
        assert_eq!(meant("banana"), None);
    }

    #[test]
    fn an_expression_may_contain_commas_and_the_list_may_end_with_one() {
        for (text, expression) in [
            ("init = HashMap::<u8, u8>::new()", "HashMap::<u8, u8>::new()"),
            ("init = f(1, 2),", "f(1, 2)"),
            ("init = |a, b| a + b", "|a, b| a + b"),
        ] {
            let mut errors = Errors::default();
            let mut args = FieldArgs::default();
            args.parse(text.parse().unwrap(), &mut errors);
            assert!(errors.is_empty(), "{text}");
            let expected: TokenStream = expression.parse().unwrap();
            assert_eq!(args.init.unwrap().1.to_string(), expected.to_string());
        }
    }

    #[test]
    fn an_argument_after_an_expression_is_still_an_argument() {
        let mut errors = Errors::default();
        let mut args = FieldArgs::default();
        args.parse("init = 1, shared".parse().unwrap(), &mut errors);
        assert!(args.shared.is_some() && args.init.is_some());
    }
}
