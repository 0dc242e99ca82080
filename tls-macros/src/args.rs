//! The arguments of the attribute and of `#[state]`, as written.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
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

/// An argument and its written form.
struct Argument {
    name: &'static str,
    form: &'static str,
}

const fn argument(name: &'static str, form: &'static str) -> Argument {
    Argument { name, form }
}

const STATE_ARGS: &[Argument] = &[
    argument("error", "error = TYPE"),
    argument("init", "init = PATH"),
    argument("explicit", "explicit"),
    argument("const", "const"),
    argument("fork", "fork = reset` or `fork = keep"),
    argument("in_function", "in_function"),
    argument("crate", "crate = PATH"),
];

/// The arguments of `#[state(…)]`.
#[derive(Default)]
pub(crate) struct FieldArgs {
    pub(crate) init: Option<(Span, TokenStream)>,
    pub(crate) default: Option<Span>,
    pub(crate) shared: Option<Span>,
}

const FIELD_ARGS: &[Argument] = &[
    argument("init", "init = EXPR"),
    argument("default", "default"),
    argument("shared", "shared"),
];

impl StateArgs {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        parse_list(tokens, errors, |input, errors| {
            args.parse_one(input, errors)
        });
        args
    }

    fn parse_one(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let key = Key::parse(input, STATE_ARGS, errors)?;
        let span = key.span;
        let twice = match key.name {
            "error" => {
                // Recorded even if the value is wrong, so that the accessors return `Result`s.
                let unknown = syn::parse_quote!(::core::convert::Infallible);
                let twice = self.error.replace((span, unknown)).is_some();
                let ty = key.value(input, "a type")?;
                self.error = Some((span, ty));
                twice
            }
            "init" => {
                // Recorded even if the value is wrong, so that `NameInit` exists.
                let twice = self
                    .init
                    .replace((span, Path::from(Ident::new("init", span))))
                    .is_some();
                let path = key.path(input, "a function, not a closure or a call")?;
                self.init = Some((span, path));
                twice
            }
            "fork" => {
                let value = key.value(input, "one of two words")?;
                self.fork.replace((span, value)).is_some()
            }
            "crate" => {
                let path = key.path(input, "the crate `tls_core`")?;
                self.krate.replace((span, path)).is_some()
            }
            "explicit" => key.flag(input, &mut self.explicit)?,
            "const" => key.flag(input, &mut self.constant)?,
            _ => key.flag(input, &mut self.in_function)?,
        };
        if twice {
            key.twice(errors);
        }
        Ok(())
    }
}

impl FieldArgs {
    /// Parses the list of one `#[state(…)]`.
    pub(crate) fn parse(&mut self, tokens: TokenStream, errors: &mut Errors) {
        parse_list(tokens, errors, |input, errors| {
            self.parse_one(input, errors)
        });
    }

    fn parse_one(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        if looks_like_a_value(input) {
            let error = input.error("an initializer is written `#[state(init = EXPR)]`");
            self.init = Some((input.span(), parse_expression(input)?));
            return Err(error);
        }
        let key = Key::parse(input, FIELD_ARGS, errors)?;
        let twice = match key.name {
            "shared" => key.flag(input, &mut self.shared)?,
            "default" if input.peek(Token![=]) => {
                let error = input
                    .error("`default` takes no value; write a value as `#[state(init = EXPR)]`");
                key.equals(input, "an expression")?;
                self.init = Some((key.span, parse_expression(input)?));
                return Err(error);
            }
            "default" => key.flag(input, &mut self.default)?,
            _ => {
                // Recorded even if the value is wrong, so that the initializer is not reported as
                // missing.
                let twice = self.init.replace((key.span, TokenStream::new())).is_some();
                key.equals(input, "an expression")?;
                self.init = Some((key.span, parse_expression(input)?));
                twice
            }
        };
        if twice {
            key.twice(errors);
        }
        Ok(())
    }
}

/// Returns `true` if the list begins with a value, as in `#[state(5)]`.
fn looks_like_a_value(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let Ok(key) = ahead.call(Ident::parse_any) else {
        return true;
    };
    let is_argument = ahead.is_empty() || ahead.peek(Token![,]) || ahead.peek(Token![=]);
    !is_argument && !FIELD_ARGS.iter().any(|argument| key == argument.name)
}

