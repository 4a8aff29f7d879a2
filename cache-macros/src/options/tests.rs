//! Every error: what is typed, what is said, and under which token.

use super::*;
use crate::attribute;

/// The errors of an attribute on a function.
fn errors(by: Macro, args: &str, item: &str) -> Vec<String> {
    let mut diag = Diag::default();
    let args = attribute::arguments(by, args.parse().unwrap(), &mut diag);
    let expanded = attribute::transform(by, args, item.parse().unwrap(), &mut diag);
    assert!(
        expanded.is_some() || !diag.is_empty(),
        "neither a result nor an error"
    );
    diag.listed()
}

#[track_caller]
fn refused(by: Macro, args: &str, item: &str, expected: &[&str]) {
    assert_eq!(
        errors(by, args, item),
        expected,
        "#[{}({args})] {item}",
        by.name()
    );
}

const USER: &str =
    "async fn user(pool: &PgPool, id: i64) -> sqlx::Result<Option<User>> { load(pool, id).await }";

#[test]
fn accepts_what_is_right() {
    #[rustfmt::skip]
    let cases = [
        (Cache, "", USER),
        (Cache, "ttl = 300", USER),
        (Query, "ttl = \"1h 30m\", skip(pool), tables(users, orders)", USER),
        (Resource, "\"users:{id}\", skip(pool)", USER),
        (Resource, "\"users:{id}\", skip(pool), none_ttl = 0", USER),
        (Cache, "\"a:{{{id}}}\", key(id, pool.name()), tags(\"t:{return.tenant}\", \"p:{pool.x.0}\")", USER),
        (Macro::Result, "err_ttl = \"250ms\", none_ttl = NONE_TTL, jitter = \"2.5%\", capacity = 10, version = 3", USER),
        (Analysis, "name = \"a.b\", when = |user| user.ok, min_cost = \"5ms\", tiers(memory), crate = ::a::b", USER),
        (Cache, "fingerprint, ttl = |user| user.ttl", USER),
        (Cache, "ttl = adaptive(\"30s\", MAX_TTL), jitter = \"10%\", skip(pool)", USER),
        (Query, "each = ids, each_max = 100, skip(self, tx), tags(\"t:{t}:{ids}:{return.id}\")", "async fn f(&self, tx: &mut Tx<'_>, (a, mut t): (u8, u8), mut ids: &[u8]) -> Vec<u8> { vec![] }"),
        (Cache, "ttl = |id| { let pool = id.pool(); pool.ttl }, when = |user| user.pool(|id| id)", USER),
        (Cache, "\"a:{pool.x.0}:{pool.y}\", key(&pool.x, (*pool).y, id), tags(\"b:{id}\")", USER),
        (Cache, "\"a:{pool.x}\", key(pool.x()), tags(\"b:{pool.y}\")", USER),
        (Cache, "ttl = \"never\"", "fn f(&self, (a, b): (u8, u8), _: &'static str) -> &'static str { \"\" }"),
        (Cache, "skip(self, tx)", "async fn f(&mut self, tx: &mut Tx<'_>, id: u8) -> u8 { id }"),
        (Cache, "\"t:{type}\"", "fn f(r#type: u8) -> u8 { 1 }"),
        (Cache, "", "fn f(id: impl Serialize + Copy) -> Pin<Box<dyn Future<Output = u8> + Send>> { Box::pin(async move { 1 }) }"),
        (Invalidate, "\"resource:users:{id}\", tag = \"t:{return.id}\", user(pool, id), self.repo.all(), on = always, before", USER),
        (Invalidate, "\"a[b-c]*\\\\*:{id}\"", "fn f(id: &str) {}"),
        (Put, "\"users:{id}\", \"names:{return.name}\", ttl = \"5m\", crate = ::a::b", USER),
        (Put, "user(pool, id), self.repo.find(&return.name, return), \"a\", ttl = 5", USER),
        (Put, "\"{{x}}:{return}\", ttl = |id| id.ttl", "fn f(&self) -> u8 { 1 }"),
        (Put, "\"a\"", "#[invalidate_cache(tag = \"t\")] #[cache_put(\"b\")] fn f() -> u8 { 1 }"),
        (Warmup, "", "fn f() -> u8 { 1 }"),
        (Warmup, "a = 1, from = ids().await, every = \"1h\", priority = 3", "async fn f(a: u8, b: &str, c: u8) -> u8 { 1 }"),
        (Warmup, "b = 1, a = x(), crate = ::c", "async fn f<'a>(a: &'a str, b: u8) -> u8 { 1 }"),
    ];
    for (by, args, item) in cases {
        refused(by, args, item, &[]);
    }
}

