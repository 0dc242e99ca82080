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
#![expect(
    clippy::ptr_as_ptr,
    reason = "`cast` is one more function to compile for each type"
)]

use std::alloc::{self, Layout};
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::panic::Location;
use std::ptr::{self, NonNull};

use crate::error::{AccessError, InitError, Refusal, Site};
use crate::fork::generation::{AtFork, Forks};
use crate::state::access;
use crate::state::contract::ThreadLocalState;
use crate::state::fill::Place;
use crate::state::thread::{self, Link, List, Node};
use crate::state::word::{GROUPS, Part, Word, group};

/// What the code that is not generic must know of a state: nearly all of it, so that little is
/// compiled once for each state.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are facts that do not depend on each other"
)]
pub struct Info {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [&'static str],
    explicit: bool,
    /// Whether values have to be dropped or freed when the thread exits.
    needs_drop: bool,
    /// Whether a forked child forgets its value.
    pub(crate) is_reset_by_fork: bool,
    /// See [`AtFork::install`].
    install_fork_handler: fn(),
    /// Whether values are kept on the heap: see [`Storage`].
    on_heap: bool,
    /// Whether there is nothing special about it: it needs drop, but is not explicit, not on the
    /// heap and not reset by forks.
    is_plain: bool,
    /// Of a value.
    layout: Layout,
    /// Where in its slot the header lies.
    header: usize,
    /// Makes a value at the first place. If that fails, writes the error to the second one and
    /// returns `false`.
    ///
    /// # Safety
    ///
    /// The places are valid for writes of a value and of an error of this state.
    init: unsafe fn(*mut (), *mut ()) -> bool,
    /// Drops the value of a slot.
    ///
    /// # Safety
    ///
    /// The link points to the header of a slot of this state, with permission to access all of it. It
    /// holds a value to which nothing refers, and which is not used again.
    drop_value: unsafe fn(Link),
}

impl Info {
    /// Describes the state `S`.
    #[must_use]
    pub const fn new<S: ThreadLocalState>(
        name: &'static str,
        fields: &'static [&'static str],
        explicit: bool,
    ) -> Self {
        unsafe fn init<S: ThreadLocalState>(place: *mut (), error: *mut ()) -> bool {
            // SAFETY: the caller's promise.
            let place = unsafe { Place::new(place as *mut S) };
            match S::__init(place) {
                Ok(()) => true,
                Err(failed) => {
                    // SAFETY: the caller's promise.
                    unsafe { (error as *mut S::Error).write(failed) };
                    false
                }
            }
        }

        unsafe fn drop_value<S: ThreadLocalState>(link: Link) {
            // SAFETY: the caller's promise.
            let slot = unsafe { link.as_ptr().byte_sub(mem::offset_of!(Slot<S>, header)) };
            // SAFETY: the caller's promise.
            unsafe { drop_storage::<S>(slot as *mut ()) };
        }

        let on_heap = S::__Storage::ON_HEAP;
        Self {
            name,
            fields,
            explicit,
            needs_drop: mem::needs_drop::<S>() || on_heap,
            is_reset_by_fork: S::__AtFork::IS_RESET,
            install_fork_handler: S::__AtFork::install,
            on_heap,
            is_plain: !(explicit || on_heap || S::__AtFork::IS_RESET) && mem::needs_drop::<S>(),
            layout: Layout::new::<S>(),
            header: mem::offset_of!(Slot<S>, header),
            init: init::<S>,
            drop_value: drop_value::<S>,
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
            field: request.field().and_then(name),
            group: request
                .field()
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
///    is `None`. (Transitions change the two one after the other.)
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
    target: Target,
    exclusive: bool,
    at: &'static Location<'static>,
}

impl Request {
    #[inline(always)]
    pub(crate) fn whole(exclusive: bool, at: &'static Location<'static>) -> Self {
        Target::WHOLE.request(exclusive, at)
    }

    #[inline(always)]
    fn part(self) -> Part {
        self.target.part()
    }

    /// The field's number, if it is of one.
    #[inline(always)]
    fn field(self) -> Option<usize> {
        self.target.index()
    }
}

/// What is accessed: a whole state, or one field of it.
// Two numbers and no more: these are passed in registers, which costs the hot path nothing. And not
// generic, nor are its functions: without optimization every instance of one is compiled.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// Where in the value it lies, and in the upper half the field's number, if it is one.
    offset_and_index: u64,
    part: Part,
}

impl Target {
    pub(crate) const WHOLE: Self = Self {
        offset_and_index: 0,
        part: Part::WHOLE,
    };

