//! What surrounds a call: the cache it uses, the computation it is part of, the modifier and the transaction it is
//! under. A thread-local, set at each poll of what it surrounds.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem::ManuallyDrop;
use std::pin::pin;

use crate::cache::{Cache, Parts};
use crate::index::{Dep, DepSet, Index};
use crate::modifiers::Modifier;
use crate::position::Position;
use crate::rule::{Rule, holds};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock};
use crate::transaction::Queue;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Instead of the global one.
    pub(crate) cache: Option<Cache>,
    /// The computation that this code is part of.
    pub(crate) frame: Option<Arc<Frame>>,
    /// For the first cached call only.
    pub(crate) modifier: Option<Arc<Modifier>>,
    /// Invalidations to hold back until it commits.
    pub(crate) transaction: Option<Arc<Queue>>,
    /// Counts the cached calls that are made here, not those inside them.
    pub(crate) counter: Option<Arc<Counter>>,
    /// Nothing is looked up or stored.
    pub(crate) off: bool,
}

/// Cached calls, and what came of them.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) made: AtomicU64,
    /// Those whose value is in the cache.
    pub(crate) kept: AtomicU64,
}

thread_local! {
    /// Whether there is any scope: all that a hit outside every scope looks at.
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
    /// With nothing to be dropped at the end of a thread: what is called there, by what it leaves, is surrounded as well.
    static CURRENT: RefCell<ManuallyDrop<Option<Arc<Scope>>>> = const { RefCell::new(ManuallyDrop::new(None)) };
    /// The global cache outside of every scope, once this thread knows that a hit in it need be told to nobody: all that
    /// such a hit looks at.
    static PLAIN: Cell<Option<&'static Parts>> = const { Cell::new(None) };
    /// The same inside and outside.
    static KNOWN: Cell<Option<&'static Parts>> = const { Cell::new(None) };
}

/// The cache to be used here, if nothing surrounds this code and it is known to be a plain one.
#[inline(always)]
pub(crate) fn plain() -> Option<&'static Parts> {
    PLAIN.get()
}

/// Remembers what the global cache is, if it is a plain one; said where nothing surrounds the code.
pub(crate) fn know(global: Option<&'static Parts>) {
    KNOWN.set(global);
    PLAIN.set(global);
}

/// Whether any scope surrounds this code.
#[inline(always)]
pub(crate) fn is_active() -> bool {
    // A thread that is being torn down has none.
    ACTIVE.try_with(Cell::get).unwrap_or(false)
}

/// The scope that surrounds this code.
pub(crate) fn current() -> Option<Arc<Scope>> {
    if !is_active() {
        return None;
    }
    CURRENT
        .try_with(|current| Option::clone(&current.borrow()))
        .ok()
        .flatten()
}

/// The scope that surrounds this code, or an empty one, to be changed.
pub(crate) fn copy() -> Scope {
    current()
        .map(|scope| Scope::clone(&scope))
        .unwrap_or_default()
}

/// Whether this code is part of a transaction that is under way.
pub(crate) fn in_transaction() -> bool {
    current().is_some_and(|scope| {
        scope
            .transaction
            .as_ref()
            .is_some_and(|queue| queue.is_open())
    })
}

/// Runs `f` inside `scope`, or outside of all with `None`.
pub(crate) fn enter<R>(scope: Option<Arc<Scope>>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<Scope>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            set(self.0.take());
        }
    }
    let _restore = Restore(set(scope));
    f()
}

/// Puts this code inside `scope`, or outside of all with `None`; gives back where it was.
pub(crate) fn set(scope: Option<Arc<Scope>>) -> Option<Arc<Scope>> {
    let _ = ACTIVE.try_with(|active| active.set(scope.is_some()));
    PLAIN.set(scope.is_none().then(|| KNOWN.get()).flatten());
    CURRENT
        .try_with(|current| ManuallyDrop::into_inner(current.replace(ManuallyDrop::new(scope))))
        .ok()
        .flatten()
}

/// Polls `future` inside `scope` each time.
pub(crate) async fn within<F: Future>(scope: Scope, future: F) -> F::Output {
    let scope = Arc::new(scope);
    let mut future = pin!(future);
    poll_fn(|cx| enter(Some(Arc::clone(&scope)), || future.as_mut().poll(cx))).await
}

/// One running computation, as the cached calls inside it see it.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The number of its flight.
    pub(crate) id: u64,
    pub(crate) parent: Option<Arc<Frame>>,
    /// What its stamp is of: the log of its cache, by the number of the index.
    index: u64,
    used: Mutex<Used>,
    /// Whether a value was used that was no longer fresh.
    late: AtomicBool,
    max_deps: usize,
}

