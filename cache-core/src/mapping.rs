//! Which events of the application invalidate what, in one place.

use std::any::{Any, TypeId, type_name};
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::cache::{Cache, Token};
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::global;
use crate::invalidating::Invalidating;
use crate::invalidation::Invalidation;
use crate::matcher::Matcher;
use crate::sync::{Arc, Mutex, RwLock, lock, read, write};

/// So many names that nothing is mapped to are remembered for an audit.
const MOST_UNMAPPED: usize = 100;

/// What an event invalidates.
type Handler = Arc<dyn Fn(&dyn Any) -> Result<Vec<Matcher>, Error> + Send + Sync>;

/// What is known of one name.
struct Mapping {
    payload: TypeId,
    payload_name: &'static str,
    handlers: Vec<Handler>,
}

/// What is known of all names.
#[derive(Default)]
pub(crate) struct Mappings {
    of: RwLock<HashMap<Box<str>, Mapping>>,
    unmapped: Mutex<BTreeSet<Box<str>>>,
}

impl Mappings {
    /// The names of events that were emitted and invalidate nothing.
    pub(crate) fn unmapped(&self) -> Vec<String> {
        lock(&self.unmapped)
            .iter()
            .map(|name| name.to_string())
            .collect()
    }
}

impl Cache {
    /// Says what an event of the application invalidates: patterns, as text, or whatever an [`Invalidation`] names. What several
    /// handlers of one name say adds up.
    ///
    /// ```
    /// # cache_core::__private::block_on(async {
    /// use cache_core::{Invalidation, cache_resource, emit};
    ///
    /// struct Shipped { order: u64, customer: u64 }
    ///
    /// #[cache_resource("orders:{id}")]
    /// async fn order(id: u64) -> String { format!("order {id}") }
    ///
    /// // Once, where the program starts:
    /// let cache = cache_core::current();
    /// cache.on("order.shipped", |event: &Shipped| {
    ///     [
    ///         Invalidation::address(format!("resource:orders:{}", event.order)),
    ///         Invalidation::tag(format!("customer:{}", event.customer)),
    ///     ]
    /// })?;
    /// cache.on("order.shipped", |_: &Shipped| ["query:open_orders:*"])?;
    ///
    /// // Wherever it happens, after the commit:
    /// let invalidated = emit("order.shipped", &Shipped { order: 7, customer: 42 }).await?;
    /// assert!(invalidated.is_some(), "nothing is mapped to it");
    /// # Ok::<(), cache_core::Error>(()) }).unwrap();
    /// ```
    ///
    /// A handler that panics invalidates everything; [`EventKind::NotInvalidated`] tells of it. Handlers stay for as long as the
    /// cache: one that has a clone of it keeps both.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] if this name is mapped for another type of event.
    pub fn on<E: Any, I>(
        &self,
        name: &str,
        handler: impl Fn(&E) -> I + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        I: IntoIterator,
        I::Item: Into<Invalidation>,
    {
        let handler: Handler = Arc::new(move |event| {
            let named = event.downcast_ref().map(&handler);
            let named = named.into_iter().flatten();
            named.map(|named| named.into().matcher()).collect()
        });
        let mut mappings = write(&self.0.mappings.of);
        let mapping = mappings.entry(name.into()).or_insert_with(|| Mapping {
            payload: TypeId::of::<E>(),
            payload_name: type_name::<E>(),
            handlers: Vec::new(),
        });
        mapping.check::<E>(name)?;
        mapping.handlers.push(handler);
        Ok(())
    }

    /// Tells of an event, and invalidates what it is [mapped](Self::on) to, with one append to the log. `None` if nothing is mapped to
    /// this name: a typing error, perhaps. [`EventKind::Unmapped`] tells of it, too, and [`audit`](Self::audit).
    ///
    /// Once it has returned `Some`, no call that starts later is served anything older of what the event names, nor anything whose
    /// computation began before; in a [transaction](Self::transaction) that is so after the commit.
    ///
    /// Cancel safe: dropped, it has invalidated all of it or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] if the name is mapped for another type of event, and [`ErrorKind::Pattern`] if a handler gives a pattern
    /// that does not parse: then nothing is invalidated. [`ErrorKind::NotLogged`] if the log is elsewhere and does not answer; never
    /// with memory alone.
    pub async fn emit<E: Any>(&self, name: &str, event: &E) -> Result<Option<Token>, Error> {
        match self.append_event(name, event)? {
            Some(invalidating) => invalidating.await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn append_event<E: Any>(
        &self,
        name: &str,
        event: &E,
    ) -> Result<Option<Invalidating>, Error> {
        let handlers = match read(&self.0.mappings.of).get(name) {
            Some(mapping) => {
                mapping.check::<E>(name)?;
                Some(mapping.handlers.clone())
            }
            None => None,
        };
        let Some(handlers) = handlers else {
            self.miss_mapping(name);
            return Ok(None);
        };
        let (mut matchers, mut panicked) = (Vec::new(), false);
        for handler in handlers {
            // It is the user's, and what it would have named is not known.
            match catch_unwind(AssertUnwindSafe(|| handler(event))) {
                Ok(named) => {
                    let place = || format!("what a handler of the event `{name}` names");
                    matchers.extend(named.map_err(|error| error.of(&place()))?);
                }
                Err(_) => panicked = true,
            }
        }
        // Said when it is so: another handler may have named what does not parse.
        if panicked {
            let why = "its handler panicked; everything is invalidated in its place";
            let events = &self.0.events;
            events.tell(EventKind::NotInvalidated, || (name.into(), why.into()));
            matchers.push(Matcher::All);
        }
        Ok(Some(self.invalidate(matchers)))
    }

    fn miss_mapping(&self, name: &str) {
        let mut unmapped = lock(&self.0.mappings.unmapped);
        if unmapped.len() < MOST_UNMAPPED {
            unmapped.insert(name.into());
        }
        drop(unmapped);
        let what = || ("".into(), name.into());
        self.0.events.tell(EventKind::Unmapped, what);
    }
}

impl Mapping {
    fn check<E: Any>(&self, name: &str) -> Result<(), Error> {
        if self.payload == TypeId::of::<E>() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Type,
            format!(
                "the event `{name}` is mapped for a `{}`, and this is a `{}`; one name has one type of event",
                self.payload_name,
                type_name::<E>()
            ),
        ))
    }
}

/// [`Cache::emit`] of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::emit`].
pub async fn emit<E: Any>(name: &str, event: &E) -> Result<Option<Token>, Error> {
    global::current().emit(name, event).await
}
