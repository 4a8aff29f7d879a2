//! The ways to a server: its users, sockets, databases, and TLS.

#![expect(clippy::unwrap_used, reason = "what tests share is a test, too")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

use cache_core::{ErrorKind, RedisTls};
use tests::redis::{Reply, free_port};

use super::*;

/// What `guide::redis` says that a user needs, with what is told at the start.
const NEEDED: &str = "-@all +evalsha +eval +xadd +xrange +xrevrange +xread +hmget +hset +info +get +getrange +set +pttl +del \
                      +unlink +ping +time +mget";

#[tokio::test]
async fn a_user_with_no_more_rights_than_are_said() {
    let user = format!("user app on >word resetchannels ~fc:{{test}}* {NEEDED}");
    let server = start!(&user);
    let url = server.url().replace("//", "//app:word@");
    let (a, b) = (process_at(&url).await, process_at(&url).await);
    share(&a, &b).await.unwrap();
    let Reply::Array(denied) = server.command(["ACL", "LOG"]).unwrap() else {
        panic!("no list");
    };
    assert!(denied.is_empty(), "{denied:?}");
}

#[tokio::test]
async fn a_socket_and_a_database_of_ones_own() {
    let server = start!("requirepass word");
    let socket = format!("{}?db=3&pass=word", server.socket_url());
    let port = format!("{}3", server.url().replace("//", "//:word@"));
    let (a, b) = (process_at(&socket).await, process_at(&port).await);
    share(&a, &b).await.unwrap();
    let keys = server.info("keyspace").unwrap();
    assert_eq!(keys.keys().filter(|key| key.starts_with("db")).count(), 1);
    assert!(keys.contains_key("db3"), "{keys:?}");

    let beyond = format!("{}99", server.url().replace("//", "//:word@"));
    let cache = Cache::builder().redis(&beyond).build().await.unwrap();
    works(&cache).await.unwrap();
    says(&cache, "DB index is out of range");
}

/// Certificates in a folder of their own: of an authority, a server, a client, and of nobody.
struct Certificates(PathBuf);

impl Certificates {
    fn new() -> Self {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, SeqCst);
        let name = format!("cache-certificates-{}-{number}", std::process::id());
        let all = Self(env::temp_dir().join(name));
        fs::create_dir_all(&all.0).unwrap();
        for authority in ["authority", "nobody"] {
            all.make(authority, &["-addext", "keyUsage=critical,keyCertSign"]);
        }
        for (name, usage) in [("server", "serverAuth"), ("client", "clientAuth")] {
            let usage = format!("extendedKeyUsage={usage}");
            let (pem, key) = (all.path("authority.pem"), all.path("authority.key"));
            all.make(
                name,
                &[
                    "-CA",
                    &pem,
                    "-CAkey",
                    &key,
                    "-addext",
                    "basicConstraints=critical,CA:FALSE",
                    "-addext",
                    "subjectAltName=IP:127.0.0.1",
                    "-addext",
                    &usage,
                ],
            );
        }
        all
    }

    fn make(&self, name: &str, more: &[&str]) {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}")])
            .args(["-keyout", &self.path(&format!("{name}.key"))])
            .args(["-out", &self.path(&format!("{name}.pem"))])
            .args(more)
            .stderr(Stdio::null())
            .status();
        assert!(
            made.unwrap().success(),
            "openssl makes no certificate of {name}"
        );
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// A server with its certificate, and its URL.
    fn server(&self, clients: &str) -> Option<(Server, String)> {
        let port = free_port().unwrap();
        let server = Server::start(&[
            &format!("tls-port {port}"),
            &format!("tls-cert-file {}", self.path("server.pem")),
            &format!("tls-key-file {}", self.path("server.key")),
            &format!("tls-ca-cert-file {}", self.path("authority.pem")),
            &format!("tls-auth-clients {clients}"),
        ]);
        Some((server.unwrap()?, format!("rediss://127.0.0.1:{port}/")))
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn encrypted(url: &str, tls: &RedisTls) -> Cache {
    let builder = Cache::builder().namespace("test").redis(url);
    builder.redis_tls(tls.clone()).build().await.unwrap()
}

#[tokio::test]
async fn tls_with_a_server_that_is_trusted_and_no_other() {
    let certificates = Certificates::new();
    let Some((server, url)) = certificates.server("no") else {
        return;
    };
    let trusting = RedisTls::new().ca_certificate(certificates.read("authority.pem"));
    let (a, b) = (encrypted(&url, &trusting).await, process(&server).await);
    until("contact", || a.health().is_well());
    share(&a, &b).await.unwrap();
    let elsewhere = RedisTls::new().ca_certificate(certificates.read("nobody.pem"));
    for (url, tls, why) in [
        (url.clone(), elsewhere, "UnknownIssuer"),
        // Those that the system trusts.
        (url.clone(), RedisTls::new(), "certificate"),
        // Its certificate is of an address, and not of the name.
        (
            url.replace("127.0.0.1", "localhost"),
            trusting.clone(),
            "not valid for name",
        ),
        // This one does not speak TLS, and waits for more of what it does not understand.
        (
            server.url().replace("redis:", "rediss:"),
            trusting,
            "in time",
        ),
    ] {
        let cache = encrypted(&url, &tls).await;
        works(&cache).await.unwrap();
        says(&cache, why);
        assert!(!cache.health().is_well());
    }
    // And without TLS where it is expected.
    let cache = Cache::builder().redis(&url.replace("rediss:", "redis:"));
    let cache = cache.build().await.unwrap();
    works(&cache).await.unwrap();
    assert!(!cache.health().is_well());
}

#[tokio::test]
async fn tls_with_a_server_that_asks_for_certificates() {
    let certificates = Certificates::new();
    let Some((server, url)) = certificates.server("yes") else {
        return;
    };
    let none = RedisTls::new().ca_certificate(certificates.read("authority.pem"));
    let own = |name: &str| {
        let key = certificates.read(&format!("{name}.key"));
        none.clone()
            .client_certificate(certificates.read(&format!("{name}.pem")), key)
    };
    let a = encrypted(&url, &own("client")).await;
    let b = process(&server).await;
    until("contact", || a.health().is_well());
    share(&a, &b).await.unwrap();
    for wrong in [&none, &own("nobody")] {
        let cache = encrypted(&url, wrong).await;
        works(&cache).await.unwrap();
        until("it is said", || {
            cache.health().redis.unwrap().last_error.is_some()
        });
        assert!(!cache.health().is_well());
    }
    // A key that is another's, or none.
    for (pem, key) in [
        ("client.pem", "authority.key"),
        ("client.pem", "client.pem"),
    ] {
        let tls = none.clone();
        let tls = tls.client_certificate(certificates.read(pem), certificates.read(key));
        let builder = Cache::builder().redis(&url).redis_tls(tls);
        match builder.build().await {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Config),
            Ok(cache) => {
                works(&cache).await.unwrap();
                until("it is said", || {
                    cache.health().redis.unwrap().last_error.is_some()
                });
                assert!(!cache.health().is_well());
            }
        }
    }
}
