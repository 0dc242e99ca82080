//! What the standard library does where it has a key of the operating system for each thread-local, for a platform
//! where it does not: its source is `library/std/src/sys/thread_local/os.rs`.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};

use libc::{
    pthread_getspecific, pthread_key_create, pthread_key_delete, pthread_key_t, pthread_setspecific,
};

/// A lazy thread-local.
pub struct Keyed<T: 'static> {
    /// Zero until there is one.
    key: AtomicUsize,
    make: fn() -> T,
}

struct Value<T> {
    value: T,
    key: pthread_key_t,
}

impl<T: 'static> Keyed<T> {
    pub const fn new(make: fn() -> T) -> Self {
        Self {
            key: AtomicUsize::new(0),
            make,
        }
    }

    /// Calls a function with this thread's value.
    ///
    /// # Panics
    ///
    /// If the value is being destroyed.
    #[inline]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: it is this thread's value, which stays until the thread's end, or null.
        let value = unsafe { self.get().as_ref() };
        f(value.expect("the value is being destroyed"))
    }

    #[inline]
    fn get(&'static self) -> *const T {
        let key = match self.key.load(Acquire) {
            0 => self.make_key(),
            #[expect(clippy::cast_possible_truncation, reason = "it was a key")]
            key => key as pthread_key_t,
        };
        // SAFETY: the key is never deleted.
        let found = unsafe { pthread_getspecific(key) }.cast::<Value<T>>();
        if found.addr() > 1 {
            // SAFETY: what is under the key is null, one, or a value of this thread's.
            return unsafe { &raw const (*found).value };
        }
        self.make_value(found, key)
    }

    #[cold]
    fn make_key(&self) -> pthread_key_t {
        let create = || {
            let mut key = 0;
            // SAFETY: the place is valid, and so is the destructor.
            let error = unsafe { pthread_key_create(&raw mut key, Some(destroy::<T>)) };
            assert_eq!(error, 0, "no key is left");
            key
        };
        let mut key = create();
        if key == 0 {
            key = create();
            // SAFETY: it has just been made, and is not used.
            unsafe { pthread_key_delete(0) };
        }
        let set = self.key.compare_exchange(0, key as usize, Release, Acquire);
        assert!(set.is_ok(), "the bench has one thread");
        key
    }

    #[cold]
    fn make_value(&self, found: *mut Value<T>, key: pthread_key_t) -> *const T {
        if found.addr() == 1 {
            return ptr::null();
        }
        let value = Box::into_raw(Box::new(Value {
            value: (self.make)(),
            key,
        }));
        // SAFETY: the key is never deleted.
        unsafe { pthread_setspecific(key, value.cast()) };
        // SAFETY: it has just been made.
        unsafe { &raw const (*value).value }
    }
}

/// # Safety
///
/// It is a value of the thread that ends, from `make_value`.
unsafe extern "C" fn destroy<T>(value: *mut c_void) {
    // SAFETY: the contract of this function.
    let value = unsafe { Box::from_raw(value.cast::<Value<T>>()) };
    let key = value.key;
    // SAFETY: the key is never deleted.
    unsafe { pthread_setspecific(key, ptr::without_provenance(1)) };
    drop(value);
    // SAFETY: the key is never deleted, and the value is gone.
    unsafe { pthread_setspecific(key, ptr::null()) };
}

impl<T: 'static> Keyed<RefCell<T>> {
    /// As `LocalKey::with_borrow`.
    ///
    /// # Panics
    ///
    /// If it is borrowed exclusively.
    #[inline]
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    /// As `LocalKey::with_borrow_mut`.
    ///
    /// # Panics
    ///
    /// If it is borrowed.
    #[inline]
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }
}
