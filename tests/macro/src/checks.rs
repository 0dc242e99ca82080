//! What must hold of the steps, whatever they are given: none panics, the output is made of
//! tokens, and the user's item is not lost. Used by the tests and by the fuzzer, which
//! includes this file (`fuzz/steps`).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::quote;

use crate::errors::Errors;
use crate::input::{alias, private};
use crate::take_out::take_out;

/// Arguments and an item that belong together.
pub(crate) const DECLARATIONS: &[(&str, &str)] = &[
    ("", "struct Worker { jobs: u64 }"),
    (
        "",
        "pub struct Worker { pub jobs: u64, pub(crate) files: Vec<String>, }",
    ),
    (
        "",
        "struct Worker(u64, #[state(init = vec![1, 2])] Vec<u8>);",
    ),
    ("", "struct Worker;"),
    (
        "",
        "struct r#struct { r#type: u64, #[state(init = r#type + 1)] r#fn: u64 }",
    ),
    (
        "const",
        "struct Worker { #[state(init = [0; 4])] jobs: [u8; 4], #[state(init = 1)] n: u8 }",
    ),
    (
        "explicit",
        "pub(super) struct Worker { name: String, #[state(init = name.len())] n: usize }",
    ),
    (
        "explicit, error = std::io::Error",
        "struct Worker(u64, #[state(init = open()?)] File);",
    ),
    (
        "init = crate::make",
        "struct Worker { jobs: HashMap<String, (u8, u8)>, }",
    ),
    (
        "init = make, error = Box<dyn Error + Send + Sync>",
        "struct Worker { jobs: u64 }",
    ),
    (
        "error = rusqlite::Error",
        "struct Worker { #[state(init = open(\"jobs.db\")?)] conn: Connection, \
         #[state(init = format!(\"{conn:?}\"))] text: String }",
    ),
    ("fork = keep, in_function", "struct Worker { jobs: u64 }"),
    (
        "fork = reset",
        "struct Worker { #[state(shared)] jobs: Counter }",
    ),
    (
        "fork = reset, explicit, error = E",
        "pub struct Worker { #[state(shared)] pub done: [Counter; 1 + 2], name: String, \
         #[state(shared)] #[cfg(x)] #[serde(skip)] parts: Part<Vec<u8>>, \
         #[state(init = open()?)] file: File }",
    ),
    (
        "",
        "struct Worker(#[state(shared)] pub [Counter; 1 + 2], String, \
         #[cfg_attr(x, state(shared))] Part<Vec<u8>>);",
    ),
    (
        "fork = reset, const",
        "struct Worker { #[cfg_attr(x, state(shared))] jobs: Counter, \
         #[cfg_attr(all(x, y), cfg_attr(z, state(shared), doc = \"Text.\"), cfg(w))] n: Gauge, \
         #[state(init = Worker::N.get())] m: u64 }",
    ),
    (
        "fork = forget, fork",
        "struct Worker { /// Text.\n #[state(shared, init = 1)] jobs: Counter, \
         #[state(shared)] #[state(shared = 2)] JOBS: [[Peak; 2]; 3], plain: Counter }",
    ),
    (
        "fork = reset",
        "struct Worker<T> { #[state(shared)] jobs: Part<T>, #[state(shared)] n: dyn Fn(Counter) }",
    ),
    (
        "crate = ::renamed::tls_core",
        "struct Worker { #[state(init = |a, b| a + b)] f: F }",
    ),
    (
        "",
        "/// Text.\n #[derive(Debug, PartialEq)] #[repr(C, align(64))] #[cfg_attr(x, y)] \
         struct Worker { /// Text.\n #[deprecated = \"old\"] jobs: u64, #[cfg(x)] more: u64 }",
    ),
    (
        "",
        "#[derive(Default, Clone)] #[state(init = 1)] struct Worker { jobs: u64 }",
    ),
    (
        "",
        "#[thread_local_state(const)] struct Worker { #[state = 1] a: u8, #[state] A: u8 }",
    ),
    (
        "",
        "struct Cache<'a, T: Clone, const N: usize> where T: Copy { values: [&'a T; N] }",
    ),
    (
        "",
        "#[repr(packed(2))] struct Worker { #[state(init = self.x, init = 2)] jobs: u64 }",
    ),
    (
        "eror = X, explict",
        "struct Worker { #[state(inti = return 5)] jobs: u64 }",
    ),
    (
        "explicit = true, const(1), \"x\"",
        "enum Mode { Fast, Slow(u64) }",
    ),
    ("init = make", "union Bits { float: f32, integer: u32 }"),
    (
        "error = E",
        "pub const unsafe extern \"C\" fn count<T>(x: T) -> u64 { x }",
    ),
    ("", "impl<T> Worker<T> { fn count(&self) -> u64 { 0 } }"),
    ("", "static JOBS: u64 = 0;"),
    ("", "macro_rules! state { () => {} }"),
];

