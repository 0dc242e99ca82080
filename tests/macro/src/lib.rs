//! The three steps of the macro, outside of a compiler: the sources are the macro's own, since a crate of
//! macros cannot be linked as a library.
//!
//! `fuzz/steps` does the same, with the same `checks`.

#![cfg(test)]

#[path = "../../../tls-macros/src/args.rs"]
mod args;
#[path = "../../../tls-macros/src/attribute.rs"]
mod attribute;
#[path = "../../../tls-macros/src/bare.rs"]
mod bare;
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

mod checks;
mod never_panics;
mod recorded;
