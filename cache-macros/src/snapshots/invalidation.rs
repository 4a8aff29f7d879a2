//! Functions that invalidate, and those that warm up.

use expect_test::expect;

use super::check;
use crate::preset::Macro;

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

/// What makes an argument of a typed target may be a cached call, too.
#[test]
fn a_typed_target_with_an_argument_that_is_made() {
    check(
        Macro::Invalidate,
        "user(pool, tenant(form.id), |x| f(x))",
        "fn rename(pool: &Pool, form: Form) { write() }",
        expect![[r#"
            fn rename(pool: &Pool, form: Form) {
                §inventory::submit! {
                    §TargetRef { function : "rename", module :
                    §module_path!(), kind :
                    §TargetKind::Call, text : "user", }
                }
                let mut __targets = §Targets::new("rename");
                match (tenant(form.id),) {
                    (__0,) => {
                        §Targets::call(
                            &mut __targets,
                            §capture_call!(user(pool, __0, | x | f(x))),
                        )
                    }
                };
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
                    §module_path!(), priority : 0u32, every :
                    §None, run : || §Box::pin(async {
                    §Step::Made(§outcome_of!(profile(1,
                    "x"). await)) }), }
                }
            };
        "##]],
    );
}

#[test]
#[cfg(feature = "redis")]
fn a_warmup_of_what_was_hot() {
    check(
        Macro::Warmup,
        "hot = 100, pool = pool()",
        "#[cache(skip(pool), name = \"day\", version = 2)] async fn weather(pool: Pool, city: &str, day: u8) -> Weather { load(day) }",
        expect![[r##"
            #[cache(skip(pool), name = "day", version = 2)]
            async fn weather(pool: Pool, city: &str, day: u8) -> Weather {
                load(day)
            }
            const _: () = {
                static __CACHE_HOT: §HotCalls = §HotCalls::new(
                        || §path_of(&weather),
                        &["city", "day"],
                        100usize,
                        |__kept| {
                            let __1 = __kept
                                .take::<<str as §ToOwned>::Owned>();
                            let __2 = __kept.take::<u8>();
                            __kept.end()?;
                            let __1 = __1?;
                            let __2 = __2?;
                            §Ok(
                                §Box::pin(async move {
                                    §outcome_of!(
                                        weather(pool(), & __1, __2). await
                                    )
                                }),
                            )
                        },
                    )
                    .name("day")
                    .version(2u32);
                §inventory::submit! {
                    §HotRef(& __CACHE_HOT)
                }
                §inventory::submit! {
                    §WarmupJob { call : "weather(pool(),hot 100)", module :
                    §module_path!(), priority : 0u32, every :
                    §None, run : || §Box::pin(async {
                    §hot(& __CACHE_HOT). await }), }
                }
            };
        "##]],
    );
}

#[test]
fn a_warmup_from_a_list() {
    check(
        Macro::Warmup,
        "city = \"Rome\", from = days().await, every = \"1h\", priority = 3",
        "fn weather(city: &str, day: u8, unit: &str) -> Weather { load(day) }",
        expect![[r#"
            fn weather(city: &str, day: u8, unit: &str) -> Weather {
                load(day)
            }
            const _: () = {
                §inventory::submit! {
                    §WarmupJob { call :
                    "weather(\"Rome\",from days().await)", module :
                    §module_path!(), priority : 3u32, every :
                    §Some(§Duration::from_millis(3600000u64)),
                    run : || §Box::pin(async {
                    §calls(days(). await, | (__1, __2) |
                    §Box::pin(async move {
                    §Step::Made(§outcome_of!(weather("Rome",
                    __1, & __2))) })) }), }
                }
            };
        "#]],
    );
}