/// One piece of damage: what to do, where, and with what.
pub(crate) type Damage = (u8, usize, usize);

fn count(tokens: &[TokenTree]) -> usize {
    tokens
        .iter()
        .map(|token| match token {
            TokenTree::Group(group) => 1 + count(&trees(group.stream())),
            _ => 1,
        })
        .sum()
}

fn trees(tokens: TokenStream) -> Vec<TokenTree> {
    tokens.into_iter().collect()
}

/// A token that may stand anywhere.
fn odd_token(seed: usize) -> TokenTree {
    let ident = |name| TokenTree::Ident(Ident::new(name, Span::call_site()));
    let punct = |char| TokenTree::Punct(Punct::new(char, Spacing::Alone));
    let group =
        |delimiter, text: &str| TokenTree::Group(Group::new(delimiter, text.parse().unwrap()));
    match seed % 40 {
        0 => ident("self"),
        1 => ident("const"),
        2 => ident("state"),
        3 => ident("init"),
        4 => ident("struct"),
        5 => ident("_"),
        6 => ident("Self"),
        7 => ident("where"),
        8 => ident("crate"),
        9 => ident("ﬀ"),
        10 => TokenTree::Ident(Ident::new_raw("type", Span::call_site())),
        11 => TokenTree::Literal(Literal::string("{name} {")),
        12 => TokenTree::Literal(Literal::u8_suffixed(7)),
        13 => TokenTree::Literal(Literal::byte_string(b"\xff")),
        14 => TokenTree::Literal(Literal::character('\'')),
        15 => punct('?'),
        16 => punct('='),
        17 => punct(','),
        18 => punct('#'),
        19 => punct('|'),
        20 => punct('<'),
        21 => punct('>'),
        22 => punct(';'),
        23 => TokenTree::Punct(Punct::new('\'', Spacing::Joint)),
        24 => TokenTree::Punct(Punct::new(':', Spacing::Joint)),
        25 => group(Delimiter::None, "a"),
        26 => group(Delimiter::None, ""),
        27 => group(Delimiter::Parenthesis, ""),
        28 => group(Delimiter::Bracket, "state(init = a?)"),
        29 => group(Delimiter::Brace, "a: u8, A: u8"),
        30 => punct('!'),
        31 => ident("shared"),
        32 => ident("fork"),
        33 => ident("reset"),
        34 => ident("Counter"),
        35 => group(Delimiter::Bracket, "state(shared)"),
        36 => group(Delimiter::Bracket, "cfg_attr(x, state(shared))"),
        37 => group(Delimiter::Bracket, "cfg(any(x, y))"),
        38 => group(Delimiter::Parenthesis, "shared, init = 1"),
        _ => punct('.'),
    }
}

/// Does one damage to the tokens, at any depth.
pub(crate) fn damage(tokens: TokenStream, (what, place, seed): Damage) -> TokenStream {
    let mut tokens = trees(tokens);
    let total = count(&tokens);
    if total == 0 {
        return odd_token(seed).into();
    }
    damage_at(&mut tokens, what, &mut (place % total), seed);
    tokens.into_iter().collect()
}

