//! What a cache knows about its functions.

use std::any::TypeId;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Cache;
use crate::entry::Instance;
use crate::key::Stem;
use crate::lifetime::{Bounds, Lifetimes};
use crate::policy::Ttl;
use crate::site::Site;
use crate::stats::{AdaptiveTtl, SiteCounters};
use crate::sync::{Arc, RwLock, read, write};
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
    instances: RwLock<Vec<Arc<Learnt>>>,
    /// Whether a value of it was seen to depend on other cached calls.
    derived: AtomicBool,
}

/// What is known of one instance of a function.
pub(crate) struct Learnt {
    pub(crate) instance: Arc<Instance>,
    pub(crate) content: Content,
    /// How its entries are named, once one was.
    naming: OnceLock<Naming>,
}

/// What the names of all entries of an instance have in common.
pub(crate) struct Naming {
    pub(crate) stem: Stem,
    /// What stands before the digest in the address of an entry without a template.
    pub(crate) head: Box<str>,
}

impl Learnt {
    /// How its entries are named; `name` is asked once.
    pub(crate) fn naming(&self, name: impl FnOnce() -> Naming) -> &Naming {
        self.naming.get_or_init(name)
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
    ) -> Arc<Learnt> {
        let known = |instances: &[Arc<Learnt>]| {
            instances
                .iter()
                .find(|learnt| learnt.instance.identity == identity)
                .cloned()
        };
        if let Some(found) = known(&read(&self.instances)) {
            return found;
        }
        let content = read_type();
        let mut instances = write(&self.instances);
        known(&instances).unwrap_or_else(|| {
            let instance = Instance {
                identity,
                stats: Arc::clone(&self.counters),
                ring: self.ring.clone(),
                index: Arc::clone(&cache.0.index),
                grace: self.site.spec.policy.grace(),
            };
            let learnt = Arc::new(Learnt {
                instance: Arc::new(instance),
                content,
                naming: OnceLock::new(),
            });
            instances.push(Arc::clone(&learnt));
            learnt
        })
    }

    /// The instances whose values others can have.
    #[cfg(feature = "redis")]
    pub(super) fn shared_instances(&self) -> Vec<TypeId> {
        let instances = read(&self.instances);
        let shared = instances
            .iter()
            .filter(|learnt| learnt.content.is_shared() && !self.site.spec.policy.memory_only);
        shared.map(|learnt| learnt.instance.identity).collect()
    }

    /// All of them.
    #[cfg(feature = "redis")]
    pub(super) fn all_instances(&self) -> Vec<TypeId> {
        let instances = read(&self.instances);
        let identities = instances.iter().map(|learnt| learnt.instance.identity);
        identities.collect()
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
        read(&self.instances).first().map(|learnt| learnt.content)
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
    pub(crate) fn seat(&self, site: &'static Site, closure: &'static str) -> Arc<Seat> {
        let number = site.number();
        if let Some(Some(seat)) = read(&self.0.sites).get(number) {
            return Arc::clone(seat);
        }
        let mut sites = write(&self.0.sites);
        if sites.len() <= number {
            sites.resize(number + 1, None);
        }
        let seat = sites[number].get_or_insert_with(|| {
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
                instances: RwLock::default(),
                derived: AtomicBool::new(false),
            })
        });
        Arc::clone(seat)
    }

    /// The seat of a function that was called, without making one.
    pub(crate) fn known_seat(&self, site: &'static Site) -> Option<Arc<Seat>> {
        read(&self.0.sites)
            .iter()
            .flatten()
            .find(|seat| std::ptr::eq(seat.site, site))
            .cloned()
    }
}
