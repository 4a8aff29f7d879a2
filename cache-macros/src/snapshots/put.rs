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
                let __out: sqlx::Result<User> = async move {
                    if false {
                        return §never::<sqlx::Result<User>>();
                    }
                    write(pool, user).await
                }
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
                let __out: Option<User> = (move || -> Option<User> { write(user) })();
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
