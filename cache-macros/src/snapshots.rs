//! Expansions as they are read. `UPDATE_EXPECT=1 cargo test -p cache-macros` writes them anew.

use expect_test::{Expect, expect};

use crate::args;
use crate::attribute;
use crate::diag::Diag;
use crate::preset::Macro;

#[track_caller]
fn check(by: Macro, options: &str, item: &str, expected: Expect) {
    let mut diag = Diag::default();
    let args = args::split(options.parse().unwrap(), &mut diag);
    let expanded = attribute::transform(by, args, item.parse().unwrap(), &mut diag);
    assert_eq!(diag.listed(), [""; 0]);
    // Everything comes from one module, whose path would be most of the text.
    let text = prettyplease::unparse(&syn::parse2(expanded.unwrap()).unwrap());
    expected.assert_eq(&text.replace("::cache_core::__private::", "§"));
}

#[test]
fn an_async_function() {
    check(
        Macro::Resource,
        r#""users:{id}", skip(pool), ttl = 300, tags("tenant:{tenant}")"#,
        "/// Loads.\npub async fn user(pool: &PgPool, tenant: &str, id: i64) -> sqlx::Result<Option<User>> { load(pool, id).await }",
        expect![[r#"
            /// Loads.
            pub async fn user(pool: &PgPool, tenant: &str, id: i64) -> sqlx::Result<Option<User>> {
                let __shape = {
                    use §probe::{
                        ContentSerde as _, ContentLocal as _, Return as _, ShareClone as _,
                        ShareNone as _, Value as _, WeighHook as _, WeighSerde as _, WeighSize as _,
                    };
                    let __r = §Returns::<sqlx::Result<Option<User>>>::new()
                        .__cache_outer();
                    let __v = __r.__cache_value();
                    __r.__cache_shape(
                        __v.__cache_inner(),
                        (&&&__v).__cache_weigh(),
                        (&&__v).__cache_content(),
                        (&&__r.__cache_error()).__cache_share(),
                    )
                };
                let __miss = {
                    let mut __call = §Call::new(
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
                                    .ttl(§Duration::from_millis(300000u64));
                                __spec
                            });
                            §inventory::submit! {
                                §SiteRef(& __CACHE_SITE)
                            }
                            &__CACHE_SITE
                        },
                        &|| (),
                    );
                    __call.__cache_arg::<&str>(&tenant);
                    __call.__cache_arg::<i64>(&id);
                    match __call.__cache_start(&__shape) {
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
                let __body = §pin!(
                    §Some(async move { if false { return
                    §never:: < sqlx::Result < Option < User > > > (); }
                    load(pool, id). await })
                );
                __miss.run(&__shape, __body).await
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
                let __shape = {
                    use §probe::{
                        ContentSerde as _, ContentLocal as _, Return as _, ShareClone as _,
                        ShareNone as _, Value as _, WeighHook as _, WeighSerde as _, WeighSize as _,
                    };
                    let __r = §Returns::<Result<Option<Part>, Error>>::new()
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
                };
                let __miss = {
                    let mut __call = §Call::new(
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
                        &|| (),
                    );
                    __call.__cache_arg(&(self.id));
                    __call.__cache_arg(&((a, b)));
                    match __call.__cache_start(&__shape) {
                        §Ok(__hit) => return __hit,
                        §Err(__miss) => __miss,
                    }
                };
                let __text0 = §text(§Piece::arg(&a));
                __miss
                    .run_blocking_with(
                        &__shape,
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
                let __shape = {
                    use §probe::{
                        ContentLocal as _, Return as _, ShareClone as _, ShareNone as _, Value as _,
                        WeighHook as _, WeighSerde as _, WeighSize as _,
                    };
                    let __r = §Returns::<u8>::new().__cache_outer();
                    let __v = __r.__cache_value();
                    __r.__cache_shape(
                        __v.__cache_inner(),
                        (&&&__v).__cache_weigh(),
                        (&&__v).__cache_content(),
                        (&&__r.__cache_error()).__cache_share(),
                    )
                };
                let __miss = {
                    let mut __call = §Call::new(
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
                        &|| (),
                    );
                    __call.__cache_arg::<Arc<Self>>(&self);
                    #[cfg(x)] __call.__cache_arg::<T>(&a);
                    __call.__cache_arg(&b);
                    __call.__cache_arg::<&str>(&c);
                    __call.__cache_arg(&d);
                    match __call.__cache_start(&__shape) {
                        §Ok(__hit) => return __hit,
                        §Err(__miss) => __miss,
                    }
                };
                __miss.run_blocking(&__shape, move || -> u8 { 1 })
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
                    let __shape = {
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
                    };
                    let __miss = {
                        let mut __call = §Call::new(
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
                            &|| (),
                        );
                        __call.__cache_arg::<Self>(self);
                        match __call.__cache_start(&__shape) {
                            §Ok(__hit) => return __hit,
                            §Err(__miss) => __miss,
                        }
                    };
                    let __body = §pin!(
                        §Some(async move { if false { return
                        §never:: < u8 > (); } let __self = self; 1 })
                    );
                    __miss.run(&__shape, __body).await
                })
            }
        "#]],
    );
}

