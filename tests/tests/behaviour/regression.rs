//! What other caches got wrong: one test per item of a list, by its number.

mod computations;
mod keys;
mod outcomes;
