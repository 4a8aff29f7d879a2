//! Functions that a macro writes, also around a body that it was given, and a runtime that is found elsewhere.

mod facade {
    pub use cache_core as runtime;
}

macro_rules! getter {
    ($name:ident($arg:ident: $ty:ty) -> $out:ty, $ttl:expr, $template:literal, $when:expr, $body:block) => {
        #[facade::runtime::cache_resource($template, ttl = $ttl, when = $when, crate = crate::facade::runtime)]
        async fn $name($arg: $ty) -> $out {
            let doubled = double!($arg);
            let _ = doubled;
            $body
        }
    };
}

macro_rules! double {
    ($value:expr) => {
        $value * 2
    };
}

getter!(one(id: u64) -> Option<u64>, "5m", "ones:{id}", |one| *one == 1, { (id == 1).then_some(id) });
getter!(two(id: u64) -> Result<u64, String>, 60, "twos:{id}", |_| true, { Ok(id) });

macro_rules! change {
    ($name:ident, $target:expr, $template:expr) => {
        #[facade::runtime::invalidate_cache($target, $template, crate = facade::runtime)]
        fn $name() -> u64 {
            1
        }
    };
}

change!(change_one, one(1), "resource:ones:*");

macro_rules! whole {
    ($name:ident, $later:ident, $body:block) => {
        #[cache_core::cache]
        fn $name(id: u64) -> u64 $body

        #[cache_core::cache]
        fn $later(id: u64) -> impl Future<Output = u64> + Send {
            async move $body
        }

        #[cache_core::invalidate_cache($name(1))]
        fn change_whole() -> u64 $body
    };
}

whole!(whole, whole_later, { 7 });

fn main() {
    use cache_core::__private::block_on;

    assert_eq!(block_on(one(1)), Some(1));
    assert_eq!(block_on(two(2)), Ok(2));
    assert_eq!(change_one(), 1);
    assert_eq!((whole(1), block_on(whole_later(1)), change_whole()), (7, 7, 7));
}