    /// The field of this number.
    ///
    /// # Panics
    ///
    /// If it lies beyond four gibibytes.
    pub(crate) const fn field(offset: usize, index: usize) -> Self {
        let (offset, number) = (offset as u64, index as u64);
        assert!(
            offset <= u32::MAX as u64 && number < u32::MAX as u64,
            "a state is limited to four gibibytes"
        );
        Self {
            offset_and_index: offset | number << 32,
            part: Part::field(index),
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) const fn offset(self) -> usize {
        self.offset_and_index as u32 as usize
    }

    /// The field's number, if it is one.
    #[inline(always)]
    pub(crate) const fn index(self) -> Option<usize> {
        if self.part.is_whole() {
            None
        } else {
            Some((self.offset_and_index >> 32) as u32 as usize)
        }
    }

    #[inline(always)]
    pub(crate) const fn part(self) -> Part {
        self.part
    }

    #[inline(always)]
    pub(crate) fn request(self, exclusive: bool, at: &'static Location<'static>) -> Request {
        Request {
            target: self,
            exclusive,
            at,
        }
    }
}

/// An outstanding borrow. Ends when it is dropped, also by a panic.
#[must_use]
pub(crate) struct Borrow<'a, K: AtFork> {
    header: &'a Header,
    found: Word,
    left: Word,
    #[cfg(debug_assertions)]
    note: notes::Note,
    at_fork: PhantomData<K>,
}

impl<K: AtFork> Drop for Borrow<'_, K> {
    #[inline]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        self.header.notes.restore(self.note);
        // If not, this borrow is not the innermost: see the protocol of the word.
        if self.header.word.get() == self.left {
            self.header.word.set(self.found);
        } else if K::IS_RESET {
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
    fn borrow<K: AtFork>(&self, found: Word, request: Request) -> Borrow<'_, K> {
        let left = if request.exclusive {
            found.exclusive(request.part())
        } else {
            found.shared(request.part())
        };
        self.word.set(left);
        Borrow {
            header: self,
            found,
            left,
            #[cfg(debug_assertions)]
            note: self.notes.note(request.field(), request.at),
            at_fork: PhantomData,
        }
    }

