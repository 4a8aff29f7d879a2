//! The attributes of `cache-core`, which documents them and re-exports them; use them through it.

mod args;
mod attribute;
mod check;
mod diag;
mod expand;
mod input;
mod model;
mod options;
mod preset;
mod template;
mod text;
mod value;

#[cfg(test)]
mod snapshots;

use preset::Macro;
use proc_macro::TokenStream;

/// Keeps what a function returns.
///
/// `#[cache]`, `#[cache(ttl = 300)]`, `#[cache("users:{id}", ttl = "5m", skip(pool))]`, on any function or method, async
/// or not. The template, if any, comes first and names the entries; without one they are named after the function.
/// Fresh for 300 s unless `ttl` says otherwise. Options, the same for all of the `cache…` attributes:
///
/// * `ttl = 300`: fresh for this long; seconds, `"5m"`, `"never"`, a constant, or `|value| …`
/// * `ttl = adaptive("30s", "1h")`: of each value the `ttl` moves between these bounds, by how often it is found changed
/// * `key(a, b.id())`: what identifies an entry, where the arguments say too much
/// * `skip(pool)`: arguments that are not part of the key
/// * `tags("tenant:{tenant}")`: labels to invalidate by; may use `{return.x}`
/// * `name = "users.load"`: a stable identity, whatever becomes of the function's name and module
/// * `version = 2`: bump it to orphan the entries of older code
/// * `capacity = 1000`: at most this many entries of this function in memory
/// * `tiers(memory)`: where values may be kept: `memory`, `redis`, or both, as by default
/// * `jitter = "10%"`: spreads expiry
/// * `none_ttl = 10`: keep `None` for this long
/// * `err_ttl = 10`: keep an `Err` for this long
/// * `stale_while_revalidate = 60`: give a value that has expired no longer ago than this at once, and refresh it behind the call
/// * `stale_if_error = 3600`: give a value that has expired no longer ago than this in place of an `Err`
/// * `refresh_ahead = "20%"`: refresh behind the call in the last part of the `ttl`, the earlier the more the value has cost
/// * `timeout = 2`: longest wait for the body where a value that has expired can be given in its place
/// * `when = |value| value.is_complete()`: store only if true
/// * `min_cost = "5ms"`: store only what took at least this long
/// * `each = ids`: keeps the elements of a batch one by one: the argument that names them
/// * `each_max = 100`: how many elements of a batch the body is asked for at once
/// * `fingerprint`: new code, new entries: a hash of the body is part of the key
/// * `crate = ::my_crate::cache_core`: where the runtime is, for re-exporters
#[proc_macro_attribute]
pub fn cache(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Macro::Cache, args.into(), item.into()).into()
}

/// [`cache`](macro@cache) for database reads: addresses begin with `query:`, 300 s.
///
/// One more option: `tables(users, orders)`: shorthand for the tags `table:users`, `table:orders`.
#[proc_macro_attribute]
pub fn cache_query(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Macro::Query, args.into(), item.into()).into()
}

/// [`cache`](macro@cache) for calls that fail: requires a `Result`; addresses begin with `result:`, 300 s.
#[proc_macro_attribute]
pub fn cache_result(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Macro::Result, args.into(), item.into()).into()
}

/// [`cache`](macro@cache) for one thing with an id, `#[cache_resource("users:{id}")]`: addresses begin with
/// `resource:`, 600 s, and `None` is kept for 10 s.
#[proc_macro_attribute]
pub fn cache_resource(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Macro::Resource, args.into(), item.into()).into()
}

/// [`cache`](macro@cache) for long deterministic work: addresses begin with `analysis:`, 1800 s, `fingerprint` is on.
#[proc_macro_attribute]
pub fn cache_analysis(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Macro::Analysis, args.into(), item.into()).into()
}

/// Puts what the function returns under an address, write-through: `#[cache_put("users:{return.id}", ttl = 300)]`; or as the
/// value of a call of a cached function: `#[cache_put(user(pool, return.id))]`.
///
/// The body always runs; its success value is then what `get` finds there, or what the call is given. Of several writes
/// that overlap none is found: who asks next has to read the source.
///
/// * `ttl = 300`: fresh for this long; seconds, `"5m"`, `"never"`, a constant, or `|value| …`
/// * `crate = ::my_crate::cache_core`: where the runtime is, for re-exporters
#[proc_macro_attribute]
pub fn cache_put(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Macro::Put, args.into(), item.into()).into()
}

/// Invalidates after the function succeeded: `#[invalidate_cache("resource:users:{id}", tag = "tenant:{tenant}")]`.
///
/// Targets are templates of addresses, in which literal text is a pattern and arguments are not; calls of cached
/// functions, `user(pool, id)`; and tags:
///
/// * `tag = "tenant:{tenant}"`: invalidates what carries this tag
/// * `on = always`: `success` (by default), or `always`: after a failure too
/// * `before`: before the body runs as well
/// * `crate = ::my_crate::cache_core`: where the runtime is, for re-exporters
#[proc_macro_attribute]
pub fn invalidate_cache(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Macro::Invalidate, args.into(), item.into()).into()
}

/// Registers a call to make at start-up, `#[warmup_cache(user_id = 1)]`; repeatable, on free functions.
///
/// * `every = "10m"`: made again and again by `Warmup::repeat`
/// * `priority = 1`: the higher, the sooner; 0 by default
/// * `from = ids()`: a call for each item: what is not given by name, a tuple if that is more than one
/// * `hot = 100`: a call for each of so many that were the hottest before, by what is kept in Redis
/// * `crate = ::my_crate::cache_core`: where the runtime is, for re-exporters
#[proc_macro_attribute]
pub fn warmup_cache(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Macro::Warmup, args.into(), item.into()).into()
}
