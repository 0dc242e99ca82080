//! Signals that wait, for programs whose temporary files must not outlive them.

use nix::sys::signal::{SigSet, Signal};

/// The signals by which somebody ends the program wait until this is dropped.
///
/// Whatever is made after this is dropped before it, and so is removed. Workers that have called [`allow`] are ended
/// by the signals, so the wait is short.
pub(crate) struct Uninterrupted(());

impl Uninterrupted {
    /// To be called before the process has other threads: theirs, too, must not take the signals.
    pub(crate) fn begin() -> nix::Result<Self> {
        signals().thread_block()?;
        Ok(Self(()))
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        // It fails for nothing but a wrong argument.
        let _ = allow();
    }
}

/// Lets signals end this process at once: a worker inherits from its parent that they wait.
pub(crate) fn allow() -> nix::Result<()> {
    signals().thread_unblock()
}

fn signals() -> SigSet {
    SigSet::from_iter([Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM])
}