#[test]
fn an_async_invalidation() {
    check(
        Macro::Invalidate,
        r#""users:{id}:*", tag = "t:{return.tenant}:{id}", user(pool, id), on = always, before"#,
        "async fn save(pool: &PgPool, id: i64) -> Result<impl Debug, Error> { write(pool, id).await }",
        expect![[r#"
            async fn save(pool: &PgPool, id: i64) -> Result<impl Debug, Error> {
                §inventory::submit! {
                    §TargetRef { function : "save", module :
                    §module_path!(), kind :
                    §TargetKind::Pattern, text : "users:{id}:*", }
                }
                §inventory::submit! {
                    §TargetRef { function : "save", module :
                    §module_path!(), kind :
                    §TargetKind::Tag, text : "t:{return.tenant}:{id}", }
                }
                §inventory::submit! {
                    §TargetRef { function : "save", module :
                    §module_path!(), kind :
                    §TargetKind::Call, text : "user", }
                }
                let mut __targets = §Targets::new("save");
                §Targets::always(&mut __targets);
                §Targets::pattern(
                    &mut __targets,
                    &[
                        §Piece::Text("users:"),
                        §Piece::arg(&id),
                        §Piece::Text(":*"),
                    ],
                );
                §Targets::call(
                    &mut __targets,
                    §capture_call!(
                        user(pool, §Clone::clone(& id))
                    ),
                );
                §Targets::now(&__targets).await;
                let __text0 = §text(
                    §Piece::arg(&id),
                );
                let __out: Result<_, Error> = async move {
                    if false {
                        return §never::<Result<_, Error>>();
                    }
                    write(pool, id).await
                }
                    .await;
                let __success = {
                    use §probe::{Return as _, Value as _};
                    let __r = §returns(&__out).__cache_outer();
                    if let §Some(__value) = __r
                        .__cache_item(__r.__cache_value().__cache_inner(), &__out)
                    {
                        §Targets::tag(
                            &mut __targets,
                            &[
                                §Piece::Text("t:"),
                                §Piece::arg(&__value.tenant),
                                §Piece::Text(":"),
                                §Piece::Text(&__text0),
                            ],
                        );
                    }
                    __r.__cache_succeeded(&__out)
                };
                __targets.finish(__success).await;
                __out
            }
        "#]],
    );
}

#[test]
fn a_sync_invalidation() {
    check(
        Macro::Invalidate,
        r#"tag = "all""#,
        "fn reset() { write() }",
        expect![[r#"
            fn reset() {
                §inventory::submit! {
                    §TargetRef { function : "reset", module :
                    §module_path!(), kind :
                    §TargetKind::Tag, text : "all", }
                }
                let mut __targets = §Targets::new("reset");
                §Targets::tag(
                    &mut __targets,
                    &[§Piece::Text("all")],
                );
                let __out: () = (move || -> () { write() })();
                let __success = {
                    use §probe::{Return as _, Value as _};
                    let __r = §returns(&__out).__cache_outer();
                    __r.__cache_succeeded(&__out)
                };
                __targets.finish_blocking(__success);
                __out
            }
        "#]],
    );
}

#[test]
fn a_warmup() {
    check(
        Macro::Warmup,
        "name = \"x\", id = 1",
        "#[cfg(x)] #[cache] async fn profile(id: u64, name: &str) -> Profile { load(id) }",
        expect![[r##"
            #[cfg(x)]
            #[cache]
            async fn profile(id: u64, name: &str) -> Profile {
                load(id)
            }
            #[cfg(x)]
            const _: () = {
                §inventory::submit! {
                    §WarmupJob { call : "profile(1,\"x\")", module :
                    §module_path!(), run : ||
                    §Box::pin(async {
                    §outcome_of!(profile(1, "x"). await) }), }
                }
            };
        "##]],
    );
}
