//! Where an attribute may stand: methods, traits, `#[async_trait]`, generic functions.
//!
//! `cargo run --release --example methods`

use std::fmt::{Debug, Display};

use cache_core::{cache, cache_query};
use serde::Serialize;

/// `self` is an argument like any other: two of different units have different entries.
#[derive(Serialize)]
struct Scale {
    unit: &'static str,
}

impl Scale {
    #[cache]
    fn show(&self, grams: u32) -> String {
        format!("{grams} g in {}", self.unit)
    }
}

#[async_trait::async_trait]
trait Weather {
    async fn degrees(&self, town: &str) -> i32;
}

/// Has nothing that an answer depends on, so it is no part of the key: `skip(self)`.
struct Sunny;

#[async_trait::async_trait]
impl Weather for Sunny {
    #[cache_query(ttl = "10m", skip(self))]
    async fn degrees(&self, town: &str) -> i32 {
        20 + i32::try_from(town.len()).unwrap_or(0)
    }
}

/// Each instance of a generic function has entries of its own.
#[cache]
fn describe<T: Debug + Display + Serialize>(value: T) -> String {
    format!("{value} ({value:?})")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for _ in 0..2 {
        let (kg, lb) = (Scale { unit: "kg" }, Scale { unit: "lb" });
        println!("{} · {}", kg.show(5), lb.show(5));
        let weather: &dyn Weather = &Sunny;
        println!("{} degrees", weather.degrees("Vienna").await);
        println!("{} · {}", describe(1_u8), describe("1"));
    }
    println!("\nEach body ran once per key, in the first round:");
    println!("{}", cache_core::current().stats());
}
