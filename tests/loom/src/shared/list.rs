//! In the place of the runtime's module of this name: only forks need the list, and loom's locks are not
//! constants.
#![allow(clippy::unused_self, reason = "the runtime's look at themselves")]

use std::marker::PhantomData;

pub(crate) struct List<T: ?Sized + 'static>(PhantomData<fn() -> &'static T>);

pub(crate) struct Link<T: ?Sized + 'static>(PhantomData<fn() -> &'static T>);

impl<T: ?Sized> Link<T> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }

    pub(crate) fn is_in(&self) -> bool {
        true
    }
}

impl<T: ?Sized> List<T> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }

    pub(crate) unsafe fn add(&self, _: &'static T, _: &'static Link<T>) {}

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static T> {
        std::iter::empty()
    }

    pub(crate) unsafe fn recover(&self) {}
}
