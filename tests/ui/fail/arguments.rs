use std::pin::Pin;

use cache_core::{cache, cache_query};

pub struct Conn;
pub struct Repo;

// case: a misspelt argument in `skip`
#[cache(skip(poool))]
fn load_user(pool: &Conn, id: u64) -> u64 {
    let _ = pool;
    id
}

// case: an argument that is not there
#[cache(skip(cookies))]
fn no_such(id: u64) -> u64 {
    id
}

// case: `self` where there is none
#[cache(skip(self))]
fn no_self(id: u64) -> u64 {
    id
}

// case: an argument skipped twice
#[cache(skip(pool, pool))]
fn skipped_twice(pool: &Conn, id: u64) -> u64 {
    let _ = pool;
    id
}

// case: a part of an argument in `skip`
#[cache(skip(pool.name))]
fn part(pool: &Conn, id: u64) -> u64 {
    let _ = pool;
    id
}

// case: `skip` beside `key`
#[cache(key(id), skip(pool))]
fn both(pool: &Conn, id: u64) -> u64 {
    let _ = pool;
    id
}

// case: a misspelt argument in `key`
#[cache(key(idd))]
fn misspelt_key(id: u64) -> u64 {
    id
}

// case: an argument that can be changed
#[cache_query]
fn changes(conn: &mut Conn, id: u64) -> u64 {
    let _ = conn;
    id
}

// case: parts of an argument that can be changed
#[cache_query]
fn changes_parts((conn, id): (&mut Conn, u64)) -> u64 {
    let _ = conn;
    id
}

// case: a pinned argument that can be changed
#[cache_query]
fn changes_pinned(conn: Pin<&mut Conn>, id: u64) -> u64 {
    let _ = conn;
    id
}

impl Repo {
    // case: a `self` that can be changed
    #[cache_query]
    fn changes(&mut self, id: u64) -> u64 {
        id
    }

    // case: a pinned `self` that can be changed
    #[cache_query]
    fn changes_pinned(self: Pin<&mut Self>, id: u64) -> u64 {
        id
    }
}

fn main() {}
