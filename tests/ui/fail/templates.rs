use cache_core::{cache, cache_query, cache_resource};

pub struct User {
    pub id: u64,
    pub name: String,
}

// case: an argument that is misspelt
#[cache_resource("users:{idd}")]
fn misspelt(id: u64) -> u64 {
    id
}

// case: an argument that looks like none
#[cache_resource("users:{tenant}")]
fn unheard_of(id: u64, page: u64) -> u64 {
    id + page
}

// case: an argument where there are none
#[cache_resource("users:{id}")]
fn no_arguments() -> u64 {
    1
}

// case: a brace that is not closed
#[cache_resource("users:{id")]
fn not_closed(id: u64) -> u64 {
    id
}

// case: a brace that closes nothing
#[cache_resource("users:id}")]
fn not_opened(id: u64) -> u64 {
    id
}

// case: a brace inside braces
#[cache_resource("users:{a{id}}")]
fn nested(id: u64) -> u64 {
    id
}

// case: nothing between braces
#[cache_resource("users:{}")]
fn nothing(id: u64) -> u64 {
    id
}

// case: a number between braces
#[cache_resource("users:{0}")]
fn numbered(id: u64) -> u64 {
    id
}

// case: a format between braces
#[cache_resource("users:{id:?}")]
fn formatted(id: u64) -> u64 {
    id
}

// case: a call between braces
#[cache_resource("users:{user.id()}")]
fn called(user: String) -> String {
    user
}

// case: a path that ends in a dot
#[cache_resource("users:{id.}")]
fn dotted(id: u64) -> u64 {
    id
}

// case: nothing at all
#[cache_resource("")]
fn empty(id: u64) -> u64 {
    id
}

// case: the value in an address
#[cache_resource("users:{return.id}")]
fn too_early(id: u64) -> u64 {
    id
}

// case: a pattern for an address
#[cache_resource("users:*")]
fn pattern(id: u64) -> u64 {
    id
}

// case: the prefix written once more
#[cache_resource("resource:users:{id}")]
fn prefixed(id: u64) -> u64 {
    id
}

// case: an argument that is skipped
#[cache_resource("users:{id}", skip(id))]
fn skipped(id: u64, page: u64) -> u64 {
    id + page
}

// case: an argument that is no part of the key
#[cache_resource("users:{user.id}", key(page))]
fn outside_the_key(user: &User, page: u64) -> u64 {
    user.id + page
}

// case: another part of an argument than that which is in the key
#[cache(key(user.id), tags("names:{user.name}"))]
fn beside_the_key(user: &User) -> u64 {
    user.id
}

// case: more of an argument than that which is in the key
#[cache_resource("users:{user}", key(user.id))]
fn more_than_the_key(user: &User) -> u64 {
    user.id
}

// case: a duration for a template
#[cache("5m")]
fn duration(id: u64) -> u64 {
    id
}

// case: a template that does not come first
#[cache(ttl = 5, "users:{id}")]
fn late(id: u64) -> u64 {
    id
}

// case: two templates
#[cache("users:{id}", "people:{id}")]
fn two(id: u64) -> u64 {
    id
}

// case: a misspelt argument in a tag
#[cache_query(tags("user:{idd}"))]
fn misspelt_tag(id: u64) -> u64 {
    id
}

// case: a tag with a brace that is not closed
#[cache_query(tags("user:{id"))]
fn tag_not_closed(id: u64) -> u64 {
    id
}

// case: an empty tag
#[cache_query(tags(""))]
fn empty_tag(id: u64) -> u64 {
    id
}

// case: a tag with an argument that is skipped
#[cache_query(skip(tenant), tags("tenant:{tenant}"))]
fn skipped_tag(id: u64, tenant: u64) -> u64 {
    id + tenant
}

fn main() {}
