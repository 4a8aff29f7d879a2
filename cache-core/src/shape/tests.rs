use std::rc::Rc;

use super::probe::{
    ContentLocal as _, ContentSerde as _, Return as _, ShareClone as _, ShareNone as _, Value as _,
    WeighHook as _, WeighSerde as _, WeighSize as _,
};
use serde::{Serialize, de::DeserializeOwned};

use super::*;
use crate::weight::CacheWeight;

/// What an attribute writes.
macro_rules! shape {
    ($return:ty) => {{
        let outer = Returns::<$return>::new().__cache_outer();
        let value = outer.__cache_value();
        outer.__cache_shape(
            value.__cache_inner(),
            (&&&value).__cache_weigh(),
            (&&value).__cache_content(),
            (&&outer.__cache_error()).__cache_share(),
        )
    }};
}

/// The names of the answers, without their modules and without what they are about.
macro_rules! answers {
    ($return:ty) => {{
        let name = name_of(&shape!($return));
        let inside = name.split_once('<').unwrap().1.strip_suffix('>').unwrap();
        let mut depth = 0;
        let parts = inside.split(|c| {
            depth +=
                i32::from(matches!(c, '<' | '(' | '[')) - i32::from(matches!(c, '>' | ')' | ']'));
            c == ',' && depth == 0
        });
        let word = |part: &str| {
            part.trim()
                .split('<')
                .next()
                .unwrap()
                .rsplit("::")
                .next()
                .unwrap()
                .to_owned()
        };
        parts.map(word).collect::<Vec<_>>().join(" ")
    }};
}

fn name_of<T>(_: &T) -> &'static str {
    std::any::type_name::<T>()
}

type Aliased<T> = Result<T, String>;
type Perhaps<T> = Option<T>;

/// Somebody's own type of that name.
mod own {
    #[derive(Clone)]
    pub(super) struct Result<T>(pub(super) T);
    #[derive(Clone)]
    #[expect(dead_code, reason = "a name")]
    pub(super) enum Option<T> {
        None,
        Some(T),
    }
}

#[derive(Clone, serde::Serialize, serde::Deserialize, PartialEq, Debug)]
struct Both(u64);

#[derive(Clone, serde::Serialize)]
struct Written(Vec<u8>);

