//! Links to real servers.

#[path = "../../../tests/src/redis.rs"]
#[expect(unreachable_pub, reason = "the crate `tests` has it, too")]
pub(crate) mod server;

mod connecting;
mod failing;
mod queueing;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use redis::Value;

use super::*;
use crate::link::answer::Outcome;
use server::Server;

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

/// Starts a server, or leaves the test.
macro_rules! start {
    ($($line:expr),*) => {
        match Server::start(&[$($line),*]).unwrap() {
            Some(server) => server,
            None => return,
        }
    };
}
pub(crate) use start;

/// A link that waits long enough, for tests that are not about time.
pub(super) fn patient(url: &str) -> Link {
    let options = LinkOptions {
        op_timeout: SOON,
        connect_timeout: SOON,
        send_timeout: SOON,
        ..LinkOptions::default()
    };
    Link::open(url, options).unwrap()
}

/// Who is asked first, by an URL; or what is wrong with it.
pub(crate) fn doors(url: &str) -> Result<Vec<String>, String> {
    let target = Target::parse(url, &RedisTls::default()).map_err(|error| error.to_string())?;
    let doors = target.doors.iter();
    Ok(doors.map(|door| door.addr().to_string()).collect())
}

fn ping() -> Request {
    Request::of(redis::cmd("PING"))
}

fn pong() -> Outcome {
    Ok(vec![Value::SimpleString("PONG".to_owned())])
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
