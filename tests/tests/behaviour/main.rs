//! What a program that annotates functions sees: one module per concept, every test in a cache of its own.

#![forbid(unsafe_code)]

mod addresses;
mod audit;
mod events;
mod identity;
mod input;
mod invalidation;
mod lifetimes;
mod observing;
mod patterns;
mod regression;
mod rules;
mod runs;
mod values;
mod warmup;
mod weights;
mod writes;
