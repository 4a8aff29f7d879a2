use cache_core::{cache, cache_analysis, cache_query, cache_result};

// case: an unknown option that looks like one
#[cache(tll = 5)]
fn unknown(id: u64) -> u64 {
    id
}

// case: an unknown option that looks like nothing
#[cache(colour = "red")]
fn unheard_of(id: u64) -> u64 {
    id
}

// case: an option of another caching attribute
#[cache(tables(users))]
fn elsewhere(id: u64) -> u64 {
    id
}

// case: an option of an attribute that does not cache
#[cache(before)]
fn far_away(id: u64) -> u64 {
    id
}

// case: a value given twice
#[cache(ttl = 5, ttl = 6)]
fn twice(id: u64) -> u64 {
    id
}

// case: a list given twice
#[cache(skip(a), skip(b))]
fn list_twice(a: u64, b: u64, id: u64) -> u64 {
    a + b + id
}

// case: a flag given twice
#[cache(fingerprint, fingerprint)]
fn flag_twice(id: u64) -> u64 {
    id
}

// case: no value
#[cache(ttl)]
fn no_value(id: u64) -> u64 {
    id
}

// case: nothing after the equals sign
#[cache(capacity =)]
fn half_written(id: u64) -> u64 {
    id
}

// case: a list where a value belongs
#[cache(ttl(5))]
fn list_for_value(id: u64) -> u64 {
    id
}

// case: a value where a list belongs
#[cache(skip = pool)]
fn value_for_list(pool: &str, id: u64) -> u64 {
    id + pool.len() as u64
}

// case: a value for a flag
#[cache(fingerprint = true)]
fn value_for_flag(id: u64) -> u64 {
    id
}

// case: an empty list
#[cache(tags())]
fn empty_list(id: u64) -> u64 {
    id
}

// case: an empty key
#[cache(key())]
fn empty_key(id: u64) -> u64 {
    id
}

// case: no comma
#[cache(ttl = 5 capacity = 7)]
fn no_comma(id: u64) -> u64 {
    id
}

// case: no expression
#[cache(ttl = +)]
fn no_expression(id: u64) -> u64 {
    id
}

// case: a number without a name
#[cache(300)]
fn nameless(id: u64) -> u64 {
    id
}

// case: a path without a name
#[cache(std::time::Duration::ZERO)]
fn nameless_path(id: u64) -> u64 {
    id
}

// case: no room for anything
#[cache(capacity = 0)]
fn no_room(id: u64) -> u64 {
    id
}

// case: not a number
#[cache(capacity = "many")]
fn many(id: u64) -> u64 {
    id
}

// case: a number that is too large
#[cache(version = 4294967296)]
fn too_new(id: u64) -> u64 {
    id
}

// case: a number below zero
#[cache(version = -1)]
fn too_old(id: u64) -> u64 {
    id
}

// case: a share without its sign
#[cache(jitter = 10)]
fn no_percent(id: u64) -> u64 {
    id
}

// case: a share of more than there is
#[cache(jitter = "101%")]
fn too_much(id: u64) -> u64 {
    id
}

// case: jitter where nothing expires
#[cache(ttl = "never", jitter = "10%")]
fn jitter_of_never(id: u64) -> u64 {
    id
}

// case: an unknown tier
#[cache(tiers(memry))]
fn unknown_tier(id: u64) -> u64 {
    id
}

// case: a tier given twice
#[cache(tiers(memory, memory))]
fn tier_twice(id: u64) -> u64 {
    id
}

// case: a name that is not text
#[cache(name = users)]
fn bare_name(id: u64) -> u64 {
    id
}

// case: an empty name
#[cache(name = "")]
fn empty_name(id: u64) -> u64 {
    id
}

// case: a name with a space
#[cache(name = "users load")]
fn spaced_name(id: u64) -> u64 {
    id
}

// case: a name that wants to be a template
#[cache(name = "users:{id}")]
fn name_as_template(id: u64) -> u64 {
    id
}

// case: a fingerprint that is on already
#[cache_analysis(fingerprint)]
fn fingerprint_twice(id: u64) -> u64 {
    id
}

// case: a condition that does not look at the value
#[cache(when = true)]
fn always(id: u64) -> u64 {
    id
}

// case: a condition of two values
#[cache(when = |a, b| a == b)]
fn two_values(id: u64) -> u64 {
    id
}

// case: an async condition
#[cache(when = async |value| true)]
fn async_condition(id: u64) -> u64 {
    id
}

// case: a lifetime decided from nothing
#[cache(ttl = || 5)]
fn from_nothing(id: u64) -> u64 {
    id
}

// case: a runtime that is not a path
#[cache(crate = "cache_core")]
fn quoted_crate(id: u64) -> u64 {
    id
}

// case: a tag given twice
#[cache(tags("users", "users"))]
fn tag_twice(id: u64) -> u64 {
    id
}

// case: a table that is a tag already
#[cache_query(tables(users), tags("table:users"))]
fn table_twice(id: u64) -> u64 {
    id
}

// case: a table that is not a name
#[cache_query(tables("users"))]
fn quoted_table(id: u64) -> u64 {
    id
}

// case: a tag that is not text
#[cache_result(tags(users))]
fn bare_tag(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: an unknown tier beside a known one
#[cache(tiers(redi, memory))]
fn unknown_remote_tier(id: u64) -> u64 {
    id
}

// case: a bound of the memory where nothing is kept there
#[cache(tiers(redis), capacity = 100)]
fn capacity_of_nothing(id: u64) -> u64 {
    id
}

// case: errors in Redis
#[cache(tiers(redis), err_ttl = 5)]
fn remote_errors(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: for ever in Redis alone
#[cache(tiers(redis), ttl = "never")]
fn remote_for_ever(id: u64) -> u64 {
    id
}

// case: for ever in Redis, too
#[cache(tiers(memory, redis), ttl = "never")]
fn both_for_ever(id: u64) -> u64 {
    id
}

// case: what borrows for ever in Redis
#[cache(tiers(redis))]
fn borrowed_for_ever(id: u64) -> Option<&'static str> {
    (id == 0).then_some("zero")
}

fn main() {}
