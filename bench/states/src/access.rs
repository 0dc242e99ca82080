//! What accesses are measured on: a text and a count, made lazily and dropped at thread exit.
//!
//! Every candidate holds them as its users write them. Crates that lend a shared reference get two
//! states: [`Cells`], the fastest form for what a `Cell` can do, and a `RefCell<Plain>` for what needs
//! an exclusive reference.

use std::cell::{Cell, OnceCell, RefCell};
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::num::ParseIntError;
use std::sync::LazyLock;

use state::LocalInitCell;
use thread_local::ThreadLocal;
use thread_local_collect::tlm::simple_joined::{Control, Holder};
use thread_map::ThreadMap;
use tls_core::{Counter, thread_local_state};

#[cfg(tls_core_keys)]
use crate::keyed::Keyed;

/// To be borrowed as a whole.
#[derive(Default)]
pub struct Plain {
    pub text: String,
    pub count: u64,
}

impl Plain {
    const fn new() -> Self {
        Self {
            text: String::new(),
            count: 0,
        }
    }
}

/// To be changed through a shared reference.
#[derive(Default)]
pub struct Cells {
    pub text: RefCell<String>,
    pub count: Cell<u64>,
}

impl Cells {
    /// What an initializer that can fail looks like.
    ///
    /// # Errors
    ///
    /// Never; the compiler does not know that.
    pub fn parsed() -> Result<Self, ParseIntError> {
        Ok(Self {
            text: RefCell::default(),
            count: Cell::new(black_box("7").parse()?),
        })
    }
}

thread_local! {
    /// The limit: in the initial image, never dropped, nothing to test.
    pub static LIMIT: Cell<u64> = const { Cell::new(0) };
    /// The limit once more: another static, so that the compiler cannot merge its code with the first's.
    pub static LIMIT_AGAIN: Cell<u64> = const { Cell::new(0) };
    /// The limit of what works on a text.
    pub static LIMIT_TEXT: Cell<ManuallyDrop<String>> =
        const { Cell::new(ManuallyDrop::new(String::new())) };

    pub static STD_LAZY_CELL: Cells = Cells::default();
    pub static STD_LAZY_REF_CELL: RefCell<Plain> = RefCell::default();
    pub static STD_CONST_REF_CELL: RefCell<Plain> = const { RefCell::new(Plain::new()) };
    pub static STD_ONCE_CELL: OnceCell<Cells> = const { OnceCell::new() };

    static HOLDER: Holder<Plain, ()> = Holder::new();
}

/// What the standard library has where it takes keys.
#[cfg(tls_core_keys)]
pub static STD_UNDER_KEYS: Keyed<RefCell<Plain>> = Keyed::new(RefCell::default);

/// The limit without `LocalKey` around it.
#[cfg(feature = "nightly")]
#[thread_local]
pub static LIMIT_NIGHTLY: Cell<u64> = Cell::new(0);

#[thread_local_state]
pub struct State {
    pub text: String,
    pub count: u64,
}

#[thread_local_state(error = ParseIntError)]
pub struct Fallible {
    pub text: String,
    #[state(init = black_box("7").parse()?)]
    pub count: u64,
}

#[thread_local_state]
pub struct Counting {
    pub text: String,
    #[state(shared)]
    pub counter: Counter,
}

pub static THREAD_LOCAL_CELLS: ThreadLocal<Cells> = ThreadLocal::new();
pub static THREAD_LOCAL: ThreadLocal<RefCell<Plain>> = ThreadLocal::new();

/// They do not know how to make their values before [`prepare`] says it.
pub static STATE_CELLS: LocalInitCell<Cells> = LocalInitCell::new();
pub static STATE: LocalInitCell<RefCell<Plain>> = LocalInitCell::new();

#[linked::object]
pub struct LinkedCells {
    pub text: RefCell<String>,
    pub count: Cell<u64>,
}

impl LinkedCells {
    fn new() -> Self {
        linked::new!(Self {
            text: RefCell::default(),
            count: Cell::default(),
        })
    }
}

#[linked::object]
pub struct LinkedPlain {
    pub plain: RefCell<Plain>,
}

impl LinkedPlain {
    fn new() -> Self {
        linked::new!(Self {
            plain: RefCell::default(),
        })
    }
}

linked::thread_local_rc! {
    pub static LINKED_CELLS: LinkedCells = LinkedCells::new();
    pub static LINKED: LinkedPlain = LinkedPlain::new();
}

/// The fastest of this crate's kinds: a `RefCell` without a lock.
pub static THREAD_LOCAL_COLLECT: LazyLock<Control<Plain, ()>> =
    LazyLock::new(|| Control::new(&HOLDER, (), Plain::default, |_, (), _| ()));

/// The fastest of this crate's kinds: without a lock for each value.
pub static THREAD_MAP: LazyLock<ThreadMap<Plain>> =
    LazyLock::new(|| ThreadMap::new(Plain::default));

/// Thread-locals of this crate exist on nightly only.
#[cfg(feature = "nightly")]
#[thread_local]
#[static_init::dynamic(lazy, drop)]
pub static mut STATIC_INIT: Plain = Plain::new();

/// What has to be done once in a process before any access.
pub fn prepare() {
    STATE_CELLS.set(Cells::default);
    STATE.set(RefCell::default);
}

/// A struct that has more fields, of which the last one is read.
macro_rules! wide {
    ($state:ident, $plain:ident, $std:ident: $($field:ident)*) => {
        #[thread_local_state]
        pub struct $state {
            pub text: String,
            $(pub $field: u64,)*
            pub last: u64,
        }

        #[derive(Default)]
        pub struct $plain {
            pub text: String,
            $(pub $field: u64,)*
            pub last: u64,
        }

        thread_local! {
            pub static $std: RefCell<$plain> = RefCell::default();
        }
    };
}

wide!(State3, Plain3, STD_3: a);
wide!(State22, Plain22, STD_22: a b c d e f g h i j k l m n o p q r s t);
wide!(State60, Plain60, STD_60:
    a0 b0 c0 d0 e0 f0 g0 h0 i0 j0 a1 b1 c1 d1 e1 f1 g1 h1 i1 j1
    a2 b2 c2 d2 e2 f2 g2 h2 i2 j2 a3 b3 c3 d3 e3 f3 g3 h3 i3 j3
    a4 b4 c4 d4 e4 f4 g4 h4 i4 j4 a5 b5 c5 d5 e5 f5 g5 h5);