/// Goes on until there is no token left before the place. Says whether it has come so far.
fn damage_at(tokens: &mut Vec<TokenTree>, what: u8, place: &mut usize, seed: usize) -> bool {
    for index in 0..tokens.len() {
        if *place == 0 {
            damage_one(tokens, what, index, seed);
            return true;
        }
        *place -= 1;
        if let TokenTree::Group(group) = &tokens[index] {
            let mut inner = trees(group.stream());
            if damage_at(&mut inner, what, place, seed) {
                let inner = inner.into_iter().collect();
                tokens[index] = TokenTree::Group(Group::new(group.delimiter(), inner));
                return true;
            }
        }
    }
    false
}

fn damage_one(tokens: &mut Vec<TokenTree>, what: u8, index: usize, seed: usize) {
    match what % 6 {
        0 => drop(tokens.remove(index)),
        1 => tokens.insert(index, tokens[index].clone()),
        2 => {
            let other = seed % tokens.len();
            tokens.swap(index, other);
        }
        3 => tokens[index] = odd_token(seed),
        4 => tokens.insert(index, odd_token(seed)),
        _ => {
            if let TokenTree::Group(group) = tokens[index].clone() {
                tokens.splice(index..=index, group.stream());
            }
        }
    }
}

/// The tokens without groups that have no delimiters.
fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    fn add(tokens: TokenStream, flat: &mut Vec<TokenTree>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                    add(group.stream(), flat);
                }
                token => flat.push(token),
            }
        }
    }
    let mut flat = Vec::new();
    add(tokens, &mut flat);
    flat
}

/// Whether an attribute's brackets begin with a name.
fn is_attribute_named(name: &str, brackets: &Group) -> bool {
    let first = flat(brackets.stream()).into_iter().next();
    matches!(first, Some(TokenTree::Ident(ident)) if ident == name)
}

/// Passes the words of an item to a function, with or without those of its attributes.
fn words(tokens: TokenStream, with_attributes: bool, found: &mut impl FnMut(&Ident)) {
    let mut is_attribute = false;
    for token in flat(tokens) {
        let may_be_attribute = std::mem::take(&mut is_attribute);
        match token {
            TokenTree::Punct(punct) => {
                is_attribute = punct.as_char() == '#' || may_be_attribute && punct.as_char() == '!';
            }
            TokenTree::Group(group) => {
                let is_brackets = group.delimiter() == Delimiter::Bracket;
                // Of two hashes in a row the second may go, with what was its attribute.
                let is_attribute =
                    is_brackets && (may_be_attribute || is_attribute_named("state", &group));
                if with_attributes || !is_attribute {
                    words(group.stream(), with_attributes, found);
                }
            }
            TokenTree::Ident(ident) => found(&ident),
            TokenTree::Literal(_) => {}
        }
    }
}

/// Whether all words of an item are in what a step has made of it.
fn check_kept(output: &TokenStream, item: &TokenStream) -> Result<(), String> {
    // By their hashes, which need no memory.
    let hasher = RandomState::new();
    let mut word = String::new();
    let mut hash = |ident: &Ident| {
        word.clear();
        let _ = write!(word, "{ident}");
        hasher.hash_one(&word)
    };
    let mut after = HashMap::new();
    // With attributes: a hash sign whose attribute has gone may make one of what came next.
    words(output.clone(), true, &mut |ident| {
        *after.entry(hash(ident)).or_insert(0_usize) += 1;
    });
    let mut lost = None;
    words(item.clone(), false, &mut |ident| {
        match after.get_mut(&hash(ident)) {
            Some(count) if *count > 0 => *count -= 1,
            // An empty `where` clause may go, and in the type of a shared field `Self` is replaced.
            _ if ident == "where" || ident == "Self" => {}
            _ => lost = Some(ident.clone()),
        }
    });
    match lost {
        None => Ok(()),
        Some(word) => Err(format!("`{word}` of `{item}` is lost in `{output}`")),
    }
}

