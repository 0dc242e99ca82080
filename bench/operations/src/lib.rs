//! Programs that measure: `benches/` by harness, `src/bin/` as whole programs.

pub mod many;
pub mod threads;
