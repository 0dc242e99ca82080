//! Declarations with random damage: no step may panic, and none may lose the user's item.

use proc_macro2::{Delimiter, Group, Punct, Spacing, TokenStream, TokenTree};
use proptest::prelude::*;
use quote::quote;

use crate::checks::{
    DECLARATIONS, Damage, damage, is_tokens, is_well_formed, run_first, run_second, run_third,
};

/// Runs all steps.
fn run(args: &TokenStream, item: &TokenStream) -> Result<(), String> {
    run_first(args, item, is_tokens)?;
    for is_open in [false, true] {
        run_second(args, item, is_open, is_tokens)?;
        run_third(args, item, is_open, is_tokens)?;
    }
    Ok(())
}

#[test]
fn whole_declarations_pass_all_steps() {
    for (args, item) in DECLARATIONS {
        run(&args.parse().unwrap(), &item.parse().unwrap()).unwrap();
    }
}

#[test]
fn wrong_declarations_become_compile_errors() {
    let is_error = |args: &str, item: &str| {
        let (args, item) = (args.parse::<TokenStream>().unwrap(), item.parse().unwrap());
        let first = crate::attribute::attribute(&args, &item).to_string();
        let second =
            crate::expand::derive(quote!(#[__tls_core_for_Worker::__private::seal((#args))] #item));
        first.contains("compile_error") || second.to_string().contains("compile_error")
    };
    assert!(!is_error("", "struct Worker { jobs: u64 }"));
    assert!(is_error("explict", "struct Worker { jobs: u64 }"));
    assert!(is_error("", "struct Worker { jobs u64 }"));
    assert!(is_error("", "enum Worker {}"));
    assert!(is_error("", ""));
}

#[test]
fn a_quote_without_its_lifetime_is_not_well_formed() {
    let quote = || TokenTree::Punct(Punct::new('\'', Spacing::Joint));
    let stream = |tokens: Vec<TokenTree>| tokens.into_iter().collect::<TokenStream>();
    assert!(is_well_formed(
        &"struct Worker(&'static str);".parse().unwrap()
    ));
    assert!(!is_well_formed(&stream(vec![quote()])));
    assert!(!is_well_formed(&stream(vec![quote(), quote()])));
    let group = Group::new(Delimiter::Bracket, stream(vec![quote()]));
    assert!(!is_well_formed(&stream(vec![TokenTree::Group(group)])));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_makes_a_step_panic(
        which in 0..DECLARATIONS.len(),
        to_args in prop::collection::vec(any::<Damage>(), 0..4),
        to_item in prop::collection::vec(any::<Damage>(), 0..6),
    ) {
        let (args, item) = DECLARATIONS[which];
        let args = to_args.into_iter().fold(args.parse().unwrap(), damage);
        let item = to_item.into_iter().fold(item.parse().unwrap(), damage);
        // A quote without its lifetime, for instance, does not come from the compiler.
        prop_assume!(is_tokens(&args) && is_tokens(&item));
        run(&args, &item).map_err(TestCaseError::fail)?;
    }
}
