//! Events of the application, and what they are mapped to.

use cache_core::__private::block_on;
use cache_core::{
    Cache, ErrorKind, EventKind, Finding, Invalidation, blocking, cache_resource, emit, escape,
};

use crate::runs::{run, start};

#[cache_resource("orders:{id}", tags("customer:{customer}"))]
fn order(id: u64, customer: u64) -> u64 {
    let _ = (id, customer);
    run()
}

struct Shipped {
    order: u64,
    customer: u64,
}

/// Which of four orders had to be read again: 1 and 2 of the customer 7, 3 and 4 of 8.
fn read_again() -> Vec<u64> {
    let orders = [(1, 7), (2, 7), (3, 8), (4, 8)];
    let again = |(id, customer): &(u64, u64)| {
        let before = blocking::peek(|| order(*id, *customer)).unwrap();
        before != Some(order(*id, *customer))
    };
    orders
        .iter()
        .filter(|each| again(each))
        .map(|each| each.0)
        .collect()
}

#[test]
fn an_event_invalidates_what_all_of_its_handlers_say_with_one_record() {
    let test = start();
    let cache = test.cache();
    cache
        .on("shipped", |event: &Shipped| {
            [format!("resource:orders:{}", event.order)]
        })
        .unwrap();
    cache
        .on("shipped", |event: &Shipped| {
            Some(Invalidation::tag(format!("customer:{}", event.customer)))
        })
        .unwrap();
    cache
        .on("closed", |(): &()| [Invalidation::Everything])
        .unwrap();
    cache.on("seen", |_: &u8| Vec::<String>::new()).unwrap();
    cache
        .on("moved", |(from, to): &(u64, u64)| {
            [*from, *to].map(|id| Invalidation::address(format!("resource:orders:{id}")))
        })
        .unwrap();
    test.enter(|| {
        read_again();
        let shipped = Shipped {
            order: 3,
            customer: 7,
        };
        let token = blocking::emit("shipped", &shipped).unwrap();
        assert!(token.unwrap().position().is_some());
        assert_eq!(cache.stats().invalidations, 1, "records");
        assert_eq!(read_again(), [1, 2, 3]);
        block_on(emit("moved", &(4_u64, 1_u64))).unwrap();
        assert_eq!(cache.stats().invalidations, 2, "records");
        assert_eq!(read_again(), [1, 4]);
        assert!(blocking::emit("seen", &1_u8).unwrap().is_some());
        assert_eq!(cache.stats().invalidations, 2, "records");
        assert_eq!(read_again(), [0; 0]);
        blocking::emit("closed", &()).unwrap();
        assert_eq!(read_again(), [1, 2, 3, 4]);
    });
}

#[test]
fn a_typing_error_in_a_name_can_be_found() {
    let test = start();
    let cache = test.cache();
    cache.on("order.shipped", |_: &u8| ["*"]).unwrap();
    test.enter(|| {
        read_again();
        assert_eq!(blocking::emit("order.shiped", &1_u8).unwrap(), None);
        assert_eq!(read_again(), [0; 0]);
    });
    assert_eq!(
        test.count("order.shiped", |kind| kind == EventKind::Unmapped),
        1
    );
    let unmapped = Finding::UnmappedEvent {
        event: "order.shiped".to_owned(),
    };
    let audit = cache.audit();
    assert!(audit.findings.contains(&unmapped), "{audit}");
    assert!(audit.to_string().contains("`order.shiped` was emitted"));
}

/// Names come from outside, perhaps: what is remembered of them is bounded.
#[test]
fn a_flood_of_names_is_not_remembered() {
    let test = start();
    for name in 0..1_000 {
        assert_eq!(
            block_on(test.cache().emit(&name.to_string(), &())).unwrap(),
            None
        );
    }
    let unmapped = |finding: &&Finding| matches!(finding, Finding::UnmappedEvent { .. });
    assert_eq!(
        test.cache()
            .audit()
            .findings
            .iter()
            .filter(unmapped)
            .count(),
        100
    );
}

