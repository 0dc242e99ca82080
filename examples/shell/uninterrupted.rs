//! Delays signals, for programs whose temporary files must not outlive them.

use nix::sys::signal::{SigSet, Signal};

/// Blocks the signals that end the program until this value is dropped.
///
/// Values created after this value are dropped before it, so their files are removed. The signals end
/// workers that have called [`allow`], so the delay is short.
pub(crate) struct Uninterrupted(());

impl Uninterrupted {
    /// Must be called before the process has other threads, which must not receive the signals either.
    pub(crate) fn begin() -> nix::Result<Self> {
        signals().thread_block()?;
        Ok(Self(()))
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        // It fails only if an argument is wrong.
        let _ = allow();
    }
}

/// Lets signals end this process at once. A worker inherits the blocked signals from its parent.
pub(crate) fn allow() -> nix::Result<()> {
    signals().thread_unblock()
}

fn signals() -> SigSet {
    SigSet::from_iter([Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM])
}
