//! The two ends of a batch function: the ids that it is given, and the elements that it gives.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

/// What names the elements of a batch.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no collection of ids",
    label = "expected `Vec<K>`, `&[K]`, `HashSet<K>` or `BTreeSet<K>`",
    note = "change the type of the argument that `each` names, or remove `each`"
)]
pub trait Ids {
    /// One of them.
    type Id: Clone;
    /// The same collection.
    type Own: Ids<Id = Self::Id>;
    /// Some of them, before the body has them.
    type Held: FromIterator<Self::Id>;
    /// Some of them, as the body has them.
    type Lent<'h>
    where
        Self: 'h;
    /// The same collection.
    fn own(&self) -> &Self::Own;
    /// All of them, in their order.
    fn ids(&self) -> impl Iterator<Item = &Self::Id>;
    /// Gives the body what it takes.
    fn lend<'h>(held: &'h mut Self::Held) -> Self::Lent<'h>
    where
        Self: 'h;
}

impl<K: Clone> Ids for &[K] {
    type Id = K;
    type Own = Self;
    type Held = Vec<K>;
    type Lent<'h>
        = &'h [K]
    where
        Self: 'h;
    fn own(&self) -> &Self {
        self
    }
    fn ids(&self) -> impl Iterator<Item = &K> {
        self.iter()
    }
    fn lend<'h>(held: &'h mut Vec<K>) -> &'h [K]
    where
        Self: 'h,
    {
        held
    }
}

macro_rules! collections {
    ($(<$($param:ident),+> $owned:ty where [$($bound:tt)*];)+) => {$(
        impl<$($param),+> Ids for $owned where K: Clone, $($bound)* {
            type Id = K;
            type Own = Self;
            type Held = Self;
            type Lent<'h> = Self where Self: 'h;
            fn own(&self) -> &Self {
        self
    }
    fn ids(&self) -> impl Iterator<Item = &K> {
                self.iter()
            }
            fn lend<'h>(held: &'h mut Self) -> Self where Self: 'h {
                std::mem::take(held)
            }
        }
        impl<$($param),+> Ids for &$owned where K: Clone, $($bound)* {
            type Id = K;
            type Own = Self;
            type Held = $owned;
            type Lent<'h> = &'h $owned where Self: 'h;
            fn own(&self) -> &Self {
        self
    }
    fn ids(&self) -> impl Iterator<Item = &K> {
                self.iter()
            }
            fn lend<'h>(held: &'h mut $owned) -> &'h $owned where Self: 'h {
                held
            }
        }
    )+};
}

collections! {
    <K> Vec<K> where [];
    <K> BTreeSet<K> where [K: Ord];
    <K, H> HashSet<K, H> where [K: Eq + Hash, H: BuildHasher + Default];
}

/// What a batch function gives for ids `K`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell which element is whose, of ids `{K}`",
    label = "expected a `HashMap<{K}, V>`, a `BTreeMap<{K}, V>`, or a `Vec<V>` in the order of the ids",
    note = "return one of them, plain or in a `Result`, or remove `each`"
)]
pub trait Elements<K>: Sized {
    /// What is kept for one id.
    type Element: Clone;
    /// The elements of these ids, in their order, and how many there were of others.
    ///
    /// # Errors
    /// They do not tell whose they are.
    fn split(self, ids: &[K]) -> Result<(Vec<Self::Element>, usize), Self>;
    /// All of them together.
    fn join(elements: impl Iterator<Item = (K, Self::Element)>) -> Self;
}

/// In the order of the ids: as many as those, or nobody knows which is missing.
impl<K, V: Clone> Elements<K> for Vec<V> {
    type Element = V;
    fn split(self, ids: &[K]) -> Result<(Vec<V>, usize), Self> {
        if self.len() == ids.len() {
            Ok((self, 0))
        } else {
            Err(self)
        }
    }
    fn join(elements: impl Iterator<Item = (K, V)>) -> Self {
        elements.map(|(_, element)| element).collect()
    }
}

macro_rules! maps {
    ($(<$($param:ident),+> $map:ty, $places:ident where [$($bound:tt)*];)+) => {$(
        /// What is not there is absent.
        impl<$($param),+> Elements<K> for $map where V: Clone, $($bound)* {
            type Element = Option<V>;
            fn split(mut self, ids: &[K]) -> Result<(Vec<Option<V>>, usize), Self> {
                let mut found: Vec<Option<V>> = ids.iter().map(|id| self.remove(id)).collect();
                if found.iter().any(Option::is_none) {
                    // Ids that are equal to the map, and not to the key of an entry, have one value.
                    let there = ids.iter().enumerate().filter(|(at, _)| found[*at].is_some());
                    let there: $places<&K, usize> = there.map(|(at, id)| (id, at)).collect();
                    for (at, id) in ids.iter().enumerate() {
                        if let (None, Some(first)) = (&found[at], there.get(id)) {
                            found[at] = found[*first].clone();
                        }
                    }
                }
                Ok((found, self.len()))
            }
            fn join(elements: impl Iterator<Item = (K, Option<V>)>) -> Self {
                elements.filter_map(|(id, element)| Some((id, element?))).collect()
            }
        }
    )+};
}

maps! {
    <K, V, H> HashMap<K, V, H>, HashMap where [K: Eq + Hash, H: BuildHasher + Default];
    <K, V> BTreeMap<K, V>, BTreeMap where [K: Ord];
}
