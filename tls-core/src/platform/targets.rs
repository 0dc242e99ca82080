//! What a target must have; the others are refused.
//!
//! Slots are in thread-local storage, and their thread's list points to them until the states' turns have
//! emptied it. So the storage must outlive every turn. Native thread-locals do: they go away with the
//! thread. Where the standard library keeps thread-locals under keys of the operating system, each is
//! freed by its key's destructor, in no order, maybe before the state's turn. (Where the compiler emulates
//! native ones, the C library does the same.) And where there are no threads, thread-locals are plain
//! statics, which nothing frees.
//!
//! Stable Rust does not say which of the three a target has, so those that are known to be sound are
//! named here: a target that is forgotten does not compile, instead of reading freed memory.
//! `tests/targets.rs` compiles this file alone for every target that the compiler knows, and compares.

#[cfg(not(target_has_atomic = "64"))]
compile_error!("tls-core needs 64-bit atomics for shared fields, which this target does not have");

#[cfg(not(any(
    // No threads. (With threads WebAssembly's are native.)
    target_family = "wasm",
    target_os = "uefi",
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
)))]
compile_error!(
    "tls-core needs native thread-locals, which this target does not have or is not known to have: \
     otherwise the standard library frees them in an unspecified order while the thread exits"
);
