#[derive(Clone, Copy, Debug)]
pub struct Fingerprint {
    pub hash: u64,
    pub complete: bool,
}
pub fn fingerprint<T>() -> Fingerprint {
    Fingerprint {
        hash: 1,
        complete: false,
    }
}