/// What a computation used.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) deps: DepSet,
    /// The oldest stamp among its own and those of the values used.
    pub(crate) stamp: Position,
}

impl Frame {
    /// A computation that begins with this stamp.
    pub(crate) fn new(
        id: u64,
        parent: Option<Arc<Self>>,
        index: &Index,
        stamp: Position,
        max_deps: usize,
    ) -> Self {
        let used = Used {
            deps: DepSet::default(),
            stamp,
        };
        Self {
            id,
            parent,
            index: index.number(),
            used: Mutex::new(used),
            late: AtomicBool::new(false),
            max_deps,
        }
    }

    /// A cached call inside this computation gave a value with this stamp and these dependencies.
    pub(crate) fn report(&self, index: &Index, stamp: Position, deps: &[Dep]) {
        let mut used = lock(&self.used);
        used.stamp = if index.number() == self.index {
            let oldest = used.stamp.min(stamp);
            if holds(Rule::Oldest) {
                oldest
            } else {
                used.stamp
            }
        } else {
            // A value of another cache: what invalidates it is in that one's log, and would never be seen in this one's.
            Position::ZERO
        };
        used.deps.extend(deps, self.max_deps);
    }

    /// What was used until now is used by these computations, too.
    pub(crate) fn share<'f>(&self, index: &Index, others: impl Iterator<Item = &'f Self>) {
        let used = lock(&self.used);
        for other in others {
            other.report(index, used.stamp, used.deps.as_slice());
            if self.is_late() {
                other.report_late();
            }
        }
    }

    /// A value that was used was no longer fresh.
    pub(crate) fn report_late(&self) {
        self.late.store(true, Ordering::Relaxed);
    }

    /// Whether a value was used that was no longer fresh.
    pub(crate) fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    /// Whether anything cached was used.
    pub(crate) fn has_used(&self) -> bool {
        !lock(&self.used).deps.as_slice().is_empty()
    }

    /// What was used until now.
    pub(crate) fn take(&self) -> Used {
        std::mem::take(&mut *lock(&self.used))
    }

    /// The numbers of this computation and of those it is part of.
    pub(crate) fn chain(&self) -> Vec<u64> {
        let mut chain = vec![self.id];
        let mut next = &self.parent;
        while let Some(frame) = next {
            chain.push(frame.id);
            next = &frame.parent;
        }
        chain
    }
}

/// The scope of this code, to be carried into a spawned task or thread.
///
/// A cached call made in a spawned task is otherwise unknown to the cached function that spawned it: what it depends
/// on is not inherited, and a [`TestCache`](crate::TestCache) is not used there. A modifier is not carried: it is for a
/// call that is made where it stands.
///
/// ```
/// # async fn load(id: u64) -> u64 { id }
/// # async fn spawn<F: Future>(f: F) -> F::Output { f.await }
/// # async fn sum() -> u64 {
/// let scope = cache_core::scope_handle();
/// spawn(scope.wrap(async { load(1).await + load(2).await })).await
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ScopeHandle(Option<Arc<Scope>>);

/// The scope that this code runs in; see [`ScopeHandle`].
#[must_use]
pub fn scope_handle() -> ScopeHandle {
    // A modifier waits here for the call that it is around; elsewhere nobody would.
    let modifier = None;
    ScopeHandle(current().map(|scope| match &scope.modifier {
        None => scope,
        Some(_) => Arc::new(Scope {
            modifier,
            ..Scope::clone(&scope)
        }),
    }))
}

impl ScopeHandle {
    /// Runs a future inside the scope.
    pub async fn wrap<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| enter(self.0.clone(), || future.as_mut().poll(cx))).await
    }

    /// Runs a closure inside the scope.
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        enter(self.0.clone(), f)
    }
}

impl Scope {
    /// Whether nothing may be looked up or stored here.
    pub(crate) fn holds_back(&self) -> bool {
        self.off
            || self
                .transaction
                .as_ref()
                .is_some_and(|queue| queue.is_open())
    }

    /// Counts one cached call.
    pub(crate) fn count(&self) {
        if let Some(counter) = &self.counter {
            counter.made.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one whose value is in the cache.
    pub(crate) fn count_kept(&self) {
        if let Some(counter) = &self.counter {
            counter.kept.fetch_add(1, Ordering::Relaxed);
        }
    }
}
