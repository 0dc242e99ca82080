//! The slot: where a thread keeps one state.
//!
//! ```text
//!                       init fails or panics
//!                 ┌──────────────────────────────┐
//!                 ▼                              │
//!          Uninitialized ── first access ──▶ Initializing
//!                 ▲                              │ linked into the thread's list
//!                 │                              ▼
//!                 └──────── reset ───────────  Alive ── thread exits ──▶ Destroyed
//! ```
//!
//! The slot's [`Word`] tells all of these apart, and what of a value that is alive is borrowed.
//! It allows nothing but to the living, so the accessors' one test tells whether they may go
//! ahead; [`Header::refusal`] sorts out why not.

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::panic::Location;
use std::ptr::NonNull;

use crate::error::{AccessError, InitError, Refusal, Site};
use crate::fork;
use crate::state::ThreadLocalState;
use crate::thread::{self, Link, List, Node};
use crate::word::{GROUPS, Part, Word, group};

/// What the code that is not generic must know of a state.
pub struct Info {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [&'static str],
    explicit: bool,
    /// Whether values have to be dropped or freed when the thread exits.
    needs_drop: bool,
    /// Whether a forked child forgets its value.
    pub(crate) is_reset_by_fork: bool,
    /// # Safety
    ///
    /// The link points to the header of a slot of this state that holds a value, to which nothing refers,
    /// and which is not used again.
    drop_value: unsafe fn(Link),
}

impl Info {
    /// Describes the state `S`.
    #[must_use]
    pub const fn new<S: ThreadLocalState>(
        name: &'static str,
        fields: &'static [&'static str],
        explicit: bool,
        is_reset_by_fork: bool,
    ) -> Self {
        Self {
            name,
            fields,
            explicit,
            is_reset_by_fork,
            needs_drop: mem::needs_drop::<S>() || S::__Storage::ON_HEAP,
            drop_value: Slot::<S>::drop_value,
        }
    }

    /// The list of its thread that a value stands in, if any.
    #[inline]
    pub(crate) const fn list(&self) -> Option<List> {
        if self.needs_drop {
            Some(List::Dropped)
        } else if self.is_reset_by_fork {
            Some(List::Forgotten)
        } else {
            None
        }
    }

    /// Describes an access, for an error.
    fn site(&self, request: Request) -> Site {
        let fields = self.fields;
        let name = |index: usize| fields.get(index).copied();
        Site {
            state: self.name,
            field: request.field.and_then(name),
            group: request
                .field
                .filter(|&index| group(index) == GROUPS - 1 && fields.len() > GROUPS)
                .and_then(|_| name(GROUPS - 1).zip(fields.last().copied())),
            borrowed_at: None,
            accessed_at: None,
        }
    }
}

/// The part of a slot that does not depend on the state's type.
///
/// # Invariants
///
/// 1. `word` is alive only while the slot's storage is occupied by a value that is whole.
/// 2. Then it follows the protocol that [`Word`]'s module describes. So a reference to the
///    value exists only while `word` says so, and none exists while `word` is [`Word::FREE`].
/// 3. While `word` is [`Word::INITIALIZING`], only the initialization that set it writes to
///    the storage.
/// 4. `node` is in the list that [`Info::list`] names exactly while `word` is alive; in none if that
///    is `None`.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) word: Cell<Word>,
    pub(crate) node: Node,
    #[cfg(debug_assertions)]
    notes: notes::Notes,
}

/// An access, as the cold paths see it.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    part: Part,
    exclusive: bool,
    field: Option<usize>,
    at: &'static Location<'static>,
}

impl Request {
    #[inline(always)]
    pub(crate) fn whole(exclusive: bool, at: &'static Location<'static>) -> Self {
        Self {
            part: Part::WHOLE,
            exclusive,
            field: None,
            at,
        }
    }

    #[inline(always)]
    pub(crate) fn field(index: usize, exclusive: bool, at: &'static Location<'static>) -> Self {
        Self {
            part: Part::field(index),
            exclusive,
            field: Some(index),
            at,
        }
    }
}

/// An outstanding borrow. Ends when it is dropped, also by a panic.
#[must_use]
pub(crate) struct Borrow<'a, S: ThreadLocalState> {
    header: &'a Header,
    found: Word,
    left: Word,
    #[cfg(debug_assertions)]
    note: notes::Note,
    state: PhantomData<fn() -> S>,
}

