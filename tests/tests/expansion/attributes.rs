//! Other attributes, and other macros.

use cache_core::__private::block_on;
use cache_core::{cache, cache_query};

use crate::calls::Calls;

/// Attributes stay, wherever they stand.
#[must_use]
#[cache]
#[doc(alias = "documented")]
#[expect(unused_variables, reason = "an attribute to keep")]
fn attributed(calls: &Calls, #[cfg(not(test))] absent: NoSuchType, #[cfg(test)] present: u8) -> u8 {
    #![expect(unused_mut, reason = "an attribute to keep")]
    calls.count();
    let mut unused = 1;
    2
}

#[tracing::instrument(skip_all)]
#[cache]
async fn instrumented_above(calls: &Calls, id: u8) -> Result<u8, String> {
    calls.count();
    Ok(id)
}

#[cache]
#[tracing::instrument(skip_all, err)]
async fn instrumented_below(calls: &Calls, id: u8) -> Result<u8, String> {
    calls.count();
    Ok(id)
}

#[test]
fn other_attributes_stay() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(attributed(&calls, 1), 2);
        assert_eq!(block_on(instrumented_above(&calls, 1)), Ok(1));
        assert_eq!(block_on(instrumented_below(&calls, 1)), Ok(1));
    }
    assert_eq!(calls.taken(), 3);
}

macro_rules! made {
    ($name:ident, $ttl:literal, $template:literal, $arg:ident: $ty:ty) => {
        #[cache_query($template, ttl = $ttl)]
        fn $name(calls: &Calls, $arg: $ty) -> u64 {
            calls.count();
            u64::from($arg)
        }
    };
}
made!(made_by_macro, 300, "made:{number}", number: u8);

#[test]
fn a_macro_may_write_the_function() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(made_by_macro(&calls, 3), 3);
    }
    assert_eq!(calls.taken(), 1);
}
