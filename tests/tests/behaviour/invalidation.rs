//! Invalidation and what hangs on it: entries that were computed from others, many records, typed targets.

use cache_core::__private::block_on;
use cache_core::{
    Cache, EventKind, MissReason, blocking, cache, cache_query, cache_resource, invalidate,
    invalidate_cache,
};
use serde::Serialize;

use crate::runs::{run, runs, start, start_with};

#[cache_resource("items:{id}", tags("item-owner:{owner}"))]
fn item(owner: u32, id: u64) -> u64 {
    let _ = (owner, id);
    run()
}

#[cache_resource("parts:{id}")]
async fn part(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache]
async fn assembled(count: u64) -> u64 {
    for id in 0..count {
        item(1, id);
        part(id).await;
    }
    run()
}

#[cache]
fn catalogue(count: u64) -> u64 {
    block_on(assembled(count));
    run()
}

#[test]
fn what_was_computed_from_an_entry_falls_with_it() {
    start().enter(|| {
        let made = catalogue(3);
        assert_eq!((made, runs(), catalogue(3)), (8, 8, 8));
        for (what, again) in [
            ("resource:items:1", 3),
            ("resource:parts:2", 3),
            ("resource:parts:*", 5),
            ("tag:item-owner:*", 5),
            ("catalogue:*", 1),
            ("assembled:*", 2),
            ("resource:items:3", 0),
        ] {
            let before = runs();
            blocking::invalidate_pattern(what).unwrap();
            catalogue(3);
            assert_eq!(runs() - before, again, "{what}");
        }
        let before = runs();
        blocking::invalidate_tag("item-owner:1").unwrap();
        catalogue(3);
        assert_eq!(runs() - before, 5);
        block_on(invalidate(part(0))).unwrap();
        catalogue(3);
        assert_eq!(runs() - before, 8);
    });
}

#[test]
fn a_hit_inside_a_computation_is_a_dependency_too() {
    start().enter(|| {
        item(1, 0);
        block_on(part(0));
        assert_eq!((block_on(assembled(1)), runs()), (3, 3));
        blocking::invalidate_pattern("resource:items:0").unwrap();
        assert_eq!(block_on(assembled(1)), 5);
    });
}

#[cache(tags("of-many:{id}"))]
fn one_of_many(id: u64) -> u64 {
    id
}

#[cache]
fn all_of_many(count: u64) -> u64 {
    run();
    (0..count).map(one_of_many).sum()
}

#[test]
fn a_huge_number_of_tags_is_carried() {
    let test = start();
    test.enter(|| {
        all_of_many(5_000);
        all_of_many(5_000);
        assert_eq!(runs(), 1);
        for id in [0, 127, 128, 129, 2_500, 4_999] {
            let before = runs();
            blocking::invalidate_tag(&format!("of-many:{id}")).unwrap();
            all_of_many(5_000);
            assert_eq!(runs(), before + 1, "{id}");
        }
        // Too many to be carried one by one: what they have in common stands for them, and nothing else.
        blocking::invalidate_tag("of-others:1").unwrap();
        all_of_many(5_000);
        assert_eq!(runs(), 7);
    });
}

#[cache("fine:{group}:{id}")]
fn fine(group: u64, id: u64) -> u64 {
    id + group
}

#[cache]
fn coarse(count: u64) -> u64 {
    run();
    (0..count).map(|id| fine(id % 2, id)).sum()
}

#[test]
fn many_dependencies_become_few_and_reach_no_less() {
    let test = start_with(Cache::builder().max_deps(8));
    test.enter(|| {
        coarse(100);
        for id in [0, 1, 50, 99] {
            let before = runs();
            blocking::invalidate(|| fine(id % 2, id)).unwrap();
            coarse(100);
            assert_eq!(runs(), before + 1, "{id}");
        }
        let before = runs();
        blocking::invalidate_pattern("fine:7:*").unwrap();
        coarse(100);
        assert_eq!(runs(), before, "other groups are not concerned");
    });
}

#[test]
fn forgotten_records_cost_hits_and_never_the_truth() {
    let test = start_with(Cache::builder().index_max_records(10));
    test.enter(|| {
        assert_eq!((item(1, 1), item(1, 2)), (1, 2));
        blocking::invalidate_pattern("resource:items:1").unwrap();
        for n in 0..100 {
            blocking::invalidate_tag(&format!("nobody:{n}")).unwrap();
            // In use, hence found valid again and again.
            assert_eq!(item(1, 2), 2);
        }
        assert_eq!(
            item(1, 1),
            3,
            "its record is forgotten, and it is not served"
        );
    });
}

#[test]
fn clear_leaves_nothing() {
    let test = start();
    test.enter(|| {
        item(1, 1);
        block_on(part(1));
        blocking::set("by hand", 7_u64, std::time::Duration::MAX).unwrap();
        blocking::clear().unwrap();
        let total = test.cache().stats().total;
        assert_eq!((total.entries, total.bytes), (0, 0));
        assert_eq!(blocking::get::<u64>("by hand").unwrap(), None);
        assert_eq!((item(1, 1), block_on(part(1))), (3, 4));
        assert_eq!((item(1, 1), block_on(part(1))), (3, 4), "it works on");
    });
    test.assert_invalidated("*", 1);
}

#[cache_query(skip(pool))]
async fn owned_by(pool: &Pool, name: String, ids: Vec<u64>) -> u64 {
    let _ = (pool, name, ids);
    run()
}

#[cache_query]
fn owned_sync(name: String) -> u64 {
    let _ = name;
    run()
}

struct Pool;

