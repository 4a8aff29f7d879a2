//! Who may wait for whom.

use super::*;

fn flights() -> TestFlights {
    TestFlights::new(Flights::new())
}

#[test]
fn nobody_waits_for_itself() {
    let flights = flights();
    assert!(flights.wait(&[1], 1).is_none());
    assert!(
        flights.wait(&[3, 2, 1], 1).is_none(),
        "nor for what it is part of"
    );
    assert!(flights.wait(&[1], 2).is_some());
}

#[test]
fn a_circle_is_seen_by_whoever_would_close_it() {
    for length in 2..6 {
        let flights = flights();
        let edges: Vec<_> = (1..length)
            .map(|n| flights.wait(&[n], n + 1).expect("open"))
            .collect();
        for goal in 1..length {
            assert!(
                flights.wait(&[length], goal).is_none(),
                "{length} -> {goal}"
            );
        }
        assert!(flights.wait(&[length], length + 1).is_some());
        drop(edges);
        assert!(
            flights.wait(&[length], 1).is_some(),
            "nobody waits any more"
        );
    }
}

#[test]
fn every_computation_that_a_call_is_part_of_waits_with_it() {
    let flights = flights();
    // 2 is called by 1, and waits for 3: so does 1.
    let _edge = flights.wait(&[2, 1], 3).expect("open");
    assert!(flights.wait(&[3], 1).is_none());
    assert!(flights.wait(&[3], 2).is_none());
    // 3 waits for 4 from inside of 5: 5 is not what 1 waits for.
    let _other = flights.wait(&[3, 5], 4).expect("open");
    assert!(flights.wait(&[4], 1).is_none());
    assert!(flights.wait(&[1], 5).is_some());
}

#[test]
fn a_body_may_wait_for_several_and_twice_for_one() {
    let flights = flights();
    let twice = [
        flights.wait(&[1], 2).expect("open"),
        flights.wait(&[1], 2).expect("open"),
    ];
    let _three = flights.wait(&[1], 3).expect("open");
    let [one, other] = twice;
    drop(one);
    assert!(flights.wait(&[2], 1).is_none(), "still waited for, once");
    drop(other);
    assert!(flights.wait(&[2], 1).is_some());
    assert!(flights.wait(&[3], 1).is_none());
}

#[test]
fn nothing_is_left_behind() {
    let flights = flights();
    let edges: Vec<_> = (1..50)
        .map(|n| flights.wait(&[n, 1_000 + n], n + 1).expect("open"))
        .collect();
    drop(edges);
    assert_eq!(
        format!("{:?}", crate::sync::lock(&flights.waits)),
        "Waits({})"
    );
}
