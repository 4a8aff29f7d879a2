//! What a cache knows about its functions.

use std::any::TypeId;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Cache;
use super::begun::Begun;
#[cfg(feature = "tokio")]
use super::places::Places;
use super::roll::Roll;
use crate::entry::Instance;
use crate::key::Stem;
use crate::lifetime::{Bounds, Lifetimes};
use crate::policy::Ttl;
use crate::site::Site;
use crate::stats::{AdaptiveTtl, SiteCounters};
use crate::sync::Arc;
use crate::tier::memory::CapacityRing;

/// What one cache knows about one function.
pub(crate) struct Seat {
    pub(crate) site: &'static Site,
    /// The function with its module and, of a method, its type.
    pub(crate) name: Arc<str>,
    /// What the type of a closure inside of it is called.
    #[cfg(feature = "redis")]
    pub(super) closure: &'static str,
    pub(crate) counters: Arc<SiteCounters>,
    pub(crate) ring: Option<Arc<CapacityRing>>,
    /// What is seen of its values, where their lifetimes come from that.
    pub(crate) lifetimes: Option<Lifetimes>,
    /// What is known of each of its instances, from the first miss of each on.
    instances: Roll<Arc<Learnt>>,
    /// Whether a value of it was seen to depend on other cached calls.
    derived: AtomicBool,
    /// Its bodies that go on behind calls, as tasks, ...
    #[cfg(feature = "tokio")]
    pub(crate) behind: Places,
    /// ... and on threads.
    pub(crate) begun: Begun,
}

/// What is known of one instance of a function.
pub(crate) struct Learnt {
    pub(crate) instance: Arc<Instance>,
    pub(crate) content: Content,
    /// What the digests of its keys have in common, once there was one.
    stem: OnceLock<Stem>,
}

impl Learnt {
    /// What the digests of its keys have in common; `stem` is asked once.
    pub(crate) fn stem(&self, stem: impl FnOnce() -> Stem) -> &Stem {
        self.stem.get_or_init(stem)
    }
}

impl Seat {
    /// An instance and what its values are; `read_type` is asked once.
    pub(crate) fn instance(
        &self,
        cache: &Cache,
        identity: TypeId,
        read_type: impl FnOnce() -> Content,
    ) -> (Arc<Instance>, Content) {
        let learnt = self.learn(cache, identity, read_type);
        (Arc::clone(&learnt.instance), learnt.content)
    }

    /// The same with what else is known of it.
    pub(crate) fn learn(
        &self,
        cache: &Cache,
        identity: TypeId,
        read_type: impl FnOnce() -> Content,
    ) -> &Arc<Learnt> {
        let is_it = |learnt: &&Arc<Learnt>| learnt.instance.identity == identity;
        if let Some(found) = self.instances.iter().find(is_it) {
            return found;
        }
        let instance = Instance {
            identity,
            stats: Arc::clone(&self.counters),
            ring: self.ring.clone(),
            index: Arc::clone(&cache.0.index),
            grace: self.site.spec.policy.grace(),
        };
        let new = Arc::new(Learnt {
            instance: Arc::new(instance),
            content: read_type(),
            stem: OnceLock::new(),
        });
        // The first that is free, unless another thread has learnt the same by now.
        let mut number = 0;
        loop {
            let learnt = self.instances.get_or_put(number, || Arc::clone(&new));
            if is_it(&learnt) {
                return learnt;
            }
            number += 1;
        }
    }

    /// The instances whose values others can have.
    #[cfg(feature = "redis")]
    pub(super) fn shared_instances(&self) -> impl Iterator<Item = TypeId> {
        let shared = self
            .instances
            .iter()
            .filter(|learnt| learnt.content.is_shared() && !self.site.spec.policy.memory_only);
        shared.map(|learnt| learnt.instance.identity)
    }

    /// All of them.
    #[cfg(feature = "redis")]
    pub(super) fn all_instances(&self) -> impl Iterator<Item = TypeId> {
        let instances = self.instances.iter();
        instances.map(|learnt| learnt.instance.identity)
    }

    /// How long its values are fresh at present, where that is learnt.
    pub(super) fn adaptive_ttl(&self) -> Option<AdaptiveTtl> {
        let Ttl::Adaptive { least, most } = self.site.spec.policy.ttl else {
            return None;
        };
        let summary = self.lifetimes.as_ref()?.summary();
        Some(AdaptiveTtl {
            least,
            most,
            mean: Duration::from_millis(summary.mean),
            keys: summary.keys,
            bytes: summary.bytes,
        })
    }

    pub(crate) fn is_derived(&self) -> bool {
        self.derived.load(Ordering::Relaxed)
    }

    pub(crate) fn derives(&self) {
        self.derived.store(true, Ordering::Relaxed);
    }

    /// What the values of its first instance are, if it was called.
    pub(crate) fn known_content(&self) -> Option<Content> {
        self.instances.get(0).map(|learnt| learnt.content)
    }
}

/// What is known about the values of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    /// Whether they can leave the process.
    pub(crate) portable: bool,
    /// Whether their weight is known.
    pub(crate) measured: bool,
    /// The fingerprint of their schema, if all of it could be read.
    pub(crate) schema: Option<crate::schema::Fingerprint>,
    /// Whether another has the same name; of a value without a function, nothing.
    pub(crate) ambiguous: Option<&'static AtomicBool>,
}

impl Content {
    /// Whether values may be looked for, and left, where only the name of their function tells whose they are.
    pub(crate) fn is_shared(&self) -> bool {
        let ambiguous = |named: &AtomicBool| named.load(Ordering::Relaxed);
        self.portable && !self.ambiguous.is_some_and(ambiguous)
    }
}

impl Cache {
    /// What this cache knows about a function; `closure` is the type of one inside it, for its name.
    pub(crate) fn seat(&self, site: &'static Site, closure: &'static str) -> &Arc<Seat> {
        self.0.seats.get_or_put(site.number(), || {
            let spec = &site.spec;
            Arc::new(Seat {
                site,
                name: spec.path(closure).into(),
                #[cfg(feature = "redis")]
                closure,
                counters: Arc::default(),
                ring: spec
                    .policy
                    .capacity
                    .and_then(NonZero::new)
                    .map(|most| Arc::new(CapacityRing::new(most))),
                lifetimes: match spec.policy.ttl {
                    Ttl::Adaptive { least, most } => Some(Lifetimes::new(Bounds::new(least, most))),
                    _ => None,
                },
                instances: Roll::default(),
                derived: AtomicBool::new(false),
                #[cfg(feature = "tokio")]
                behind: Places::new(),
                begun: Begun::default(),
            })
        })
    }

    /// The seat of a function that was called, without making one.
    pub(crate) fn known_seat(&self, site: &'static Site) -> Option<Arc<Seat>> {
        let mut seats = self.0.seats.iter();
        seats.find(|seat| std::ptr::eq(seat.site, site)).cloned()
    }
}