#[test]
fn the_contract_s_table_of_errors() {
    let load_user = "async fn load_user(pool: &PgPool, id: i64) -> User { x }";
    let rename = "async fn rename_user(pool: &PgPool, id: i64) -> sqlx::Result<()> { x }";
    #[rustfmt::skip]
    let cases: &[(Macro, &str, &str, &str)] = &[
        (Cache, "tll = 5", USER, "unknown option `tll`\nhelp: did you mean `ttl`? @ tll"),
        (Cache, "ttl = 0", USER, "a `ttl` of zero stores nothing\nhelp: remove the attribute @ 0"),
        (Cache, "ttl = \"5 parsecs\"", USER, "not a duration\nhelp: write seconds (`300`) or `\"5m\"` @ \"5 parsecs\""),
        (Cache, "ttl = 5, ttl = 6", USER, "`ttl` is given twice\nhelp: keep one of them @ ttl"),
        (Cache, "skip(poool)", load_user, "`load_user` has no argument `poool`\nhelp: did you mean `pool`? @ poool"),
        (Cache, "key(id), skip(pool)", USER, "`skip` has no effect beside `key`\nhelp: remove it @ skip"),
        (Cache, "", "fn f(conn: &mut Conn, id: u64) -> u8 { 1 }", "`conn` can be changed by the function, so it cannot be part of the key\nhelp: `skip(conn)` @ &mut Conn"),
        (Cache, "", "fn name(id: u64) -> &str { x }", "a borrowed value cannot be cached\nhelp: return `String` or `Arc<str>` @ &str"),
        (Cache, "", "fn log(x: u64) { x; }", "`log` returns nothing to cache\nhelp: return a value, or remove the attribute @ log"),
        (Cache, "", "fn f() -> impl Stream<Item = Row> { x }", "an `impl Trait` value cannot be stored\nhelp: collect it @ impl Stream<Item = Row>"),
        (Invalidate, "\"resource:users:{idd}\"", rename, "`{idd}` is not an argument of `rename_user`\nhelp: did you mean `{id}`? @ \"resource:users:{idd}\""),
        (Warmup, "evry = \"1h\"", "fn f(id: u8) -> u8 { 1 }", "`f` has no argument `evry`\nhelp: did you mean `every`? @ evry"),
        (Warmup, "user = 1", "fn profile(user_id: u64) -> u8 { 1 }", "`profile` has no argument `user`\nhelp: did you mean `user_id`? @ user"),
        (Cache, "", "impl Foo { fn f() {} }", "put `#[cache]` on the methods\nhelp: an attribute belongs to one function @ impl"),
    ];
    for (by, args, item, expected) in cases {
        refused(*by, args, item, &[expected]);
    }
}

#[test]
fn a_tier_is_one_that_the_runtime_has() {
    const CALL: &str = "fn f(id: u8) -> u8 { 1 }";
    if cfg!(feature = "redis") {
        for tiers in ["tiers(redis)", "tiers(memory, redis)"] {
            assert_eq!(errors(Cache, tiers, CALL), [""; 0], "{tiers}");
        }
        let never = "in Redis everything expires\nhelp: write a length of time @ \"never\"";
        refused(Cache, "tiers(redis), ttl = \"never\"", CALL, &[never]);
    } else {
        let message = "the tier `redis` needs the feature `redis` of `cache-core`\nhelp: enable it in `Cargo.toml`, or write \
                       `tiers(memory)` @ redis";
        refused(Cache, "tiers(redis)", CALL, &[message]);
    }
}

