//! What an annotated function must go on being: its types, names, attributes, lifetimes, and its future.

#![forbid(unsafe_code)]
#![deny(unused, clippy::all)]

#[path = "expansion/calls.rs"]
mod calls;

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cache_core::__private::block_on;
use cache_core::{
    cache, cache_query, cache_resource, cache_result, invalidate_cache, warmup_cache,
};
use calls::Calls;
use serde::Serialize;

type Fallible<T> = Result<Option<T>, String>;

#[cache_resource("users:{id}")]
async fn aliased(calls: &Calls, id: u64) -> Fallible<String> {
    calls.count();
    match id {
        0 => Err("none such".to_owned()),
        1 => Ok(None),
        _ => Ok(Some(format!("user {id}"))),
    }
}

#[test]
fn an_alias_of_result_is_a_result() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert!(block_on(aliased(&calls, 0)).is_err());
    }
    assert_eq!(calls.taken(), 2, "an error is not stored");
    for _ in 0..2 {
        assert_eq!(block_on(aliased(&calls, 1)), Ok(None));
        assert_eq!(block_on(aliased(&calls, 2)), Ok(Some("user 2".to_owned())));
    }
    assert_eq!(
        calls.taken(),
        2,
        "`None` is kept for a while by a resource, a value longer"
    );
}

#[cache]
fn generic<T: Default + ToString + Clone + Send + Sync + 'static>(calls: &Calls) -> String {
    calls.count();
    T::default().to_string()
}

#[test]
fn instances_of_a_generic_function_are_told_apart() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(generic::<u8>(&calls), "0");
        assert_eq!(generic::<bool>(&calls), "false");
    }
    assert_eq!(calls.taken(), 2);
}

#[derive(Clone, Copy, Serialize)]
struct Repo<T>(T);

impl<T: Serialize + ToString + Copy> Repo<T> {
    #[cache(skip(self))]
    fn name(&self, calls: &Calls) -> String {
        calls.count();
        std::any::type_name::<T>().to_owned()
    }

    #[cache]
    async fn text(self, calls: &Calls) -> String {
        calls.count();
        self.0.to_string()
    }

    #[cache]
    fn boxed(self: Arc<Self>, calls: &Calls) -> String {
        calls.count();
        self.0.to_string()
    }
}

#[test]
fn instances_of_a_generic_type_are_told_apart() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(Repo(1_u8).name(&calls), "u8");
        assert_eq!(Repo(1_u16).name(&calls), "u16");
        assert_eq!(Repo(2_u16).name(&calls), "u16");
    }
    assert_eq!(calls.taken(), 2, "`self` is skipped");
    for _ in 0..2 {
        assert_eq!(block_on(Repo(1_u8).text(&calls)), "1");
        assert_eq!(block_on(Repo(2_u8).text(&calls)), "2");
        assert_eq!(Arc::new(Repo(3_u8)).boxed(&calls), "3");
    }
    assert_eq!(calls.taken(), 3, "`self` is an argument");
}

trait Named {
    const NAME: &'static str;

    #[cache]
    fn by_default(calls: &Calls) -> String
    where
        Self: Sized,
    {
        calls.count();
        Self::NAME.to_owned()
    }

    async fn native(&self, calls: &Calls, id: u8) -> String;

    fn desugared(&self, id: u8) -> impl Future<Output = String> + Send;
}

struct One;
struct Two;

impl Named for One {
    const NAME: &'static str = "one";

    #[cache(skip(self))]
    async fn native(&self, calls: &Calls, id: u8) -> String {
        calls.count();
        format!("one {id}")
    }

    #[cache(skip(self))]
    #[expect(
        clippy::manual_async_fn,
        reason = "as traits spell `async fn … + Send`"
    )]
    fn desugared(&self, id: u8) -> impl Future<Output = String> + Send {
        async move { format!("one {id}") }
    }
}

impl Named for Two {
    const NAME: &'static str = "two";

    #[cache(skip(self))]
    async fn native(&self, calls: &Calls, id: u8) -> String {
        calls.count();
        format!("two {id}")
    }

    #[cache(skip(self))]
    #[expect(
        clippy::manual_async_fn,
        reason = "as traits spell `async fn … + Send`"
    )]
    fn desugared(&self, id: u8) -> impl Future<Output = String> + Send {
        async move { format!("two {id}") }
    }
}

