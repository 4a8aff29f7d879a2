//! A namespace lives at one node of a cluster, wherever that is by now.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what tests share is a test, too"
)]

use cache_core::cache_resource;
use tests::redis::{Reply, free_port};

use super::*;

/// Three primaries, and a replica of the one that has the namespace `test`.
struct Cluster {
    nodes: Vec<Server>,
    slot: String,
    /// Which of the nodes has it.
    owner: usize,
}

/// The last one is the replica.
const NODES: usize = 4;

impl Cluster {
    fn start() -> Option<Self> {
        let nodes = (0..NODES).map(|_| {
            let node = Server::start(&[
                "cluster-enabled yes",
                "cluster-node-timeout 1000",
                "cluster-replica-validity-factor 0",
                "cluster-require-full-coverage no",
                &format!("cluster-port {}", free_port().unwrap()),
            ]);
            node.unwrap()
        });
        let nodes: Vec<Server> = nodes.collect::<Option<_>>()?;
        let slot = match nodes[0].command(["CLUSTER", "KEYSLOT", "fc:{test}:log"]) {
            Ok(Reply::Integer(slot)) => slot,
            other => panic!("{other:?}"),
        };
        let owner = usize::try_from(slot / 5_462).unwrap();
        let cluster = Self {
            nodes,
            slot: slot.to_string(),
            owner,
        };
        for (node, (first, last)) in [("0", "5461"), ("5462", "10923"), ("10924", "16383")]
            .iter()
            .enumerate()
        {
            cluster.ask(node, &["ADDSLOTSRANGE", first, last]);
        }
        for node in 1..NODES {
            let bus = cluster.bus(node);
            cluster.ask(0, &["MEET", "127.0.0.1", &port(&cluster.nodes[node]), &bus]);
        }
        for node in 0..NODES {
            until("the nodes know of each other", || {
                let info = cluster.ask(node, &["INFO"]);
                info.contains("cluster_state:ok")
                    && info.contains("cluster_known_nodes:4")
                    && info.contains("cluster_slots_assigned:16384")
            });
        }
        cluster.ask(NODES - 1, &["REPLICATE", &cluster.id(owner)]);
        until("the replica follows", || {
            let info = cluster.nodes[NODES - 1].info("replication").unwrap();
            info.get("master_link_status").is_some_and(|up| up == "up")
        });
        Some(cluster)
    }

    fn bus(&self, node: usize) -> String {
        let get = self.nodes[node].command(["CONFIG", "GET", "cluster-port"]);
        match get.unwrap() {
            Reply::Array(pair) => text(&pair[1]),
            other => panic!("{other:?}"),
        }
    }

    fn ask(&self, node: usize, words: &[&str]) -> String {
        let command = ["CLUSTER"].iter().chain(words);
        text(&self.nodes[node].command(command).unwrap())
    }

    fn id(&self, node: usize) -> String {
        self.ask(node, &["MYID"])
    }

    /// One URL with all nodes, beginning with this one.
    fn url(&self, first: usize) -> String {
        let nodes = (first..).take(NODES).map(|node| &self.nodes[node % NODES]);
        let hosts: Vec<_> = nodes
            .map(|node| format!("127.0.0.1:{}", port(node)))
            .collect();
        format!("redis://{}/", hosts.join(","))
    }

