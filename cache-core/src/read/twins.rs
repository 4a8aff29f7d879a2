//! Functions that have one name.
//!
//! In memory a type tells the instances of functions apart, in Redis the text of their paths does. The compiler gives one text to
//! all closures of a function, to types of one name in its blocks, and to functions of one name in them. Whoever is found to have a
//! twin keeps its values in memory.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::path::type_arguments;

/// All that goes into a digest but the arguments: function and type arguments, version, fingerprint, schema.
type Name = ((String, String), u32, u64, u64);

/// Who was first to have a name, and whether it is not alone with it.
struct Claim {
    instance: TypeId,
    ambiguous: &'static AtomicBool,
}

static CLAIMS: LazyLock<Mutex<HashMap<Name, Claim>>> = LazyLock::new(Mutex::default);

/// Whether the name of an instance is another's, too; that may turn out later. Asked once an instance.
pub(super) fn claim(name: Name, instance: TypeId, path: &'static str) -> &'static AtomicBool {
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    let claim = claims.entry(name).or_insert_with(|| Claim {
        instance,
        // As many as there are instances in the program.
        ambiguous: Box::leak(Box::new(AtomicBool::new(is_anonymous(path)))),
    });
    if claim.instance != instance {
        claim.ambiguous.store(true, Ordering::Relaxed);
    }
    claim.ambiguous
}

/// Whether a type argument is, or has, a closure.
fn is_anonymous(path: &str) -> bool {
    type_arguments(path).contains("{{closure}}")
}
