//! What the server is, as far as it says so, and what looks wrong about it.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::Value;
use tokio::sync::watch;

use crate::events::{EventKind, Events};
use crate::link::{Dedicated, Link, LinkError, Request};
use crate::log::Contact;
use crate::sync::{Arc, Mutex, lock};

/// How long the server is given for each question. Nobody waits for the answers.
const WITHIN: Duration = Duration::from_secs(1);

/// The first version with what the log needs. Every Valkey says that it is compatible with one of these.
const OLDEST: u64 = 7;

/// From which difference on a clock looks wrong.
const APART: Duration = Duration::from_secs(5);

/// What is known of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// What it is: `Redis 7.2.4, primary`.
    pub(crate) server: Option<String>,
    /// What looks wrong, and what to do.
    pub(crate) warnings: Vec<String>,
    /// Why it cannot be used, and what to do.
    pub(crate) unusable: Option<String>,
}

/// Asks the server what it is whenever the log is heard of through another connection than before, or is refused, and tells what is new.
pub(super) async fn greet(
    link: Link,
    mut contact: watch::Receiver<Contact>,
    known: Arc<Mutex<Greeting>>,
    events: Events,
) {
    let (mut seen, mut told) = (None, None);
    // What was heard before counts, too.
    contact.mark_changed();
    while contact.changed().await.is_ok() {
        let now = contact.borrow_and_update().clone();
        let refusal = match now {
            Contact::None | Contact::Lost(_) => continue,
            Contact::Made => None,
            Contact::Refused(error) => Some(error),
        };
        // Every heartbeat comes by here.
        let met = Some((link.health().connections, refusal.clone()));
        if met == seen {
            continue;
        }
        let info = match link.dedicated().await {
            Ok(connection) => Info::ask(&connection).await,
            Err(_) => Info::default(),
        };
        let greeting = info.greeting(refusal.as_ref());
        seen = met;
        lock(&known).clone_from(&greeting);
        if told.as_ref() != Some(&greeting) {
            tell(&greeting, &events);
            told = Some(greeting);
        }
    }
}

fn tell(greeting: &Greeting, events: &Events) {
    if let Some(why) = &greeting.unusable {
        return events.announce(EventKind::Warned, why);
    }
    let server = greeting.server.as_deref().unwrap_or("a Redis");
    events.announce(EventKind::Greeted, server);
    for warning in &greeting.warnings {
        events.announce(EventKind::Warned, warning);
    }
}

/// What a server says of itself. It may say nothing: services that run it for others often forbid to ask.
#[derive(Debug, Default)]
struct Info {
    fields: BTreeMap<String, String>,
    /// Its clock less ours, in milliseconds.
    ahead: Option<i128>,
}

impl Info {
    async fn ask(connection: &Dedicated) -> Self {
        let mut info = Self::default();
        for section in ["server", "replication", "memory"] {
            let mut cmd = redis::cmd("INFO");
            cmd.arg(section);
            let reply = connection.ask(Request::of(cmd), WITHIN).await;
            if let Ok(Some(text)) = reply.map(|mut replies| text(replies.pop())) {
                info.read(&text);
            }
        }
        let reply = connection
            .ask(Request::of(redis::cmd("TIME")), WITHIN)
            .await;
        let theirs = reply.ok().and_then(|mut replies| millis(replies.pop()?));
        let ours = i128::from(crate::time::unix_millis());
        info.ahead = theirs.map(|theirs| i128::from(theirs) - ours);
        info
    }