#[test]
fn an_event_of_another_type_is_an_error_that_names_both() {
    let test = start();
    let cache = test.cache();
    cache.on("shipped", |_: &u8| ["*"]).unwrap();
    let error = cache.on("shipped", |_: &u16| ["*"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Type);
    test.enter(|| {
        read_again();
        let error = blocking::emit("shipped", &"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Type);
        let text = error.to_string();
        assert!(text.contains("`u8`") && text.contains("`&str`"), "{text}");
        assert_eq!(read_again(), [0; 0]);
        assert!(blocking::emit("shipped", &1_u8).unwrap().is_some());
    });
}

#[test]
fn a_pattern_that_does_not_parse_is_an_error_and_nothing_is_invalidated() {
    let test = start();
    let cache = test.cache();
    cache
        .on("searched", |_: &String| ["resource:orders:*"])
        .unwrap();
    cache
        .on("searched", |text: &String| [format!("query:{text}")])
        .unwrap();
    test.enter(|| {
        read_again();
        for bad in ["[", "\\", "{id}"] {
            let error = blocking::emit("searched", &bad.to_owned()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Pattern, "{bad}");
            let text = error.to_string();
            assert!(text.starts_with("what a handler of the event `"), "{text}");
            assert_eq!(read_again(), [0; 0]);
        }
        blocking::emit("searched", &escape("[*")).unwrap();
        assert_eq!(read_again(), [1, 2, 3, 4]);
    });
}

#[test]
fn a_handler_that_panics_invalidates_everything() {
    let test = start();
    test.cache()
        .on("bad", |of: &u8| [format!("x:{}", 1 / of)])
        .unwrap();
    test.enter(|| {
        read_again();
        blocking::emit("bad", &1_u8).unwrap();
        assert_eq!(read_again(), [0; 0]);
        assert!(blocking::emit("bad", &0_u8).unwrap().is_some());
        assert_eq!(read_again(), [1, 2, 3, 4]);
    });
    let told = || test.count("its handler*", |kind| kind == EventKind::NotInvalidated);
    assert_eq!(told(), 1);
    // Nothing is, where another one names what is no pattern; and nothing else is said.
    test.cache().on("bad", |_: &u8| ["["]).unwrap();
    test.enter(|| {
        let error = blocking::emit("bad", &0_u8).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Pattern);
        assert_eq!(read_again(), [0; 0]);
    });
    assert_eq!(told(), 1);
}

#[test]
fn in_a_transaction_it_waits_for_the_commit() {
    let test = start();
    let cache = test.cache().clone();
    cache.on("shipped", |_: &u8| ["resource:orders:*"]).unwrap();
    test.enter(|| {
        read_again();
        for (commit, expected) in [(false, vec![]), (true, vec![1, 2, 3, 4])] {
            let done = cache.transaction_blocking(|| {
                let token = blocking::emit("shipped", &1_u8).unwrap();
                assert_eq!(token.unwrap().position(), None);
                if commit { Ok(()) } else { Err(()) }
            });
            assert_eq!(done.is_ok(), commit);
            assert_eq!(read_again(), expected);
        }
    });
}

/// A handler may map more, or emit: no lock is held while it runs.
#[test]
fn a_handler_may_use_the_cache() {
    let test = start();
    let cache = test.cache();
    cache.on("inner", |_: &()| ["resource:orders:1"]).unwrap();
    cache
        .on("outer", |name: &&'static str| {
            let cache = cache_core::current();
            cache.on(name, |_: &()| ["resource:orders:2"]).unwrap();
            block_on(cache.emit(name, &())).unwrap();
            ["resource:orders:3"]
        })
        .unwrap();
    test.enter(|| {
        read_again();
        blocking::emit("outer", &"inner").unwrap();
        assert_eq!(read_again(), [1, 2, 3]);
    });
}

#[test]
fn each_cache_has_its_own_mappings() {
    let (one, other) = (start(), start());
    one.cache().on("shipped", |_: &u8| ["*"]).unwrap();
    let emitted = |cache: &Cache| block_on(cache.emit("shipped", &1_u8)).unwrap();
    assert!(emitted(one.cache()).is_some());
    assert!(emitted(other.cache()).is_none());
}
