//! Types and initializers of all sorts.

#![deny(warnings)]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use tls_core::thread_local_state;

const LOCAL: u64 = 3;

#[thread_local_state]
struct Fields {
    me: Option<&'static Self>,
    #[state(init = Box::new(|value| value + LOCAL))]
    closure: Box<dyn Fn(u64) -> u64>,
    #[state(init = double)]
    pointer: fn(u64) -> u64,
    array: [u8; 4],
    pair: (u64, Option<Rc<str>>),
    map: HashMap<String, Vec<(u8, BTreeMap<u8, u8>)>>,
    #[state(init = HashMap::<u8, u8>::from([(1, 2), (3, 4)]))]
    filled: HashMap<u8, u8>,
    #[state(init = { if filled.len() == 2 { return 7; } 8 })]
    returned: u64,
    #[state(init = { let table = filled.clone(); Box::new(move |key| table[&key]) })]
    capturing: Box<dyn Fn(u8) -> u8>,
    #[state(init = format!("{returned:>4}|{:1$}", returned, array.len()))]
    text: String,
    #[state(init = (0..3).map(|place| place + *returned).collect())]
    numbers: Vec<u64>,
    #[state(init = loop { break 5 })]
    broken: u64,
    #[state(init = match *broken { 5 => Some(()), _ => None })]
    matched: Option<()>,
    #[state(init = Outer { text: 5, map: () }.text)]
    named_alike: u64,
    #[state(init = unsafe_in_words())]
    unsafe_in_words: u64,
    #[state(init = |a, b| a < b)]
    compare: fn(u8, u8) -> bool,
    shared: RefCell<u64>,
    #[state(init = *Self::shared_number() + Self::NUMBER)]
    own: u64,
}

impl Fields {
    const NUMBER: u64 = 1;

    fn shared_number() -> &'static u64 {
        &2
    }
}

struct Outer {
    text: u64,
    #[expect(dead_code)]
    map: (),
}

fn double(value: u64) -> u64 {
    value * 2
}

fn unsafe_in_words() -> u64 {
    1
}

/// Earlier fields under the names that the expansion might have used for itself.
#[thread_local_state]
struct Locals {
    #[state(init = 1)]
    place: u64,
    #[state(init = place + 1)]
    value: u64,
    #[state(init = value + place)]
    slot: u64,
    #[state(init = slot + value)]
    result: u64,
    #[state(init = result + 1)]
    field: u64,
    #[state(init = { let field = *field; let place = field; place })]
    make: u64,
}

#[thread_local_state(error = std::num::ParseIntError)]
struct Fallible {
    #[state(init = ["1", "2"].iter().map(|text| text.parse::<u64>()).collect::<Result<Vec<_>, _>>()?)]
    numbers: Vec<u64>,
    #[state(init = { let first = (|| { "7".parse::<u64>()?; "8".parse::<u64>() })(); first? })]
    eight: u64,
    #[state(init = vec!["9".parse()?; numbers.len()])]
    nines: Vec<u8>,
}

fn main() {
    Fields::with_state(|state| {
        assert!(state.me.is_none() && state.map.is_empty() && state.pair.1.is_none());
        assert_eq!((state.closure)(1), 4);
        assert_eq!((state.pointer)(2), 4);
        assert_eq!((state.capturing)(3), 4);
        assert_eq!(state.text, "   7|   7");
        assert_eq!(state.numbers, [7, 8, 9]);
        assert!((state.compare)(1, 2));
        assert_eq!(*state.shared.borrow() + state.own + state.unsafe_in_words, 4);
        assert_eq!(state.named_alike + state.array.len() as u64, 9);
        assert_eq!((state.matched, state.broken, state.returned), (Some(()), 5, 7));
        assert_eq!(state.filled[&1], 2);
    });
    assert_eq!(Locals::MAKE.get(), 6);
    Locals::with_state(|state| {
        assert_eq!((state.place, state.value, state.slot, state.result), (1, 2, 3, 5));
        assert_eq!(state.field, state.make);
    });
    Fallible::with_state(|state| {
        assert_eq!((state.numbers.len(), state.eight, state.nines.len()), (2, 8, 2));
    })
    .unwrap();
}