#[derive(Clone)]
struct Opaque(#[expect(dead_code, reason = "weighed")] [u8; 100]);

#[derive(Clone)]
struct OpaqueOnHeap(#[expect(dead_code, reason = "weighed")] Vec<u8>);

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Hooked(Vec<u8>);

impl CacheWeight for Hooked {
    fn cache_weight(&self) -> usize {
        1_000 + self.0.len()
    }
}

#[derive(Debug, PartialEq)]
struct NoClone;

#[test]
fn types_decide_and_not_their_names() {
    assert_eq!(answers!(u64), "Plain Whole BySerde Portable Shared");
    assert_eq!(
        answers!(Aliased<u64>),
        "Fallible Whole BySerde Portable Shared"
    );
    assert_eq!(
        answers!(Aliased<Perhaps<u64>>),
        "Fallible Optional BySerde Portable Shared"
    );
    assert_eq!(
        answers!(Perhaps<Both>),
        "Plain Optional BySerde Portable Shared"
    );
    assert_eq!(
        answers!(std::io::Result<()>),
        "Fallible Whole BySerde Portable Alone"
    );
    assert_eq!(
        answers!(std::fmt::Result),
        "Fallible Whole BySerde Portable Shared"
    );
    assert_eq!(
        answers!(own::Result<u64>),
        "Plain Whole BySize Local Shared"
    );
    assert_eq!(
        answers!(own::Option<u64>),
        "Plain Whole BySize Local Shared"
    );
    assert_eq!(
        answers!(Option<Option<u64>>),
        "Plain Optional BySerde Portable Shared"
    );
    // Only the outer one is the function's.
    assert_eq!(
        answers!(Option<Aliased<u64>>),
        "Plain Optional BySerde Portable Shared"
    );
    assert_eq!(
        answers!(Box<Aliased<u64>>),
        "Plain Whole BySerde Portable Shared"
    );
}

#[test]
fn a_value_is_weighed_by_the_best_that_it_has() {
    assert_eq!(answers!(Hooked), "Plain Whole ByHook Portable Shared");
    assert_eq!(answers!(Written), "Plain Whole BySerde Local Shared");
    assert_eq!(answers!(Opaque), "Plain Whole BySize Local Shared");
    fn weight<S: Split>(_: S, out: &S::Return) -> (u64, bool) {
        use crate::tier::memory::Resident;
        let rest = S::keep(out, head(), usize::MAX).unwrap().weight();
        (rest, S::measured())
    }
    let (nothing, _) = weight(shape!(()), &());
    assert_eq!(
        weight(shape!(Hooked), &Hooked(vec![0; 5])),
        (nothing + 1_005, true)
    );
    let (written, measured) = weight(shape!(Written), &Written(vec![0; 500]));
    assert!(
        measured && (nothing + 500..nothing + 600).contains(&written),
        "{written} {nothing}"
    );
    assert_eq!(
        weight(shape!(Opaque), &Opaque([0; 100])),
        (nothing + 100, true)
    );
    let (heap, measured) = weight(shape!(OpaqueOnHeap), &OpaqueOnHeap(vec![0; 500]));
    assert!(!measured, "what is on the heap is not known");
    assert_eq!(heap, nothing + size_of::<OpaqueOnHeap>() as u64);
}

#[test]
fn an_error_is_shared_if_it_can_be() {
    assert_eq!(
        answers!(Result<u64, &'static str>),
        "Fallible Whole BySerde Portable Shared"
    );
    assert_eq!(
        answers!(Result<u64, NoClone>),
        "Fallible Whole BySerde Portable Alone"
    );
    // Cloned, but bound to its thread.
    assert_eq!(
        answers!(Result<u64, Rc<str>>),
        "Fallible Whole BySerde Portable Alone"
    );
    assert_eq!(
        answers!(Result<u64, Box<dyn std::error::Error>>),
        "Fallible Whole BySerde Portable Alone"
    );
    assert_eq!(
        answers!(Result<u64, Arc<std::io::Error>>),
        "Fallible Whole BySerde Portable Shared"
    );
}

#[test]
fn an_error_is_weighed_by_the_best_that_it_has() {
    fn name<S: Split>(_: S) -> &'static str {
        std::any::type_name::<S>()
    }
    #[track_caller]
    fn by(name: &str, weight: &str) {
        let (_, error) = name.rsplit_once("Shared<").unwrap();
        assert!(error.contains(&format!("shape::{weight}<")), "{error}");
    }
    by(name(shape!(Result<u64, Hooked>)), "ByHook");
    by(name(shape!(Result<u64, Written>)), "BySerde");
    by(name(shape!(Result<u64, &'static str>)), "BySerde");
    by(name(shape!(Result<u64, Opaque>)), "BySize");
    by(name(shape!(Result<u64, Arc<std::io::Error>>)), "BySize");
    /// Can be weighed, and not be copied.
    #[derive(Serialize)]
    struct Single(u64);
    assert_eq!(
        answers!(Result<u64, Single>),
        "Fallible Whole BySerde Portable Alone"
    );
}

/// What a body knows of a type parameter is all that the shape knows of it.
#[test]
fn generic_functions_have_a_shape_too() {
    fn of<T: CacheValue>() -> String {
        [
            answers!(T),
            answers!(Result<T, NoClone>),
            answers!(Option<T>),
        ]
        .join(", ")
    }
    let expected = "Plain Whole BySize Local Shared, Fallible Whole BySize Local Alone, Plain Optional BySize Local Shared";
    assert_eq!(of::<u64>(), expected);
    assert_eq!(of::<Option<u64>>(), expected);
    fn known<T: CacheValue + Serialize + DeserializeOwned>() -> String {
        answers!(Result<Option<T>, String>)
    }
    assert_eq!(known::<u64>(), "Fallible Optional BySerde Portable Shared");
}

fn head() -> Head {
    crate::entry::tests::head(b"")
}

/// Keeps an outcome and hands it out again.
fn again<S: Split>(_: S, out: S::Return) -> (Class, Option<S::Return>) {
    let class = S::class(&out);
    let kept = S::keep(&out, head(), usize::MAX);
    (class, kept.and_then(|kept| S::unpack(kept.payload())))
}

#[test]
fn an_outcome_comes_back_as_it_was() {
    assert_eq!(again(shape!(Both), Both(1)), (Class::Value, Some(Both(1))));
    assert_eq!(
        again(shape!(Option<Both>), Some(Both(1))),
        (Class::Value, Some(Some(Both(1))))
    );
    assert_eq!(
        again(shape!(Option<Both>), None),
        (Class::Absent, Some(None))
    );
    type Full = Result<Option<Both>, String>;
    assert_eq!(
        again(shape!(Full), Ok(Some(Both(1)))),
        (Class::Value, Some(Ok(Some(Both(1)))))
    );
    assert_eq!(
        again(shape!(Full), Ok(None)),
        (Class::Absent, Some(Ok(None)))
    );
    let error = || Full::Err("no".to_owned());
    assert_eq!(again(shape!(Full), error()), (Class::Failed, Some(error())));
    assert_eq!(
        again(shape!(Result<Both, NoClone>), Err(NoClone)),
        (Class::Failed, None)
    );
    assert_eq!(
        again(shape!(Option<Option<u8>>), Some(None)),
        (Class::Value, Some(Some(None)))
    );
}

#[test]
fn what_does_not_fit_is_not_unpacked() {
    fn from<S: Split>(_: S, payload: Payload) -> Option<S::Return> {
        S::unpack(payload)
    }
    type Full = Result<Option<Both>, String>;
    assert!(from(shape!(Full), Arc::new(7_u8)).is_none());
    assert!(from(shape!(u64), Arc::new(7_u8)).is_none());
    assert!(from(shape!(Arc<u64>), Arc::new(7_u8)).is_none());
    // A value is not its error, nor the other way round.
    assert!(from(shape!(Full), Arc::new(Some(Both(1)))).is_some());
    assert!(from(shape!(Full), Arc::new(String::new())).is_none());
    assert!(from(shape!(Result<u64, NoClone>), Arc::new(NoClone)).is_none());
}

#[test]
fn an_error_of_its_values_type_stays_an_error() {
    type Same = Result<String, String>;
    for out in [Same::Ok("a".into()), Same::Err("a".into())] {
        assert_eq!(again(shape!(Same), out.clone()).1, Some(out));
    }
}

#[test]
fn an_arc_is_kept_as_it_is() {
    let value = Arc::new(Both(1));
    let kept = again(shape!(Arc<Both>), Arc::clone(&value)).1;
    assert!(kept.is_some_and(|kept| Arc::ptr_eq(&kept, &value)));
    let text: Arc<str> = "text".into();
    assert_eq!(again(shape!(Arc<str>), Arc::clone(&text)).1, Some(text));
}

#[test]
fn rules_see_the_value_inside() {
    fn item<S: Split>(_: S, out: &S::Return) -> Option<&S::Item> {
        S::item(out)
    }
    type Full = Result<Option<Both>, String>;
    assert_eq!(item(shape!(Full), &Ok(Some(Both(3)))), Some(&Both(3)));
    assert_eq!(item(shape!(Full), &Ok(None)), None);
    assert_eq!(item(shape!(Full), &Err(String::new())), None);
    assert_eq!(item(shape!(Option<Option<u8>>), &Some(None)), Some(&None));
    let outer = Returns::<Full>::new().__cache_outer();
    assert_eq!(
        outer.__cache_item(outer.__cache_value().__cache_inner(), &Ok(Some(Both(3)))),
        Some(&Both(3))
    );
    assert!(outer.__cache_succeeded(&Ok(None)) && !outer.__cache_succeeded(&Err(String::new())));
    assert!(Returns::<u8>::new().__cache_outer().__cache_succeeded(&0));
}

#[test]
fn only_what_can_be_read_back_has_a_schema() {
    fn schema<S: Split>(_: S) -> bool {
        S::schema().is_some()
    }
    assert!(schema(shape!(Both)) && schema(shape!(Result<Option<Both>, NoClone>)));
    assert!(!schema(shape!(Written)) && !schema(shape!(Opaque)));
}

#[test]
fn nothing_of_it_exists_at_run_time() {
    assert_eq!(size_of_val(&shape!(Result<Option<Both>, NoClone>)), 0);
    assert_eq!(size_of_val(&Returns::<Both>::new()), 0);
    // Whatever the types are: a future that holds a shape is `Send` exactly if its body is.
    fn sendable<T: Send + Sync + Copy>(_: T) {}
    sendable(Returns::<Rc<u8>>::new());
    sendable(shape!(Result<u64, Rc<str>>));
}

#[cfg(feature = "redis")]
mod portable;