/// Parses arguments that are separated by commas. After an error, continues with the next argument.
fn parse_list(
    tokens: TokenStream,
    errors: &mut Errors,
    mut parse_one: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    let list = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let mut found = Errors::default();
            if let Err(error) = parse_one(input, &mut found) {
                // Report one error per argument: after an unknown name, the value may be unexpected,
                // too.
                if found.is_empty() {
                    found.add(error);
                }
                skip_to_comma(input);
            }
            errors.append(found);
            next_comma(input, errors);
        }
        Ok(())
    };
    if let Err(error) = list.parse2(tokens) {
        errors.add(error);
    }
}

/// The name of an argument.
struct Key {
    span: Span,
    name: &'static str,
    form: &'static str,
}

impl Key {
    /// Parses a name. Reports an unknown name, and continues with the argument that was probably meant.
    fn parse(
        input: ParseStream<'_>,
        known: &'static [Argument],
        errors: &mut Errors,
    ) -> syn::Result<Self> {
        let written = input.call(Ident::parse_any).map_err(|error| {
            let message = format!("expected the name of an argument: {}", list(known));
            syn::Error::new(error.span(), message)
        })?;
        let name = written.to_string();
        let key = |argument: &Argument| Self {
            span: written.span(),
            name: argument.name,
            form: argument.form,
        };
        if let Some(argument) = known.iter().find(|argument| argument.name == name) {
            return Ok(key(argument));
        }
        if let Some(message) = misplaced(&name, known) {
            return Err(syn::Error::new(written.span(), message));
        }
        if let Some(argument) = closest(&name, known) {
            let form = argument.form;
            let message = format!("unknown argument `{name}`; did you mean `{form}`?");
            errors.push(written.span(), message);
            return Ok(key(argument));
        }
        let message = format!(
            "unknown argument `{name}`; the arguments are {}",
            list(known)
        );
        Err(syn::Error::new(written.span(), message))
    }

    fn equals(&self, input: ParseStream<'_>, what: &str) -> syn::Result<()> {
        let needs = |span| {
            let Self { name, form, .. } = self;
            syn::Error::new(span, format_args!("`{name}` needs {what}: write `{form}`"))
        };
        if !input.peek(Token![=]) {
            return Err(needs(self.span));
        }
        let equals: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(needs(equals.span()));
        }
        Ok(())
    }

    fn value<T: syn::parse::Parse>(&self, input: ParseStream<'_>, what: &str) -> syn::Result<T> {
        self.equals(input, what)?;
        input.parse().map_err(|error| {
            let Self { name, form, .. } = self;
            let message = format!("`{name}` takes {what}: write `{form}`");
            syn::Error::new(error.span(), message)
        })
    }

    fn path(&self, input: ParseStream<'_>, what: &str) -> syn::Result<Path> {
        self.equals(input, &format!("the path of {what}"))?;
        let Self { name, form, .. } = self;
        let message = format!("`{name}` takes the path of {what}: write `{form}`");
        let path: Path = input
            .parse()
            .map_err(|error| syn::Error::new(error.span(), &message))?;
        // A name may follow if the comma was forgotten. Anything else that follows is part of the value.
        let goes_on = input.peek(syn::token::Paren) || !(input.is_empty() || is_name(input));
        if goes_on && !input.peek(Token![,]) {
            return Err(input.error(message));
        }
        Ok(path)
    }

    /// Sets the flag, even if a mistake follows. Returns `true` if it was set before.
    fn flag(&self, input: ParseStream<'_>, flag: &mut Option<Span>) -> syn::Result<bool> {
        let twice = flag.replace(self.span).is_some();
        if input.is_empty() || input.peek(Token![,]) || is_name(input) {
            return Ok(twice);
        }
        let name = self.name;
        Err(input.error(format_args!(
            "`{name}` takes no value: write `{name}` alone"
        )))
    }

    fn twice(&self, errors: &mut Errors) {
        errors.push(
            self.span,
            format_args!("`{}` is given twice; remove one", self.name),
        );
    }
}

fn is_name(input: ParseStream<'_>) -> bool {
    input.fork().call(Ident::parse_any).is_ok()
}

fn list(known: &[Argument]) -> String {
    let forms: Vec<String> = known
        .iter()
        .map(|known| format!("`{}`", known.form))
        .collect();
    forms.join(", ")
}

