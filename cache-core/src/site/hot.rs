//! Functions whose hottest calls are made again at the next start.

use std::pin::Pin;

use super::Arguments;
use crate::key::{Digest, Identity, KeyDigest};

/// A call that is made again: nothing, or what its error says.
pub type Again = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// One of them, as its `#[warmup_cache(hot = 100)]` describes it: a `static` beside the function.
#[derive(Debug)]
pub struct HotCalls {
    path: fn() -> &'static str,
    name: Option<&'static str>,
    version: u32,
    args: &'static [&'static str],
    pub(crate) most: usize,
    again: fn(&mut Arguments<'_>) -> Result<Again, String>,
}

impl HotCalls {
    /// The function by its path, which it shares with its site; the names of its arguments of the key; how many calls are remembered; and
    /// how one is made of its arguments.
    #[must_use]
    pub const fn new(
        path: fn() -> &'static str,
        args: &'static [&'static str],
        most: usize,
        again: fn(&mut Arguments<'_>) -> Result<Again, String>,
    ) -> Self {
        Self {
            path,
            name: None,
            version: 0,
            args,
            most,
            again,
        }
    }

    /// A call with the arguments of this key.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn again(&self, key: &[u8]) -> Result<Again, String> {
        (self.again)(&mut Arguments::of(key)?)
    }

    /// `name = "…"` of the function.
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// `version = 2` of the function.
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Whether this is a closure inside the function, by the name of its type.
    pub(crate) fn is_around(&self, closure: &str) -> bool {
        closure.trim_end_matches("::{{closure}}") == (self.path)()
    }

    /// What its list is called. That of a function whose arguments have other names, or other types, is another one. Whatever has become of
    /// the body, or of the value's type, the calls are the same.
    pub(crate) fn list(&self, secret: Option<&[u8; 32]>) -> KeyDigest {
        let path = self.name.unwrap_or_else(self.path);
        let function = format!("{path}({})", self.args.join(","));
        let mut types = Vec::new();
        // It makes no call, and there is nothing in its error.
        let _ = (self.again)(&mut Arguments::asking(&mut types));
        let types: Vec<u8> = types.into_iter().flat_map(u64::to_le_bytes).collect();
        let identity = Identity {
            function: &function,
            type_arguments: "",
            version: self.version.into(),
            schema: 0,
        };
        Digest::new(secret, &identity, &types).short()
    }
}

/// The path of a function.
pub fn path_of<F>(_: &F) -> &'static str {
    std::any::type_name::<F>()
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::Argument;
    use super::*;

    fn load(_: u64) {}

    fn again<T: Argument>(arguments: &mut Arguments<'_>) -> Result<Again, String> {
        let taken = arguments.take::<T>();
        arguments.end()?;
        taken.map(|_| -> Again { Box::pin(async { Ok(()) }) })
    }

    const fn of(path: fn() -> &'static str, arg: &'static [&'static str]) -> HotCalls {
        HotCalls::new(path, arg, 9, again::<u64>)
    }

    static CALLS: HotCalls = of(|| path_of(&load), &["id"]);

    #[test]
    fn a_function_is_known_by_what_is_inside_of_it() {
        fn path<F: Fn()>(_: &F) -> &'static str {
            std::any::type_name::<F>()
        }
        assert!(CALLS.is_around(path_of(&load)));
        let name = format!("{}::{{{{closure}}}}::{{{{closure}}}}", path_of(&load));
        assert!(CALLS.is_around(&name));
        assert!(!CALLS.is_around(path(&|| {})));
        assert!(!CALLS.is_around(&format!("{}_not", path_of(&load))));
        assert!(!CALLS.is_around(""));
    }

    #[test]
    fn a_list_is_of_the_same_calls() {
        let lists = [
            of(|| path_of(&load), &["id"]),
            of(|| path_of(&load), &["key"]),
            HotCalls::new(|| path_of(&load), &["id"], 9, again::<u32>),
            of(|| "else", &["id"]),
            of(|| path_of(&load), &["id"]).version(1),
            of(|| path_of(&load), &["id"]).name("load"),
        ]
        .map(|calls| calls.list(None));
        for (at, list) in lists.iter().enumerate() {
            assert_eq!(*list == CALLS.list(None), at == 0);
        }
        assert_ne!(CALLS.list(Some(&[1; 32])), CALLS.list(None));
        let moved = HotCalls::new(|| "else", &["id"], 50, again::<u64>).name("load");
        assert_eq!(moved.list(None), lists[5], "a name stands for the path");
    }
}
