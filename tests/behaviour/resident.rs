//! How much memory the process has.

/// The resident memory in bytes, where the platform tells it in a file.
pub(crate) fn resident() -> Option<usize> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Repeats something, and checks that the last nine tenths take no memory that the first has
/// not taken.
pub(crate) fn assert_flat(what: &str, count: usize, mut f: impl FnMut()) {
    let warm_up = count.div_ceil(10);
    (0..warm_up).for_each(|_| f());
    let before = resident();
    (warm_up..count).for_each(|_| f());
    let after = resident();
    // A sanitizer keeps what is freed for a while.
    if crate::support::scale() > 1 {
        return;
    }
    if let (Some(before), Some(after)) = (before, after) {
        // A leak of a few bytes each time would be larger.
        let grown = after.saturating_sub(before);
        assert!(grown < 1 << 20, "{what}: {count} times took {grown} bytes");
    }
}