#[test]
fn hot_calls_are_kept_where_there_is_redis() {
    const CALL: &str = "#[instrument] #[cache_query(skip(pool), ttl = 5)] #[must_use] fn f(pool: Pool, id: &Id) -> u8 { 1 }";
    let expected = if cfg!(feature = "redis") {
        refused(Warmup, "pool = p(), hot = 10, priority = 1", CALL, &[]);
        "so many calls are not kept\nhelp: write at most 10000 @ 10001"
    } else {
        "`hot` needs the feature `redis` of `cache-core`\nhelp: enable it in `Cargo.toml`, or write `from = …` @ 10001"
    };
    refused(Warmup, "pool = p(), hot = 10001", CALL, &[expected]);
    // What is wrong below, that attribute says.
    let below = "#[cache(skip(pol))] fn f(id: u8) -> u8 { 1 }";
    let said = errors(Warmup, "hot = 10", below);
    assert!(said.is_empty() || !cfg!(feature = "redis"), "{said:?}");
}

#[test]
fn options_as_they_are_written() {
    #[rustfmt::skip]
    let cases: &[(Macro, &str, &str)] = &[
        (Cache, "ttl", "`ttl` needs a value\nhelp: write `ttl = 300`: fresh for this long; seconds, `\"5m\"`, `\"never\"`, a constant, or `|value| …` @ ttl"),
        (Cache, "ttl =", "`ttl` needs a value\nhelp: write `ttl = 300`: fresh for this long; seconds, `\"5m\"`, `\"never\"`, a constant, or `|value| …` @ ttl"),
        (Cache, "ttl(5)", "`ttl` takes a value, not a list\nhelp: write `ttl = 300`: fresh for this long; seconds, `\"5m\"`, `\"never\"`, a constant, or `|value| …` @ ttl"),
        (Cache, "skip = pool", "`skip` takes a list\nhelp: write `skip(pool)`: arguments that are not part of the key @ skip"),
        (Cache, "skip()", "`skip()` is empty\nhelp: write `skip(pool)` @ skip"),
        (Cache, "skip(pool, pool)", "`pool` is given twice\nhelp: keep one of them @ pool"),
        (Cache, "skip(pool.x)", "not the name of an argument\nhelp: write it alone: `skip(pool)` @ pool.x"),
        (Cache, "fingerprint = true", "`fingerprint` takes no value\nhelp: write `fingerprint`: new code, new entries: a hash of the body is part of the key @ fingerprint"),
        (Cache, "stale_if_error = 0", "a `stale_if_error` of zero has no effect\nhelp: remove it @ 0"),
        (Query, "each = 5", "not the name of an argument\nhelp: write it alone: `each = ids` @ 5"),
        (Query, "each_max = 0, each = id", "an `each_max` of zero asks for nothing\nhelp: remove it @ 0"),
        (Query, "each_max = 5", "`each_max` has no effect without `each`\nhelp: name the argument with the ids, too: `each = ids` @ each_max"),
        (Query, "each = idd", "`user` has no argument `idd`\nhelp: did you mean `id`? @ idd"),
        (Query, "each = id, key(pool)", "the key of an element holds its id, and `key` would say what else: all but `id`\nhelp: name what is not part of it: `skip(…)` @ key"),
        (Query, "each = id, skip(pool, id)", "`id` tells the elements apart\nhelp: remove it here @ id"),
        (Query, "each = id, err_ttl = 5", "an `Err` is no element, and not kept\nhelp: remove it @ err_ttl"),
        (Cache, "tiers(memory, postgres)", "the tier `postgres` is not in this version yet\nhelp: write `tiers(memory)` @ postgres"),
        (Cache, "tiers(memry)", "unknown tier `memry`\nhelp: did you mean `memory`? @ memry"),
        (Cache, "tables(users)", "`tables` is not an option of `#[cache]`\nhelp: it is one of `#[cache_query]` @ tables"),
        (Cache, "300", "not an option of `#[cache]`\nhelp: write `ttl = 300` @ 300"),
        (Cache, "\"5m\"", "a template names entries, and this is a duration\nhelp: write `ttl = \"5m\"` @ \"5m\""),
        (Cache, "ttl = 5, \"a:{id}\"", "the template comes first\nhelp: write `#[cache(\"a:{id}\", …)]` @ \"a:{id}\""),
        (Cache, "\"a\", \"b\"", "the template is given twice\nhelp: keep one of them @ \"b\""),
        (Cache, "a::b", "not an option of `#[cache]`\nhelp: options are written `name = value` or `name(items)` @ a::b"),
        (Cache, "capacity = 0", "a `capacity` of zero stores nothing\nhelp: remove the attribute @ 0"),
        (Cache, "version = \"2\"", "not a whole number\nhelp: write digits: `100` @ \"2\""),
        (Cache, "tags(\"a\", \"a\")", "this tag is given twice\nhelp: keep one of them @ \"a\""),
        (Query, "tables(users), tags(\"table:users\")", "`tags` has `table:users` already\nhelp: keep one of them @ users"),
        (Invalidate, "\"a\", on = failure", "not a condition\nhelp: write `on = success` or `on = always` @ failure"),
        (Invalidate, "\"a\", ttl = 5", "`ttl` is not an option of `#[invalidate_cache]`\nhelp: it is one of `#[cache]`, `#[cache_query]`, `#[cache_result]`, `#[cache_resource]`, `#[cache_analysis]`, `#[cache_put]` @ ttl"),
        (Invalidate, "user(pool, id).await", "the call itself is the target, it does not run\nhelp: remove `.await` @ await"),
        (Invalidate, "user", "not a target\nhelp: write the call: `user(…)` @ user"),
        (Invalidate, "\"a\", befor", "not a target\nhelp: did you mean `before`? @ befor"),
        (Invalidate, "\"a\", always", "not a target\nhelp: did you mean `on = always`? @ always"),
        (Cache, "TTL = 3", "unknown option `TTL`\nhelp: did you mean `ttl`? @ TTL"),
        (Invalidate, "1 + 1", "not a target\nhelp: write a template, `tag = \"…\"`, or the call of a cached function @ 1 + 1"),
        (Invalidate, "\"a[b\"", "`[` is not closed\nhelp: write `\\\\[` for a bracket @ \"a[b\""),
        (Invalidate, "\"a\", \"a\"", "this target is given twice\nhelp: keep one of them @ \"a\""),
        (Invalidate, "\"a:{return.id}\", before", "`before` has no effect: all targets need the returned value\nhelp: remove it @ before"),
    ];
    for (by, args, expected) in cases {
        refused(*by, args, USER, &[expected]);
    }
    #[rustfmt::skip]
    let puts: &[(&str, &str, &str)] = &[
        ("\"a:{idd}\"", USER, "`{idd}` is not an argument of `user`\nhelp: did you mean `{id}`? @ \"a:{idd}\""),
        ("\"a:*\"", USER, "an address is not a pattern, and `*` is text in it\nhelp: name an argument: `{id}` @ \"a:*\""),
        ("\"a:[\", ttl = 0", USER, "a `ttl` of zero stores nothing\nhelp: remove the attribute @ 0"),
        ("\"a\", \"a\"", USER, "this address is given twice\nhelp: keep one of them @ \"a\""),
        ("1 + 1", USER, "not a target\nhelp: write a template, or the call of a cached function @ 1 + 1"),
        ("\"a\", tag = \"t\"", USER, "`tag` is not an option of `#[cache_put]`\nhelp: it is one of `#[invalidate_cache]` @ tag"),
        ("\"a\", behind", USER, "what has been put has been written, by the body of this function\nhelp: remove it; to write behind, `set` the value through a `Cache::write_behind`, whose writer writes @ behind"),
        ("\"a\"", "fn f() { }", "`f` returns nothing to put\nhelp: return what it has written, or invalidate: `#[invalidate_cache(…)]` @ f"),
        ("\"a\"", "fn f() -> sqlx::Result<()> { x }", "`f` returns nothing to put\nhelp: return what it has written, or invalidate: `#[invalidate_cache(…)]` @ ()"),
        ("\"a\"", "#[cache] fn f() -> u8 { 1 }", "`f` changes data, so it must run every time\nhelp: keep one of the attributes, or cache a function that only reads @ cache"),
        ("\"a\"", "fn f() -> Pin<Box<dyn Future<Output = u8>>> { x }", "this puts its value when the call returns, before its future has one\nhelp: write `async fn`, or let the whole body be `async move { … }` or `Box::pin(async move { … })` @ Pin<Box<dyn Future<Output = u8>>>"),
        ("\"a:{id}\", ttl = adaptive(30, 60)", USER, "what is put is not computed again, so that nothing is seen of it\nhelp: write a length of time @ adaptive"),
        ("user(pool, id), ttl = 5", USER, "`ttl` has no effect: the function that is called has its own\nhelp: remove it @ ttl"),
    ];
    for (args, item, expected) in puts {
        refused(Put, args, item, &[expected]);
    }
    let nowhere = errors(Put, "", USER);
    assert!(
        nowhere[0].starts_with("nowhere to put the value\nhelp: write the template"),
        "{nowhere:?}"
    );
    let nothing = errors(Invalidate, "", USER);
    assert_eq!(nothing.len(), 1);
    assert!(
        nothing[0].starts_with("nothing to invalidate\nhelp: write a template"),
        "{nothing:?}"
    );
}

