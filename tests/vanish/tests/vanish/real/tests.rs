//! Every operation, without and with a handler of the user's that comes before the runtime's.

use super::story;
use crate::step;
use crate::support::alone;

/// The one that is tried in any case.
#[test]
fn who_comes_first_and_waits_for_a_thread_that_is_gone_goes_on_alone() {
    alone(|| story::early_handler(story::totals_all));
}

/// A module for every operation that another thread vanishes from.
macro_rules! operations {
    ($($operation:ident)*) => {
        $(
            mod $operation {
                use super::*;

                #[test]
                fn the_child_is_as_new() {
                    alone(|| story::$operation());
                }

                #[test]
                fn so_it_is_when_a_handler_of_the_users_comes_first() {
                    if step::is_thorough() {
                        alone(|| story::early_handler(story::$operation));
                    }
                }
            }
        )*
    };
}

operations! {
    uses_a_state_first
    writes_first
    writes_again
    totals_all
    lists
    takes
    lists_everything
    takes_a_histogram
    collects
    uses_a_part_within_its_part
    exits
    exits_with_a_histogram
    adds_a_chunk
    gives_a_chunk_back
}
