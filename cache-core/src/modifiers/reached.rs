//! What a call is about, for whoever only wants to know that.

use crate::cache::Cache;
use crate::error::{Error, ErrorKind};
use crate::index::Dep;
use crate::key::KeyDigest;
use crate::matcher::Matcher;

/// One entry.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) digest: KeyDigest,
    /// All of it.
    #[cfg(feature = "redis")]
    pub(crate) whole: crate::key::Digest,
    /// Its own key and tags.
    pub(crate) own: Vec<Dep>,
}

/// The entries that a call is about: one, or of a batch one for each id.
#[derive(Clone, Debug)]
pub struct Reached {
    pub(crate) cache: Cache,
    pub(crate) targets: Vec<Target>,
}

impl Reached {
    /// Exactly these entries.
    pub(crate) fn matchers(&self) -> Vec<Matcher> {
        self.targets.iter().map(Target::matcher).collect()
    }

    /// The entry, if it is one.
    pub(crate) fn only(&self) -> Result<&Target, Error> {
        match self.targets.as_slice() {
            [target] => Ok(target),
            targets => Err(Error::new(
                ErrorKind::Key,
                format!(
                    "a batch of {} ids has as many keys; ask for that of one id",
                    targets.len()
                ),
            )),
        }
    }
}

impl Target {
    pub(crate) fn matcher(&self) -> Matcher {
        let address = self
            .own
            .first()
            .map_or_else(|| "".into(), |dep| dep.text().into());
        Matcher::Key(self.digest, address)
    }
}