/// Whether the text of these tokens is read as tokens again.
pub(crate) fn is_tokens(output: &TokenStream) -> bool {
    output.to_string().parse::<TokenStream>().is_ok()
}

/// Whether these could come from the compiler: the only tokens that cannot stand for themselves are
/// quotes without a lifetime's name. Much faster than [`is_tokens`].
pub(crate) fn is_well_formed(tokens: &TokenStream) -> bool {
    let mut is_after_quote = false;
    for token in tokens.clone() {
        if std::mem::take(&mut is_after_quote) && !matches!(token, TokenTree::Ident(_)) {
            return false;
        }
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                if punct.spacing() == Spacing::Alone {
                    return false;
                }
                is_after_quote = true;
            }
            TokenTree::Group(group) if !is_well_formed(&group.stream()) => return false,
            _ => {}
        }
    }
    !is_after_quote
}

fn check_tokens(
    output: &TokenStream,
    is_tokens: impl Fn(&TokenStream) -> bool,
) -> Result<(), String> {
    if is_tokens(output) {
        Ok(())
    } else {
        Err(format!("no tokens: `{output}`"))
    }
}

/// Runs the first step, and says whether it reported a mistake.
pub(crate) fn run_first(
    args: &TokenStream,
    item: &TokenStream,
    is_tokens: impl Fn(&TokenStream) -> bool,
) -> Result<bool, String> {
    let output = crate::attribute::attribute(args, item);
    check_tokens(&output, is_tokens)?;
    check_kept(&output, item)?;
    Ok(is_rejected(&output))
}

/// The tokens that the first step hands on to the others. The item is open if a mistake has been found.
fn sealing(args: &TokenStream, is_open: bool) -> TokenStream {
    let open = is_open.then(|| quote!(open));
    quote!((#args) #open)
}

/// Runs both derives, and says whether one of them reported a mistake.
pub(crate) fn run_second(
    args: &TokenStream,
    item: &TokenStream,
    is_open: bool,
    is_tokens: impl Fn(&TokenStream) -> bool,
) -> Result<bool, String> {
    let name = item.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "Worker" => Some(ident),
        _ => None,
    });
    let name = name.unwrap_or_else(|| Ident::new("Other", Span::call_site()));
    let (alias, private) = (alias(&name), private());
    let sealing = sealing(args, is_open);
    // What the first step would leave of it.
    let (item, beside) = match syn::parse2::<syn::DeriveInput>(item.clone()) {
        Ok(mut input) => {
            let errors = &mut Errors::default();
            let beside = take_out(&mut input, &alias, &private, None, errors);
            (quote!(#input), beside)
        }
        Err(_) => (item.clone(), None),
    };
    let shared = beside.is_some().then(|| quote!(shared));
    let output = crate::expand::derive(quote!(#[#alias::#private::seal(#sealing #shared)] #item));
    check_tokens(&output, &is_tokens)?;
    let beside = crate::shared::derive(beside.unwrap_or_default());
    check_tokens(&beside, is_tokens)?;
    Ok(is_rejected(&output) || is_rejected(&beside))
}

/// Runs the third step.
pub(crate) fn run_third(
    args: &TokenStream,
    item: &TokenStream,
    is_open: bool,
    is_tokens: impl Fn(&TokenStream) -> bool,
) -> Result<(), String> {
    let output = crate::seal::seal(&sealing(args, is_open), item);
    check_tokens(&output, is_tokens)?;
    check_kept(&output, item)
}

/// Whether a step has reported a mistake: the errors come first.
fn is_rejected(output: &TokenStream) -> bool {
    let mut tokens = output.clone().into_iter();
    tokens.any(|token| matches!(token, TokenTree::Ident(ident) if ident == "compile_error"))
}
