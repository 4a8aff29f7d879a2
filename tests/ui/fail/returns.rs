use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use cache_core::{cache, cache_query, cache_result};

pub struct Row<'a>(&'a str);
pub struct Table(String);

pub trait Stream {
    type Item;
}

// case: no return type
#[cache]
fn log(x: u64) {
    let _ = x;
}

// case: a return type that holds nothing
#[cache]
async fn touch(x: u64) -> () {
    let _ = x;
}

// case: a function that never returns
#[cache]
fn abort(x: u64) -> ! {
    std::process::exit(x as i32)
}

// case: borrowed text
#[cache]
fn name(table: &Table) -> &str {
    table.0.as_str()
}

// case: a borrowed slice
#[cache_query]
fn rows<'a>(table: &'a String, id: u64) -> &'a [u8] {
    &table.as_bytes()[id as usize..]
}

// case: a borrowed tuple
#[cache]
fn pair(of: &(u64, u64)) -> &(u64, u64) {
    of
}

// case: a borrowed struct
#[cache]
fn table<'a>(tables: &'a Vec<Table>) -> Option<&'a Table> {
    tables.first()
}

// case: a value that borrows
#[cache_result]
fn row<'a>(text: &'a str) -> Result<Row<'a>, String> {
    Ok(Row(text))
}

// case: text that may be borrowed
#[cache]
fn trimmed(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text.trim())
}

// case: a stream
#[cache]
fn stream(x: u64) -> impl Stream<Item = u64> {
    struct Once;
    impl Stream for Once {
        type Item = u64;
    }
    let _ = x;
    Once
}

// case: an iterator in a `Result`
#[cache_result]
fn iterator(x: u64) -> Result<impl Iterator<Item = u64>, String> {
    Ok(0..x)
}

// case: anything else without a name
#[cache]
fn anything(x: u64) -> impl Clone {
    x
}

// case: a future that is made before
#[cache]
fn future(x: u64) -> impl Future<Output = u64> {
    let y = x + 1;
    async move { y }
}

// case: a boxed future that is made elsewhere
#[cache]
fn boxed(x: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    let made = Box::pin(async move { x });
    made
}

fn main() {}