impl<S: ThreadLocalState> Drop for Borrow<'_, S> {
    #[inline]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        self.header.notes.restore(self.note);
        // If not, this borrow is not the innermost: see the protocol of the word.
        if self.header.word.get() == self.left {
            self.header.word.set(self.found);
        } else if S::__INFO.is_reset_by_fork {
            self.header.missed(self.found, self.left);
        }
    }
}

impl Header {
    const fn new() -> Self {
        Self {
            word: Cell::new(Word::UNINITIALIZED),
            node: Node::new(),
            #[cfg(debug_assertions)]
            notes: notes::Notes::new(),
        }
    }

    /// Borrows, where the caller has found that the word allows it.
    #[inline(always)]
    pub(crate) fn borrow<S: ThreadLocalState>(
        &self,
        found: Word,
        request: Request,
    ) -> Borrow<'_, S> {
        let left = if request.exclusive {
            found.exclusive(request.part)
        } else {
            found.shared(request.part)
        };
        self.word.set(left);
        Borrow {
            header: self,
            found,
            left,
            #[cfg(debug_assertions)]
            note: self.notes.note(request.field, request.at),
            state: PhantomData,
        }
    }

    /// Ends a borrow that finds another word than it left: perhaps because the process was forked
    /// meanwhile, and the value is to be forgotten.
    #[cold]
    #[inline(never)]
    fn missed(&self, found: Word, left: Word) {
        let word = self.word.get();
        if !word.is_stale() || word != left.stale() {
            return;
        }
        if found.stale() == Word::FREE.stale() {
            // SAFETY: the word is alive, and it is the one that this borrow left: it is the innermost.
            // What it found was free: it is the outermost. So nothing refers to the value. It is
            // in a list, because the state is reset by forks.
            unsafe { Self::forget_value(NonNull::from(self)) };
        } else {
            self.word.set(found.stale());
        }
    }

    /// Forgets a value, in the child of a fork: now, or when nothing borrows from it any more.
    ///
    /// # Safety
    ///
    /// The link points to the header of a slot in one of this thread's lists.
    pub(crate) unsafe fn forget(link: Link) {
        // SAFETY: the caller's promise.
        let header = unsafe { link.as_ref() };
        let word = header.word.get();
        if word.is_free() {
            // SAFETY: it is in the list, and nothing borrows from the value.
            unsafe { Self::forget_value(link) };
        } else {
            header.word.set(word.stale());
        }
    }

    /// Sets [`Word::UNINITIALIZED`]. The value is not dropped, and memory that it has is not freed.
    ///
    /// # Safety
    ///
    /// The link points to the header of a slot in one of this thread's lists whose value nothing borrows
    /// from.
    unsafe fn forget_value(link: Link) {
        // SAFETY: the caller's promise.
        let header = unsafe { link.as_ref() };
        header.word.set(Word::UNINITIALIZED);
        if let Some(list) = header.node.list() {
            // SAFETY: by `Header` 4 it is in the list that it was put into.
            unsafe { thread::remove(list, link) };
        }
    }

    /// Borrows if the word allows it, nested shared borrows included.
    #[inline]
    pub(crate) fn try_borrow<S: ThreadLocalState>(
        &self,
        request: Request,
    ) -> Option<Borrow<'_, S>> {
        let word = self.word.get();
        let allowed = word.may_write(request.part)
            || (!request.exclusive && word.may_read(request.part) && word.has_levels());
        allowed.then(|| self.borrow(word, request))
    }

    #[inline]
    pub(crate) fn is_alive(&self) -> bool {
        self.word.get().is_alive()
    }

    /// Why nothing can be done that needs the slot for itself, other than that there is no
    /// value yet.
    #[cold]
    fn refusal(&self) -> Refusal {
        match self.word.get() {
            Word::INITIALIZING => Refusal::Recursive,
            Word::DESTROYED => Refusal::Destroyed,
            _ => Refusal::Borrowed,
        }
    }

    /// Adds to a description of a refused access what is known of the borrow in its way.
    fn locate(&self, site: Site, request: Request) -> Site {
        #[cfg(debug_assertions)]
        return Site {
            borrowed_at: self.notes.conflict(self.word.get(), request),
            accessed_at: Some(request.at),
            ..site
        };
        #[cfg(not(debug_assertions))]
        {
            let _ = request.at;
            site
        }
    }

    #[cold]
    #[inline(never)]
    fn refused<E>(&self, refusal: Refusal, info: &Info, request: Request) -> AccessError<E> {
        let mut site = info.site(request);
        if refusal == Refusal::Borrowed {
            site = self.locate(site, request);
        } else {
            site.group = None;
        }
        refusal.at(site)
    }

    /// Sets [`Word::INITIALIZING`], or says why the state cannot be initialized.
    #[inline]
    fn begin(&self, info: &Info) -> Result<Making<'_>, Refusal> {
        if self.word.get() != Word::UNINITIALIZED {
            return Err(self.refusal());
        }
        if info.needs_drop && !thread::is_open() {
            return Err(Refusal::Destroyed);
        }
        self.word.set(Word::INITIALIZING);
        Ok(Making { header: self })
    }

    /// Sets [`Word::FREE`], when a value has been made.
    ///
    /// If nothing would drop the value when the thread exits, drops it now instead.
    ///
    /// # Safety
    ///
    /// `link` points to this header, with permission to access the whole slot, which is in
    /// this thread's thread-local storage, is described by `info` and not in the list, and
    /// whose storage is occupied by a value that nothing has seen yet.
    #[inline]
    unsafe fn occupied(link: Link, info: &'static Info) -> Result<(), Refusal> {
        // In tail position, so that the ordinary path saves no registers for the call.
        if info.needs_drop && !thread::is_guarded() {
            // SAFETY: passed on.
            return unsafe { Self::occupied_first(link, info) };
        }
        // SAFETY: passed on.
        unsafe { Self::number(link, info) };
        Ok(())
    }

    /// As [`occupied`](Self::occupied), for the first state of a thread that has to be dropped.
    ///
    /// # Safety
    ///
    /// As [`occupied`](Self::occupied).
    #[cold]
    #[inline(never)]
    unsafe fn occupied_first(link: Link, info: &'static Info) -> Result<(), Refusal> {
        if !thread::register() {
            // SAFETY: the caller's promise.
            unsafe { link.as_ref() }.word.set(Word::DESTROYED);
            // SAFETY: there is a value, and the word sees to it that it is not used again.
            unsafe { (info.drop_value)(link) };
            return Err(Refusal::Destroyed);
        }
        // SAFETY: passed on.
        unsafe { Self::number(link, info) };
        Ok(())
    }

    /// Gives a value its birth number, puts it into the list and sets [`Word::FREE`].
    ///
    /// # Safety
    ///
    /// As [`occupied`](Self::occupied). If `info.needs_drop`, the thread is guarded.
    #[inline]
    unsafe fn number(link: Link, info: &'static Info) {
        // SAFETY: the caller's promise.
        let header = unsafe { link.as_ref() };
        header.node.birth.set(thread::next_birth());
        if let Some(list) = info.list() {
            // SAFETY: the caller's promise.
            unsafe { thread::push(list, link, info) };
        }
        header.word.set(Word::FREE);
    }

    /// Sets [`Word::FREE`], when a value has been put back that was made before.
    ///
    /// # Safety
    ///
    /// `link` points to this header, with permission to access the whole slot, which is in
    /// this thread's thread-local storage, is described by `info` and not in the list, and
    /// whose storage is occupied by a value that nothing refers to. If `info.needs_drop`, the
    /// thread is guarded.
    unsafe fn restored(link: Link, info: &'static Info, birth: u64) {
        // SAFETY: the caller's promise.
        let header = unsafe { link.as_ref() };
        header.node.birth.set(birth);
        if let Some(list) = info.list() {
            // SAFETY: the caller's promise.
            unsafe { thread::insert(list, link, info) };
        }
        header.word.set(Word::FREE);
    }

    /// Sets [`Word::UNINITIALIZED`]: from here on the storage belongs to the caller alone.
    ///
    /// # Safety
    ///
    /// `link` points to this header in this thread's thread-local storage, `info` describes
    /// the state, and the word is free.
    unsafe fn vacate(link: Link, info: &Info) {
        // SAFETY: the caller's promise.
        let header = unsafe { link.as_ref() };
        header.word.set(Word::UNINITIALIZED);
        if let Some(list) = info.list() {
            // SAFETY: the word was free, so by `Header` 4 the node is in the list.
            unsafe { thread::remove(list, link) };
        }
    }

    /// Drops the value of a slot when its thread exits.
    ///
    /// # Safety
    ///
    /// `link` points to the header of a slot in this thread's thread-local storage that has
    /// just been taken from the thread's list, and `info` is what stood there.
    #[inline]
    pub(crate) unsafe fn tear_down(link: Link, info: &'static Info) {
        // SAFETY: the caller's promise.
        let header = unsafe { link.as_ref() };
        let free = header.word.get().is_free();
        header.word.set(Word::DESTROYED);
        // A value that is still borrowed (`process::exit` within an access, a suspended
        // coroutine) is leaked: whoever borrows it may be running.
        if free {
            // SAFETY: it was in the list, so by `Header` 4 and 1 the storage is occupied; by 2
            // nothing refers to the value, and the word sees to it that it is not used again.
            unsafe { (info.drop_value)(link) };
        }
    }
}

