//! In the place of the runtime's module of this name: the threads of a model call
//! [`local::retire`](crate::shared::local::retire) themselves.

pub(crate) fn is_open() -> bool {
    true
}

pub(crate) fn guard(_: fn()) -> bool {
    true
}
