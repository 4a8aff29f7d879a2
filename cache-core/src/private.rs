//! For generated code only: no promises about anything here.

pub use std::clone::Clone;
pub use std::compile_error;
pub use std::fmt::Display;
pub use std::format_args;
pub use std::module_path;
pub use std::option::Option::{None, Some};
pub use std::pin::pin;
pub use std::result::Result::{self, Err, Ok};
pub use std::string::String;
pub use std::time::Duration;
pub use std::{borrow::ToOwned, boxed::Box, file, line, vec::Vec};

pub use inventory;

pub use crate::address::Piece;
pub use crate::entry::Class;
pub use crate::invalidate::{Captured, Targets, attempt, capture};
pub use crate::modifiers::{Giving, Preparing, made};
pub use crate::policy::Preset;
pub use crate::read::{
    Batch, Behind, Call, Driven, Function, IntoTtl, Keep, Miss, Run, Turn, again, ask, drive, each,
    function, gives, ids, lend, next, run, run_behind, run_blocking, run_blocking_behind,
    run_blocking_with, run_part, run_with, text,
};
pub use crate::shape::{
    Returns, Shape, Split, holds_of, must_be_option, must_be_owned, must_be_portable,
    must_be_result, must_give, must_keep_errors, probe, returns, with,
};
#[cfg(feature = "redis")]
pub use crate::site::{Again, Argument, Arguments, HotCalls, HotRef, path_of};
pub use crate::site::{Site, SiteRef, Spec, TargetKind, TargetRef};
pub use crate::sync::block_on;
#[cfg(feature = "redis")]
pub use crate::warmup::hot;
pub use crate::warmup::{Calls, JobFuture, Outcome, Step, WarmupJob, calls, outcome};
pub use crate::write::{Writing, lifetime};

/// A value of any type that is never made: it tells the compiler the type of a body before it reads it.
#[expect(clippy::panic, reason = "stands behind `if false`")]
pub fn never<T>() -> T {
    panic!("unreachable")
}

/// Applies a user's closure, whose parameter type is known by then.
#[inline(always)]
pub fn judge<V: ?Sized, R>(value: &V, rule: impl FnOnce(&V) -> R) -> R {
    rule(value)
}

/// Applies a user's condition; its type is given, so that what is no condition is said of its last expression.
#[inline(always)]
pub fn holds<V: ?Sized>(value: &V, rule: impl FnOnce(&V) -> bool) -> bool {
    rule(value)
}

/// The key of a typed target, whether its function is async or not.
#[doc(hidden)]
#[macro_export]
macro_rules! __capture {
    ($call:expr) => {{
        use $crate::__private::capture::{OfFuture as _, OfValue as _};
        let captured = $crate::__private::attempt(|| $call);
        (&&captured).__cache_target()
    }};
}
pub use crate::__capture as capture_call;

/// What a start-up call came to.
#[doc(hidden)]
#[macro_export]
macro_rules! __outcome {
    ($call:expr) => {{
        use $crate::__private::outcome::{OfAny as _, OfDebug as _, OfDisplay as _};
        let gave = $crate::__private::outcome::Gave($call);
        (&&&gave).__cache_outcome()
    }};
}
pub use crate::__outcome as outcome_of;

/// For the benchmark of the encoding.
pub mod bench {
    use serde::Serialize;

    use crate::key::Encoder;
    use crate::tier::memory::Lookup;

    /// Encodes a key; its length, so that nothing is optimised away.
    #[inline]
    pub fn encode(key: &impl Serialize) -> usize {
        let mut encoder = Encoder::new();
        let failed = encoder.push(key).is_err();
        encoder.finish().len() + usize::from(failed)
    }

    /// Encodes a key and hashes it, as a hit does.
    #[inline]
    pub fn encode_and_hash(key: &impl Serialize) -> u64 {
        let mut encoder = Encoder::new();
        let failed = encoder.push(key).is_err();
        Lookup::new(&std::any::TypeId::of::<u8>(), encoder.mixed()).hash() + u64::from(failed)
    }
}