#[test]
fn implementors_of_a_trait_are_told_apart() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(One::by_default(&calls), "one");
        assert_eq!(Two::by_default(&calls), "two");
        assert_eq!(block_on(One.native(&calls, 1)), "one 1");
        assert_eq!(block_on(Two.native(&calls, 1)), "two 1");
    }
    assert_eq!(calls.taken(), 4);
    assert_eq!(block_on(One.desugared(1)), "one 1");
    assert_eq!(block_on(Two.desugared(1)), "two 1");
}

#[async_trait::async_trait]
trait Boxed {
    async fn load(&self, calls: &Calls, id: u64, name: &str) -> Result<String, String>;
    async fn save(&mut self, id: u64) -> Result<u64, String>;

    #[cache]
    async fn defaulted(&self, calls: &Calls) -> String
    where
        Self: Serialize,
    {
        calls.count();
        "default".to_owned()
    }
}

#[derive(Serialize)]
struct Store(u8);

#[async_trait::async_trait]
impl Boxed for Store {
    #[cache_result("stores:{self.0}:{id}")]
    async fn load(&self, calls: &Calls, id: u64, name: &str) -> Result<String, String> {
        calls.count();
        if id == 0 {
            return Err("none".to_owned());
        }
        Ok(format!("{} {id} {name}", self.0))
    }

    #[invalidate_cache("result:stores:{self.0}:{return}")]
    async fn save(&mut self, id: u64) -> Result<u64, String> {
        self.check(id)?;
        Ok(id)
    }
}

impl Store {
    fn check(&self, id: u64) -> Result<(), String> {
        if id == 0 {
            Err("none".to_owned())
        } else {
            Ok(())
        }
    }
}

#[test]
fn async_trait_expands_first() {
    let calls = Calls::new();
    let mut store = Store(7);
    for _ in 0..2 {
        assert_eq!(block_on(store.load(&calls, 1, "a")).as_deref(), Ok("7 1 a"));
        assert_eq!(block_on(store.load(&calls, 1, "b")).as_deref(), Ok("7 1 b"));
        assert_eq!(block_on(store.defaulted(&calls)), "default");
    }
    assert_eq!(calls.taken(), 3);
    assert!(block_on(store.save(0)).is_err());
    assert_eq!(block_on(store.load(&calls, 1, "a")).as_deref(), Ok("7 1 a"));
    assert_eq!(calls.taken(), 0, "only a success invalidates");
    assert_eq!(block_on(store.save(1)), Ok(1));
    assert_eq!(block_on(store.load(&calls, 1, "a")).as_deref(), Ok("7 1 a"));
    assert_eq!(calls.taken(), 1);
}

#[cache]
async fn patterns(
    calls: &Calls,
    (a, mut b): (u8, u8),
    Page {
        number,
        size: ref s,
    }: Page,
    _: f32,
    mut list: Vec<u8>,
) -> Vec<u8> {
    calls.count();
    b += 1;
    list.extend([a, b, number, *s]);
    list
}

#[derive(Clone, Copy)]
struct Page {
    number: u8,
    size: u8,
}

#[test]
fn arguments_may_be_patterns() {
    let calls = Calls::new();
    let page = |number| Page { number, size: 9 };
    for _ in 0..2 {
        assert_eq!(
            block_on(patterns(&calls, (1, 2), page(4), 0.0, vec![0])),
            [0, 1, 3, 4, 9]
        );
        assert_eq!(
            block_on(patterns(&calls, (1, 2), page(4), 1.0, vec![0])),
            [0, 1, 3, 4, 9]
        );
        assert_eq!(
            block_on(patterns(&calls, (1, 2), page(5), 0.0, vec![0])),
            [0, 1, 3, 5, 9]
        );
        assert_eq!(
            block_on(patterns(&calls, (1, 3), page(5), 0.0, vec![0])),
            [0, 1, 4, 5, 9]
        );
    }
    assert_eq!(
        calls.taken(),
        3,
        "`_` is nothing that the function could see"
    );
}

#[cache]
fn opaque(
    calls: &Calls,
    text: impl AsRef<str> + Serialize,
    r#type: Option<impl Serialize>,
) -> usize {
    calls.count();
    let _ = r#type;
    text.as_ref().len()
}

