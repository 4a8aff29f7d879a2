//! Functions whose value is put.

use expect_test::expect;

use super::check;
use crate::preset::Macro;

#[test]
fn a_value_under_addresses() {
    check(
        Macro::Put,
        r#""users:{user.id}", "names:{return.name}:{tenant}", ttl = 60"#,
        "async fn save(pool: &PgPool, user: User, tenant: u32) -> sqlx::Result<User> { write(pool, user).await }",
        expect![[r#"
            async fn save(pool: &PgPool, user: User, tenant: u32) -> sqlx::Result<User> {
                let mut __writing = §Writing::new("save");
                let __text0 = §text(
                    §Piece::arg(&user.id),
                );
                let __text1 = §text(
                    §Piece::arg(&tenant),
                );
                §Writing::names(
                    &mut __writing,
                    &[
                        §Piece::Text("users:"),
                        §Piece::Text(&__text0),
                    ],
                );
                let __out: sqlx::Result<User> = §Writing::inside(&__writing)
                    .run(async move {
                        if false {
                            return §never::<sqlx::Result<User>>();
                        }
                        write(pool, user).await
                    })
                    .await;
                {
                    use §probe::{Return as _, Value as _};
                    let __r = §returns(&__out).__cache_outer();
                    if !__r.__cache_succeeded(&__out) {
                        §Writing::failed(&mut __writing);
                    } else if let §Some(__value) = __r
                        .__cache_item(__r.__cache_value().__cache_inner(), &__out)
                    {
                        §Writing::value(
                            &mut __writing,
                            &[
                                §Piece::Text("users:"),
                                §Piece::Text(&__text0),
                            ],
                            __value,
                            §Some(
                                §Duration::from_millis(60000u64),
                            ),
                        );
                        §Writing::value(
                            &mut __writing,
                            &[
                                §Piece::Text("names:"),
                                §Piece::arg(&__value.name),
                                §Piece::Text(":"),
                                §Piece::Text(&__text1),
                            ],
                            __value,
                            §Some(
                                §Duration::from_millis(60000u64),
                            ),
                        );
                    }
                }
                __writing.finish().await;
                __out
            }
        "#]],
    );
}

#[test]
fn a_sync_function_and_a_lifetime_by_value() {
    check(
        Macro::Put,
        r#""users:{return.id}", ttl = |user| user.ttl"#,
        "fn save(user: User) -> Option<User> { write(user) }",
        expect![[r#"
            fn save(user: User) -> Option<User> {
                let mut __writing = §Writing::new("save");
                let __out: Option<User> = §Writing::inside(&__writing)
                    .call(move || -> Option<User> { write(user) });
                {
                    use §probe::{Return as _, Value as _};
                    let __r = §returns(&__out).__cache_outer();
                    if !__r.__cache_succeeded(&__out) {
                        §Writing::failed(&mut __writing);
                    } else if let §Some(__value) = __r
                        .__cache_item(__r.__cache_value().__cache_inner(), &__out)
                    {
                        §Writing::value(
                            &mut __writing,
                            &[
                                §Piece::Text("users:"),
                                §Piece::arg(&__value.id),
                            ],
                            __value,
                            §lifetime(
                                §judge(__value, |user| user.ttl),
                            ),
                        );
                    }
                }
                __writing.finish_blocking();
                __out
            }
        "#]],
    );
}

#[test]
fn a_value_of_calls() {
    check(
        Macro::Put,
        "user(pool, form.id), self.by_name(&return.name, |x| x, tenant())",
        "async fn save(&self, pool: &PgPool, form: Form) -> sqlx::Result<User> { write(pool, form).await }",
        expect![[r#"
            async fn save(&self, pool: &PgPool, form: Form) -> sqlx::Result<User> {
                §inventory::submit! {
                    §TargetRef { function : "save", module :
                    §module_path!(), kind :
                    §TargetKind::Call, text : "user", }
                }
                §inventory::submit! {
                    §TargetRef { function : "save", module :
                    §module_path!(), kind :
                    §TargetKind::Call, text : "by_name", }
                }
                let mut __writing = §Writing::new("save");
                let __c0_0 = pool;
                let __c0_1 = §Clone::clone(&form.id);
                §Writing::target(
                    &mut __writing,
                    §capture_call!(
                        user(§Clone::clone(& __c0_0),
                        §Clone::clone(& __c0_1))
                    ),
                );
                let __c1_2 = tenant();
                let __out: sqlx::Result<User> = §Writing::inside(&__writing)
                    .run(async move {
                        if false {
                            return §never::<sqlx::Result<User>>();
                        }
                        write(pool, form).await
                    })
                    .await;
                let __late = {
                    use §probe::{Return as _, Value as _};
                    let __r = §returns(&__out).__cache_outer();
                    if !__r.__cache_succeeded(&__out) {
                        §Writing::failed(&mut __writing);
                        §None
                    } else if let §Some(__value) = __r
                        .__cache_item(__r.__cache_value().__cache_inner(), &__out)
                    {
                        let __c1_0 = §Clone::clone(&__value.name);
                        §Writing::target(
                            &mut __writing,
                            §capture_call!(
                                self.by_name(& __c1_0, | x | x,
                                §Clone::clone(& __c1_2))
                            ),
                        );
                        let __inner = §holds_of(__value).__cache_inner();
                        let __given = §Writing::given(
                            &mut __writing,
                            __inner,
                            __value,
                        );
                        §Some((__inner, __given, __c1_0))
                    } else {
                        §None
                    }
                };
                if let §Some((__inner, __given, __c1_0)) = __late {
                    if let §Some(__giving) = §Writing::give(
                        &__writing,
                        &__given,
                    ) {
                        let __made = {
                            use §made::{OfFuture as _, OfValue as _};
                            let __call = §Giving::make(
                                &__giving,
                                || user(__c0_0, __c0_1),
                            );
                            (&&__call).__cache_made()
                        };
                        {
                            use §probe::{Return as _, Value as _};
                            §must_give(
                                __made
                                    .__cache_returns()
                                    .__cache_outer()
                                    .__cache_value()
                                    .__cache_inner(),
                                __inner,
                            );
                        }
                        __made.__cache_given(&__giving).await;
                        §Writing::gave(&mut __writing, __giving);
                    }
                    if let §Some(__giving) = §Writing::give(
                        &__writing,
                        &__given,
                    ) {
                        let __made = {
                            use §made::{OfFuture as _, OfValue as _};
                            let __call = §Giving::make(
                                &__giving,
                                || self.by_name(&__c1_0, |x| x, __c1_2),
                            );
                            (&&__call).__cache_made()
                        };
                        {
                            use §probe::{Return as _, Value as _};
                            §must_give(
                                __made
                                    .__cache_returns()
                                    .__cache_outer()
                                    .__cache_value()
                                    .__cache_inner(),
                                __inner,
                            );
                        }
                        __made.__cache_given(&__giving).await;
                        §Writing::gave(&mut __writing, __giving);
                    }
                }
                __writing.finish().await;
                __out
            }
        "#]],
    );
}

#[test]
fn a_value_of_a_call_of_a_sync_function() {
    check(
        Macro::Put,
        "user(name, return)",
        "fn save(name: String) -> User { write(name) }",
        expect![[r#"
            fn save(name: String) -> User {
                §inventory::submit! {
                    §TargetRef { function : "save", module :
                    §module_path!(), kind :
                    §TargetKind::Call, text : "user", }
                }
                let mut __writing = §Writing::new("save");
                let __c0_0 = §Clone::clone(&name);
                let __out: User = §Writing::inside(&__writing)
                    .call(move || -> User { write(name) });
                let __late = {
                    use §probe::{Return as _, Value as _};
                    let __r = §returns(&__out).__cache_outer();
                    if !__r.__cache_succeeded(&__out) {
                        §Writing::failed(&mut __writing);
                        §None
                    } else if let §Some(__value) = __r
                        .__cache_item(__r.__cache_value().__cache_inner(), &__out)
                    {
                        let __c0_1 = §Clone::clone(__value);
                        §Writing::target(
                            &mut __writing,
                            §capture_call!(
                                user(§Clone::clone(& __c0_0),
                                §Clone::clone(& __c0_1))
                            ),
                        );
                        let __inner = §holds_of(__value).__cache_inner();
                        let __given = §Writing::given(
                            &mut __writing,
                            __inner,
                            __value,
                        );
                        §Some((__inner, __given, __c0_1))
                    } else {
                        §None
                    }
                };
                if let §Some((__inner, __given, __c0_1)) = __late {
                    if let §Some(__giving) = §Writing::give(
                        &__writing,
                        &__given,
                    ) {
                        let __made = {
                            use §made::{OfFuture as _, OfValue as _};
                            let __call = §Giving::make(
                                &__giving,
                                || user(__c0_0, __c0_1),
                            );
                            (&&__call).__cache_made()
                        };
                        {
                            use §probe::{Return as _, Value as _};
                            §must_give(
                                __made
                                    .__cache_returns()
                                    .__cache_outer()
                                    .__cache_value()
                                    .__cache_inner(),
                                __inner,
                            );
                        }
                        §block_on(__made.__cache_given(&__giving));
                        §Writing::gave(&mut __writing, __giving);
                    }
                }
                __writing.finish_blocking();
                __out
            }
        "#]],
    );
}
