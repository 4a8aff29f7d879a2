//! What entries weigh, and hits of those that are watched.

use super::*;
use crate::tier::memory::Lookup;

/// What is known of an entry that nothing is known of.
pub(crate) fn head(key: &[u8]) -> Head {
    let identity = TypeId::of::<()>();
    Head {
        instance: Arc::new(Instance {
            identity,
            stats: Arc::default(),
            ring: None,
            index: Arc::new(Index::new(Position::ZERO, 1)),
            grace: Grace::default(),
        }),
        key: Lookup::whole(&identity, key).to_key(),
        class: Class::Value,
        stamp: Position::ZERO,
        checked: 0,
        expires: 0,
        deps: Box::default(),
        began: 0,
        ordinal: 0,
        cost_ns: 0,
        of_late: false,
    }
}

fn kept(key: &[u8], value_weight: usize) -> Arc<Kept> {
    head(key).with(Arc::new(1_u8), value_weight)
}

fn weight(key: &[u8], value_weight: usize) -> u64 {
    kept(key, value_weight).weight()
}

#[test]
fn hits_pass_again_when_an_entry_is_watched_no_longer() {
    let entry = kept(b"", 1);
    let version = entry.instance.index.version();
    // As if found valid.
    raise(&entry.checked, version);
    entry.watch();
    let face = entry.face();
    let look = || {
        face.remember(&entry);
        (face.is_checked(version), face.passes())
    };
    assert_eq!(look(), (false, false));
    entry.unwatch();
    assert_eq!(look(), (true, true));
}

#[test]
fn an_entry_weighs_what_its_key_has_on_the_heap() {
    assert_eq!(weight(&[7; 38], 1), weight(b"", 1));
    assert_eq!(weight(&[7; 60], 1), weight(b"", 1) + 16 + 60);
}

#[test]
fn a_weight_that_is_absurd_does_not_wrap() {
    assert_eq!(weight(b"", usize::MAX), u64::MAX);
}
