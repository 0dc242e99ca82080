//! A POSIX key for thread-specific data: a pointer for each thread, and a destructor that the C library
//! calls, in several rounds.

use std::ffi::{c_int, c_uint, c_void};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::platform::fail::fail;

/// `pthread_key_t`, where it is not an `unsigned int` or equivalent to one.
#[cfg(any(target_vendor = "apple", target_os = "cygwin"))]
type Number = usize;
#[cfg(not(any(target_vendor = "apple", target_os = "cygwin")))]
type Number = c_uint;

/// Called with the thread's pointer, if that is not null. The pointer is set to null before.
type Destructor = unsafe extern "C" fn(*mut c_void);

// POSIX functions that have one signature everywhere, and are not worth a dependency that every user
// would build.
unsafe extern "C" {
    fn pthread_key_create(key: *mut Number, destructor: Option<Destructor>) -> c_int;
    fn pthread_key_delete(key: Number) -> c_int;
    fn pthread_getspecific(key: Number) -> *mut c_void;
    fn pthread_setspecific(key: Number, value: *const c_void) -> c_int;
}

/// A key of the process, for a static. The key is created on first use and never deleted.
pub(crate) struct Key {
    /// Zero until the key has been created. So a key that is zero is not used.
    number: AtomicUsize,
    destructor: Destructor,
}

impl Key {
    /// # Safety
    ///
    /// The destructor may be called with every value that is passed to [`set`](Self::set).
    pub(crate) const unsafe fn new(destructor: Destructor) -> Self {
        Self {
            number: AtomicUsize::new(0),
            destructor,
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it was made of a number")]
    #[allow(clippy::unnecessary_cast, reason = "not on every platform")]
    fn number(&'static self) -> Number {
        // Acquire: pairs with the release in `create`.
        match self.number.load(Acquire) {
            0 => self.create(),
            number => number as Number,
        }
    }

    #[cold]
    #[inline(never)]
    #[expect(clippy::cast_possible_truncation, reason = "it was made of a number")]
    #[allow(clippy::unnecessary_cast, reason = "not on every platform")]
    fn create(&'static self) -> Number {
        let mut number = self.make();
        if number == 0 {
            number = self.make();
            // SAFETY: the key has just been created, and is not used.
            unsafe { pthread_key_delete(0) };
        }
        // Release: a thread that finds the number uses the key.
        match self
            .number
            .compare_exchange(0, number as usize, Release, Acquire)
        {
            Ok(_) => number,
            Err(faster) => {
                // SAFETY: the key has just been created, and is not used.
                unsafe { pthread_key_delete(number) };
                faster as Number
            }
        }
    }

    fn make(&self) -> Number {
        let mut number = 0;
        // SAFETY: the place is valid for writes, and by the safety condition of `new` the destructor may
        // be called.
        if unsafe { pthread_key_create(&raw mut number, Some(self.destructor)) } != 0 {
            fail("no key for thread-specific data is left");
        }
        number
    }

    /// Returns this thread's pointer, which is null until it is set.
    #[inline(always)]
    pub(crate) fn get(&'static self) -> *mut c_void {
        // SAFETY: the key is never deleted.
        unsafe { pthread_getspecific(self.number()) }
    }

    /// Sets this thread's pointer.
    pub(crate) fn set(&'static self, value: *const c_void) {
        // SAFETY: the key is never deleted.
        if unsafe { pthread_setspecific(self.number(), value) } != 0 {
            fail("no memory for thread-specific data is left");
        }
    }
}
