use std::time::Duration;

use super::{Flight, Flights, Leader, Role, Status, Waiter};
use crate::position::Position;
use crate::sync::Arc;

#[cfg(not(loom))]
mod circles;
#[cfg(not(loom))]
mod endings;
#[cfg(loom)]
mod models;
#[cfg(feature = "redis")]
#[cfg(not(loom))]
mod offers;

type TestFlights = Arc<Flights<u32, u32>>;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);

fn join(flights: &TestFlights, key: u32, patience: Duration, joinable: bool) -> Role<u32, u32> {
    flights.join_or_lead(
        &key,
        u64::from(key) << 32,
        patience,
        |_: &Flight<u32>| joinable,
        || Position::ZERO,
    )
}

/// The leader of `key`, for as long as a test takes.
#[track_caller]
fn lead(flights: &TestFlights, key: u32) -> Leader<u32, u32> {
    match join(flights, key, LONG, true) {
        Role::Lead(leader) => leader,
        Role::Wait(_) => panic!("somebody leads {key} already"),
    }
}

#[track_caller]
fn wait(flights: &TestFlights, key: u32) -> Waiter<u32> {
    match join(flights, key, LONG, true) {
        Role::Wait(waiter) => waiter,
        Role::Lead(_) => panic!("nobody leads {key}"),
    }
}
