//! The same with one line broken: what is found, and by what.

use std::panic::catch_unwind;

use super::story;
use crate::support::alone;

/// Fails unless a child of the story finds what is broken, and says so.
fn assert_found(broken: &'static str, story: fn(), expected: &str) {
    mutated::broken::set(broken);
    let payload = catch_unwind(story).expect_err("a broken line that is not found");
    let message = story::message(&*payload);
    assert!(message.contains(expected), "{message}");
}

/// A test for every line: its name, what is broken, the story, and what a child says.
macro_rules! found {
    ($($name:ident: $broken:literal, $story:expr, $expected:literal;)*) => {
        $(
            #[test]
            fn $name() {
                alone(|| assert_found($broken, || $story, $expected));
            }
        )*
    };
}

found! {
    a_lock_that_is_not_overwritten_is_waited_for:
        "leaves locks as they are",
        story::totals_all(),
        "waits for a thread that is gone";
    the_lock_of_the_list_that_is_not_overwritten_is_waited_for:
        "leaves the lock of the list as it is",
        story::uses_a_state_first(),
        "waits for a thread that is gone";
    who_comes_first_and_does_not_ask_who_is_gone_waits:
        "waits for who is gone",
        story::early_handler(story::totals_all),
        "waits for a thread that is gone";
    so_does_who_comes_first_and_waits_for_a_part:
        "waits for who is gone",
        story::early_handler(story::collects),
        "waits for a thread that is gone";
    who_comes_first_and_collects_drops_the_parents:
        "takes the parent's parts",
        story::early_handler(story::totals_all),
        "is the parent's";
    blocks_that_are_freed_are_the_parents:
        "frees blocks",
        story::totals_all(),
        "frees of what is the parent's";
    parts_that_are_freed_are_the_parents:
        "frees parts",
        story::totals_all(),
        "is the parent's";
    threads_that_are_gone_are_counted:
        "keeps the number of threads",
        story::totals_all(),
        "threads that are gone";
    what_exited_threads_have_left_is_counted_in_the_child:
        "keeps what exited threads have left",
        story::totals_all(),
        "left by the parent";
    pointers_that_are_kept_count_for_nobody:
        "keeps pointers into blocks",
        story::totals_all(),
        "counted in the child";
    a_link_that_is_not_mended_is_linked_twice:
        "does not mend a link",
        story::uses_a_state_first(),
        "a list without an end";
    a_link_that_is_published_before_its_entry_hides_the_others:
        "publishes a link before its entry",
        story::uses_a_state_first(),
        "left by the parent";
}