    /// Borrows if nothing borrows the target: the hot path.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn lend<K: AtFork>(
        &self,
        target: Target,
        exclusive: bool,
        at: &'static Location<'static>,
    ) -> Option<Borrow<'_, K>> {
        let word = self.word.get();
        if word.lends(target.part()) {
            // A free word has every permission.
            Some(self.borrow(word, target.request(exclusive, at)))
        } else {
            None
        }
    }

    /// Ends a borrow that finds another word than it left: perhaps because the process was forked
    /// meanwhile, and the value is to be forgotten.
    #[cold]
    #[inline(never)]
    fn missed(&self, found: Word, left: Word) {
        match self.word.get().missed(found, left) {
            None => {}
            // SAFETY: the word is alive, and it is the one that this borrow left: it is the innermost.
            // It is the outermost, too. So nothing refers to the value. It is in a list, because the
            // state is reset by forks. Of a link that is taken out only the header is accessed.
            Some(Word::UNINITIALIZED) => unsafe { Self::forget_value(NonNull::from(self)) },
            Some(word) => self.word.set(word),
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
        match header.word.get().forked() {
            // SAFETY: it is in the list, and nothing borrows from the value.
            Word::UNINITIALIZED => unsafe { Self::forget_value(link) },
            word => header.word.set(word),
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
    pub(crate) fn try_borrow<K: AtFork>(&self, request: Request) -> Option<Borrow<'_, K>> {
        let word = self.word.get();
        word.allows(request.part(), request.exclusive)
            .then(|| self.borrow(word, request))
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

    /// Panics with the text of a refusal, at the caller's line.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn panic(
        &self,
        refusal: Refusal,
        info: &Info,
        target: Target,
        exclusive: bool,
    ) -> ! {
        let request = target.request(exclusive, Location::caller());
        access::panic(&self.refused(refusal, info, request))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn refused<E>(
        &self,
        refusal: Refusal,
        info: &Info,
        request: Request,
    ) -> AccessError<E> {
        let mut site = info.site(request);
        if refusal == Refusal::Borrowed {
            site = self.locate(site, request);
        } else {
            site.group = None;
        }
        refusal.at(site)
    }

    /// Borrows what is not free: makes the value, or borrows once more beside other shared borrows.
    ///
    /// If the initializer fails, its error has been written to `error`.
    ///
    /// # Safety
    ///
    /// As [`initialize`](Self::initialize). `K` is what forks do to the state.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) unsafe fn acquire<'a, K: AtFork>(
        slot: *mut (),
        info: &'static Info,
        request: Request,
        error: *mut (),
    ) -> Result<Borrow<'a, K>, Failure<()>> {
        // SAFETY: the caller's promise.
        let link = unsafe { link_of(slot, info) };
        // SAFETY: as above.
        let header = unsafe { link.as_ref() };
        // What cannot be borrowed exclusively because it is not free cannot be borrowed again, either.
        if !request.exclusive {
            if let Some(borrow) = header.try_borrow(request) {
                return Ok(borrow);
            }
        }
        let forks = Forks::now();
        // Fails if there is a value.
        // SAFETY: passed on.
        match unsafe { Self::initialize(slot, info, error) } {
            Ok(()) => Ok(header.borrow_new(request, forks)),
            Err(failure) => Err(failure),
        }
    }

    /// Borrows of a value that has been made since `forks`, and that nothing borrows.
    #[inline(always)]
    fn borrow_new<K: AtFork>(&self, request: Request, forks: Forks<K>) -> Borrow<'_, K> {
        let borrow = self.borrow(Word::FREE, request);
        if forks.have_happened() {
            // Made by the parent, in part: for this access only.
            self.word.set(self.word.get().stale());
        }
        borrow
    }

    /// Makes the value with the state's own initializer.
    ///
    /// If that fails, its error has been written to `error`.
    ///
    /// # Safety
    ///
    /// `slot` is the slot of the state that `info` describes, in this thread's thread-local storage,
    /// with permission to access all of it. `error` is valid for writes of the state's error.
    pub(crate) unsafe fn initialize(
        slot: *mut (),
        info: &'static Info,
        error: *mut (),
    ) -> Result<(), Failure<()>> {
        if info.is_plain {
            // SAFETY: passed on.
            unsafe { Self::initialize_as::<true>(slot, info, error) }
        } else {
            // SAFETY: passed on.
            unsafe { Self::initialize_as::<false>(slot, info, error) }
        }
    }

    /// As [`initialize`](Self::initialize), for a state that is plain or one that is not.
    ///
    /// # Safety
    ///
    /// As [`initialize`](Self::initialize). `PLAIN` only if [`Info::is_plain`].
    #[inline(never)]
    unsafe fn initialize_as<const PLAIN: bool>(
        slot: *mut (),
        info: &'static Info,
        error: *mut (),
    ) -> Result<(), Failure<()>> {
        // SAFETY: the caller's promise.
        let link = unsafe { link_of(slot, info) };
        // SAFETY: passed on.
        let making = match unsafe { Making::<PLAIN>::begin(link, info) } {
            Ok(making) => making,
            Err(refusal) => return Err(Failure::Refused(refusal)),
        };
        if !PLAIN && info.explicit {
            return Err(Failure::Refused(Refusal::NotInitialized));
        }
        let place = making.prepare();
        // SAFETY: the place is valid for writes of a value, and `error` is the caller's promise.
        if !unsafe { (info.init)(place, error) } {
            return Err(Failure::Init(()));
        }
        // SAFETY: the initializer has made a value.
        unsafe { making.complete() }
    }

    /// Sets [`Word::FREE`], when a value has been made.
    ///
    /// If nothing would drop the value when the thread exits, drops it now instead.
    ///
    /// # Safety
    ///
    /// `link` points to this header, with permission to access the whole slot, which is in
    /// this thread's thread-local storage, is described by `info` and not in the list, and
    /// whose storage is occupied by a value that nothing has seen yet. `list` is [`Info::list`]'s.
    #[inline]
    unsafe fn occupied(
        link: Link,
        info: &'static Info,
        list: Option<List>,
    ) -> Result<(), Failure<()>> {
        // In tail position, so that the ordinary path saves no registers for the call.
        if list == Some(List::Dropped) && !thread::is_guarded() {
            // SAFETY: passed on.
            return unsafe { Self::occupied_first(link, info) };
        }
        // SAFETY: passed on.
        unsafe { Self::number(link, info, list) };
        Ok(())
    }

    /// As [`occupied`](Self::occupied), for the first state of a thread that has to be dropped.
    ///
    /// # Safety
    ///
    /// As [`occupied`](Self::occupied).
    #[cold]
    #[inline(never)]
    unsafe fn occupied_first(link: Link, info: &'static Info) -> Result<(), Failure<()>> {
        if !thread::register() {
            // SAFETY: the caller's promise.
            unsafe { link.as_ref() }.word.set(Word::DESTROYED);
            // SAFETY: there is a value, and the word sees to it that it is not used again.
            unsafe { (info.drop_value)(link) };
            return Err(Failure::Refused(Refusal::Destroyed));
        }
        // SAFETY: passed on.
        unsafe { Self::number(link, info, Some(List::Dropped)) };
        Ok(())
    }

    /// Gives a value its birth number, puts it into the list and sets [`Word::FREE`].
    ///
    /// # Safety
    ///
    /// As [`occupied`](Self::occupied). If `info.needs_drop`, the thread is guarded.
    #[inline]
    unsafe fn number(link: Link, info: &'static Info, list: Option<List>) {
        // SAFETY: the caller's promise.
        let header = unsafe { link.as_ref() };
        header.node.birth.set(thread::next_birth());
        if let Some(list) = list {
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
#[derive(Clone, Copy)]
pub(crate) enum Failure<E> {
    Refused(Refusal),
    Init(E),
}

impl Failure<()> {
    /// Adds the initializer's error.
    ///
    /// # Safety
    ///
    /// If this is [`Failure::Init`], there is an error, which is not read again.
    pub(crate) unsafe fn with<E>(self, error: &MaybeUninit<E>) -> Failure<E> {
        match self {
            Self::Refused(refusal) => Failure::Refused(refusal),
            // SAFETY: the caller's promise.
            Self::Init(()) => Failure::Init(unsafe { error.assume_init_read() }),
        }
    }
}

/// An initialization under way. Dropped, it has failed. `PLAIN` only if [`Info::is_plain`].
struct Making<const PLAIN: bool> {
    /// # Invariants
    ///
    /// Points to the header of a slot whose word is [`Word::INITIALIZING`], in this thread's
    /// thread-local storage, with permission to access the whole slot, which `info` describes.
    link: Link,
    info: &'static Info,
}

impl<const PLAIN: bool> Making<PLAIN> {
    /// Sets [`Word::INITIALIZING`], or says why the state cannot be initialized.
    ///
    /// # Safety
    ///
    /// `link` points to the header of the slot of the state that `info` describes, in this thread's
    /// thread-local storage, with permission to access the whole slot.
    #[inline]
    unsafe fn begin(link: Link, info: &'static Info) -> Result<Self, Refusal> {
        // SAFETY: the caller's promise.
        let header = unsafe { link.as_ref() };
        if header.word.get() != Word::UNINITIALIZED {
            return Err(header.refusal());
        }
        if (PLAIN || info.needs_drop) && !thread::is_open() {
            return Err(Refusal::Destroyed);
        }
        header.word.set(Word::INITIALIZING);
        if !PLAIN && info.on_heap {
            // SAFETY: the caller's promise.
            let slot = unsafe { slot_of(link, info) };
            // What a forked child has forgotten may still stand there, and is left alone.
            // SAFETY: it is the slot of a state that is kept on the heap.
            unsafe { slot.cast::<*mut ()>().write(ptr::null_mut()) };
        }
        Ok(Self { link, info })
    }

    /// Makes room for a value, and returns where.
    #[inline]
    fn prepare(&self) -> *mut () {
        if !PLAIN && self.info.is_reset_by_fork {
            (self.info.install_fork_handler)();
        }
        // SAFETY: the invariant.
        let slot = unsafe { slot_of(self.link, self.info) };
        if !PLAIN && self.info.on_heap {
            let memory = allocate(self.info.layout);
            // SAFETY: it is the slot of a state that is kept on the heap.
            unsafe { slot.cast::<*mut ()>().write(memory) };
            memory
        } else {
            slot
        }
    }

    /// Sets [`Word::FREE`]. If the thread is exiting, says so, and has dropped the value.
    ///
    /// # Safety
    ///
    /// A value has been written where [`prepare`](Self::prepare) said, and nothing has seen it yet.
    #[inline]
    unsafe fn complete(self) -> Result<(), Failure<()>> {
        let Self { link, info } = self;
        mem::forget(self);
        let list = if PLAIN {
            Some(List::Dropped)
        } else {
            info.list()
        };
        // SAFETY: the invariant. The storage is occupied. The slot is not in a list (`Header` 4: it
        // was not alive).
        unsafe { Header::occupied(link, info, list) }
    }
}

impl<const PLAIN: bool> Drop for Making<PLAIN> {
    #[inline]
    fn drop(&mut self) {
        if !PLAIN && self.info.on_heap {
            // SAFETY: the invariant.
            let slot = unsafe { slot_of(self.link, self.info) };
            // SAFETY: it is the slot of a state that is kept on the heap.
            let memory = unsafe { slot.cast::<*mut ()>().replace(ptr::null_mut()) };
            if !memory.is_null() {
                // SAFETY: it is from `prepare`; the initializer has failed, and left nothing there.
                unsafe { free(memory, self.info.layout) };
            }
        }
        // SAFETY: the invariant.
        unsafe { self.link.as_ref() }.word.set(Word::UNINITIALIZED);
    }
}

/// The slot of a header, which is also where its storage lies.
///
/// # Safety
///
/// The link points to the header of a slot that `info` describes, with permission for all of it.
#[inline]
unsafe fn slot_of(link: Link, info: &Info) -> *mut () {
    // SAFETY: the caller's promise.
    unsafe { link.as_ptr().cast::<()>().byte_sub(info.header) }
}

/// The header of a slot, as a pointer with permission for all of the slot.
///
/// # Safety
///
/// It is a slot that `info` describes, with permission for all of it.
#[inline]
unsafe fn link_of(slot: *mut (), info: &Info) -> Link {
    // SAFETY: the header's offset stays within the slot.
    let header = unsafe { slot.byte_add(info.header) };
    // SAFETY: within a slot nothing is at null.
    unsafe { NonNull::new_unchecked(header.cast()) }
}

/// Where the value of a slot, or of a storage, lies.
///
/// # Safety
///
/// The storage is occupied, and is kept on the heap if `on_heap` says so.
#[inline(always)]
pub(crate) unsafe fn place(slot: *mut (), on_heap: bool) -> *mut () {
    if on_heap {
        // SAFETY: the caller's promise.
        unsafe { *(slot as *mut *mut ()) }
    } else {
        slot
    }
}

/// Memory for a value on the heap.
fn allocate(layout: Layout) -> *mut () {
    if layout.size() == 0 {
        return ptr::without_provenance_mut(layout.align());
    }
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc::alloc(layout) };
    if memory.is_null() {
        alloc::handle_alloc_error(layout);
    }
    memory.cast()
}

/// Gives memory back.
///
/// # Safety
///
/// It is from `allocate` with the same layout, and not used after this.
unsafe fn free(memory: *mut (), layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: the caller's promise.
        unsafe { alloc::dealloc(memory.cast(), layout) };
    }
}

