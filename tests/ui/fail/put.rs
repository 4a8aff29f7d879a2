use cache_core::{cache, cache_put};

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
}

// case: a misspelt argument
#[cache_put("users:{idd}")]
fn misspelt(id: u64) -> User {
    User { id }
}

// case: a misspelt return
#[cache_put("users:{retrn.id}")]
fn misspelt_return(id: u64) -> User {
    User { id }
}

// case: a field that the value does not have
#[cache_put("users:{return.name}")]
fn no_such_field(id: u64) -> Result<User, String> {
    Ok(User { id })
}

// case: nowhere to put it
#[cache_put]
fn nowhere(id: u64) -> User {
    User { id }
}

// case: nothing to put
#[cache_put("users:{id}")]
async fn nothing(id: u64) -> Result<(), String> {
    let _ = id;
    Ok(())
}

// case: a pattern
#[cache_put("users:*")]
fn pattern(id: u64) -> User {
    User { id }
}

// case: a tag
#[cache_put("users:{id}", tag = "users")]
fn tagged(id: u64) -> User {
    User { id }
}

// case: behind the call
#[cache_put("users:{id}", behind)]
fn behind(id: u64) -> User {
    User { id }
}

// case: cached, too
#[cache_put("users:{id}")]
#[cache]
fn cached(id: u64) -> User {
    User { id }
}

// case: a value that stays in the process
#[derive(Clone)]
struct Local(u64);
#[cache_put("locals:{id}")]
async fn local(id: u64) -> Result<Local, String> {
    Ok(Local(id))
}

// case: a value that belongs to its thread
#[cache_put("shared:{id}")]
fn of_a_thread(id: u64) -> Option<std::cell::Cell<u64>> {
    Some(std::cell::Cell::new(id))
}

// case: a lifetime that is none
#[cache_put("users:{id}", ttl = |user| user.id > 1)]
fn lifetime(id: u64) -> User {
    User { id }
}

#[cache]
async fn user(id: u64) -> Result<Option<User>, String> {
    Ok(Some(User { id }))
}

#[cache]
fn name(id: u64) -> String {
    id.to_string()
}

// case: a call of another type
#[cache_put(name(id))]
fn of_another_type(id: u64) -> User {
    User { id }
}

// case: a call that is awaited
#[cache_put(user(id).await)]
async fn awaited(id: u64) -> User {
    User { id }
}

// case: a lifetime that the function has
#[cache_put(user(id), ttl = 5)]
async fn lifetime_of_a_call(id: u64) -> User {
    User { id }
}

fn main() {}