/// Parses the rest of the list as one expression, because a comma may be part of an expression. Stops
/// before a further argument at the end of the list.
fn parse_expression(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    let mut semicolon = None;
    while !input.is_empty() && !ends_expression(input) {
        if input.peek(Token![;]) {
            semicolon = Some(input.span());
        }
        let token: TokenTree = input.parse()?;
        tokens.extend([token]);
    }
    match semicolon {
        None => Ok(tokens),
        Some(span) => Err(syn::Error::new(
            span,
            "`init` takes one expression; write several statements in a block: \
             `init = { …; … }`",
        )),
    }
}

/// Returns `true` at the comma before another argument, and at a trailing comma.
fn ends_expression(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    if ahead.parse::<Token![,]>().is_err() {
        return false;
    }
    if ahead.is_empty() {
        return true;
    }
    let Ok(key) = ahead.call(Ident::parse_any) else {
        return false;
    };
    FIELD_ARGS.iter().any(|argument| key == argument.name)
        && (ahead.is_empty() || ahead.peek(Token![,]) || ahead.peek(Token![=]))
}

fn next_comma(input: ParseStream<'_>, errors: &mut Errors) {
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return;
    }
    if is_name(input) {
        errors.push(input.span(), "a comma is missing before this argument");
    } else {
        errors.push(input.span(), "expected a comma between two arguments");
        skip_to_comma(input);
        let _ = input.parse::<Token![,]>();
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}

/// Returns the message for an argument that belongs on the struct instead of a field, or the reverse.
fn misplaced(name: &str, known: &[Argument]) -> Option<String> {
    let is_name = |argument: &&Argument| argument.name == name;
    if known.iter().any(|argument| argument.name == "shared") {
        let form = STATE_ARGS.iter().find(is_name)?.form;
        let form = form.split('`').next().unwrap_or(form);
        return Some(format!(
            "`{name}` is an argument of the whole state: write `#[thread_local_state({form})]` \
             on the struct",
        ));
    }
    let form = FIELD_ARGS.iter().find(is_name)?.form;
    Some(format!(
        "`{name}` is an argument of a field: write `#[state({form})]` on each field that needs it",
    ))
}

