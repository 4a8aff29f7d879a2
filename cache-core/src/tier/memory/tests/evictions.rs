//! The tests that hold for every eviction, for each of them.

use super::*;
use std::cell::Cell;

thread_local! {
    static TESTED: Cell<Eviction> = const { Cell::new(Eviction::S3Fifo) };
}

/// What a rig of this thread has.
pub(super) fn tested() -> Eviction {
    TESTED.get()
}

/// Tests with rigs that have this.
pub(super) fn with<T>(eviction: Eviction, test: impl FnOnce() -> T) -> T {
    let before = TESTED.replace(eviction);
    let tested = test();
    TESTED.set(before);
    tested
}

macro_rules! for_each_other {
    ($($of:ident :: $test:ident),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                // The default has been.
                for eviction in &Eviction::ALL[1..] {
                    println!("{eviction}");
                    with(*eviction, super::$of::$test);
                }
            }
        )*

        /// A test that is written later is in the list, or said to be of the default alone.
        #[test]
        fn every_test_is_in_the_list() {
            let listed = [$(stringify!($test)),*];
            let files = [
                include_str!("bounds.rs"),
                include_str!("concurrent.rs"),
                include_str!("model.rs"),
                include_str!("rings.rs"),
            ];
            let tests = files.iter().flat_map(|file| file.split("#[test]\n").skip(1));
            let names = tests.map(|test| test.trim_start().trim_start_matches("pub(super) fn ").split('(').next().unwrap());
            for name in names {
                let own = name.trim_start_matches("fn ");
                let listed = listed.contains(&own) || OF_THE_DEFAULT.contains(&own);
                assert!(listed, "{own}: not in the list");
            }
        }
    };
}

/// Who is spared is another's with another.
const OF_THE_DEFAULT: &[&str] = &["a_use_outlives_a_scan_and_a_peek_does_not"];

for_each_other! {
    bounds::a_bound_for_one_entry_holds_one_entry,
    bounds::a_bound_for_less_than_one_entry_refuses,
    bounds::what_began_earlier_replaces_nothing,
    bounds::small_bounds_are_used_and_kept,
    bounds::a_heavy_entry_is_refused_and_takes_its_predecessor_along,
    bounds::the_largest_entry_fits_whatever_bounds_are_asked_for,
    bounds::an_enormous_bound_does_no_harm,
    bounds::resizing_evicts_reports_and_lets_grow_again,
    bounds::the_overhead_covers_places_and_queues,
    concurrent::nothing_is_lost_or_kept_or_reported_twice,
    concurrent::a_capacity_holds_at_every_moment,
    concurrent::resizing_while_others_insert_keeps_the_books,
    concurrent::remove_if_spares_the_successor,
    model::random_operations_match_a_map,
    model::a_newer_entry_takes_the_key,
    model::functions_do_not_see_each_other,
    model::an_entry_inserted_twice_is_counted_twice,
    model::clear_removes_everything_and_says_so,
    model::the_listener_may_use_the_tier,
    rings::expired_and_dead_entries_go_as_others_come,
    rings::a_replaced_entry_is_not_reclaimed_in_place_of_the_new_one,
    rings::overwriting_leaves_no_tokens_behind,
    rings::evicting_leaves_no_tokens_behind,
    rings::removing_leaves_no_tokens_behind,
    rings::a_capacity_is_never_exceeded,
    rings::a_capacity_bounds_its_own_function_only,
    rings::the_used_are_spared,
    rings::a_peek_is_not_a_use,
    rings::one_leaves_even_if_all_were_used,
    rings::nothing_is_dropped_under_the_lock_of_a_ring,
    rings::replacing_at_capacity_pushes_out_nobody,
    rings::what_leaves_otherwise_makes_room,
}