/// Why there is no access. Small, because it passes through the first access's path; what an
/// [`AccessError`] says beyond it is added where one is made.
pub(crate) enum Failure<E> {
    Refused(Refusal),
    Init(E),
}

/// An initialization under way. Dropped, it has failed.
struct Making<'a> {
    header: &'a Header,
}

impl Drop for Making<'_> {
    #[inline]
    fn drop(&mut self) {
        self.header.word.set(Word::UNINITIALIZED);
    }
}

/// Where the value lies: in the slot itself or, if it is large, behind a pointer.
///
/// # Safety
///
/// `place` returns the same pointer, valid for reads and writes of an `S`, from `prepare`
/// until `take` or `free`, and moving the storage with `take` and `put` moves the value.
pub unsafe trait Storage<S>: Sized {
    /// Whether the value is kept on the heap.
    const ON_HEAP: bool;

    /// Storage without a value.
    const EMPTY: Self;

    /// Makes room for a value.
    fn prepare(&self) -> NonNull<S>;

    /// Returns where the value is.
    ///
    /// # Safety
    ///
    /// The storage is prepared.
    unsafe fn place(&self) -> NonNull<S>;

    /// Moves the storage out, value included.
    ///
    /// # Safety
    ///
    /// The storage is occupied and nothing refers to the value. It counts as not prepared
    /// from here on.
    #[must_use]
    unsafe fn take(&self) -> Self;