/// Returns the known argument that was probably meant.
fn closest(name: &str, known: &'static [Argument]) -> Option<&'static Argument> {
    let name = name.to_lowercase();
    let synonym = match name.as_str() {
        "default" | "value" | "with" | "new" | "expr" | "lazy" => "init",
        "err" | "result" | "try" => "error",
        "local" | "function" | "allow_in_function" => "in_function",
        "manual" | "eager" => "explicit",
        "sync" | "global" | "counter" | "updown" | "gauge" | "peak" | "histogram" | "part" => {
            "shared"
        }
        "reset" | "keep" | "on_fork" | "atfork" => "fork",
        _ => "",
    };
    known
        .iter()
        .find(|known| known.name == synonym)
        .or_else(|| {
            known
                .iter()
                .map(|known| (distance(&name, known.name), known))
                .filter(|(distance, known)| {
                    let length = known.name.len();
                    *distance <= length / 3 + usize::from(length < 6)
                })
                .min_by_key(|(distance, _)| *distance)
                .map(|(_, known)| known)
        })
}

/// Returns the Damerau–Levenshtein distance (optimal string alignment).
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
        let meant = |name| closest(name, STATE_ARGS).map(|argument| argument.name);
        assert_eq!(meant("eror"), Some("error"));
        assert_eq!(meant("errro"), Some("error"));
        assert_eq!(meant("explict"), Some("explicit"));
        assert_eq!(meant("infunction"), Some("in_function"));
        assert_eq!(meant("banana"), None);
        // Two mistakes are accepted in a short name, and three are too many in a longer one.
        assert_eq!(meant("fooork"), Some("fork"));
        assert_eq!(
            closest("har", FIELD_ARGS).map(|argument| argument.name),
            None
        );
    }

    #[test]
    fn other_words_for_an_argument_are_known() {
        let meant = |name, known| closest(name, known).map(|argument| argument.name);
        assert_eq!(meant("default", STATE_ARGS), Some("init"));
        assert_eq!(meant("result", STATE_ARGS), Some("error"));
        assert_eq!(meant("allow_in_function", STATE_ARGS), Some("in_function"));
        assert_eq!(meant("manual", STATE_ARGS), Some("explicit"));
        assert_eq!(meant("atfork", STATE_ARGS), Some("fork"));
        assert_eq!(meant("Gauge", FIELD_ARGS), Some("shared"));
        assert_eq!(meant("value", FIELD_ARGS), Some("init"));
    }

    /// The recursive definition, which takes exponential time.
    fn distance_by_definition(a: &[char], b: &[char]) -> usize {
        let ([before @ .., x], [after @ .., y]) = (a, b) else {
            return a.len() + b.len();
        };
        let replaced = distance_by_definition(before, after) + usize::from(x != y);
        let removed = distance_by_definition(before, b) + 1;
        let inserted = distance_by_definition(a, after) + 1;
        let mut least = replaced.min(removed).min(inserted);
        if let ([a @ .., v], [b @ .., w]) = (before, after) {
            if (v, x) == (y, w) {
                least = least.min(distance_by_definition(a, b) + 1);
            }
        }
        least
    }

    #[test]
    fn the_distance_is_the_least_number_of_typing_mistakes() {
        let mut words = vec![Vec::new()];
        for length in 0..3 {
            let longer: Vec<Vec<char>> = words
                .iter()
                .filter(|word| word.len() == length)
                .flat_map(|word| ['a', 'b', 'c'].map(|char| [&word[..], &[char]].concat()))
                .collect();
            words.extend(longer);
        }
        for a in &words {
            for b in &words {
                let text = |word: &[char]| word.iter().collect::<String>();
                let (one, other) = (text(a), text(b));
                let expected = distance_by_definition(a, b);
                assert_eq!(distance(&one, &other), expected, "{one} {other}");
            }
        }
    }

    #[test]
    fn an_argument_of_the_other_list_is_told_where_it_belongs() {
        let misplaced = |name, known| misplaced(name, known).unwrap_or_default();
        assert!(misplaced("shared", STATE_ARGS).contains("#[state(shared)]"));
        assert!(misplaced("fork", FIELD_ARGS).contains("#[thread_local_state(fork = reset)]"));
        assert_eq!(misplaced("banana", FIELD_ARGS), "");
    }

    #[test]
    fn an_expression_may_contain_commas_and_the_list_may_end_with_one() {
        for (text, expression) in [
            (
                "init = HashMap::<u8, u8>::new()",
                "HashMap::<u8, u8>::new()",
            ),
            ("init = f(1, 2),", "f(1, 2)"),
            ("init = |a, b| a + b", "|a, b| a + b"),
            ("init = |a, b, c| a + b", "|a, b, c| a + b"),
            (
                "init = Pair::<u8, shared>::new()",
                "Pair::<u8, shared>::new()",
            ),
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

    #[test]
    fn an_argument_that_is_nearly_right_is_taken_for_what_was_meant() {
        let parse = |text: &str| {
            let mut errors = Errors::default();
            let args = StateArgs::parse(text.parse().unwrap(), &mut errors);
            assert!(!errors.is_empty(), "{text}");
            args
        };
        assert!(parse("eror = io::Error").error.is_some());
        assert!(parse("explicit = true").explicit.is_some());
        assert!(parse("init = make()").init.is_some());
        let args = parse("error = io::Error explicit, const = 1");
        assert!(args.error.is_some() && args.explicit.is_some() && args.constant.is_some());
    }

    #[test]
    fn what_follows_the_path_of_a_function_is_said_to_be_wrong() {
        for text in ["init = a.b", "init = a + b", "init = a()"] {
            let mut errors = Errors::default();
            StateArgs::parse(text.parse().unwrap(), &mut errors);
            let errors = errors.into_compile_errors().to_string();
            assert!(
                errors.contains("`init` takes the path of a function"),
                "{text}: {errors}"
            );
        }
    }

    #[test]
    fn one_wrong_argument_is_one_error() {
        for text in [
            "eror = 5",
            "banana",
            "banana = 5 + 6",
            "init = || make()",
            "\"explicit\"",
            "error",
            "error =",
            "explicit explicit_too",
            "fork",
            "= 5",
            "const(1)",
        ] {
            let mut errors = Errors::default();
            StateArgs::parse(text.parse().unwrap(), &mut errors);
            let errors = errors.into_compile_errors().to_string();
            let count = errors.matches("compile_error").count();
            // A forgotten comma and an unknown argument are two errors.
            let expected = if text.contains("too") { 2 } else { 1 };
            assert_eq!(count, expected, "{text}: {errors}");
        }
    }
}
