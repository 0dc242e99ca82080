//! What a platform provides, and how its thread-locals are used.
//!
//! | file | what |
//! |---|---|
//! | `native` | thread-locals that stay until their thread has ended |
//! | `keys` | thread-locals of our own, under one key of the operating system |
//! | `late` | with native ones: what comes too late for the standard library's destructors |
//! | `key` | a key of POSIX, for both |
//! | `of` | whose end it is that is called when a thread ends |
//! | `fail` | what is done when the system has none left |
//!
//! Slots are in thread-local storage, and their thread's list points to them until the states' turns have
//! emptied the list. So the storage must outlive every turn. *Native* thread-locals do: they go away with
//! the thread. (Where there are no threads, thread-locals are plain statics, which nothing frees.) Where
//! the standard library keeps thread-locals under keys of the operating system, each is freed by its
//! key's destructor, in no order and maybe before the state's turn. Where the compiler emulates native
//! thread-locals, the C library does the same. On these targets this crate has a key of its own.
//!
//! Stable Rust does not say which of these a target has. So targets whose thread-locals are known to be
//! native are named here. All others use keys, which work everywhere. `tests/targets.rs` compiles this
//! file alone for every target that the compiler knows, and compares the results.
//!
//! Both forms define the same names: `by_form!`, which keeps the code that is written for the form;
//! `thread_local!`, which takes constants without drop glue and declares thread-locals that are
//! accessible as long as the thread runs code; [`LocalKey`](keys::LocalKey); and the macros of the
//! expansion.

#[cfg(any(unix, windows))]
#[allow(dead_code, reason = "native thread-locals need it with glibc only")]
mod fail;

pub(crate) mod of;

#[cfg(unix)]
#[allow(dead_code, reason = "native thread-locals need it with glibc only")]
pub(crate) mod key;

/// The form of this target: `native`, or else `keys`.
#[cfg_attr(
    all(
        // For tests: use keys where they are not necessary.
        not(tls_core_keys),
        any(
            // No threads. (WebAssembly with threads has native thread-locals.)
            target_family = "wasm",
            target_os = "trusty",
            target_os = "uefi",
            target_os = "vexos",
            target_os = "zkvm",
            // Native.
            target_vendor = "apple",
            target_os = "aix",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "fuchsia",
            target_os = "hermit",
            target_os = "hurd",
            target_os = "netbsd",
            target_os = "redox",
            target_os = "solid_asp3",
            target_os = "vxworks",
            // Not with OpenHarmony's C library, and not with the x32 ABI.
            all(
                target_os = "linux",
                not(target_env = "ohos"),
                not(all(target_arch = "x86_64", target_pointer_width = "32")),
            ),
            // Not with the GNU toolchain, and not in 32-bit programs for Windows 7.
            all(
                windows,
                any(target_env = "msvc", target_abi = "llvm"),
                not(all(target_vendor = "win7", target_arch = "x86")),
            ),
        ),
    ),
    path = "native/mod.rs"
)]
#[macro_use]
pub(crate) mod keys;