    /// Moves a storage, value included, in.
    ///
    /// # Safety
    ///
    /// This storage is not prepared.
    unsafe fn put(&self, other: Self);

    /// Gives memory back. The value is not dropped.
    ///
    /// # Safety
    ///
    /// The storage is prepared, and is not used after this.
    unsafe fn free(&self);
}

/// Keeps the value in the slot.
pub struct Inline<S>(UnsafeCell<MaybeUninit<S>>);

// SAFETY: the place is within the storage itself.
unsafe impl<S> Storage<S> for Inline<S> {
    const ON_HEAP: bool = false;

    // Zeroed: an image that is not all zero has to be copied at the start of every thread.
    const EMPTY: Self = Self(UnsafeCell::new(MaybeUninit::zeroed()));

    #[inline(always)]
    fn prepare(&self) -> NonNull<S> {
        // SAFETY: the address of a cell is not null.
        unsafe { NonNull::new_unchecked(self.0.get().cast()) }
    }

    #[inline(always)]
    unsafe fn place(&self) -> NonNull<S> {
        self.prepare()
    }

    unsafe fn take(&self) -> Self {
        // SAFETY: a `MaybeUninit` is valid to read whatever it holds, and the caller promises
        // that nothing writes to it meanwhile and that the original is not used again.
        Self(UnsafeCell::new(unsafe { self.0.get().read() }))
    }

    unsafe fn put(&self, other: Self) {
        // SAFETY: the caller promises that there is no value here that could be referred to.
        unsafe { self.0.get().write(other.0.into_inner()) };
    }

    unsafe fn free(&self) {}
}

/// Keeps the value on the heap, so that threads that do not use the state pay for a pointer
/// and not for the value: thread-local storage is taken from every thread's stack.
pub struct OnHeap<S> {
    /// # Invariants
    ///
    /// If the storage is prepared, a pointer from [`Box::into_raw`].
    place: Cell<Option<NonNull<S>>>,
}

// SAFETY: the place is a heap allocation's, which moving the pointer does not affect.
unsafe impl<S> Storage<S> for OnHeap<S> {
    const ON_HEAP: bool = true;

