use cache_core::{cache, cache_resource, cache_result};

// case: zero seconds
#[cache(ttl = 0)]
fn zero(id: u64) -> u64 {
    id
}

// case: zero in a unit
#[cache(ttl = "0ms")]
fn zero_millis(id: u64) -> u64 {
    id
}

// case: an unknown unit
#[cache(ttl = "5 parsecs")]
fn parsecs(id: u64) -> u64 {
    id
}

// case: no unit
#[cache(ttl = "300")]
fn no_unit(id: u64) -> u64 {
    id
}

// case: no number
#[cache(ttl = "m")]
fn no_number(id: u64) -> u64 {
    id
}

// case: nothing
#[cache(ttl = "")]
fn nothing(id: u64) -> u64 {
    id
}

// case: a fraction
#[cache(ttl = 0.5)]
fn fraction(id: u64) -> u64 {
    id
}

// case: a fraction in a unit
#[cache(ttl = "1.5h")]
fn fraction_of_an_hour(id: u64) -> u64 {
    id
}

// case: below zero
#[cache(ttl = -5)]
fn negative(id: u64) -> u64 {
    id
}

// case: below zero in a unit
#[cache(ttl = "-5m")]
fn negative_minutes(id: u64) -> u64 {
    id
}

// case: not a length of time
#[cache(ttl = true)]
fn yes(id: u64) -> u64 {
    id
}

// case: a range
#[cache(ttl = 1..2)]
fn range(id: u64) -> u64 {
    id
}

// case: seconds that do not fit in 64 bits
#[cache(ttl = 99999999999999999999)]
fn too_many_digits(id: u64) -> u64 {
    id
}

// case: seconds that do not fit as milliseconds
#[cache(ttl = 18446744073709551615)]
fn too_many_seconds(id: u64) -> u64 {
    id
}

// case: days that do not fit as milliseconds
#[cache(ttl = "18446744073709551615d")]
fn too_many_days(id: u64) -> u64 {
    id
}

// case: a sum that does not fit
#[cache(ttl = "18446744073709551615ms 1ms")]
fn too_much_together(id: u64) -> u64 {
    id
}

// case: a product
#[cache(ttl = 60 * 60)]
fn product(id: u64) -> u64 {
    id
}

// case: an argument for a constant
#[cache(ttl = seconds)]
fn from_argument(seconds: u64) -> u64 {
    seconds
}

// case: an argument beside the value
#[cache(ttl = |_| seconds)]
fn beside_the_value(seconds: u64) -> u64 {
    seconds
}

// case: an argument that the body takes, beside the value
#[cache(when = |length| *length < name.len())]
fn taken(name: String) -> usize {
    name.len()
}

// case: a constant of an unnamed type
struct Repo;
impl Repo {
    const TTL: std::time::Duration = std::time::Duration::from_secs(1);
    #[cache(ttl = Self::TTL)]
    fn of_self(id: u64) -> u64 {
        id
    }
}

// case: an argument for a constant that is not a `ttl`
#[cache(min_cost = seconds)]
fn cost_from_argument(seconds: u64) -> u64 {
    seconds
}

// case: `never` for something else
#[cache_result(err_ttl = "never")]
fn never_err(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: decided from a value that is not there
#[cache_result(err_ttl = |error| 5)]
fn judged_err(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: errors kept for no time
#[cache_result(err_ttl = 0)]
fn zero_err(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: `None` kept for no time, where it is not kept anyway
#[cache(none_ttl = "0s")]
fn zero_none(id: u64) -> Option<u64> {
    Some(id)
}

// case: `None` kept for too long a time
#[cache_resource(none_ttl = "300000000000000d")]
fn long_none(id: u64) -> Option<u64> {
    Some(id)
}

// case: no cost at all
#[cache(min_cost = 0)]
fn zero_cost(id: u64) -> u64 {
    id
}

// case: a cost without a unit
#[cache(min_cost = "5")]
fn odd_cost(id: u64) -> u64 {
    id
}

fn main() {}
