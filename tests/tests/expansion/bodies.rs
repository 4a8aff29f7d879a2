//! The body: what it returns and how, what it may call, and its future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cache_core::__private::block_on;
use cache_core::cache;

use crate::calls::Calls;
use crate::is_send;

#[cache]
async fn early(calls: &Calls, id: u8) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    calls.count();
    if id == 0 {
        return Ok(0);
    }
    let parsed: u8 = "7".parse()?;
    if id == 1 {
        Err("one")?;
    }
    if id == 2 {
        return Err("two".into());
    }
    Ok(parsed)
}

#[cache]
fn early_sync(calls: &Calls, id: u8) -> Option<Arc<dyn Fn(u8) -> u8 + Send + Sync>> {
    calls.count();
    let found = (id > 0).then_some(id)?;
    if id == 1 {
        return Some(Arc::new(|x| x));
    }
    Some(Arc::new(move |x| x + found))
}

#[cache]
async fn coerced(
    calls: &Calls,
    id: u8,
) -> Result<Arc<dyn Fn(u8) -> u8 + Send + Sync>, Box<dyn Fn()>> {
    calls.count();
    if id == 0 {
        return Err(Box::new(|| ()));
    }
    Ok(Arc::new(move |x| x + id))
}

#[cache]
async fn inferred(calls: &Calls) -> Vec<u16> {
    calls.count();
    [1_u8, 2].into_iter().map(Into::into).collect()
}

#[test]
fn the_return_type_is_known_in_the_body() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(block_on(coerced(&calls, 2)).ok().unwrap()(1), 3);
        assert_eq!(block_on(inferred(&calls)), [1, 2]);
    }
    assert_eq!(calls.taken(), 2);
    assert!(block_on(coerced(&calls, 0)).is_err());
}

#[test]
fn early_returns_are_stored_too() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(block_on(early(&calls, 0)).unwrap(), 0);
        assert_eq!(block_on(early(&calls, 3)).unwrap(), 7);
        assert_eq!(early_sync(&calls, 1).unwrap()(1), 1);
        assert_eq!(early_sync(&calls, 2).unwrap()(1), 3);
    }
    assert_eq!(calls.taken(), 4);
    for _ in 0..2 {
        assert_eq!(block_on(early(&calls, 1)).unwrap_err().to_string(), "one");
        assert!(early_sync(&calls, 0).is_none());
    }
    assert_eq!(calls.taken(), 4, "neither errors nor `None`");
}

#[cache]
async fn fibonacci(n: u64) -> u64 {
    if n < 2 {
        n
    } else {
        Box::pin(fibonacci(n - 1)).await + Box::pin(fibonacci(n - 2)).await
    }
}

#[cache]
fn fibonacci_sync(n: u64) -> u64 {
    if n < 2 {
        n
    } else {
        fibonacci_sync(n - 1) + fibonacci_sync(n - 2)
    }
}

#[test]
fn recursion_does_not_wait_for_itself() {
    assert_eq!(block_on(fibonacci(60)), 1_548_008_755_920);
    assert_eq!(fibonacci_sync(60), 1_548_008_755_920);
}

#[cache]
async fn waits(id: u64, data: [u8; 32]) -> u64 {
    std::future::ready(()).await;
    let kept = data;
    std::future::ready(()).await;
    id + u64::from(kept[0])
}

async fn waits_bare(id: u64, data: [u8; 32]) -> u64 {
    std::future::ready(()).await;
    let kept = data;
    std::future::ready(()).await;
    id + u64::from(kept[0])
}

#[cache]
async fn waits_local(id: u64) -> u64 {
    let local = std::rc::Rc::new(id);
    std::future::ready(()).await;
    *local
}

#[test]
fn the_future_is_send_exactly_if_the_body_is() {
    assert_eq!(block_on(is_send(waits(1, [0; 32]))), 1);
    // Would not compile with `is_send`; the other half is in `ui/fail`.
    assert_eq!(block_on(waits_local(1)), 1);
}

#[test]
fn the_future_is_not_much_larger_than_the_body() {
    let (bare, cached) = (
        size_of_val(&waits_bare(1, [0; 32])),
        size_of_val(&waits(1, [0; 32])),
    );
    assert!(cached <= bare + 128, "{bare} bytes became {cached}");
}

#[cache]
fn statics(calls: &Calls, id: u8) -> &'static str {
    calls.count();
    if id == 0 { "zero" } else { "more" }
}

#[cache]
async fn diverges(_id: u8) -> u8 {
    todo!()
}

#[test]
fn what_lives_for_ever_need_not_be_owned() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(statics(&calls, 0), "zero");
    }
    assert_eq!(calls.taken(), 1);
    let _never_polled: Pin<Box<dyn Future<Output = u8>>> = Box::pin(diverges(1));
}