    const EMPTY: Self = Self {
        place: Cell::new(None),
    };

    fn prepare(&self) -> NonNull<S> {
        let memory: *mut MaybeUninit<S> = Box::into_raw(Box::new_uninit());
        // SAFETY: a box's pointer is not null.
        let place = unsafe { NonNull::new_unchecked(memory.cast()) };
        self.place.set(Some(place));
        place
    }

    #[inline(always)]
    unsafe fn place(&self) -> NonNull<S> {
        // SAFETY: prepared, the caller promises.
        unsafe { self.place.get().unwrap_unchecked() }
    }

    unsafe fn take(&self) -> Self {
        Self {
            place: Cell::new(self.place.take()),
        }
    }

    unsafe fn put(&self, other: Self) {
        self.place.set(other.place.take());
    }

    unsafe fn free(&self) {
        // SAFETY: prepared, the caller promises.
        let place = unsafe { self.place.get().unwrap_unchecked() };
        let memory: *mut MaybeUninit<S> = place.as_ptr().cast();
        // SAFETY: it is from `Box::into_raw`, and not used after this, the caller promises.
        drop(unsafe { Box::from_raw(memory) });
    }
}

/// A state whose value the compiler can compute.
pub trait Constant: ThreadLocalState<__Storage: ConstantStorage<Self>> {
    /// The value.
    const VALUE: ConstantValue<Self>;
}

/// A value that only the runtime gets at: nobody else may have one. In a slot it is as good as the value
/// itself, and written there as it is: to unwrap it first would pass it over the stack.
#[repr(transparent)]
pub struct ConstantValue<S>(mem::ManuallyDrop<S>);

impl<S> ConstantValue<S> {
    /// Wraps a value.
    pub const fn new(value: S) -> Self {
        Self(mem::ManuallyDrop::new(value))
    }

    /// Returns the value.
    ///
    /// # Safety
    ///
    /// It goes into a slot.
    #[must_use]
    pub const unsafe fn into_inner(self) -> S {
        mem::ManuallyDrop::into_inner(self.0)
    }
}

/// Storage whose initial image may hold the value already.
pub trait ConstantStorage<S: Constant>: Storage<S> {
    /// Whether it does. Not if the value has to be dropped or freed: its thread has to be
    /// told of it, and that takes a first access.
    const READY: bool;

    /// The image.
    const INITIAL: Self;
}

impl<S: Constant> ConstantStorage<S> for Inline<S> {
    const READY: bool = !mem::needs_drop::<S>() && !S::__INFO.is_reset_by_fork;

    const INITIAL: Self = if Self::READY {
        // SAFETY: it goes into a slot.
        Self(UnsafeCell::new(MaybeUninit::new(unsafe {
            S::VALUE.into_inner()
        })))
    } else {
        Self::EMPTY
    };
}

impl<S: Constant> ConstantStorage<S> for OnHeap<S> {
    const READY: bool = false;

    const INITIAL: Self = Self::EMPTY;
}

/// Selects the storage: `Select<{ on_heap::<Name>() }>`.
pub struct Select<const ON_HEAP: bool>;

/// What a [`Select`] selects.
pub trait Selected {
    /// The storage for an `S`.
    type For<S>: Storage<S>;
}

impl Selected for Select<false> {
    type For<S> = Inline<S>;
}

impl Selected for Select<true> {
    type For<S> = OnHeap<S>;
}

/// Whether values of this type are kept on the heap.
///
/// Large ones would weigh on the stack of every thread; alignments beyond a cache line
/// would also waste up to that much in every thread, and not every linker honours them.
#[must_use]
pub const fn on_heap<S>() -> bool {
    size_of::<S>() > 1024 || align_of::<S>() > 128
}

/// A thread's place for one state.
///
/// It has no drop glue on purpose: the standard library then keeps no record of its own for
/// the thread-local, and tests nothing on access.
///
/// The storage comes first: a reference to the value is then the slot's address, with nothing
/// to add to it.
#[repr(C)]
pub struct Slot<S: ThreadLocalState> {
    storage: S::__Storage,
    pub(crate) header: Header,
}