/// Drops the value in a storage, and gives its memory back also if that panics.
///
/// # Safety
///
/// It is an occupied storage of an `S`; nothing refers to the value, and it is not used after this.
#[inline(always)]
unsafe fn drop_storage<S: ThreadLocalState>(storage: *mut ()) {
    struct Free(*mut (), Layout);

    impl Drop for Free {
        fn drop(&mut self) {
            // SAFETY: the promise of `drop_storage`'s caller.
            unsafe { free(self.0, self.1) };
        }
    }

    if S::__Storage::ON_HEAP {
        // SAFETY: the caller's promise.
        let place = unsafe { place(storage, true) };
        let _free = Free(place, Layout::new::<S>());
        // SAFETY: the caller's promise.
        unsafe { ptr::drop_in_place(place as *mut S) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { ptr::drop_in_place(storage as *mut S) };
    }
}

/// Where the value lies: in the slot itself or, if it is large, behind a pointer.
///
/// # Safety
///
/// What `place` says of `ON_HEAP` is true, and moving the storage with `take` and `put` moves the
/// value.
pub unsafe trait Storage<S>: Sized {
    /// Whether the value is kept on the heap.
    const ON_HEAP: bool;

    /// Storage without a value.
    const EMPTY: Self;

    /// Moves the storage out, value included.
    ///
    /// # Safety
    ///
    /// The storage is occupied and nothing refers to the value. It counts as empty from here on.
    #[must_use]
    unsafe fn take(&self) -> Self;

    /// Moves a storage, value included, in.
    ///
    /// # Safety
    ///
    /// This storage is empty.
    unsafe fn put(&self, other: Self);
}

/// Keeps the value in the slot.
#[repr(transparent)]
pub struct Inline<S>(UnsafeCell<MaybeUninit<S>>);

// SAFETY: the place is within the storage itself.
unsafe impl<S> Storage<S> for Inline<S> {
    const ON_HEAP: bool = false;

    // Zeroed: an image that is not all zero has to be copied at the start of every thread.
    const EMPTY: Self = Self(UnsafeCell::new(MaybeUninit::zeroed()));

    unsafe fn take(&self) -> Self {
        // SAFETY: a `MaybeUninit` is valid to read whatever it holds, and the caller promises
        // that nothing writes to it meanwhile and that the original is not used again.
        Self(UnsafeCell::new(unsafe { self.0.get().read() }))
    }

    unsafe fn put(&self, other: Self) {
        // SAFETY: the caller promises that there is no value here that could be referred to.
        unsafe { self.0.get().write(other.0.into_inner()) };
    }
}

/// Keeps the value on the heap, so that threads that do not use the state pay for a pointer
/// and not for the value: thread-local storage is taken from every thread's stack.
#[repr(transparent)]
pub struct OnHeap<S> {
    /// # Invariants
    ///
    /// If the storage is occupied, a pointer from `allocate`; if it is empty, `None`, or a pointer that
    /// has been forgotten and is not used.
    place: Cell<Option<NonNull<S>>>,
}

// SAFETY: the place is a heap allocation's, which moving the pointer does not affect.
unsafe impl<S> Storage<S> for OnHeap<S> {
    const ON_HEAP: bool = true;

    const EMPTY: Self = Self {
        place: Cell::new(None),
    };

    unsafe fn take(&self) -> Self {
        Self {
            place: Cell::new(self.place.take()),
        }
    }

    unsafe fn put(&self, other: Self) {
        self.place.set(other.place.take());
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
    const READY: bool = !mem::needs_drop::<S>() && !S::__AtFork::IS_RESET;

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
/// would also waste up to that much in every thread, and not every linker honours them. On Windows
/// not every loader does: Wine's aligns thread-local storage as its heap does, and no more.
#[must_use]
pub const fn on_heap<S>() -> bool {
    let most = if cfg!(windows) {
        2 * size_of::<usize>()
    } else {
        128
    };
    size_of::<S>() > 1024 || align_of::<S>() > most
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
    #[inline]
    pub(crate) fn link(&self) -> Link {
        // SAFETY: it is a slot of this state.
        unsafe { link_of(&raw const *self as *mut (), S::__INFO) }
    }

    /// Forgets a value that has been made while the process was forked.
    pub(crate) fn forget_after(&self, forks: Forks<S::__AtFork>) {
        if forks.have_happened() {
            // SAFETY: it has just been made, so it is alive and free.
            unsafe { Header::forget_value(self.link()) };
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
        init: fn(Place<S>, V) -> Result<(), S::Error>,
    ) -> Result<Result<(), V>, S::Error> {
        // SAFETY: it is this state's slot.
        let Ok(making) = (unsafe { Making::<false>::begin(self.link(), S::__INFO) }) else {
            return Ok(Err(values));
        };
        let forks = Forks::<S::__AtFork>::now();
        // SAFETY: that is where a value may be written.
        let place = unsafe { Place::new(making.prepare() as *mut S) };
        init(place, values)?;
        // The thread cannot finish meanwhile but for exotic ends within an initializer: then
        // the value that was made is dropped, as by any other exit.
        // SAFETY: the initializer has made a value.
        if unsafe { making.complete() }.is_ok() {
            self.forget_after(forks);
        }
        Ok(Ok(()))
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

/// A value that has been moved out of its slot, to be dropped.
struct Evicted<S: ThreadLocalState> {
    /// # Invariants
    ///
    /// 1. Occupied.
    storage: S::__Storage,
}

impl<S: ThreadLocalState> Drop for Evicted<S> {
    fn drop(&mut self) {
        // SAFETY: `Evicted::storage` 1; the value was moved here, so nothing refers to it.
        unsafe { drop_storage::<S>(&raw mut self.storage as *mut ()) };
    }
}

/// A value set aside by `with_fresh_state`.
pub(crate) struct Aside<'a, S: ThreadLocalState> {
    slot: &'a Slot<S>,
    evicted: Option<Evicted<S>>,
    birth: u64,
    forks: Forks<S::__AtFork>,
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
            match request.field() {
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