#[cache("{c}:{a}", key(a.len(), *c))]
fn chosen<'a>(calls: &Calls, a: &'a str, b: Cow<'a, str>, c: &u8) -> usize {
    calls.count();
    a.len() + b.len() + usize::from(*c)
}

#[test]
fn arguments_may_be_opaque_or_chosen() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(opaque(&calls, "abc", Some(1)), 3);
        assert_eq!(opaque(&calls, "abc".to_owned(), Some(2)), 3);
        assert_eq!(chosen(&calls, "ab", "c".into(), &1), 4);
        assert_eq!(chosen(&calls, "ac", "d".into(), &1), 4);
    }
    assert_eq!(calls.taken(), 3);
}

/// Every name that generated code uses.
#[cache("{__call}", tags("{__value}:{return}", "{__site}"), when = |__value| *__value > 0, ttl = |__keep| *__keep)]
async fn named_alike(calls: &Calls, __call: u64, __value: u64, __site: u64, __miss: u64) -> u64 {
    calls.count();
    let (__shape, __body, __out, __keep) = (1, 2, 3, 4);
    #[expect(non_camel_case_types, reason = "the name of a generated static")]
    struct __CACHE_SITE;
    let _ = __CACHE_SITE;
    __call + __value + __site + __miss + __shape + __body + __out + __keep
}

#[invalidate_cache("{__targets}", tag = "{__text0}:{return}")]
fn named_alike_too(__targets: u8, __text0: u8, __out: u8) -> u8 {
    let (__success, __r) = (1, 2);
    __targets + __text0 + __out + __success + __r
}

#[test]
fn no_name_of_the_body_is_taken() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(block_on(named_alike(&calls, 1, 2, 3, 4)), 20);
    }
    assert_eq!(calls.taken(), 1);
    assert_eq!(named_alike_too(1, 2, 3), 9);
}

#[cache]
async fn early(calls: &Calls, id: u8) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    calls.count();
    if id == 0 {
        return Ok(0);
    }
    let parsed: u8 = "7".parse()?;
    if id == 1 {
        Err("one")?;
    }
    if id == 2 {
        return Err("two".into());
    }
    Ok(parsed)
}

#[cache]
fn early_sync(calls: &Calls, id: u8) -> Option<Arc<dyn Fn(u8) -> u8 + Send + Sync>> {
    calls.count();
    let found = (id > 0).then_some(id)?;
    if id == 1 {
        return Some(Arc::new(|x| x));
    }
    Some(Arc::new(move |x| x + found))
}

#[cache]
async fn coerced(
    calls: &Calls,
    id: u8,
) -> Result<Arc<dyn Fn(u8) -> u8 + Send + Sync>, Box<dyn Fn()>> {
    calls.count();
    if id == 0 {
        return Err(Box::new(|| ()));
    }
    Ok(Arc::new(move |x| x + id))
}

#[cache]
async fn inferred(calls: &Calls) -> Vec<u16> {
    calls.count();
    [1_u8, 2].into_iter().map(Into::into).collect()
}

#[test]
fn the_return_type_is_known_in_the_body() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(block_on(coerced(&calls, 2)).ok().unwrap()(1), 3);
        assert_eq!(block_on(inferred(&calls)), [1, 2]);
    }
    assert_eq!(calls.taken(), 2);
    assert!(block_on(coerced(&calls, 0)).is_err());
}

#[test]
fn early_returns_are_stored_too() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(block_on(early(&calls, 0)).unwrap(), 0);
        assert_eq!(block_on(early(&calls, 3)).unwrap(), 7);
        assert_eq!(early_sync(&calls, 1).unwrap()(1), 1);
        assert_eq!(early_sync(&calls, 2).unwrap()(1), 3);
    }
    assert_eq!(calls.taken(), 4);
    for _ in 0..2 {
        assert_eq!(block_on(early(&calls, 1)).unwrap_err().to_string(), "one");
        assert!(early_sync(&calls, 0).is_none());
    }
    assert_eq!(calls.taken(), 4, "neither errors nor `None`");
}

#[cache]
async fn fibonacci(n: u64) -> u64 {
    if n < 2 {
        n
    } else {
        Box::pin(fibonacci(n - 1)).await + Box::pin(fibonacci(n - 2)).await
    }
}