impl<S: ThreadLocalState> Slot<S> {
    /// A slot without a value. All its bytes that matter are zero.
    ///
    /// # Safety
    ///
    /// It becomes the initial value of the thread-local `S::__KEY`, and nothing else.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self {
            header: Header::new(),
            storage: S::__Storage::EMPTY,
        }
    }

    /// A slot that holds a value from the start, if it can.
    ///
    /// # Safety
    ///
    /// As [`new`](Self::new).
    #[must_use]
    pub const unsafe fn constant() -> Self
    where
        S: Constant,
    {
        let header = Header::new();
        Self {
            header: if <S::__Storage as ConstantStorage<S>>::READY {
                // It needs no drop, so it is in no list: `Header` 4.
                Header {
                    word: Cell::new(Word::FREE),
                    ..header
                }
            } else {
                header
            },
            storage: <S::__Storage as ConstantStorage<S>>::INITIAL,
        }
    }

    /// A pointer with permission for the whole slot, which a reference to its header lacks.
    fn link(&self) -> Link {
        // SAFETY: the header's offset stays within the slot.
        unsafe { NonNull::from(self).byte_add(mem::offset_of!(Self, header)) }.cast()
    }

    /// Returns where the value is.
    ///
    /// # Safety
    ///
    /// A borrow is outstanding, or the state is otherwise known to be alive.
    #[inline(always)]
    pub(crate) unsafe fn place(&self) -> NonNull<S> {
        // SAFETY: alive means occupied, by `Header` 1.
        unsafe { self.storage.place() }
    }

    /// See [`Info`].
    unsafe fn drop_value(link: Link) {
        // SAFETY: the caller promises that it points to the header of a slot of this type.
        let slot = unsafe { link.byte_sub(mem::offset_of!(Self, header)) };
        // SAFETY: as above.
        let slot = unsafe { slot.cast::<Self>().as_ref() };
        // SAFETY: the caller promises that there is a value, which is not used again.
        unsafe { drop_storage::<S>(&slot.storage) };
    }

    /// Borrows; initializes first if there is no value yet.
    #[inline(always)]
    pub(crate) fn acquire(&self, request: Request) -> Result<Borrow<'_, S>, Failure<S::Error>> {
        if self.header.is_alive() {
            let borrow = self.header.try_borrow(request);
            return borrow.ok_or(Failure::Refused(Refusal::Borrowed));
        }
        let forks = Forks::<S>::now();
        self.initialize()?;
        // What has just been made is free: `Header::occupied` is the last thing to happen.
        let borrow = self.header.borrow(Word::FREE, request);
        if forks.have_happened() {
            // Made by the parent, in part: for this access only.
            self.header.word.set(self.header.word.get().stale());
        }
        Ok(borrow)
    }

    /// Makes the value if there is none yet.
    pub(crate) fn ensure(&self) -> Result<(), Failure<S::Error>> {
        if self.header.is_alive() {
            return Ok(());
        }
        let forks = Forks::<S>::now();
        self.initialize()?;
        self.forget_after(&forks);
        Ok(())
    }

    /// Forgets a value that has been made while the process was forked.
    fn forget_after(&self, forks: &Forks<S>) {
        if forks.have_happened() {
            // SAFETY: it has just been made, so it is alive and free.
            unsafe { Header::forget_value(self.link()) };
        }
    }

    /// Makes the value with the state's own initializer.
    #[cold]
    #[inline(never)]
    fn initialize(&self) -> Result<(), Failure<S::Error>> {
        let info = S::__INFO;
        let making = self.header.begin(info).map_err(Failure::Refused)?;
        if info.explicit {
            return Err(Failure::Refused(Refusal::NotInitialized));
        }
        match self.fill(making, |place| {
            // SAFETY: `fill` passes a place that is valid for writes of an `S`.
            unsafe { S::__init(place) }
        }) {
            Ok(made) => made.map_err(Failure::Refused),
            Err(error) => Err(Failure::Init(error)),
        }
    }

    /// Says why there is no access.
    pub(crate) fn describe(
        &self,
        failure: Failure<S::Error>,
        request: Request,
    ) -> AccessError<S::Error> {
        let info = S::__INFO;
        match failure {
            Failure::Refused(refusal) => self.header.refused(refusal, info, request),
            Failure::Init(error) => AccessError::Init(InitError {
                error,
                state: info.name,
                source: S::__source,
            }),
        }
    }

    /// Makes the value from given ones. If that cannot be, hands them back.
    ///
    /// # Safety
    ///
    /// `init` keeps to the contract of [`ThreadLocalState::__init`].
    pub(crate) unsafe fn initialize_with<V>(
        &self,
        values: V,
        init: unsafe fn(NonNull<S>, V) -> Result<(), S::Error>,
    ) -> Result<Result<(), V>, S::Error> {
        let info = S::__INFO;
        let Ok(making) = self.header.begin(info) else {
            return Ok(Err(values));
        };
        let forks = Forks::<S>::now();
        // The thread cannot finish meanwhile but for exotic ends within an initializer: then
        // the value that was made is dropped, as by any other exit.
        let made = self.fill(making, |place| {
            // SAFETY: `fill` passes a place that is valid for writes of an `S`.
            unsafe { init(place, values) }
        })?;
        if made.is_ok() {
            self.forget_after(&forks);
        }
        Ok(Ok(()))
    }

    /// Runs an initializer on the storage.
    #[inline]
    fn fill<E>(
        &self,
        making: Making<'_>,
        init: impl FnOnce(NonNull<S>) -> Result<(), E>,
    ) -> Result<Result<(), Refusal>, E> {
        struct Prepared<'a, S, T: Storage<S>>(&'a T, PhantomData<S>);

        impl<S, T: Storage<S>> Drop for Prepared<'_, S, T> {
            fn drop(&mut self) {
                // SAFETY: prepared below; the initializer has failed, and left nothing.
                unsafe { self.0.free() };
            }
        }

        if S::__INFO.is_reset_by_fork {
            fork::install();
        }
        let place = self.storage.prepare();
        let prepared = Prepared(&self.storage, PhantomData);
        init(place)?;
        mem::forget(prepared);
        mem::forget(making);
        // SAFETY: the storage is occupied; the slot is not in the list (`Header` 4: it was
        // not alive), and is `S::__KEY`'s by the contract of `new`.
        Ok(unsafe { Header::occupied(self.link(), S::__INFO) })
    }

    /// Moves the value out, if there is one and nothing borrows it.
    fn evict(&self) -> Result<Option<Evicted<S>>, Refusal> {
        match self.header.word.get() {
            Word::FREE => {
                // SAFETY: the word is free.
                unsafe { Header::vacate(self.link(), S::__INFO) };
                Ok(Some(Evicted {
                    // SAFETY: by `Header` 1 the storage was occupied, and by 2 nothing refers
                    // to the value.
                    storage: unsafe { self.storage.take() },
                }))
            }
            Word::UNINITIALIZED => Ok(None),
            _ => Err(self.header.refusal()),
        }
    }

    /// Drops the value. Says whether there was one.
    pub(crate) fn reset(&self, at: &'static Location<'static>) -> Result<bool, AccessError> {
        match self.evict() {
            Ok(evicted) => Ok(evicted.is_some()),
            Err(refusal) => {
                let request = Request::whole(true, at);
                Err(self.header.refused(refusal, S::__INFO, request))
            }
        }
    }

    /// Sets the value aside until the result is dropped.
    pub(crate) fn set_aside(
        &self,
        at: &'static Location<'static>,
    ) -> Result<Aside<'_, S>, AccessError> {
        let birth = self.header.node.birth.get();
        let forks = Forks::now();
        match self.evict() {
            Ok(evicted) => Ok(Aside {
                slot: self,
                evicted,
                birth,
                forks,
            }),
            Err(Refusal::Destroyed) => Ok(Aside {
                slot: self,
                evicted: None,
                birth,
                forks,
            }),
            Err(refusal) => {
                let request = Request::whole(true, at);
                Err(self.header.refused(refusal, S::__INFO, request))
            }
        }
    }
}

