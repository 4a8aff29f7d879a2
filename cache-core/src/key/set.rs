//! Hash sets: sequences whose order means nothing.

use serde::Serialize;

use super::encoder::{Buffer, Encoder};
use super::error::KeyError;
use super::tail;
use super::trail::Trail;

/// Types that serialize as what they point to.
const WRAPPERS: [&str; 7] = [
    "&",
    "mut ",
    "'_, ",
    "alloc::boxed::Box<",
    "alloc::sync::Arc<",
    "alloc::rc::Rc<",
    "alloc::borrow::Cow<",
];

const SETS: [&str; 2] = [
    "std::collections::hash::set::HashSet<",
    "hashbrown::set::HashSet<",
];

/// Whether `T` is a hash set, perhaps behind pointers.
///
/// Told by the type's name, because serde has the same event for a set and for a list. Should the name ever change, a
/// set in another order is another key: a miss, never a wrong value.
pub(super) fn is_hash_set<T: ?Sized>() -> bool {
    let mut name = core::any::type_name::<T>();
    while let Some(inner) = WRAPPERS
        .iter()
        .find_map(|wrapper| name.strip_prefix(wrapper))
    {
        name = inner;
    }
    SETS.iter().any(|set| name.starts_with(set))
}

/// The elements of a set, each as complete bytes, until all are known and can be put in order.
#[derive(Debug)]
pub(super) struct Elements(Vec<Vec<u8>>);

impl Elements {
    pub(super) fn new(len: Option<usize>) -> Self {
        Self(Vec::with_capacity(len.unwrap_or(0).min(1024)))
    }

    pub(super) fn add<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), KeyError> {
        self.0.push(complete(element)?);
        Ok(())
    }

    /// Appends the elements in the order of their bytes, which are then as if they had come in that order; each is mixed as a whole.
    pub(super) fn put(mut self, out: &mut Buffer, mut trail: Trail) -> Result<Trail, KeyError> {
        self.0.sort_unstable();
        for element in &self.0 {
            let parts = tail::split(element);
            trail = trail.and_slice(parts.values, out);
            for tag in parts.each_tag() {
                trail = trail.and(tag, out)?;
            }
        }
        Ok(trail)
    }
}

/// A value's own complete bytes.
pub(super) fn complete<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, KeyError> {
    let mut encoder = Encoder::new();
    encoder.push_part(value)?;
    Ok(encoder.finish().to_vec())
}