    fn keys(&self, node: usize) -> Vec<Vec<u8>> {
        let ask = ["CLUSTER", "GETKEYSINSLOT", &self.slot, "100000"];
        match self.nodes[node].command(ask).unwrap() {
            Reply::Array(keys) => keys
                .into_iter()
                .map(|key| text(&key).into_bytes())
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Begins to move the slot to another node.
    fn begin_moving(&self, to: usize) {
        let (from, source) = (self.owner, self.id(self.owner));
        self.ask(to, &["SETSLOT", &self.slot, "IMPORTING", &source]);
        self.ask(from, &["SETSLOT", &self.slot, "MIGRATING", &self.id(to)]);
    }

    fn move_key(&self, to: usize, key: &[u8]) {
        let port = port(&self.nodes[to]);
        let words = [
            b"MIGRATE",
            b"127.0.0.1" as &[u8],
            port.as_bytes(),
            key,
            b"0",
            b"5000",
        ];
        self.nodes[self.owner].command(words).unwrap();
    }

    fn end_moving(&mut self, to: usize) {
        let id = self.id(to);
        for node in [to, self.owner] {
            self.ask(node, &["SETSLOT", &self.slot, "NODE", &id]);
        }
        self.owner = to;
    }
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_namespace_is_found_and_followed() {
    static ROW: Row = Row::new();
    #[cache_resource("row:{id}", ttl = 1000)]
    async fn row(id: u64) -> u64 {
        let _ = id;
        ROW.read()
    }
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    // By way of any node: of the one that has it, of another, of its replica.
    let mut all = Vec::new();
    for node in 0..NODES {
        all.push(process_at(&cluster.url(node)).await);
    }
    for (n, cache) in all.iter().enumerate() {
        share(cache, &all[(n + 1) % NODES]).await.unwrap();
    }
    for id in 0..50 {
        assert_eq!(all[0].scope(row(id)).await, 1);
    }
    until("all is stored", || cluster.keys(cluster.owner).len() > 50);
    assert_eq!(all[1].scope(row(0)).await, 1);

    // The slot moves: first the log, and values one by one.
    let to = (cluster.owner + 1) % (NODES - 1);
    cluster.begin_moving(to);
    let keys = cluster.keys(cluster.owner);
    let (first, second) = keys.split_at(keys.len() / 2);
    cluster.move_key(to, b"fc:{test}:log");
    for key in first {
        cluster.move_key(to, key);
    }
    let value = ROW.write();
    let told = all[0].invalidate_pattern("resource:row:*").await;
    assert_eq!(all[0].scope(row(0)).await, value, "{told:?}");
    for cache in &all {
        works(cache).await.unwrap();
    }
    for key in second {
        cluster.move_key(to, key);
    }
    cluster.end_moving(to);
    for cache in &all {
        until("it is found again", || cache.health().is_well());
        let began = Instant::now();
        while cache.scope(row(1)).await != value {
            assert!(began.elapsed() < SOON, "an old value");
        }
        assert_eq!(cache.scope(row(0)).await, value);
    }
    share(&all[0], &all[1]).await.unwrap();

    // And back, and its node dies: the replica is promoted.
    let back = (to + NODES - 2) % (NODES - 1);
    cluster.begin_moving(back);
    for key in cluster.keys(to) {
        cluster.move_key(back, &key);
    }
    // Those who go on write what is missing anew.
    until("the slot is empty", || {
        let left = cluster.keys(to);
        left.iter().for_each(|key| cluster.move_key(back, key));
        left.is_empty()
    });
    cluster.end_moving(back);
    for cache in &all {
        until("it is found again", || cache.health().is_well());
    }
    share(&all[2], &all[3]).await.unwrap();
    let replica = NODES - 1;
    cluster.nodes[replica]
        .catch_up(&cluster.nodes[back])
        .unwrap();
    cluster.nodes[back].kill().unwrap();
    let value = ROW.write();
    let told = all[0].invalidate_pattern("resource:row:*").await;
    assert_eq!(all[0].scope(row(0)).await, value, "{told:?}");
    until("the replica is promoted", || {
        let info = cluster.nodes[replica].info("replication").unwrap();
        info["role"] == "master"
    });
    for cache in &all {
        until("it is found again", || cache.health().is_well());
        let began = Instant::now();
        while cache.scope(row(0)).await != value {
            assert!(began.elapsed() < SOON, "an old value");
        }
    }
    for (n, cache) in all.iter().enumerate() {
        share(cache, &all[(n + 1) % NODES]).await.unwrap();
    }
}

#[tokio::test]
async fn a_cluster_has_one_database() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let cache = Cache::builder().redis(&format!("{}3", cluster.url(0)));
    let cache = cache.build().await.unwrap();
    works(&cache).await.unwrap();
    says(&cache, "SELECT is not allowed");
}
