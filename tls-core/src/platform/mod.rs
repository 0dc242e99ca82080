//! What a platform has, and how its thread-locals are used.
//!
//! | file | what |
//! |---|---|
//! | `targets` | which targets are refused |
//! | `native` | thread-locals that stay until their thread has ended |

mod native;
mod targets;
