use std::collections::HashMap;

use cache_core::{cache, cache_query, cache_resource};

pub struct Pool;

#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NotAKey;

#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Silent;

#[derive(PartialEq, Eq, Hash, serde::Serialize)]
pub struct NotClone;

pub struct Loads;

// case: not async
#[cache(each = ids)]
fn not_async(ids: Vec<u64>) -> Vec<u64> {
    ids
}

// case: not an argument
#[cache(each = idz)]
async fn unknown(ids: Vec<u64>) -> Vec<u64> {
    ids
}

// case: not a name
#[cache(each = ids.len())]
async fn not_a_name(ids: Vec<u64>) -> Vec<u64> {
    ids
}

// case: a part of an argument
#[cache(each = ids)]
async fn part((ids, more): (Vec<u64>, u64)) -> Vec<u64> {
    let _ = more;
    ids
}

// case: an `impl Trait`
#[cache(each = ids)]
async fn opaque(ids: impl IntoIterator<Item = u64> + serde::Serialize) -> Vec<u64> {
    ids.into_iter().collect()
}

// case: a key beside it
#[cache(each = ids, key(ids, more))]
async fn keyed(ids: Vec<u64>, more: u64) -> Vec<u64> {
    let _ = more;
    ids
}

// case: skipped
#[cache_query(each = ids, skip(pool, ids))]
async fn skipped(pool: &Pool, ids: Vec<u64>) -> Vec<u64> {
    let _ = pool;
    ids
}

// case: errors that are kept
#[cache(each = ids, err_ttl = 5)]
async fn errors(ids: Vec<u64>) -> Result<Vec<u64>, String> {
    Ok(ids)
}

// case: elements that are no longer fresh
#[cache(each = ids, stale_if_error = 60)]
async fn stale(ids: Vec<u64>) -> Result<Vec<u64>, String> {
    Ok(ids)
}

// case: at most none
#[cache(each = ids, each_max = 0)]
async fn at_most_none(ids: Vec<u64>) -> Vec<u64> {
    ids
}

// case: a number of nothing
#[cache(each_max = 10)]
async fn of_nothing(ids: Vec<u64>) -> Vec<u64> {
    ids
}

impl Loads {
    // case: `self` that is taken
    #[cache(each = ids, skip(self))]
    async fn taken(self, ids: Vec<u64>) -> Vec<u64> {
        ids
    }

    // case: `self` that is changed
    #[cache(each = ids, skip(self))]
    async fn changed(&mut self, ids: Vec<u64>) -> Vec<u64> {
        ids
    }
}

// case: no collection
#[cache(each = id)]
async fn no_collection(id: u64) -> Vec<u64> {
    vec![id]
}

// case: no map
#[cache(each = ids)]
async fn no_map(ids: Vec<u64>) -> String {
    ids.len().to_string()
}

// case: a map from something else
#[cache_resource(each = ids)]
async fn something_else(ids: Vec<u64>) -> Result<HashMap<u32, u64>, String> {
    let _ = ids;
    Ok(HashMap::new())
}

// case: ids that cannot be in a key
#[cache("no_key", each = ids)]
async fn no_key(ids: Vec<NotAKey>) -> HashMap<NotAKey, u64> {
    let _ = ids;
    HashMap::new()
}

// case: ids without a text
#[cache(each = ids)]
async fn silent(ids: &[Silent]) -> HashMap<Silent, u64> {
    let _ = ids;
    HashMap::new()
}

// case: an argument that the body takes
#[cache(each = ids)]
async fn moved(of: NotClone, ids: &[u64]) -> Vec<u64> {
    let _ = of;
    ids.to_vec()
}

// case: an element that cannot be shared
#[cache(each = ids)]
async fn alone(ids: &[u64]) -> HashMap<u64, std::rc::Rc<u64>> {
    let _ = ids;
    HashMap::new()
}

// case: nothing that may be absent
#[cache(each = ids, none_ttl = 5)]
async fn never_absent(ids: Vec<u64>) -> Vec<u64> {
    ids
}

// case: all or nothing
#[cache(each = ids)]
async fn all_or_nothing(ids: Vec<u64>) -> Result<Option<HashMap<u64, u64>>, String> {
    let _ = ids;
    Ok(None)
}

fn main() {}
