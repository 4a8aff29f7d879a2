//! What the attributes expand to, written by hand.
#![forbid(unsafe_code)]
use cache_core::TestCache;
use std::sync::atomic::{AtomicUsize, Ordering};
static RAN: AtomicUsize = AtomicUsize::new(0);
pub async fn user(id: i64) -> Result<Option<String>, std::num::ParseIntError> {
    let __shape = {
        use ::cache_core::__private::probe::{
            ContentLocal as _, ContentSerde as _, Return as _, ShareClone as _, ShareNone as _,
            Value as _, WeighHook as _, WeighSerde as _, WeighSize as _,
        };
        let __r = ::cache_core::__private::Returns::<Result<Option<String>, std::num::ParseIntError>>::new().outer();
        let __v = __r.value();
        __r.shape(
            __v.inner(),
            (&&&__v).weigh(),
            (&&__v).content(),
            (&&__r.error()).share(),
        )
    };
    let __miss = {
        static SITE: ::cache_core::__private::Site = ::cache_core::__private::Site::new(
            ::cache_core::__private::Spec::new(
                ::cache_core::__private::Preset::Resource,
                "user",
                ::cache_core::__private::module_path!(),
                &["id"],
            )
            .template("users:{id}"),
        );
        ::cache_core::__private::inventory::submit! { ::cache_core::__private::SiteRef(&SITE) }
        let mut __call = ::cache_core::__private::Call::new(&SITE, &|| ());
        __call.arg::<i64>(&id);
        match __call.start(&__shape) {
            ::cache_core::__private::Ok(__hit) => return __hit,
            ::cache_core::__private::Err(mut __miss) => {
                __miss.address(&[
                    ::cache_core::__private::Piece::Text("users:"),
                    ::cache_core::__private::Piece::Arg(&id),
                ]);
                __miss
            }
        }
    };
    let __body = ::cache_core::__private::pin!(async move {
        if false {
            return ::cache_core::__private::never::<Result<Option<String>, std::num::ParseIntError>>(
            );
        }
        let __out: Result<Option<String>, std::num::ParseIntError> = {
            RAN.fetch_add(1, Ordering::SeqCst);
            Ok(Some("12".parse::<u8>()?.to_string() + &id.to_string()))
        };
        __out
    });
    __miss.run(&__shape, __body).await
}
#[test]
fn works() {
    let test = TestCache::new();
    cache_core::__private::block_on(test.run(async {
        fn send<T: Send>(t: T) -> T {
            t
        }
        assert_eq!(send(user(3)).await.unwrap().unwrap(), "123");
        assert_eq!(user(3).await.unwrap().unwrap(), "123");
        assert_eq!(RAN.load(Ordering::SeqCst), 1);
        cache_core::invalidate_pattern("resource:users:*")
            .await
            .unwrap();
        assert_eq!(user(3).await.unwrap().unwrap(), "123");
        assert_eq!(RAN.load(Ordering::SeqCst), 2);
        cache_core::invalidate(user(3)).await.unwrap();
        assert_eq!(cache_core::peek(user(3)).await, None);
        let (v, t) = cache_core::explain(user(3)).await;
        println!("{v:?} {t}");
        println!("{}", cache_core::explain(user(3)).await.1);
        println!("{:?}", cache_core::key_of(user(3)).await);
        println!("{}", std::mem::size_of_val(&user(3)));
    }));
    println!("{}", test.cache().stats());
    for s in test.cache().sites() {
        println!("{s}");
    }
    println!(
        "{:#?}",
        test.events()
            .iter()
            .map(|e| e.to_string())
            .collect::<Vec<_>>()
    );
}
