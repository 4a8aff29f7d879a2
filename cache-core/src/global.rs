//! The cache of this process.

use once_cell::sync::OnceCell;

use crate::cache::Cache;
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

pub(crate) fn install(cache: Cache) -> Result<Cache, Error> {
    INSTALLED.set(cache.clone()).map_err(|_| {
        Error::new(
            ErrorKind::AlreadyInstalled,
            "a cache is installed already; a process has one: install it once at start-up, and use `Cache::scope` in tests",
        )
    })?;
    #[cfg(feature = "tracing")]
    if DEFAULT.get().is_some() {
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
