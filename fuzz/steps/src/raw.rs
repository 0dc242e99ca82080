//! Any tokens that a compiler could pass to a macro, built without a lexer.

use arbitrary::{Result, Unstructured};
use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Groups stand in one another up to here.
const DEPTH: usize = 8;

const WORDS: &[&str] = &[
    "struct",
    "pub",
    "crate",
    "super",
    "self",
    "Self",
    "in",
    "enum",
    "union",
    "fn",
    "impl",
    "trait",
    "mod",
    "static",
    "const",
    "unsafe",
    "extern",
    "where",
    "for",
    "dyn",
    "mut",
    "ref",
    "move",
    "async",
    "return",
    "as",
    "type",
    "use",
    "_",
    "state",
    "init",
    "shared",
    "error",
    "explicit",
    "fork",
    "reset",
    "keep",
    "in_function",
    "derive",
    "Default",
    "Clone",
    "repr",
    "packed",
    "transparent",
    "doc",
    "cfg",
    "cfg_attr",
    "all",
    "any",
    "not",
    "thread_local_state",
    "Worker",
    "jobs",
    "JOBS",
    "u64",
    "Vec",
    "String",
    "Counter",
    "Part",
    "Gauge",
    "eror",
    "explict",
    "macro_rules",
    "vec",
    "format",
    "größe",
    "ﬀ",
    "a",
    "x",
];

const PUNCTS: &[char] = &[
    '#', ',', ':', ';', '=', '<', '>', '&', '?', '!', '|', '.', '+', '-', '*', '/', '@', '$', '^',
    '%', '~',
];

pub(crate) fn tokens(u: &mut Unstructured<'_>) -> Result<TokenStream> {
    row(u, DEPTH)
}

/// Tokens up to a byte that says that they end.
fn row(u: &mut Unstructured<'_>, depth: usize) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    let span = Span::call_site();
    while !u.is_empty() {
        let byte: u8 = u.arbitrary()?;
        let token = match byte {
            0..16 => break,
            16..96 => {
                let word = WORDS[usize::from(byte - 16) % WORDS.len()];
                TokenTree::Ident(Ident::new(word, span))
            }
            96..100 => TokenTree::Ident(Ident::new_raw("type", span)),
            100..156 => {
                let char = PUNCTS[usize::from(byte - 100) % PUNCTS.len()];
                // Two in a row, without a space, would be a comment.
                let spacing = if byte % 2 == 0 || char == '/' {
                    Spacing::Alone
                } else {
                    Spacing::Joint
                };
                TokenTree::Punct(Punct::new(char, spacing))
            }
            156..164 => {
                tokens.extend([TokenTree::Punct(Punct::new('\'', Spacing::Joint))]);
                let name = if byte % 2 == 0 { "static" } else { "a" };
                TokenTree::Ident(Ident::new(name, span))
            }
            164..180 => TokenTree::Literal(literal(byte, u)?),
            _ if depth == 0 => continue,
            _ => {
                let delimiter = match byte % 8 {
                    0..=2 => Delimiter::Parenthesis,
                    3 | 4 => Delimiter::Brace,
                    5 | 6 => Delimiter::Bracket,
                    _ => Delimiter::None,
                };
                TokenTree::Group(Group::new(delimiter, row(u, depth - 1)?))
            }
        };
        tokens.extend([token]);
    }
    Ok(tokens)
}

fn literal(byte: u8, u: &mut Unstructured<'_>) -> Result<Literal> {
    Ok(match byte % 16 {
        0 => Literal::u8_suffixed(u.arbitrary()?),
        1 => Literal::usize_unsuffixed(u.arbitrary::<u8>()?.into()),
        2 => Literal::f64_unsuffixed(u.arbitrary::<u8>()?.into()),
        3 => Literal::character(u.arbitrary::<u8>()?.into()),
        4 => Literal::byte_string(&u.arbitrary::<[u8; 2]>()?),
        5 => Literal::string(""),
        6 => Literal::string("{jobs} {"),
        7 => Literal::c_string(c"text"),
        8 => Literal::byte_character(u.arbitrary()?),
        9 => Literal::u128_unsuffixed(u128::MAX),
        10 => Literal::string(" * line\n * another\n"),
        _ => {
            let bytes: [u8; 3] = u.arbitrary()?;
            Literal::string(&String::from_utf8_lossy(&bytes))
        }
    })
}
