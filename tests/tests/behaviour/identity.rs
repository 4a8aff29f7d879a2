//! What tells entries apart: arguments, `key`, `skip`, `name`, `version`, `fingerprint`; and `crate`.

use cache_core::{
    ErrorKind, blocking, cache, cache_analysis, cache_query, cache_resource, cache_result,
};
use serde::Serialize;

use crate::runs::{run, start};

fn digest<R>(call: impl FnOnce() -> R) -> String {
    blocking::key_of(call).unwrap().digest
}

fn address<R>(call: impl FnOnce() -> R) -> String {
    blocking::key_of(call).unwrap().address
}

#[derive(Clone, Serialize)]
struct User {
    id: u64,
    name: String,
}

impl User {
    fn new(id: u64, name: &str) -> Self {
        let name = name.to_owned();
        Self { id, name }
    }

    fn id(&self) -> u64 {
        self.id
    }
}

/// Not `Serialize`.
struct Pool;

#[cache(key(user.id(), page))]
fn keyed(pool: &Pool, user: &User, page: u32) -> u64 {
    let _ = (pool, user, page);
    run()
}

#[cache(key(user.id))]
fn keyed_short(user: &User, page: u32) -> u64 {
    let _ = (user, page);
    run()
}

#[cache(skip(pool, page))]
fn skipping(pool: &Pool, user: &User, page: u32) -> u64 {
    let _ = (pool, user, page);
    run()
}

#[test]
fn key_and_skip_choose_what_identifies_an_entry() {
    start().enter(|| {
        let (ada, bob, other) = (
            User::new(1, "Ada"),
            User::new(1, "Bob"),
            User::new(2, "Ada"),
        );
        assert_eq!((keyed(&Pool, &ada, 1), keyed(&Pool, &bob, 1)), (1, 1));
        assert_eq!((keyed(&Pool, &ada, 2), keyed(&Pool, &other, 1)), (2, 3));
        assert_eq!(
            (
                keyed_short(&ada, 1),
                keyed_short(&bob, 2),
                keyed_short(&other, 1)
            ),
            (4, 4, 5)
        );
        assert_eq!((skipping(&Pool, &ada, 1), skipping(&Pool, &ada, 2)), (6, 6));
        assert_eq!(
            (skipping(&Pool, &bob, 1), skipping(&Pool, &other, 1)),
            (7, 8)
        );
    });
}

#[cache("forgetful:{a}")]
fn forgetful(a: u64, b: u64) -> u64 {
    let _ = (a, b);
    run()
}

#[test]
fn a_template_that_forgets_an_argument_serves_nobody_anothers_value() {
    start().enter(|| {
        assert_eq!((forgetful(1, 1), forgetful(1, 2)), (1, 2));
        assert_eq!((forgetful(1, 1), forgetful(1, 2)), (1, 2));
        assert_eq!(address(|| forgetful(1, 1)), address(|| forgetful(1, 2)));
        assert_ne!(digest(|| forgetful(1, 1)), digest(|| forgetful(1, 2)));
        blocking::invalidate(|| forgetful(1, 1)).unwrap();
        assert_eq!((forgetful(1, 1), forgetful(1, 2)), (3, 2), "by key");
        blocking::invalidate_pattern("forgetful:1").unwrap();
        assert_eq!((forgetful(1, 1), forgetful(1, 2)), (4, 5), "by address");
    });
}

mod old_place {
    use super::*;
    #[cache(name = "users.load")]
    pub(super) fn load(id: u64) -> u64 {
        id
    }
    #[cache(name = "users.load")]
    pub(super) fn load_of<T: Default + Into<u64> + 'static>(id: u64) -> u64 {
        id + T::default().into()
    }
    #[cache]
    pub(super) fn unnamed(id: u64) -> u64 {
        id
    }
}

mod new_place {
    use super::*;
    #[cache(name = "users.load")]
    pub(super) fn fetch(id: u64) -> u64 {
        id
    }
    #[cache(name = "users.load", version = 1)]
    pub(super) fn fetch_newer(id: u64) -> u64 {
        id
    }
    #[cache]
    pub(super) fn unnamed(id: u64) -> u64 {
        id
    }
}

/// Two places for the methods of two types.
mod methods {
    use super::*;

    #[derive(Serialize)]
    pub(super) struct Small;
    #[derive(Serialize)]
    pub(super) struct Large;

    pub(super) struct OldRepo<T>(pub(super) T);
    impl<T: Serialize + 'static> OldRepo<T> {
        #[cache(name = "repo.get", skip(self))]
        pub(super) fn get(&self, id: u64) -> u64 {
            id
        }
    }
    pub(super) trait OldLoads {
        fn load(&self, id: u64) -> u64;
        #[cache(name = "repo.named", skip(self))]
        fn named(&self, id: u64) -> u64 {
            id
        }
    }
    impl OldLoads for Small {
        #[cache(name = "repo.load")]
        fn load(&self, id: u64) -> u64 {
            id
        }
    }
    impl OldLoads for Large {
        fn load(&self, id: u64) -> u64 {
            id
        }
    }

    pub(super) mod moved {
        use super::*;

        pub(crate) struct Repo<T>(pub(crate) T);
        pub(crate) trait Loads {
            fn load_one(&self, id: u64) -> u64;
        }
        impl Loads for Small {
            #[cache(name = "repo.load")]
            fn load_one(&self, id: u64) -> u64 {
                id
            }
        }
        mod elsewhere {
            use super::*;
            impl<T: Serialize + 'static> Repo<T> {
                #[cache(name = "repo.get", skip(self))]
                pub(crate) fn fetch(&self, id: u64) -> u64 {
                    id
                }
            }
        }
    }
}

