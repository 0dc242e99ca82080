//! The runtime's own sources with one line broken, and the models that find it: what no model would
//! find, none would prove. The build script has the lines.

use std::cell::Cell;

use crate::mutated::models;

std::thread_local! {
    /// What is broken. Loom runs all threads of a model in this one.
    static BROKEN: Cell<&'static str> = const { Cell::new("") };
}

/// Whether this is broken in the model that is running.
pub(crate) fn is(name: &str) -> bool {
    BROKEN.get() == name
}

/// Runs a model of the copy with something broken.
fn broken(name: &'static str, model: fn()) {
    BROKEN.set(name);
    model();
}

/// Runs with nothing broken, so that it is the line that makes the others fail.
#[test]
fn the_copy_is_as_good_as_the_original() {
    broken("nothing", models::what_was_published_before_is_in_the_total);
    broken("nothing", models::what_was_published_before_is_in_the_parts);
}

/// A test for every model that finds a line: the name of the test, what is broken, the model, and what
/// it says.
macro_rules! found {
    ($($name:ident: $broken:literal, $model:ident, $expected:literal;)*) => {
        $(
            #[test]
            #[should_panic(expected = $expected)]
            fn $name() {
                broken($broken, models::$model);
            }
        )*
    };
}

found! {
    unlocking_with_relaxed_publishes_nothing:
        "unlocks relaxed",
        two_threads_register_and_retire_with_blocks_of_their_own,
        "Causality violation";
    locking_with_relaxed_sees_nothing:
        "locks relaxed",
        two_threads_register_and_retire_with_blocks_of_their_own,
        "Causality violation";
    testing_and_locking_in_two_steps_lets_two_in:
        "locks in two steps",
        two_threads_register_and_retire_with_blocks_of_their_own,
        "Causality violation";
    going_on_without_the_lock_after_giving_up_is_a_race:
        "goes on when it has given up",
        two_threads_that_collect_within_their_parts_do_not_wait_for_each_other,
        "Causality violation";
    folding_before_the_block_is_given_back_goes_back:
        "folds before the locked step",
        a_total_beside_a_thread_that_retires_never_goes_back_and_is_exact_at_the_end,
        "assertion failed";
    folding_after_the_block_is_given_back_goes_back:
        "folds after the locked step",
        a_total_beside_a_thread_that_retires_never_goes_back_and_is_exact_at_the_end,
        "2 then 0";
    a_cell_that_is_not_cleared_is_counted_twice:
        "leaves the cell as it is",
        a_block_is_clean_when_the_next_thread_gets_it,
        "left by another thread";
    clearing_the_cell_after_unlocking_clears_the_next_threads:
        "clears the cell after unlocking",
        a_block_is_clean_when_the_next_thread_gets_it,
        "left";
    pointers_that_are_kept_until_all_is_freed_lose_what_is_counted_then:
        "keeps its pointers until all is freed",
        what_is_freed_while_a_thread_retires_can_be_counted,
        "with what was freed";
    a_thread_that_registers_again_when_it_has_retired_stays_for_ever:
        "registers again when it has retired",
        a_late_write_beside_a_total_is_seen_or_not_and_never_lost,
        "left";
    freeing_the_owner_before_the_fold_loses_its_histogram:
        "frees the owner before the fold",
        a_histogram_is_counted_once_while_its_thread_retires,
        "left of a histogram";
    chunks_of_all_that_register_at_once_are_too_many:
        "every thread adds the chunk that it has brought",
        threads_that_register_at_once_add_no_more_than_one_chunk,
        "cells of two chunks";
    empty_chunks_that_are_kept_are_too_many:
        "keeps every chunk",
        an_empty_chunk_is_given_back_beside_who_registers_and_who_totals,
        "where one chunk is kept";
    parts_that_are_listed_in_two_steps_are_left_behind:
        "lists exited parts and live ones in two locked steps",
        what_was_published_before_is_in_the_parts,
        "left behind";
    waiting_for_a_part_in_use_is_a_deadlock:
        "waits for a part in use",
        two_threads_that_collect_within_their_parts_do_not_wait_for_each_other,
        "exceeded maximum number of branches";
    registries_of_a_job_that_are_added_in_two_steps_are_too_many:
        "adds a registry to a job in two steps",
        two_threads_that_come_into_a_job_at_once_count_in_one_registry,
        "in the job";
    leaving_a_job_without_giving_the_block_back_stays_for_ever:
        "leaves a job without giving its block back",
        who_has_written_in_a_job_and_left_it_has_its_count_in_it_and_writes_outside,
        "live inside";
    waiting_for_an_abandoned_part_is_for_ever:
        "waits for a part in use",
        a_part_whose_thread_retires_within_its_use_is_not_waited_for_nor_lost,
        "exceeded maximum number of branches";
    a_part_that_is_not_said_to_be_abandoned_is_lost:
        "does not say that a part is abandoned",
        a_part_whose_thread_retires_within_its_use_is_not_waited_for_nor_lost,
        "left";
    an_abandoned_part_that_nobody_leaves_is_lost:
        "does not leave what is in an abandoned part",
        a_part_whose_thread_retires_within_its_use_is_not_waited_for_nor_lost,
        "left";
    a_part_that_is_used_within_its_use_waits_for_itself:
        "waits for a part in use",
        a_part_within_its_own_use_is_collected_as_one_more,
        "exceeded maximum number of branches";
}

#[test]
#[should_panic(expected = "taken")]
fn taking_in_another_step_than_totaling_counts_twice() {
    models::writer_and_taker(models::take_in_two_steps);
}

#[test]
#[should_panic(expected = "taken in all")]
fn a_late_write_in_two_locked_steps_loses_what_comes_between() {
    models::late_writes(models::write_late_in_two_steps);
}
