//! The cache of this process.

use std::sync::atomic::{Ordering, fence};

use once_cell::sync::OnceCell;

use crate::cache::{Cache, Parts};
use crate::config::{Builder, Config};
use crate::error::{Error, ErrorKind};
use crate::scope;

static INSTALLED: OnceCell<Cache> = OnceCell::new();
/// Made at the first call where nothing was installed: annotations work with no set-up at all.
static DEFAULT: OnceCell<Cache> = OnceCell::new();

/// The installed cache, or else the default one.
#[inline]
pub(crate) fn get() -> &'static Cache {
    match INSTALLED.get() {
        Some(cache) => cache,
        None => default(),
    }
}

#[inline]
fn default() -> &'static Cache {
    DEFAULT.get_or_init(|| Cache::in_memory(Config::default()))
}

/// The same for this thread to [know](scope::know), if it is a plain one.
pub(crate) fn plain() -> Option<&'static Parts> {
    let cache = INSTALLED.get().unwrap_or_else(|| {
        let default = default();
        // With the one in `install`: of two at the same time either this sees what is installed, or that sees the default.
        fence(Ordering::SeqCst);
        INSTALLED.get().unwrap_or(default)
    });
    Some(&*cache.0).filter(|parts| parts.is_plain())
}

pub(crate) fn install(cache: Cache) -> Result<Cache, Error> {
    INSTALLED.set(cache.clone()).map_err(|_| {
        Error::new(
            ErrorKind::AlreadyInstalled,
            "a cache is installed already; a process has one: install it once at start-up, and use `Cache::scope` in tests",
        )
    })?;
    fence(Ordering::SeqCst);
    if let Some(default) = DEFAULT.get() {
        // Threads that know it see that here.
        default.retire();
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "cache", "cached functions were called before `install`; what they stored is forgotten");
    }
    Ok(cache)
}

/// Installs the cache of this process as the environment has it: [`Builder::from_env`] and [`Builder::install`].
///
/// ```
/// # async fn run() -> Result<(), cache_core::Error> {
/// let cache = cache_core::install_from_env().await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`Builder::install`].
pub async fn install_from_env() -> Result<Cache, Error> {
    Builder::from_env().install().await
}

/// The cache of the code that asks: that of its scope, or else the global one.
///
/// ```
/// println!("{}", cache_core::current().stats());
/// ```
#[must_use]
pub fn current() -> Cache {
    scope::current()
        .and_then(|scope| scope.cache.clone())
        .unwrap_or_else(|| get().clone())
}
