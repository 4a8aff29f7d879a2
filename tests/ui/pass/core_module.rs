//! Modules, types and functions of the names that generated code could rely on.

use ::cache_core::{cache, cache_query, invalidate_cache, warmup_cache};

mod core {}
mod std {}
mod alloc {}
mod serde {}
mod cache_core {}
mod inventory {}

#[allow(non_camel_case_types)]
#[derive(Clone)]
struct u8;
#[allow(non_camel_case_types)]
struct bool;
struct Option;
struct Call;
struct Site;
const MISS: &str = "miss";

#[derive(Clone, Debug, PartialEq)]
enum Result {
    Fine(u64),
}

#[cache(when = |value| value == &Result::Fine(1), ttl = 5)]
fn plain(__call: u64, __miss: u64) -> Result {
    let __shape = __call + __miss;
    Result::Fine(__shape)
}

#[warmup_cache(out = 1)]
#[cache_query(tags("{return}"))]
async fn shadowed(out: u64) -> u64 {
    let __out = out;
    let __body = __out;
    __body
}

#[invalidate_cache("{__targets}", shadowed(__targets))]
fn change(__targets: u64) -> u64 {
    __targets
}

fn main() {
    let _ = (Option, Call, Site, bool, u8, MISS);
    assert_eq!(plain(1, 0), Result::Fine(1));
    assert_eq!(change(1), 1);
    assert_eq!(::cache_core::__private::block_on(shadowed(1)), 1);
}