/// When something of a state began that a fork in the midst of it makes invalid. Nothing, if the
/// state does not care for forks.
pub(crate) struct Forks<S> {
    generation: u64,
    state: PhantomData<fn() -> S>,
}

impl<S: ThreadLocalState> Forks<S> {
    #[inline(always)]
    pub(crate) fn now() -> Self {
        Self {
            generation: Self::generation(),
            state: PhantomData,
        }
    }

    #[inline(always)]
    fn generation() -> u64 {
        if S::__INFO.is_reset_by_fork {
            fork::generation()
        } else {
            0
        }
    }

    /// Whether this process has been forked off since.
    #[inline(always)]
    pub(crate) fn have_happened(&self) -> bool {
        self.generation != Self::generation()
    }
}

/// Drops the value in a storage, and gives its memory back also if that panics.
///
/// # Safety
///
/// The storage is occupied, nothing refers to the value, and it is not used after this.
unsafe fn drop_storage<S: ThreadLocalState>(storage: &S::__Storage) {
    struct Free<'a, S: ThreadLocalState>(&'a S::__Storage);

    impl<S: ThreadLocalState> Drop for Free<'_, S> {
        fn drop(&mut self) {
            // SAFETY: the promise of `drop_storage`'s caller.
            unsafe { self.0.free() };
        }
    }

    let free = Free::<S>(storage);
    // SAFETY: occupied, the caller promises.
    let place = unsafe { free.0.place() };
    // SAFETY: the caller promises that nothing refers to the value or will.
    unsafe { place.drop_in_place() };
}