#[test]
fn options_against_each_other_and_the_function() {
    #[rustfmt::skip]
    let cases: &[(Macro, &str, &str, &str)] = &[
        (Cache, "\"a:{id}\", skip(id, pool)", USER, "`{id}` is skipped, so one entry would have many of its values\nhelp: say what identifies an entry: `key(…, id)` @ \"a:{id}\""),
        (Cache, "tags(\"a:{pool.name}\"), key(id)", USER, "`{pool.name}` is not part of `key`, so one entry would have many of its values\nhelp: add it: `key(…, pool.name)` @ \"a:{pool.name}\""),
        (Cache, "key(idd)", USER, "`user` has no argument `idd`\nhelp: did you mean `id`? @ idd"),
        (Cache, "\"a:{return.id}\"", USER, "`{return}` is known after the call, and an address before it\nhelp: use it in `tags(…)` @ \"a:{return.id}\""),
        (Cache, "\"a:*\"", USER, "an address is not a pattern, and `*` is text in it\nhelp: name an argument: `{id}` @ \"a:*\""),
        (Resource, "\"resource:users:{id}\"", USER, "`#[cache_resource]` puts its prefix before this by itself\nhelp: write `\"users:{id}\"` @ \"resource:users:{id}\""),
        (Cache, "\"\"", USER, "an empty template names nothing\nhelp: write text and arguments: `\"users:{id}\"` @ \"\""),
        (Cache, "name = \"\"", USER, "an empty name\nhelp: write `name = \"users.load\"` @ \"\""),
        (Cache, "name = \"users:{id}\"", USER, "a name has no arguments in it\nhelp: write a template as the first argument of the attribute @ \"users:{id}\""),
        (Cache, "name = \"a b\"", USER, "a name cannot have ' ' in it\nhelp: write `name = \"users.load\"` @ \"a b\""),
        (Cache, "ttl = \"never\", jitter = \"10%\"", USER, "`jitter` has no effect where nothing expires\nhelp: remove it @ jitter"),
        (Analysis, "fingerprint", USER, "`fingerprint` is on already in `#[cache_analysis]`\nhelp: remove it @ fingerprint"),
        (Cache, "none_ttl = 0", USER, "a `none_ttl` of zero stores nothing\nhelp: remove it @ 0"),
        (Cache, "err_ttl = \"0s\"", USER, "an `err_ttl` of zero stores nothing\nhelp: remove it @ \"0s\""),
        (Cache, "min_cost = 0", USER, "a `min_cost` of zero has no effect\nhelp: remove it @ 0"),
        (Cache, "ttl = adaptive", USER, "`adaptive` needs its bounds\nhelp: write `ttl = adaptive(\"30s\", \"1h\")` @ adaptive"),
        (Cache, "ttl = adaptive(30)", USER, "`adaptive` needs two bounds, the shortest `ttl` and the longest\nhelp: write `ttl = adaptive(\"30s\", \"1h\")` @ adaptive"),
        (Cache, "ttl = adaptive(1, 2, 3)", USER, "`adaptive` has two bounds\nhelp: remove it @ 3"),
        (Cache, "ttl = adaptive(\"60s\", \"1m\")", USER, "bounds that are the same leave nothing to adapt\nhelp: write a longer one, or `ttl = \"60s\"` @ \"1m\""),
        (Cache, "ttl = adaptive(\"1h\", 30)", USER, "the second bound is the longer one\nhelp: write `adaptive(30, \"1h\")` @ 30"),
        (Cache, "ttl = adaptive(0, 30)", USER, "a `ttl` of zero stores nothing\nhelp: write a longer one @ 0"),
        (Cache, "ttl = adaptive(30, \"never\")", USER, "a bound of `adaptive` is a length of time\nhelp: write seconds (`300`) or `\"5m\"` @ \"never\""),
        (Cache, "ttl = adaptive(30, id)", USER, "`ttl` is a constant, and `id` an argument\nhelp: decide it from the value: `ttl = |value| …` @ id"),
        (Cache, "ttl = id", USER, "`ttl` is a constant, and `id` an argument\nhelp: decide it from the value: `ttl = |value| …` @ id"),
        (Cache, "ttl = Self::TTL", USER, "`ttl` is a constant, which knows no `Self`\nhelp: write the type's name @ Self"),
        (Cache, "ttl = |user| if user.id == id { 1 } else { 2 }", USER, "`ttl` is asked about the value, and `id` is an argument\nhelp: let the value tell, or decide in a function around this one @ id"),
        (Cache, "tags(\"a:{pool.name}\"), key(pool.id, id)", USER, "`{pool.name}` is not part of `key`, so one entry would have many of its values\nhelp: add it: `key(…, pool.name)` @ \"a:{pool.name}\""),
        (Cache, "\"a:{pool.id}\", key(pool.id.0)", USER, "`{pool.id}` is not part of `key`, so one entry would have many of its values\nhelp: add it: `key(…, pool.id)` @ \"a:{pool.id}\""),
        (Cache, "", "fn f(&mut self) -> u8 { 1 }", "`self` can be changed by the function, so it cannot be part of the key\nhelp: `skip(self)` @ &mut self"),
        (Cache, "skip(a)", "fn f((a, b): &mut (u8, u8)) -> u8 { 1 }", "`b` can be changed by the function, so it cannot be part of the key\nhelp: `skip(b)` @ &mut (u8, u8)"),
        (Cache, "", "async fn f() -> Result<(), ()> where { #![allow(x)] }", ""),
        (Cache, "", "fn f() -> () {}", "`f` returns nothing to cache\nhelp: return a value, or remove the attribute @ f"),
        (Cache, "", "fn f() -> ! { loop {} }", "`f` returns nothing to cache\nhelp: return a value, or remove the attribute @ f"),
        (Cache, "", "fn f() -> Result<impl Debug, E> { x }", "an `impl Trait` value cannot be stored\nhelp: name the type @ impl Debug"),
        (Cache, "", "fn f() -> BoxFuture<'static, u8> { x }", "a future cannot be stored\nhelp: write `async fn`, or let the whole body be `async move { … }` or `Box::pin(async move { … })` @ BoxFuture<'static, u8>"),
        (Cache, "", "fn f(&self) -> Option<Cow<'_, str>> { x }", "a borrowed value cannot be cached\nhelp: return a value that borrows nothing @ Cow<'_, str>"),
        (Cache, "", "const fn f() -> u8 { 1 }", "a `const fn` cannot be cached\nhelp: remove `const`, or the attribute @ const"),
        (Cache, "", "fn f(&self) -> u8;", "`f` has no body here\nhelp: put `#[cache]` on the implementation, or give the method a default body @ f"),
        (Cache, "", "struct S;", "`#[cache]` is for functions, and this is a struct\nhelp: move it to a function @ struct"),
        (Cache, "", "#[x::cache_query] fn f() -> u8 { 1 }", "`f` is cached already\nhelp: keep one of `#[cache]` and `#[cache_query]` @ x::cache_query"),
        (Invalidate, "\"a\"", "#[cache] fn f() -> u8 { 1 }", "`f` changes data, so it must run every time\nhelp: keep one of the attributes, or cache a function that only reads @ cache"),
        (Invalidate, "\"a\"", "#[warmup_cache] fn f() -> u8 { 1 }", "`f` changes data, and would do so at each start\nhelp: warm up a function that reads, or call this one where the program starts @ warmup_cache"),
        (Warmup, "", "#[cache_put(\"a\")] fn f() -> u8 { 1 }", "`f` changes data, and would do so at each start\nhelp: warm up a function that reads, or call this one where the program starts @ cache_put"),
        (Invalidate, "\"a:{return.id}\"", "fn f() {}", "`f` returns nothing to take `{return}` from\nhelp: return the value, or name an argument @ \"a:{return.id}\""),
        (Invalidate, "\"a\"", "fn f() -> ! { loop {} }", "`f` never returns, so nothing is invalidated after it\nhelp: remove the attribute @ !"),
        (Invalidate, "\"a\"", "fn f() -> impl Future<Output = u8> { g() }", "this invalidates when the call returns, before its future has run\nhelp: write `async fn`, or let the whole body be `async move { … }` or `Box::pin(async move { … })` @ impl Future<Output = u8>"),
        (Invalidate, "\"a:{self.id}\"", "fn f(id: u8) {}", "`{self}` is not an argument of `f`\nhelp: it has `{id}` @ \"a:{self.id}\""),
        (Invalidate, "\"a:{id}\"", "fn f() {}", "`{id}` is not an argument of `f`\nhelp: it has no arguments @ \"a:{id}\""),
        (Warmup, "", "fn f(&self) -> u8 { 1 }", "a method cannot be warmed up: there is no `self` at start-up\nhelp: warm up a function that calls it @ &self"),
        (Warmup, "", "fn f<T>() -> u8 { 1 }", "a generic function cannot be warmed up: nothing says which instance\nhelp: warm up a function that calls it @ T"),
        (Warmup, "id = 1, id = 2", "fn f(id: u8) -> u8 { 1 }", "`id` is given twice\nhelp: keep one of them @ id"),
        (Warmup, "id", "fn f(id: u8) -> u8 { 1 }", "`id` needs a value\nhelp: write `id = …` @ id"),
        (Warmup, "1", "fn f(id: u8) -> u8 { 1 }", "arguments are given by name\nhelp: write `id = …` @ 1"),
        (Warmup, "every = 0", "fn f() -> u8 { 1 }", "an `every` of zero would never end\nhelp: write how often: `every = \"10m\"` @ 0"),
        (Warmup, "every = \"soon\"", "fn f() -> u8 { 1 }", "not a duration\nhelp: write seconds (`300`) or `\"5m\"` @ \"soon\""),
        (Warmup, "priority = high", "fn f() -> u8 { 1 }", "not a whole number\nhelp: write digits: `100` @ high"),
        (Warmup, "id = 1, from = ids()", "fn f(id: u8) -> u8 { 1 }", "every argument is given: nothing is left for `from`\nhelp: remove it, or the arguments that it gives @ from"),
        (Warmup, "from = ids()", "fn f() -> u8 { 1 }", "every argument is given: nothing is left for `from`\nhelp: remove it, or the arguments that it gives @ from"),
        (Warmup, "from = ids()", "fn f((a, b): (u8, u8)) -> u8 { 1 }", "this argument has no name to give a value to\nhelp: name it, and take it apart in the body @ (a, b)"),
        (Warmup, "", "fn f((a, b): (u8, u8)) -> u8 { 1 }", "this argument has no name to give a value to\nhelp: name it, and take it apart in the body @ (a, b)"),
    ];
    for (by, args, item, expected) in cases {
        refused(
            *by,
            args,
            item,
            if expected.is_empty() {
                &[]
            } else {
                std::slice::from_ref(expected)
            },
        );
    }
    let missing = errors(Warmup, "", "fn f(id: u8) -> u8 { 1 }");
    assert!(
        missing[0].starts_with(
            "`f` needs its argument `id`\nhelp: write `id = …`, or `from = …` for many calls"
        ),
        "{missing:?}"
    );
}

