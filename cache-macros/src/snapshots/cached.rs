//! Cached functions.

use expect_test::expect;

use super::check;
use crate::preset::Macro;

#[test]
fn an_async_function() {
    check(
        Macro::Resource,
        r#""users:{id}", skip(pool), ttl = 300, tags("tenant:{tenant}")"#,
        "/// Loads.\npub async fn user(pool: &PgPool, tenant: &str, id: i64) -> sqlx::Result<Option<User>> { load(pool, id).await }",
        expect![[r#"
            /// Loads.
            pub async fn user(pool: &PgPool, tenant: &str, id: i64) -> sqlx::Result<Option<User>> {
                let __function = §function(
                    &|| {
                        use §probe::{
                            ContentSerde as _, ContentLocal as _, Return as _, ShareClone as _,
                            ShareNone as _, Value as _, WeighHook as _, WeighSerde as _,
                            WeighSize as _,
                        };
                        let __r = §Returns::<
                            sqlx::Result<Option<User>>,
                        >::new()
                            .__cache_outer();
                        let __v = __r.__cache_value();
                        __r.__cache_shape(
                            __v.__cache_inner(),
                            (&&&__v).__cache_weigh(),
                            (&&__v).__cache_content(),
                            (&&__r.__cache_error()).__cache_share(),
                        )
                    },
                );
                let __miss = {
                    let mut __call = §Call::new();
                    __call.__cache_arg::<&str>(&tenant);
                    __call.__cache_arg::<i64>(&id);
                    match __call
                        .__cache_start(
                            {
                                static __CACHE_SITE: §Site = §Site::new({
                                    let __spec = §Spec::new(
                                        §Preset::Resource,
                                        "user",
                                        §module_path!(),
                                        &["tenant", "id"],
                                    );
                                    let __spec = __spec
                                        .at(
                                            §file!(),
                                            §line!(),
                                        );
                                    let __spec = __spec.template("users:{id}");
                                    let __spec = __spec.omits(&["tenant"]);
                                    let __spec = __spec.tags(&["tenant:{tenant}"]);
                                    let __spec = __spec
                                        .ttl(
                                            §Duration::from_millis(300000u64),
                                        );
                                    __spec
                                });
                                §inventory::submit! {
                                    §SiteRef(& __CACHE_SITE)
                                }
                                &__CACHE_SITE
                            },
                            __function,
                        )
                    {
                        §Ok(__hit) => return __hit,
                        §Err(mut __miss) => {
                            §Miss::address(
                                &mut __miss,
                                &[
                                    §Piece::Text("users:"),
                                    §Piece::arg(&id),
                                ],
                            );
                            §Miss::tag(
                                &mut __miss,
                                &[
                                    §Piece::Text("tenant:"),
                                    §Piece::arg(&tenant),
                                ],
                            );
                            __miss
                        }
                    }
                };
                let mut __driven = §drive(__miss);
                let __body = §pin!(
                    async move { if false { return §never:: < sqlx::Result <
                    Option < User > > > (); } load(pool, id). await }
                );
                §run(&mut __driven, __body).await
            }
        "#]],
    );
}

#[test]
fn a_sync_method_with_rules() {
    check(
        Macro::Result,
        r#"key(self.id, (a, b)), err_ttl = "1s", none_ttl = MINUTE, tags("owner:{return.owner}:{a}"), when = |v| v.ok, ttl = |v| v.ttl"#,
        "fn part(&self, (a, ref b): (u8, String)) -> Result<Option<Part>, Error> { Ok(None) }",
        expect![[r#"
            fn part(&self, (a, ref b): (u8, String)) -> Result<Option<Part>, Error> {
                let __function = §function(
                    &|| {
                        use §probe::{
                            ContentSerde as _, ContentLocal as _, Return as _, ShareClone as _,
                            ShareNone as _, Value as _, WeighHook as _, WeighSerde as _,
                            WeighSize as _,
                        };
                        let __r = §Returns::<
                            Result<Option<Part>, Error>,
                        >::new()
                            .__cache_outer();
                        let __v = __r.__cache_value();
                        §must_be_result(__r);
                        §must_keep_errors(__r.__cache_error());
                        §must_be_option(__v.__cache_inner());
                        __r.__cache_shape(
                            __v.__cache_inner(),
                            (&&&__v).__cache_weigh(),
                            (&&__v).__cache_content(),
                            (&&__r.__cache_error()).__cache_share(),
                        )
                    },
                );
                let __miss = {
                    let mut __call = §Call::new();
                    {
                        let __preparing = §Preparing::new();
                        __call.__cache_arg(&(self.id));
                        __call.__cache_arg(&((a, b)));
                    }
                    match __call
                        .__cache_start(
                            {
                                static __CACHE_SITE: §Site = §Site::new({
                                    let __spec = §Spec::new(
                                        §Preset::Result,
                                        "part",
                                        §module_path!(),
                                        &["self.id", "(a,b)"],
                                    );
                                    let __spec = __spec
                                        .at(
                                            §file!(),
                                            §line!(),
                                        );
                                    let __spec = __spec.tags(&["owner:{return.owner}:{a}"]);
                                    let __spec = __spec.ttl_by_value();
                                    let __spec = __spec.when();
                                    let __spec = __spec.blocking();
                                    let __spec = __spec.none_ttl(MINUTE);
                                    let __spec = __spec
                                        .err_ttl(
                                            §Duration::from_millis(1000u64),
                                        );
                                    __spec
                                });
                                §inventory::submit! {
                                    §SiteRef(& __CACHE_SITE)
                                }
                                &__CACHE_SITE
                            },
                            __function,
                        )
                    {
                        §Ok(__hit) => return __hit,
                        §Err(__miss) => __miss,
                    }
                };
                let __text0 = §text(§Piece::arg(&a));
                §run_blocking_with(
                    __miss,
                    move || -> Result<Option<Part>, Error> { Ok(None) },
                    |__value, __keep| {
                        __keep.ttl(§judge(__value, |v| v.ttl));
                        __keep.when(§holds(__value, |v| v.ok));
                        __keep
                            .tag(
                                &[
                                    §Piece::Text("owner:"),
                                    §Piece::arg(&__value.owner),
                                    §Piece::Text(":"),
                                    §Piece::Text(&__text0),
                                ],
                            );
                    },
                )
            }
        "#]],
    );
}

#[test]
fn every_kind_of_argument() {
    check(
        Macro::Cache,
        "tiers(memory)",
        "fn all<T>(self: Arc<Self>, #[cfg(x)] a: T, _: u8, b: impl Serialize, mut c: &str, [d, ..]: [u8; 3]) -> u8 { 1 }",
        expect![[r#"
            fn all<T>(
                self: Arc<Self>,
                #[cfg(x)]
                a: T,
                _: u8,
                b: impl Serialize,
                mut c: &str,
                [d,
                ..,
                ]: [u8; 3],
            ) -> u8 {
                let __function = §function(
                    &|| {
                        use §probe::{
                            ContentLocal as _, Return as _, ShareClone as _, ShareNone as _,
                            Value as _, WeighHook as _, WeighSerde as _, WeighSize as _,
                        };
                        let __r = §Returns::<u8>::new().__cache_outer();
                        let __v = __r.__cache_value();
                        __r.__cache_shape(
                            __v.__cache_inner(),
                            (&&&__v).__cache_weigh(),
                            (&&__v).__cache_content(),
                            (&&__r.__cache_error()).__cache_share(),
                        )
                    },
                );
                let __miss = {
                    let mut __call = §Call::new();
                    {
                        let __preparing = §Preparing::new();
                        __call.__cache_arg::<Arc<Self>>(&self);
                        #[cfg(x)] __call.__cache_arg::<T>(&a);
                        __call.__cache_arg(&b);
                        __call.__cache_arg::<&str>(&c);
                        __call.__cache_arg(&d);
                    }
                    match __call
                        .__cache_start(
                            {
                                static __CACHE_SITE: §Site = §Site::new({
                                    let __spec = §Spec::new(
                                        §Preset::Cache,
                                        "all",
                                        §module_path!(),
                                        &["self", #[cfg(x)] "a", "b", "c", "d"],
                                    );
                                    let __spec = __spec
                                        .at(
                                            §file!(),
                                            §line!(),
                                        );
                                    let __spec = __spec.memory_only();
                                    let __spec = __spec.blocking();
                                    __spec
                                });
                                §inventory::submit! {
                                    §SiteRef(& __CACHE_SITE)
                                }
                                &__CACHE_SITE
                            },
                            __function,
                        )
                    {
                        §Ok(__hit) => return __hit,
                        §Err(__miss) => __miss,
                    }
                };
                §run_blocking(__miss, move || -> u8 { 1 })
            }
        "#]],
    );
}

#[test]
fn what_async_trait_leaves() {
    check(
        Macro::Cache,
        "",
        "fn get<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> { Box::pin(async move { let __self = self; 1 }) }",
        expect![[r#"
            fn get<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
                Box::pin(async move {
                    let __function = §function(
                        &|| {
                            use §probe::{
                                ContentSerde as _, ContentLocal as _, Return as _, ShareClone as _,
                                ShareNone as _, Value as _, WeighHook as _, WeighSerde as _,
                                WeighSize as _,
                            };
                            let __r = §Returns::<u8>::new().__cache_outer();
                            let __v = __r.__cache_value();
                            __r.__cache_shape(
                                __v.__cache_inner(),
                                (&&&__v).__cache_weigh(),
                                (&&__v).__cache_content(),
                                (&&__r.__cache_error()).__cache_share(),
                            )
                        },
                    );
                    let __miss = {
                        let mut __call = §Call::new();
                        {
                            let __preparing = §Preparing::new();
                            __call.__cache_arg::<Self>(self);
                        }
                        match __call
                            .__cache_start(
                                {
                                    static __CACHE_SITE: §Site = §Site::new({
                                        let __spec = §Spec::new(
                                            §Preset::Cache,
                                            "get",
                                            §module_path!(),
                                            &["self"],
                                        );
                                        let __spec = __spec
                                            .at(
                                                §file!(),
                                                §line!(),
                                            );
                                        __spec
                                    });
                                    §inventory::submit! {
                                        §SiteRef(& __CACHE_SITE)
                                    }
                                    &__CACHE_SITE
                                },
                                __function,
                            )
                        {
                            §Ok(__hit) => return __hit,
                            §Err(__miss) => __miss,
                        }
                    };
                    let mut __driven = §drive(__miss);
                    let __body = §pin!(
                        async move { if false { return §never:: < u8 > (); }
                        let __self = self; 1 }
                    );
                    §run(&mut __driven, __body).await
                })
            }
        "#]],
    );
}

#[test]
fn a_body_that_may_go_on_behind_its_call() {
    check(
        Macro::Cache,
        r#"stale_while_revalidate = 60, stale_if_error = "1h", skip(pool), when = |rate| rate.0 > 0"#,
        "fn rate(pool: Arc<Pool>, id: u64) -> Result<Rate, Error> { pool.rate(id) }",
        expect![[r#"
            fn rate(pool: Arc<Pool>, id: u64) -> Result<Rate, Error> {
                let __function = §function(
                    &|| {
                        use §probe::{
                            ContentSerde as _, ContentLocal as _, Return as _, ShareClone as _,
                            ShareNone as _, Value as _, WeighHook as _, WeighSerde as _,
                            WeighSize as _,
                        };
                        let __r = §Returns::<Result<Rate, Error>>::new()
                            .__cache_outer();
                        let __v = __r.__cache_value();
                        §must_be_result(__r);
                        §must_be_owned::<Arc<Pool>>();
                        §must_be_owned::<u64>();
                        __r.__cache_shape(
                            __v.__cache_inner(),
                            (&&&__v).__cache_weigh(),
                            (&&__v).__cache_content(),
                            (&&__r.__cache_error()).__cache_share(),
                        )
                    },
                );
                let __miss = {
                    let mut __call = §Call::new();
                    __call.__cache_arg::<u64>(&id);
                    match __call
                        .__cache_start(
                            {
                                static __CACHE_SITE: §Site = §Site::new({
                                    let __spec = §Spec::new(
                                        §Preset::Cache,
                                        "rate",
                                        §module_path!(),
                                        &["id"],
                                    );
                                    let __spec = __spec
                                        .at(
                                            §file!(),
                                            §line!(),
                                        );
                                    let __spec = __spec.when();
                                    let __spec = __spec.blocking();
                                    let __spec = __spec
                                        .stale_while_revalidate(
                                            §Duration::from_millis(60000u64),
                                        );
                                    let __spec = __spec
                                        .stale_if_error(
                                            §Duration::from_millis(3600000u64),
                                        );
                                    __spec
                                });
                                §inventory::submit! {
                                    §SiteRef(& __CACHE_SITE)
                                }
                                &__CACHE_SITE
                            },
                            __function,
                        )
                    {
                        §Ok(__hit) => return __hit,
                        §Err(__miss) => __miss,
                    }
                };
                §run_blocking_behind(
                    __miss,
                    move || -> Result<Rate, Error> { pool.rate(id) },
                    move |__value, __keep| {
                        __keep.when(§holds(__value, |rate| rate.0 > 0));
                    },
                )
            }
        "#]],
    );
}

#[test]
fn a_batch() {
    check(
        Macro::Query,
        r#"each = ids, each_max = 100, ttl = 300, skip(pool, conn), tags("owner:{tenant}:{ids}:{return.owner}")"#,
        "async fn users(pool: &PgPool, conn: &mut Conn, tenant: String, mut ids: Vec<i64>) -> sqlx::Result<HashMap<i64, User>> { load(pool, ids).await }",
        expect![[r#"
            async fn users(
                pool: &PgPool,
                conn: &mut Conn,
                tenant: String,
                ids: Vec<i64>,
            ) -> sqlx::Result<HashMap<i64, User>> {
                let __ids = §ids(&ids);
                let __function = §function(
                    &|| {
                        use §probe::{
                            ContentSerde as _, ContentLocal as _, Return as _, ShareClone as _,
                            ShareNone as _, Value as _, WeighHook as _, WeighSerde as _,
                            WeighSize as _,
                        };
                        let __r = §Returns::<
                            sqlx::Result<HashMap<i64, User>>,
                        >::new()
                            .__cache_outer();
                        use §probe::{Each as _, NotEach as _};
                        let __e = (&&§gives(__r.__cache_value(), __ids))
                            .__cache_element();
                        let __r = §with(__r, __e);
                        let __v = __r.__cache_value();
                        __r.__cache_shape(
                            __v.__cache_inner(),
                            (&&&__v).__cache_weigh(),
                            (&&__v).__cache_content(),
                            (&&__r.__cache_error()).__cache_share(),
                        )
                    },
                );
                let __asked = {
                    use §probe::Return as _;
                    §ask(
                        __ids,
                        §Returns::<sqlx::Result<HashMap<i64, User>>>::new()
                            .__cache_outer(),
                        __function,
                    )
                };
                let mut __batch = {
                    let mut __call = §Call::new();
                    __call.__cache_arg::<String>(&tenant);
                    match §each(
                        __asked,
                        &__call,
                        {
                            static __CACHE_SITE: §Site = §Site::new({
                                let __spec = §Spec::new(
                                    §Preset::Query,
                                    "users",
                                    §module_path!(),
                                    &["tenant", "ids"],
                                );
                                let __spec = __spec
                                    .at(
                                        §file!(),
                                        §line!(),
                                    );
                                let __spec = __spec.template("users:{ids}");
                                let __spec = __spec.omits(&["tenant"]);
                                let __spec = __spec.tags(&["owner:{tenant}:{ids}:{return.owner}"]);
                                let __spec = __spec
                                    .ttl(§Duration::from_millis(300000u64));
                                __spec
                            });
                            §inventory::submit! {
                                §SiteRef(& __CACHE_SITE)
                            }
                            &__CACHE_SITE
                        },
                        100usize,
                        &mut |ids, mut __miss| {
                            let _ = ids;
                            §Miss::address(
                                &mut __miss,
                                &[
                                    §Piece::Text("users:"),
                                    §Piece::arg(&ids),
                                ],
                            );
                        },
                    ) {
                        §Ok(__hit) => return __hit,
                        §Err(__batch) => __batch,
                    }
                };
                let __text0 = §text(
                    §Piece::arg(&tenant),
                );
                loop {
                    let mut __part = match §next(&mut __batch).await {
                        §Turn::Run(__part) => __part,
                        §Turn::Answer(__out) => return __out,
                    };
                    let mut ids = §lend(&__batch, &mut __part);
                    let conn = &mut *conn;
                    let tenant = §again(&tenant);
                    let __body = §pin!(
                        async move { if false { return §never:: <
                        sqlx::Result < HashMap < i64, User > > > (); } load(pool, ids). await }
                    );
                    if let §Some(__out) = §run_part(
                            &mut __batch,
                            __body,
                            |ids, __value, __keep| {
                                let _ = ids;
                                __keep
                                    .tag(
                                        &[
                                            §Piece::Text("owner:"),
                                            §Piece::Text(&__text0),
                                            §Piece::Text(":"),
                                            §Piece::arg(&ids),
                                            §Piece::Text(":"),
                                            §Piece::arg(&__value.owner),
                                        ],
                                    );
                            },
                        )
                        .await
                    {
                        return __out;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn a_lifetime_that_adapts() {
    check(
        Macro::Cache,
        r#"ttl = adaptive("30s", LONGEST)"#,
        "fn rate() -> f64 { ask() }",
        expect![[r#"
            fn rate() -> f64 {
                let __function = §function(
                    &|| {
                        use §probe::{
                            ContentSerde as _, ContentLocal as _, Return as _, ShareClone as _,
                            ShareNone as _, Value as _, WeighHook as _, WeighSerde as _,
                            WeighSize as _,
                        };
                        let __r = §Returns::<f64>::new().__cache_outer();
                        let __v = __r.__cache_value();
                        __r.__cache_shape(
                            __v.__cache_inner(),
                            (&&&__v).__cache_weigh(),
                            (&&__v).__cache_content(),
                            (&&__r.__cache_error()).__cache_share(),
                        )
                    },
                );
                let __miss = {
                    let mut __call = §Call::new();
                    match __call
                        .__cache_start(
                            {
                                static __CACHE_SITE: §Site = §Site::new({
                                    let __spec = §Spec::new(
                                        §Preset::Cache,
                                        "rate",
                                        §module_path!(),
                                        &[],
                                    );
                                    let __spec = __spec
                                        .at(
                                            §file!(),
                                            §line!(),
                                        );
                                    let __spec = __spec.blocking();
                                    let __spec = __spec
                                        .ttl_between(
                                            §Duration::from_millis(30000u64),
                                            LONGEST,
                                        );
                                    __spec
                                });
                                §inventory::submit! {
                                    §SiteRef(& __CACHE_SITE)
                                }
                                &__CACHE_SITE
                            },
                            __function,
                        )
                    {
                        §Ok(__hit) => return __hit,
                        §Err(__miss) => __miss,
                    }
                };
                §run_blocking_with(
                    __miss,
                    move || -> f64 { ask() },
                    |__value, __keep| { if __keep.content(__value) {} },
                )
            }
        "#]],
    );
}