#[cache]
fn fibonacci_sync(n: u64) -> u64 {
    if n < 2 {
        n
    } else {
        fibonacci_sync(n - 1) + fibonacci_sync(n - 2)
    }
}

#[test]
fn recursion_does_not_wait_for_itself() {
    assert_eq!(block_on(fibonacci(60)), 1_548_008_755_920);
    assert_eq!(fibonacci_sync(60), 1_548_008_755_920);
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[cache]
async fn waits(id: u64, data: [u8; 32]) -> u64 {
    std::future::ready(()).await;
    let kept = data;
    std::future::ready(()).await;
    id + u64::from(kept[0])
}

async fn waits_bare(id: u64, data: [u8; 32]) -> u64 {
    std::future::ready(()).await;
    let kept = data;
    std::future::ready(()).await;
    id + u64::from(kept[0])
}

#[cache]
async fn waits_local(id: u64) -> u64 {
    let local = std::rc::Rc::new(id);
    std::future::ready(()).await;
    *local
}

#[test]
fn the_future_is_send_exactly_if_the_body_is() {
    assert_eq!(block_on(is_send(waits(1, [0; 32]))), 1);
    // Would not compile with `is_send`; the other half is in `ui/fail`.
    assert_eq!(block_on(waits_local(1)), 1);
}

#[test]
fn the_future_is_not_much_larger_than_the_body() {
    let (bare, cached) = (
        size_of_val(&waits_bare(1, [0; 32])),
        size_of_val(&waits(1, [0; 32])),
    );
    assert!(cached <= bare + 128, "{bare} bytes became {cached}");
}

/// Attributes stay, wherever they stand.
#[must_use]
#[cache]
#[doc(alias = "documented")]
#[expect(unused_variables, reason = "an attribute to keep")]
fn attributed(calls: &Calls, #[cfg(not(test))] absent: NoSuchType, #[cfg(test)] present: u8) -> u8 {
    #![expect(unused_mut, reason = "an attribute to keep")]
    calls.count();
    let mut unused = 1;
    2
}

#[tracing::instrument(skip_all)]
#[cache]
async fn instrumented_above(calls: &Calls, id: u8) -> Result<u8, String> {
    calls.count();
    Ok(id)
}

#[cache]
#[tracing::instrument(skip_all, err)]
async fn instrumented_below(calls: &Calls, id: u8) -> Result<u8, String> {
    calls.count();
    Ok(id)
}

#[test]
fn other_attributes_stay() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(attributed(&calls, 1), 2);
        assert_eq!(block_on(instrumented_above(&calls, 1)), Ok(1));
        assert_eq!(block_on(instrumented_below(&calls, 1)), Ok(1));
    }
    assert_eq!(calls.taken(), 3);
}

#[cache]
fn statics(calls: &Calls, id: u8) -> &'static str {
    calls.count();
    if id == 0 { "zero" } else { "more" }
}

#[cache]
async fn diverges(_id: u8) -> u8 {
    todo!()
}

#[test]
fn what_lives_for_ever_need_not_be_owned() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(statics(&calls, 0), "zero");
    }
    assert_eq!(calls.taken(), 1);
    let _never_polled: Pin<Box<dyn Future<Output = u8>>> = Box::pin(diverges(1));
}

macro_rules! made {
    ($name:ident, $ttl:literal, $template:literal, $arg:ident: $ty:ty) => {
        #[cache_query($template, ttl = $ttl)]
        fn $name(calls: &Calls, $arg: $ty) -> u64 {
            calls.count();
            u64::from($arg)
        }
    };
}
made!(made_by_macro, 300, "made:{number}", number: u8);

#[test]
fn a_macro_may_write_the_function() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(made_by_macro(&calls, 3), 3);
    }
    assert_eq!(calls.taken(), 1);
}

#[cache("of_group:{group}:{id}")]
async fn member(group: String, id: u64, calls: &Calls) -> Option<u64> {
    calls.count();
    Some(id)
}

#[cache(tags("group:{group}", "member:{return}"))]
fn member_sync(group: &str, id: u64, calls: &Calls) -> Result<u64, String> {
    calls.count();
    Ok(id)
}

