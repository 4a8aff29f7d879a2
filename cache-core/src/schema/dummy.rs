//! Dummies, the likeliest first. Types that validate refuse most of them; some accept one.

pub(super) const INTEGERS: [i8; 9] = [1, 0, 2, 7, 10, 12, 24, 100, -1];

pub(super) const FLOATS: [f32; 5] = [1.0, 0.0, 0.5, -1.0, 100.0];

pub(super) const CHARS: [char; 5] = ['a', 'A', '0', ' ', '/'];

/// How long bytes are: first as a UUID.
pub(super) const BYTES: [usize; 21] = [
    16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 20, 24, 28, 32, 33, 48, 64, 65, 96,
];

pub(super) const LONGEST: [u8; 96] = [0; 96];

/// How many elements a list has.
pub(super) const LENGTHS: [usize; 9] = [0, 1, 2, 3, 4, 6, 8, 16, 32];

pub(super) const STRINGS: [&str; 36] = [
    "a",
    "",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "1970-01-01",
    "00:00:00",
    "00000000-0000-4000-8000-000000000000",
    "0",
    "1",
    "0.5",
    "A",
    "Mon",
    "January",
    "UTC",
    "+00:00",
    "PT1S",
    "1s",
    "1.0.0",
    "^1.0",
    "127.0.0.1",
    "::1",
    "127.0.0.1:80",
    "[::1]:80",
    "10.0.0.0/8",
    "localhost",
    "http://localhost/",
    "a@example.com",
    "+12025550123",
    "en",
    "en-US",
    "USD",
    "#000000",
    "text/plain",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "AAAAAAAAAAAAAAAAAAAAAA==",
    "0000000000000000000000000000000000000000000000000000000000000000",
];
