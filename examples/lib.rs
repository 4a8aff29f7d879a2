//! Nothing but a home for the examples.
