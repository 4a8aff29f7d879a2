//! Coherent function caching.