#[invalidate_cache(member(group, id, calls), member_sync(&group, id, calls))]
async fn rename(group: String, id: u64, calls: &Calls) -> Result<impl std::fmt::Debug, String> {
    if id == 0 {
        return Err(group);
    }
    let parsed: u64 = "1".parse().map_err(|_| String::new())?;
    Ok(vec![(parsed, group)])
}

#[invalidate_cache("of_group:{group}:*", tag = "group:{group}")]
fn dissolve(group: String) {
    drop(group);
}

#[invalidate_cache(
    "of_group:{group}:before",
    tag = "member:{return.id}",
    "of_group:{group}:{return.id}",
    before,
    on = always
)]
fn replace((group, id): (String, u64)) -> Result<Option<Member>, String> {
    if id == 0 {
        Err(group)
    } else {
        Ok(Some(Member { id }))
    }
}

struct Member {
    id: u64,
}

/// How many of the two functions ran again.
fn reloaded(group: &str, id: u64, calls: &Calls) -> u64 {
    assert_eq!(block_on(member(group.to_owned(), id, calls)), Some(id));
    assert_eq!(member_sync(group, id, calls), Ok(id));
    calls.taken()
}

#[test]
fn invalidations_name_their_targets_before_the_body() {
    let calls = Calls::new();
    assert_eq!(reloaded("a", 1, &calls), 2);
    assert_eq!(reloaded("a", 0, &calls), 2);
    assert!(block_on(is_send(rename("a".to_owned(), 1, &calls))).is_ok());
    assert_eq!(
        reloaded("a", 1, &calls),
        2,
        "typed targets, of an async and of a sync function"
    );
    assert_eq!(reloaded("a", 0, &calls), 0, "another key");
    assert!(block_on(rename("a".to_owned(), 0, &calls)).is_err());
    assert_eq!(reloaded("a", 0, &calls), 0, "a failure invalidates nothing");

    assert_eq!(reloaded("*", 1, &calls), 2);
    dissolve("*".to_owned());
    assert_eq!(reloaded("a", 1, &calls), 0, "an argument is no pattern");
    assert_eq!(reloaded("*", 1, &calls), 2, "a pattern and a tag");

    assert!(replace(("a".to_owned(), 0)).is_err());
    assert_eq!(reloaded("a", 1, &calls), 0, "no value, so no target");
    assert!(replace(("a".to_owned(), 1)).is_ok());
    assert_eq!(reloaded("a", 1, &calls), 2, "targets from the value");
}

#[invalidate_cache("of_group:always:*", on = always)]
async fn fails_always() -> Result<(), String> {
    Err("always".to_owned())
}

#[test]
fn always_is_also_after_a_failure() {
    let calls = Calls::new();
    assert_eq!(block_on(member("always".to_owned(), 1, &calls)), Some(1));
    assert!(block_on(fails_always()).is_err());
    assert_eq!(block_on(member("always".to_owned(), 1, &calls)), Some(1));
    assert_eq!(calls.taken(), 2);
}

static WARMED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[warmup_cache(by = 2, name = "x")]
#[cache]
#[warmup_cache(name = "y", by = 30)]
async fn warmed(name: &str, by: u64) -> Result<u64, String> {
    WARMED.fetch_add(by, std::sync::atomic::Ordering::Relaxed);
    if name == "y" {
        Err("y".to_owned())
    } else {
        Ok(by)
    }
}

#[warmup_cache]
#[cfg(not(test))]
fn warmed_but_absent() -> u8 {
    NO_SUCH_THING
}

#[warmup_cache]
#[cache]
fn warmed_sync() -> u8 {
    WARMED.fetch_add(400, std::sync::atomic::Ordering::Relaxed);
    1
}

#[test]
fn start_up_calls_are_made() {
    let report = block_on(cache_core::current().warmup().run());
    assert_eq!(WARMED.load(std::sync::atomic::Ordering::Relaxed), 432);
    let mut warmed = report.warmed;
    warmed.sort();
    assert_eq!(
        warmed,
        ["expansion::warmed(\"x\",2)", "expansion::warmed_sync()"]
    );
    assert_eq!(
        report.failed,
        [("expansion::warmed(\"y\",30)".to_owned(), "y".to_owned())]
    );
    assert_eq!(report.untouched, [""; 0]);
}
