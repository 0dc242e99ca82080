//! Bytes become declarations, right and wrong ones and mere heaps of tokens. Whatever the macro's
//! three steps are given, none may panic, their output has to be tokens, and the user's item must not be
//! lost. A declaration that was made right must be accepted, one that was made wrong rejected.

#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use steps::{Given, Steps};

fuzz_target!(|bytes: &[u8]| {
    let Some((&how, bytes)) = bytes.split_first() else {
        return;
    };
    // To print everything and read it again takes ten times as long as all the rest.
    let is_thorough = how & 0xe0 == 0xe0 && bytes.last().is_some_and(|last| last & 3 == 3);
    let mut bytes = Unstructured::new(bytes);
    let Ok(given) = Given::new(&mut bytes) else {
        return;
    };
    // A quote without its lifetime, for instance, does not come from the compiler.
    if !given.is_well_formed() {
        return;
    }
    let steps = match how & 7 {
        0..4 => Steps::First,
        4 | 5 => Steps::Third,
        _ => Steps::Reporting,
    };
    let is_open = how & 0x18 == 0x18;
    if let Err(mistake) = given.check(steps, is_open, is_thorough) {
        panic!("{mistake}");
    }
});