#[test]
fn all_errors_come_at_once() {
    let item = "fn f(conn: &mut Conn, id: u8) -> &str { x }";
    let found = errors(
        Query,
        "\"a:{idd}\", tll = 5, ttl = 0, skip(x1), version = -, each = ids",
        item,
    );
    let first: Vec<&str> = found
        .iter()
        .map(|error| error.lines().next().unwrap())
        .collect();
    let expected = [
        "expected an expression @ ,",
        "unknown option `tll`",
        "a `ttl` of zero stores nothing",
        "a borrowed value cannot be cached",
        "`f` has no argument `x1`",
        "`conn` can be changed by the function, so it cannot be part of the key",
        "`each` is for functions that are async",
        "`f` has no argument `ids`",
        "`{idd}` is not an argument of `f`",
    ];
    assert_eq!(first, expected);
}

#[test]
fn the_function_is_kept_on_an_error() {
    let expanded = attribute::expand(
        Cache,
        "ttl = 0, crate = ::mine".parse().unwrap(),
        USER.parse().unwrap(),
    );
    let expected = format!(
        "{} {}",
        "::mine::__private::compile_error! { \"a `ttl` of zero stores nothing\\nhelp: remove the attribute\" }",
        USER
    );
    let expected: proc_macro2::TokenStream = expected.parse().unwrap();
    assert_eq!(expanded.to_string(), expected.to_string());
}

#[test]
fn rows_are_of_one_style() {
    for row in TABLE {
        assert!(
            !row.doc.ends_with('.') && !row.doc.starts_with(char::is_uppercase),
            "{}",
            row.name
        );
        assert!(row.example.starts_with(row.name), "{}", row.name);
        assert!(!row.on.is_empty(), "{}", row.name);
    }
}

/// The documentation of every macro lists its options as the table has them.
#[test]
fn the_documentation_lists_every_option() {
    let lib = include_str!("../lib.rs");
    for row in TABLE.iter().filter(|row| !matches!(row.form, Never(..))) {
        let line = format!("`{}`: {}", row.example, row.doc);
        // The caching macros have one list.
        let caches = row.on.iter().any(|by| by.caches());
        let others = row.on.iter().filter(|by| !by.caches()).count();
        let wanted = usize::from(caches) + others;
        assert_eq!(lib.matches(&line).count(), wanted, "{line}");
    }
}