/// A value that has been moved out of its slot, to be dropped.
struct Evicted<S: ThreadLocalState> {
    /// # Invariants
    ///
    /// 1. Occupied.
    storage: S::__Storage,
}

impl<S: ThreadLocalState> Drop for Evicted<S> {
    fn drop(&mut self) {
        // SAFETY: `Evicted::storage` 1.
        unsafe { drop_storage::<S>(&self.storage) };
    }
}

/// A value set aside by `with_fresh_state`.
pub(crate) struct Aside<'a, S: ThreadLocalState> {
    slot: &'a Slot<S>,
    evicted: Option<Evicted<S>>,
    birth: u64,
    forks: Forks<S>,
}

impl<S: ThreadLocalState> Drop for Aside<'_, S> {
    /// Takes the new value out, puts the old one back, and only then drops the new one, whose
    /// destructor may look at the state.
    fn drop(&mut self) {
        let slot = self.slot;
        if self.forks.have_happened() {
            mem::forget(self.evicted.take());
        }
        // Borrowed, being made or destroyed: the slot is not ours to change, and the value
        // set aside is dropped.
        let Ok(fresh) = slot.evict() else { return };
        if let Some(old) = self.evicted.take() {
            if S::__INFO.needs_drop && !thread::guard() {
                return;
            }
            // SAFETY: `evict` has left the storage without a value.
            unsafe { slot.storage.put(old.into_storage()) };
            // SAFETY: the storage is occupied by a value that was evicted, so nothing refers to
            // it. The slot is not in the list by `Header` 4, is `S::__KEY`'s by the contract of
            // `new`, and the thread is guarded if it has to be: see above.
            unsafe { Header::restored(slot.link(), S::__INFO, self.birth) };
        }
        drop(fresh);
    }
}

impl<S: ThreadLocalState> Evicted<S> {
    fn into_storage(self) -> S::__Storage {
        let this = mem::ManuallyDrop::new(self);
        // SAFETY: the original is not used again.
        unsafe { std::ptr::read(&raw const this.storage) }
    }
}

/// Where the borrows began, for the text of a panic. Kept by value: what is borrowed may
/// outlive the frame that borrowed it.
#[cfg(debug_assertions)]
mod notes {
    use super::{Cell, GROUPS, Location, Part, Request, Word, group};

    type Place = Option<&'static Location<'static>>;

    /// One for each group of fields, and one for the whole.
    pub(super) struct Notes([Cell<Place>; GROUPS + 1]);

    /// What a note has overwritten.
    #[derive(Clone, Copy)]
    pub(super) struct Note {
        index: usize,
        before: Place,
    }

    impl Notes {
        pub(super) const fn new() -> Self {
            Self([const { Cell::new(None) }; GROUPS + 1])
        }

        pub(super) fn note(&self, field: Option<usize>, at: &'static Location<'static>) -> Note {
            let index = field.map_or(GROUPS, group);
            Note {
                index,
                before: self.0[index].replace(Some(at)),
            }
        }

        pub(super) fn restore(&self, note: Note) {
            self.0[note.index].set(note.before);
        }

        /// A borrow that conflicts with the request.
        pub(super) fn conflict(&self, word: Word, request: Request) -> Place {
            let whole = self.0[GROUPS].get();
            match request.field {
                Some(index) => self.0[group(index)].get().or(whole),
                None => whole.or_else(|| {
                    let conflicts = |&index: &usize| {
                        let part = Part::field(index);
                        !word.may_read(part) || (request.exclusive && !word.may_write(part))
                    };
                    (0..GROUPS)
                        .filter(conflicts)
                        .find_map(|index| self.0[index].get())
                }),
            }
        }
    }
}
