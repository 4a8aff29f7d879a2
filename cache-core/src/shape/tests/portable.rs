//! What leaves the process, and comes back.

use super::*;

/// Sends an outcome through another process.
fn abroad<S: Split>(_: S, out: S::Return) -> Option<S::Return> {
    let bytes = S::encode(&out)?;
    let out = S::decode(&bytes, S::class(&out)).expect("what was written is read");
    let copy = S::pack(&out).expect("what was read can be kept");
    Some(S::unpack(copy).expect("what was read fits"))
}

#[test]
fn an_outcome_comes_back_from_abroad() {
    assert_eq!(abroad(shape!(Both), Both(1)), Some(Both(1)));
    assert_eq!(abroad(shape!(()), ()), Some(()));
    for out in [Some(Both(1)), None] {
        assert_eq!(abroad(shape!(Option<Both>), out.clone()), Some(out));
    }
    type Full = Result<Option<Both>, String>;
    for out in [Full::Ok(Some(Both(1))), Ok(None)] {
        assert_eq!(abroad(shape!(Full), out.clone()), Some(out));
    }
    let value = Arc::new(Both(1));
    assert_eq!(abroad(shape!(Arc<Both>), value.clone()), Some(value));
    let text: Arc<str> = "text".into();
    assert_eq!(
        abroad(shape!(Result<Arc<str>, NoClone>), Ok(text.clone())),
        Some(Ok(text))
    );
    let values: Arc<[Both]> = [Both(1), Both(2)].into();
    assert_eq!(
        abroad(shape!(Option<Arc<[Both]>>), Some(values.clone())),
        Some(Some(values))
    );
}

#[test]
fn what_cannot_come_back_stays() {
    assert!(abroad(shape!(Written), Written(vec![1])).is_none());
    assert!(abroad(shape!(Opaque), Opaque([0; 100])).is_none());
    assert!(abroad(shape!(Arc<Opaque>), Arc::new(Opaque([0; 100]))).is_none());
    // An error, even one that could be written.
    assert!(abroad(shape!(Result<Both, String>), Err("no".into())).is_none());
    // Nothing inside something: on the wire both are nothing.
    assert!(abroad(shape!(Option<Option<u8>>), Some(None)).is_none());
    assert_eq!(abroad(shape!(Option<Option<u8>>), None), Some(None));
}

#[test]
fn bytes_of_another_kind_are_no_outcome() {
    fn read<S: Split>(_: S, bytes: &[u8], class: Class) -> Option<S::Return> {
        S::decode(bytes, class)
    }
    type Full = Result<Option<String>, String>;
    let (text, nil) = (&b"\xa1a"[..], &b"\xc0"[..]);
    assert_eq!(
        read(shape!(Full), text, Class::Value),
        Some(Ok(Some("a".into())))
    );
    assert_eq!(read(shape!(Full), nil, Class::Absent), Some(Ok(None)));
    for (bytes, class) in [
        (text, Class::Absent),
        (nil, Class::Value),
        (text, Class::Failed),
        (nil, Class::Failed),
        (b"", Class::Value),
        (b"\xa1", Class::Value),
        (b"\xa1ab", Class::Value),
        (b"\x01", Class::Value),
        (b"\xc1", Class::Value),
    ] {
        assert_eq!(
            read(shape!(Full), bytes, class),
            None,
            "{bytes:?} {class:?}"
        );
    }
    assert!(read(shape!(u8), nil, Class::Absent).is_none());
    assert!(read(shape!(Opaque), nil, Class::Value).is_none());
}
