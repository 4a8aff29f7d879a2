//! What tells functions apart whose names are alike: types, implementors, aliases.

use std::future::Future;
use std::sync::Arc;

use cache_core::__private::block_on;
use cache_core::{cache, cache_resource, cache_result, invalidate_cache};
use serde::Serialize;

use crate::calls::Calls;

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
