//! What accesses are measured on: a text and a count, made lazily and dropped at thread exit.
//!
//! Every candidate holds them as its users write them. Crates that lend a shared reference get two
//! states: [`Cells`], the fastest form for what a `Cell` can do, and a `RefCell<Plain>` for what needs
//! an exclusive reference.

use std::cell::{Cell, OnceCell, RefCell};
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::num::ParseIntError;
use std::sync::{Arc, LazyLock};

use ref_thread_local::ref_thread_local;
use scoped_tls::scoped_thread_local;
use state::LocalInitCell;
use thread_local::ThreadLocal;
use thread_local_collect::tlm::simple_joined::{Control, Holder};
use thread_map::ThreadMap;
use tls_core::{Counter, Isolated, thread_local_state};

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

pub static JOB: LazyLock<Isolated> = LazyLock::new(Isolated::new);

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

ref_thread_local! {
    pub static managed REF_THREAD_LOCAL: Plain = Plain::default();
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

// Of these two nothing is made lazily: there is a value while one is bound.
scoped_thread_local!(pub static SCOPED: u64);
tokio::task_local! {
    pub static TASK_LOCAL: u64;
}

/// What a runtime's context holds while the thread is in the runtime.
pub type Handle = Option<Arc<u64>>;

static HANDLE: LazyLock<Arc<u64>> = LazyLock::new(Arc::default);

/// What the runtime hands to a thread that enters it.
#[must_use]
#[inline]
pub fn handle() -> Handle {
    Some(Arc::clone(&HANDLE))
}

/// A runtime's context: eight fields, of which three are used.
#[thread_local_state]
pub struct Context {
    pub handle: Handle,
    pub task: u64,
    pub worker: u64,
    pub budget: u64,
    pub depth: u64,
    pub polls: u64,
    pub seed: u64,
    pub parked: bool,
}

/// The same, for `with_state` around what the runtime calls.
#[thread_local_state]
pub struct SharedContext {
    pub handle: Cell<Handle>,
    pub task: Cell<u64>,
    pub worker: Cell<u64>,
    pub budget: Cell<u64>,
    pub depth: Cell<u64>,
    pub polls: Cell<u64>,
    pub seed: Cell<u64>,
    pub parked: Cell<bool>,
}

#[derive(Default)]
pub struct PlainContext {
    pub handle: Handle,
    pub task: u64,
    pub worker: u64,
    pub budget: u64,
    pub depth: u64,
    pub polls: u64,
    pub seed: u64,
    pub parked: bool,
}

#[derive(Default)]
pub struct CellContext {
    pub handle: Cell<Handle>,
    pub task: Cell<u64>,
    pub worker: Cell<u64>,
    pub budget: Cell<u64>,
    pub depth: Cell<u64>,
    pub polls: Cell<u64>,
    pub seed: Cell<u64>,
    pub parked: Cell<bool>,
}

impl CellContext {
    const fn new() -> Self {
        Self {
            handle: Cell::new(None),
            task: Cell::new(0),
            worker: Cell::new(0),
            budget: Cell::new(0),
            depth: Cell::new(0),
            polls: Cell::new(0),
            seed: Cell::new(0),
            parked: Cell::new(false),
        }
    }

    #[must_use]
    pub fn of(handle: Handle) -> Self {
        Self {
            handle: Cell::new(handle),
            ..Self::new()
        }
    }
}

thread_local! {
    pub static LIMIT_CONTEXT: ManuallyDrop<CellContext> =
        const { ManuallyDrop::new(CellContext::new()) };
    pub static STD_CONTEXT_CELLS: CellContext = CellContext::default();
    pub static STD_CONTEXT: RefCell<PlainContext> = RefCell::default();

    // A static for each field: those that are used.
    pub static STD_HANDLE: Cell<Handle> = Cell::default();
    pub static STD_TASK: Cell<u64> = Cell::default();
    pub static STD_BUDGET: Cell<u64> = Cell::default();
}

scoped_thread_local!(pub static SCOPED_CONTEXT: CellContext);
tokio::task_local! {
    pub static TASK_CONTEXT: CellContext;
}
