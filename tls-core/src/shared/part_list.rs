//! Lists of parts that exited threads have left for collectors.

use std::any::Any;
use std::sync::Arc;

/// A `Part`'s value, of any type.
pub(crate) trait ErasedPart: Any + Send + Sync {
    /// Called when the part's thread retires. Returns `true` if the part may be collected. It may not if
    /// the thread is using it: then the use leaves the value when it ends, if it ever does.
    fn retire(&self) -> bool;

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// A place for one thread's `Part` in the list of exited threads' parts.
pub(crate) struct PartNode {
    pub(crate) part: Arc<dyn ErasedPart>,
    pub(crate) cell: usize,
    next: PartList,
}

impl PartNode {
    pub(crate) fn new(cell: usize, part: Arc<dyn ErasedPart>) -> Self {
        Self {
            part,
            cell,
            next: None,
        }
    }
}

impl Drop for PartNode {
    /// Drops the nodes one after the other, because a list may be long.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}

/// A list that is built and changed without allocating.
pub(crate) type PartList = Option<Box<PartNode>>;

/// Adds a part.
pub(crate) fn push(list: &mut PartList, mut node: Box<PartNode>) {
    node.next = list.take();
    *list = Some(node);
}

/// Takes the first part out.
pub(crate) fn pop(list: &mut PartList) -> PartList {
    let mut node = list.take()?;
    *list = node.next.take();
    Some(node)
}

/// Returns the parts of one field.
pub(crate) fn of(cell: usize, list: &PartList) -> impl Iterator<Item = &Arc<dyn ErasedPart>> {
    std::iter::successors(list.as_deref(), |node| node.next.as_deref())
        .filter(move |node| node.cell == cell)
        .map(|node| &node.part)
}

/// Moves the parts of one field from one list to another.
pub(crate) fn move_of(cell: usize, from: &mut PartList, to: &mut PartList) {
    let mut next = from;
    while let Some(node) = next {
        if node.cell == cell {
            let rest = node.next.take();
            let node = std::mem::replace(next, rest);
            if let Some(node) = node {
                push(to, node);
            }
        } else {
            next = &mut next
                .as_mut()
                .expect("it is `Some`, as the loop has seen")
                .next;
        }
    }
}