    fn read(&mut self, text: &str) {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        self.fields
            .extend(fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    fn greeting(&self, refusal: Option<&LinkError>) -> Greeting {
        Greeting {
            server: self.server(),
            warnings: self.warnings(),
            unusable: refusal.map(|error| self.unusable(error)),
        }
    }

    /// Name, version, role, and what it does when its memory is full.
    fn server(&self) -> Option<String> {
        let name = ["valkey", "dragonfly", "redis"]
            .into_iter()
            .find_map(|name| {
                let version = self.get(&format!("{name}_version"))?;
                let (first, rest) = name.split_at(1);
                Some(format!("{}{rest} {version}", first.to_uppercase()))
            })?;
        let mut parts = vec![name];
        match self.get("role") {
            Some("master") => parts.push("primary".to_owned()),
            Some("slave") => parts.push("replica".to_owned()),
            _ => {}
        }
        match self.number("connected_slaves") {
            Some(1) => parts.push("1 replica".to_owned()),
            Some(many @ 2..) => parts.push(format!("{many} replicas")),
            _ => {}
        }
        if let Some(policy) = self.get("maxmemory_policy") {
            parts.push(match self.number("maxmemory") {
                Some(0) => "no maxmemory".to_owned(),
                Some(bytes) => format!("maxmemory of {} MiB, {policy}", bytes >> 20),
                None => policy.to_owned(),
            });
        }
        Some(parts.join(", "))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let bounded = self.number("maxmemory") != Some(0);
        match self.get("maxmemory_policy") {
            Some(policy) if bounded && policy.starts_with("allkeys-") => warnings.push(format!(
                "maxmemory-policy is {policy}, which can evict the log: then everything is a miss, in memory, too; set \
                 volatile-lru, or another volatile-*"
            )),
            Some("noeviction") if bounded => warnings.push(
                "maxmemory-policy is noeviction: a server that is full takes no values and, worse, no invalidations; set \
                 volatile-lru, or another volatile-*"
                    .to_owned(),
            ),
            _ => {}
        }
        // Told by INFO only where it is set.
        let unguarded = self.get("min_slaves_good_slaves").is_none();
        if self.number("connected_slaves").is_some_and(|many| many > 0) && unguarded {
            warnings.push(
                "it has replicas and no min-replicas-to-write: while a failover has not reached it, a process that is connected \
                 to the old primary hears nothing of the new one's invalidations; set min-replicas-to-write and \
                 min-replicas-max-lag"
                    .to_owned(),
            );
        }
        if let Some(ahead) = self.ahead
            && ahead.unsigned_abs() > APART.as_millis()
        {
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            warnings.push(format!(
                "its clock is {} s {way} that of this machine: nothing that is served depends on it, but one of them is wrong",
                ahead.unsigned_abs() / 1_000
            ));
        }
        warnings
    }

    /// What a refusal of the log means.
    fn unusable(&self, error: &LinkError) -> String {
        let major = self.get("redis_version").and_then(|version| {
            let (major, _) = version.split_once('.')?;
            major.parse::<u64>().ok()
        });
        let server = self.server();
        let server = server.as_deref().unwrap_or("the server");
        if major.is_some_and(|major| major < OLDEST) {
            return format!(
                "{server} is too old for the log of invalidations: it takes Redis {OLDEST} or later, or Valkey; nothing is shared \
                 until then"
            );
        }
        let text = error.to_string();
        let advice = ADVICE
            .iter()
            .find(|(sign, _)| text.contains(sign))
            .map_or("nothing is shared until it does not", |(_, advice)| advice);
        format!("{text} ({server}): {advice}")
    }
}

/// What to do, by a sign of it in what the server says.
const ADVICE: [(&str, &str); 8] = [
    (
        "NOPERM",
        "nothing is shared until its user may run the commands that guide::redis lists",
    ),
    (
        "unknown command",
        "nothing is shared without the commands that guide::redis lists",
    ),
    (
        "READONLY",
        "nothing is shared until the URL is that of the primary",
    ),
    (
        "WRONGPASS",
        "nothing is shared until user and password are right",
    ),
    (
        "authentication failed",
        "nothing is shared until user and password are right",
    ),
    ("NOAUTH", "nothing is shared until the URL has a password"),
    (
        "WRONGTYPE",
        "nothing is shared while something else stands under the keys of this namespace's log; take another namespace, or remove it",
    ),
    (
        "OOM",
        "nothing is shared until it has room; set maxmemory-policy to volatile-lru",
    ),
];

fn text(reply: Option<Value>) -> Option<String> {
    match reply? {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

/// What `TIME` says.
fn millis(reply: Value) -> Option<u64> {
    let Value::Array(parts) = reply else {
        return None;
    };
    let mut parts = parts
        .into_iter()
        .map(|part| text(Some(part))?.parse::<u64>().ok());
    let (seconds, micros) = (parts.next()??, parts.next()??);
    seconds.checked_mul(1_000)?.checked_add(micros / 1_000)
}

#[cfg(test)]
mod tests;