#[test]
fn a_name_survives_moving_a_method() {
    use methods::moved::{Loads as _, Repo};
    use methods::{Large, OldLoads as _, OldRepo, Small};
    start().enter(|| {
        assert_eq!(
            digest(|| OldRepo(1_u8).get(1)),
            digest(|| Repo(1_u8).fetch(1))
        );
        assert_ne!(
            digest(|| OldRepo(1_u8).get(1)),
            digest(|| OldRepo(1_u16).get(1))
        );
        assert_eq!(digest(|| Small.load(1)), digest(|| Small.load_one(1)));
        assert_ne!(
            digest(|| Small.named(1)),
            digest(|| Large.named(1)),
            "a trait's own body is another function for each type"
        );
    });
}

#[test]
fn a_name_survives_moving_and_a_version_does_not() {
    start().enter(|| {
        assert_eq!(
            digest(|| old_place::load(1)),
            digest(|| new_place::fetch(1))
        );
        assert_eq!(
            address(|| old_place::load(1)),
            address(|| new_place::fetch(1))
        );
        assert!(address(|| old_place::load(1)).starts_with("users.load:"));
        assert_ne!(digest(|| old_place::load(1)), digest(|| old_place::load(2)));
        assert_ne!(
            digest(|| new_place::fetch(1)),
            digest(|| new_place::fetch_newer(1))
        );
        assert_ne!(
            digest(|| old_place::unnamed(1)),
            digest(|| new_place::unnamed(1))
        );
        assert_ne!(
            digest(|| old_place::load_of::<u8>(1)),
            digest(|| old_place::load_of::<u16>(1)),
            "a name does not stand for the type arguments"
        );
    });
}

mod first {
    use super::*;
    #[cache(name = "code", fingerprint)]
    pub(super) fn code(x: u64) -> u64 {
        x + 1
    }
    #[cache_analysis(name = "analysed")]
    pub(super) fn analysed(x: u64) -> u64 {
        x + 1
    }
    #[cache(name = "plain")]
    pub(super) fn plain(x: u64) -> u64 {
        x + 1
    }
}

mod same {
    use super::*;
    #[cache(name = "code", fingerprint)]
    pub(super) fn code(x: u64) -> u64 {
        // Another layout is not another body.
        x + 1
    }
}

mod changed {
    use super::*;
    #[cache(name = "code", fingerprint)]
    pub(super) fn code(x: u64) -> u64 {
        x + 2
    }
    #[cache_analysis(name = "analysed")]
    pub(super) fn analysed(x: u64) -> u64 {
        x + 2
    }
    #[cache(name = "plain")]
    pub(super) fn plain(x: u64) -> u64 {
        x + 2
    }
}

#[test]
fn a_fingerprint_makes_new_code_new_entries() {
    start().enter(|| {
        assert_eq!(digest(|| first::code(1)), digest(|| same::code(1)));
        assert_ne!(digest(|| first::code(1)), digest(|| changed::code(1)));
        assert_ne!(
            digest(|| first::analysed(1)),
            digest(|| changed::analysed(1)),
            "by itself"
        );
        assert_eq!(
            digest(|| first::plain(1)),
            digest(|| changed::plain(1)),
            "not otherwise"
        );
    });
}

#[cache]
fn plain(id: u64) -> u64 {
    id
}
#[cache_query]
fn query(id: u64) -> u64 {
    id
}
#[cache_result]
fn result(id: u64) -> Result<u64, String> {
    Ok(id)
}
#[cache_resource("users:{id}")]
fn resource(id: u64) -> u64 {
    id
}
#[cache_analysis("{a}-{b.id}:{{x}}")]
fn analysis(a: bool, b: &User) -> u64 {
    u64::from(a) + b.id
}

#[test]
fn addresses_begin_with_their_preset() {
    start().enter(|| {
        let digest = digest(|| plain(1));
        assert_eq!(address(|| plain(1)), format!("plain:{digest}"));
        assert!(address(|| query(1)).starts_with("query:query:"));
        assert!(address(|| result(1)).starts_with("result:result:"));
        assert_eq!(address(|| resource(1)), "resource:users:1");
        assert_eq!(
            address(|| analysis(true, &User::new(4, ""))),
            "analysis:true-4:{x}"
        );
    });
}

/// The runtime under another name, told by where it says that functions stand.
pub(crate) mod facade {
    pub(crate) mod __private {
        pub(crate) use cache_core::__private::*;
        macro_rules! where_it_stands {
            () => {
                "by way of the facade"
            };
        }
        pub(crate) use where_it_stands as module_path;
    }
}

#[cache(crate = crate::identity::facade)]
fn through_a_facade(id: u64) -> u64 {
    let _ = id;
    run()
}

#[test]
fn the_runtime_may_have_another_path() {
    let test = start();
    test.enter(|| assert_eq!((through_a_facade(1), through_a_facade(1)), (1, 1)));
    let sites = test.cache().sites();
    let site = sites
        .iter()
        .find(|site| site.function == "through_a_facade")
        .unwrap();
    assert_eq!(site.module, "by way of the facade");
}

fn no_cached_call(id: u64) -> u64 {
    id
}

#[test]
fn a_key_of_nothing_is_an_error() {
    start().enter(|| {
        let error = blocking::key_of(|| no_cached_call(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoCachedCall);
        let error = blocking::invalidate(|| no_cached_call(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoCachedCall);
    });
}
