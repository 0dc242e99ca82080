//! The three steps of the macro, outside of a compiler: the sources are the macro's own, since a
//! crate of macros cannot be linked as a library. Beside them stand generators of what they are given.

mod declaration;
mod raw;

#[path = "../../../tls-macros/src/args.rs"]
mod args;
#[path = "../../../tls-macros/src/attribute.rs"]
mod attribute;
#[path = "../../../tls-macros/src/bare.rs"]
mod bare;
#[path = "../../../tests/macro/src/checks.rs"]
mod checks;
#[path = "../../../tls-macros/src/conditions.rs"]
mod conditions;
#[path = "../../../tls-macros/src/derives.rs"]
mod derives;
#[path = "../../../tls-macros/src/editor.rs"]
mod editor;
#[path = "../../../tls-macros/src/errors.rs"]
mod errors;
#[path = "../../../tls-macros/src/expand.rs"]
mod expand;
#[path = "../../../tls-macros/src/functions.rs"]
mod functions;
#[path = "../../../tls-macros/src/init.rs"]
mod init;
#[path = "../../../tls-macros/src/input.rs"]
mod input;
#[path = "../../../tls-macros/src/names.rs"]
mod names;
#[path = "../../../tls-macros/src/probe.rs"]
mod probe;
#[path = "../../../tls-macros/src/renamed.rs"]
mod renamed;
#[path = "../../../tls-macros/src/repair.rs"]
mod repair;
#[path = "../../../tls-macros/src/seal.rs"]
mod seal;
#[path = "../../../tls-macros/src/shared.rs"]
mod shared;
#[path = "../../../tls-macros/src/take_out.rs"]
mod take_out;
#[path = "../../../tls-macros/src/tokens.rs"]
mod tokens;
#[path = "../../../tls-macros/src/validate.rs"]
mod validate;

pub use declaration::{Declaration, SUPPORT};

use arbitrary::Unstructured;
use proc_macro2::TokenStream;

/// What the attribute is given, and whether it should be content with that, if that is known.
pub struct Given {
    pub args: TokenStream,
    pub item: TokenStream,
    /// The item as the compiler shows it to derives: with the configuration applied. If it is not known,
    /// the item itself.
    pub configured: Option<TokenStream>,
    pub is_valid: Option<bool>,
}

thread_local! {
    static DECLARATIONS: Vec<(TokenStream, TokenStream)> = checks::DECLARATIONS
        .iter()
        .map(|(args, item)| (text(args), text(item)))
        .collect();
}

fn text(text: &str) -> TokenStream {
    text.parse()
        .unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

impl Given {
    /// Makes tokens of bytes: any tokens, a known declaration with damages, or a declaration with or
    /// without mistakes and damages.
    pub fn new(u: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let mut given = match u.int_in_range(0..=4)? {
            0 => Self {
                args: raw::tokens(u)?,
                item: raw::tokens(u)?,
                configured: None,
                is_valid: None,
            },
            1 => {
                let which = u.choose_index(checks::DECLARATIONS.len())?;
                let (args, item) = DECLARATIONS.with(|all| all[which].clone());
                Self {
                    args,
                    item,
                    configured: None,
                    is_valid: None,
                }
            }
            _ => {
                let Declaration {
                    args,
                    item,
                    configured,
                    is_valid,
                    ..
                } = Declaration::new(u)?;
                Self {
                    args,
                    item,
                    configured: Some(configured),
                    is_valid: Some(is_valid),
                }
            }
        };
        // What is left of the bytes is damage.
        for _ in 0..8 {
            if u.len() < 4 {
                break;
            }
            let to_args = u.ratio(1, 4)?;
            let what = u.arbitrary::<u8>()?;
            let damage = (
                what,
                u.arbitrary::<u8>()?.into(),
                u.arbitrary::<u8>()?.into(),
            );
            let tokens = if to_args {
                &mut given.args
            } else {
                &mut given.item
            };
            *tokens = checks::damage(std::mem::take(tokens), damage);
            given.configured = None;
            given.is_valid = None;
        }
        Ok(given)
    }

    /// Whether a compiler could have passed these.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        checks::is_well_formed(&self.args) && checks::is_well_formed(&self.item)
    }

    /// Runs one of the three steps, or the two that report mistakes, and says what is wrong. If it is
    /// to be thorough, the output is also printed and read again.
    pub fn check(&self, steps: Steps, is_open: bool, is_thorough: bool) -> Result<(), String> {
        let Self {
            args,
            item,
            configured,
            is_valid,
        } = self;
        let is_tokens = if is_thorough {
            checks::is_tokens
        } else {
            checks::is_well_formed
        };
        let configured = configured.as_ref().unwrap_or(item);
        match steps {
            Steps::First => checks::run_first(args, item, is_tokens).map(drop),
            Steps::Third => checks::run_third(args, item, is_open, is_tokens),
            Steps::Reporting => {
                let first = checks::run_first(args, item, is_tokens)?;
                let is_open = is_open || first;
                let second = checks::run_second(args, configured, is_open, is_tokens)?;
                let is_rejected = first || second;
                match is_valid {
                    Some(is_valid) if *is_valid == is_rejected => Err(format!(
                        "{} `#[thread_local_state({args})] {item}`",
                        if is_rejected { "rejected" } else { "accepted" }
                    )),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// What is checked in one go. The second step is the slow one.
#[derive(Clone, Copy)]
pub enum Steps {
    First,
    Reporting,
    Third,
}
