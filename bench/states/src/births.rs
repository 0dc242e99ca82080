//! One state with a destructor, made lazily, for every candidate: what its first access and the end
//! of its thread cost.
//!
//! `static_init` is missing: its thread-locals need a nightly compiler.

use ref_thread_local::ref_thread_local;
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::LazyLock;
use std::thread::ThreadId;
use thread_local_collect::tlm::simple_joined;
use tls_core::thread_local_state;

/// What every candidate makes for a thread. [`State`] has the same fields.
#[derive(Debug, Default)]
pub struct Plain {
    pub count: u64,
    pub name: String,
}

#[thread_local_state]
pub struct State {
    pub count: u64,
    pub name: String,
}

thread_local! {
    pub static STD_LAZY_REF_CELL: RefCell<Plain> = RefCell::default();
    /// Nothing to drop, hence a number alone.
    pub static STD_LAZY_CELL: Cell<u64> = Cell::default();
    pub static STD_ONCE_CELL: OnceCell<RefCell<Plain>> = const { OnceCell::new() };
    pub static STD_CONST_REF_CELL: RefCell<Plain> = const {
        RefCell::new(Plain { count: 0, name: String::new() })
    };
}

/// The values outlive their threads: they are dropped with the static, which is never. A
/// thread that starts later finds the value of one that has ended. The same holds for `state`.
pub static THREAD_LOCAL: thread_local::ThreadLocal<RefCell<Plain>> =
    thread_local::ThreadLocal::new();

static STATE: state::LocalInitCell<RefCell<Plain>> = state::LocalInitCell::new();

/// `state` wants its initializer at run time, from `main`.
pub fn prepare() {
    STATE.set(RefCell::default);
}

pub fn state() -> &'static RefCell<Plain> {
    STATE.get()
}

#[linked::object]
pub struct Linked {
    pub plain: RefCell<Plain>,
}

impl Linked {
    #[expect(
        clippy::new_without_default,
        reason = "a linked object's default would be one more"
    )]
    #[must_use]
    pub fn new() -> Self {
        linked::new!(Self {
            plain: RefCell::default()
        })
    }
}

linked::thread_local_rc! {
    pub static LINKED: Linked = Linked::new();
}

ref_thread_local! {
    pub static managed REF_THREAD_LOCAL: Plain = Plain::default();
}

thread_local! {
    static COLLECTED: simple_joined::Holder<Plain, u64> = simple_joined::Holder::new();
}

/// Adds the count of a thread that ends to its own.
pub static COLLECT: LazyLock<simple_joined::Control<Plain, u64>> = LazyLock::new(|| {
    let add = |value: Plain, sum: &mut u64, _: ThreadId| *sum += value.count;
    simple_joined::Control::new(&COLLECTED, 0, Plain::default, add)
});

/// The values outlive their threads, until somebody drains the map.
pub static THREAD_MAP: LazyLock<thread_map::ThreadMap<Plain>> =
    LazyLock::new(|| thread_map::ThreadMap::new(Plain::default));