#[invalidate_cache(owned_by(pool, name, ids), owned_sync(text))]
async fn typed(pool: &Pool, name: String, ids: Vec<u64>, text: String) -> Result<String, String> {
    // The body has its arguments still, whole.
    let mut all = name;
    all.push_str(&text);
    if ids.is_empty() {
        return Err(all);
    }
    let _ = pool;
    Ok(all)
}

#[invalidate_cache(owned_by(&Pool, name.clone(), vec![1, 2]), owned_sync(format!("{name}!")))]
fn typed_sync(name: String) -> String {
    run();
    name
}

#[test]
fn typed_targets_reach_exactly_their_call() {
    start().enter(|| {
        let ask = || {
            let before = runs();
            let mut again = Vec::new();
            for (label, value) in [
                ("async", block_on(owned_by(&Pool, "ada".into(), vec![1, 2]))),
                (
                    "async other",
                    block_on(owned_by(&Pool, "ada".into(), vec![1])),
                ),
                ("sync", owned_sync("ada!".into())),
                ("sync other", owned_sync("ada".into())),
            ] {
                if value > before {
                    again.push(label);
                }
            }
            again
        };
        assert_eq!(ask().len(), 4);
        let write = |ids| block_on(typed(&Pool, "ada".into(), ids, "!".into()));
        assert!(write(vec![]).is_err());
        assert_eq!(ask(), [""; 0], "after success only");
        let write = |text: &str| block_on(typed(&Pool, "ada".into(), vec![1, 2], text.into()));
        assert_eq!(write("ada!").unwrap(), "adaada!");
        assert_eq!(ask(), ["async", "sync"]);
        assert_eq!(write("ada").unwrap(), "adaada");
        assert_eq!(ask(), ["async", "sync other"]);
        typed_sync("ada".into());
        assert_eq!(ask(), ["async", "sync"]);
    });
}

struct Form {
    name: String,
    ids: (Vec<u64>, u8),
}

#[invalidate_cache(owned_by(&Pool, form.name, form.ids.0))]
async fn submit(form: Form) -> Form {
    form
}

impl Form {
    #[invalidate_cache(owned_sync(self.name))]
    fn save(&self, form: &Self) -> String {
        form.name.clone()
    }
}

#[test]
fn typed_targets_leave_fields_to_the_body() {
    start().enter(|| {
        let form = Form {
            name: "ada".into(),
            ids: (vec![1], 0),
        };
        let ask = || {
            let first = block_on(owned_by(&Pool, "ada".into(), vec![1]));
            (first, owned_sync("ada".into()))
        };
        assert_eq!(ask(), (1, 2));
        let form = block_on(submit(form));
        assert_eq!((form.name.as_str(), &form.ids.0), ("ada", &vec![1]));
        assert_eq!(ask(), (3, 2));
        assert_eq!(form.save(&form), "ada");
        assert_eq!(ask(), (3, 4));
    });
}

#[test]
fn typed_targets_do_not_run_the_bodies_they_name() {
    let test = start();
    test.enter(|| {
        typed_sync("ada".into());
        assert_eq!(runs(), 1, "the writer's own");
    });
    let total = test.cache().stats().total;
    assert_eq!(
        (total.computed, total.misses.total(), total.hits),
        (0, 0, 0),
        "nor count as calls"
    );
    assert_eq!(
        test.cache().stats().invalidations,
        1,
        "one record for all of them"
    );
}

#[derive(Serialize)]
struct Shop(u8);

impl Shop {
    #[cache]
    fn stock(&self, id: u64) -> u64 {
        let _ = id;
        run()
    }

    #[cache]
    async fn price(&self, id: u64) -> u64 {
        let _ = id;
        run()
    }

    #[invalidate_cache(self.stock(id), self.price(id))]
    async fn sell(&self, id: u64) -> Result<(), String> {
        let _ = id;
        Ok(())
    }

    #[invalidate_cache(Self::stock(self, 2))]
    fn sell_two(&mut self) {
        self.0 += 0;
    }
}

#[test]
fn typed_targets_may_be_methods() {
    start().enter(|| {
        let mut shop = Shop(1);
        let ask = |shop: &Shop| {
            (
                shop.stock(1),
                block_on(shop.price(1)),
                shop.stock(2),
                Shop(2).stock(1),
            )
        };
        assert_eq!(ask(&shop), (1, 2, 3, 4));
        block_on(shop.sell(1)).unwrap();
        assert_eq!(ask(&shop), (5, 6, 3, 4));
        shop.sell_two();
        assert_eq!(ask(&shop), (5, 6, 7, 4));
    });
}

async fn not_cached(id: u64) -> u64 {
    id
}

#[invalidate_cache(not_cached(id), part(id))]
async fn half_typed(id: u64) -> u64 {
    id
}

#[test]
fn a_typed_target_that_is_not_cached_is_told_and_the_others_work() {
    let test = start();
    test.enter(|| {
        assert_eq!(block_on(part(1)), 1);
        assert_eq!(block_on(half_typed(1)), 1);
        assert_eq!(block_on(part(1)), 2);
    });
    assert_eq!(test.count("*", |kind| kind == EventKind::NotInvalidated), 1);
}

#[test]
fn an_invalidated_entry_is_a_miss_for_that_reason() {
    let test = start();
    test.enter(|| {
        item(1, 1);
        blocking::invalidate_tag("item-owner:1").unwrap();
        item(1, 1);
    });
    let stats = test.cache().stats();
    let item = stats.function("item").unwrap();
    assert_eq!(item.misses.of(MissReason::Invalidated), 1);
    assert_eq!(item.misses.of(MissReason::Absent), 1);
    test.assert_invalidated("tag:item-owner:1", 1);
}
