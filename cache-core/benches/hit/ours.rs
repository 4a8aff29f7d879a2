//! Ours.

mod live {
    use std::sync::Arc;

    use cache_core::cache;

    use crate::Entrant;
    use crate::arguments::{page_args, user_args};
    use crate::awaited::each_awaited;
    use crate::block_on::block_on;
    use crate::bodies::{Page, User, load_page, load_user};
    use crate::rounds::each;

    mod blocking {
        use super::*;

        #[cache(ttl = 300)]
        pub(super) fn user(id: u64) -> Arc<User> {
            load_user(id)
        }

        #[cache(ttl = 300)]
        pub(super) fn page(name: &str, number: u64, size: Option<u32>) -> Arc<Page> {
            load_page(name, number, size)
        }
    }

    #[cache(ttl = 300)]
    async fn user(id: u64) -> Arc<User> {
        load_user(id)
    }

    #[cache(ttl = 300)]
    async fn page(name: &str, number: u64, size: Option<u32>) -> Arc<Page> {
        load_page(name, number, size)
    }

    pub(crate) const ENTRANTS: &[Entrant] = &[
        Entrant {
            name: super::SYNC,
            user: |calls| each(calls, |n| blocking::user(user_args(n))),
            page: |calls| {
                each(calls, |n| {
                    let args = page_args(n);
                    blocking::page(args.name, args.number, args.size)
                })
            },
        },
        Entrant {
            name: super::ASYNC,
            user: |calls| each_awaited(calls, |n| user(user_args(n))),
            page: |calls| {
                each_awaited(calls, |n| {
                    let args = page_args(n);
                    page(args.name, args.number, args.size)
                })
            },
        },
    ];

    /// Appends one record that matches no entry: every entry must be checked against it once.
    pub(crate) fn invalidate_other(n: u64) {
        let address = format!("resource:others:{n}");
        if let Err(error) = block_on(cache_core::invalidate_pattern(&address)) {
            eprintln!("invalidation {n} failed: {error}");
        }
    }
}

pub(crate) use live::{ENTRANTS, invalidate_other};

pub(crate) const SYNC: &str = "#[cache] sync";
pub(crate) const ASYNC: &str = "#[cache] async";
