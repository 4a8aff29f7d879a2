//! Opening, asking from everywhere, closing.

use super::*;

#[test]
fn answers_on_any_runtime_and_without_one() {
    let server = start!();
    let link = patient(&server.url());
    assert_eq!(link.ask(ping()).wait(), pong());
    let current = runtime::Builder::new_current_thread().build().unwrap();
    // This runtime has neither timers nor sockets, and is gone afterwards.
    assert_eq!(current.block_on(link.ask(ping())), pong());
    assert_eq!(current.block_on(async { link.ask(ping()).wait() }), pong());
    drop(current);
    let other = runtime::Builder::new_current_thread().build().unwrap();
    let clone = link.clone();
    assert_eq!(
        other
            .block_on(other.spawn(async move { clone.ask(ping()).await }))
            .unwrap(),
        pong()
    );
    drop(other);
    assert_eq!(link.ask(ping()).wait(), pong());
    let health = link.health();
    assert!(health.connected && !health.breaker_open);
    assert_eq!(
        (health.connections, health.answered, health.failed),
        (1, 5, 0)
    );
}

#[test]
fn works_over_a_socket_and_with_a_password() {
    let server = start!("requirepass s3cret!pass");
    let url = server.socket_url();
    assert_eq!(
        patient(&format!("{url}?pass=s3cret!pass"))
            .ask(ping())
            .wait(),
        pong()
    );
    let url = server.url().replace("//", "//:s3cret!pass@");
    assert_eq!(patient(&url).ask(ping()).wait(), pong());
}

#[test]
fn reads_have_a_wire_of_their_own_wherever_the_server_is() {
    let server = start!("requirepass s3cret!pass", "user ann on >hunter2 ~* +@all");
    for url in [
        format!("{}?pass=s3cret!pass", server.socket_url()),
        server.url().replace("//", "//:s3cret!pass@"),
        format!("{}/3", server.url().replace("//", "//ann:hunter2@")),
        server.url().replace("//", "//ann:hunter2@") + "?protocol=resp3",
    ] {
        let link = patient(&url);
        until("it has a wire", || link.has_wire());
    }
    // Where nobody is told which server this is, there is the other way.
    let shy = start!("user ann on >hunter2 ~* +@all -info");
    let link = patient(&shy.url().replace("//", "//ann:hunter2@"));
    assert_eq!(link.ask(ping()).wait(), pong());
    assert!(!link.has_wire());
    // It is not asked for that again and again.
    let refused = || match shy.command(["ACL", "LOG"]).unwrap() {
        server::Reply::Array(entries) => entries.len(),
        other => panic!("{other:?}"),
    };
    until("it was asked", || refused() > 0);
    let connections = || {
        let mut stats = shy.info("stats").unwrap();
        stats.remove("total_connections_received").unwrap()
    };
    let (before, began) = (connections(), Instant::now());
    while began.elapsed() < Duration::from_millis(500) {
        assert_eq!(link.ask(ping()).wait(), pong());
    }
    assert_eq!(connections(), before);
}

#[test]
fn several_commands_are_one_trip() {
    let server = start!();
    let link = patient(&server.url());
    let mut set = redis::cmd("SET");
    set.arg("key").arg("value");
    let mut get = redis::cmd("GET");
    get.arg("key");
    let request = Request::of(set).and(get);
    assert_eq!(
        link.ask(request).wait(),
        Ok(vec![Value::Okay, Value::BulkString(b"value".to_vec())])
    );
    assert_eq!(link.ask(Request::default()).wait(), Ok(Vec::new()));
}

#[test]
fn an_answer_may_be_dropped() {
    let server = start!();
    let link = patient(&server.url());
    for _ in 0..100 {
        drop(link.ask(ping()));
    }
    assert_eq!(link.ask(ping()).wait(), pong());
}

#[test]
fn a_background_future_ends_with_the_link() {
    struct Dropped(std::sync::mpsc::Sender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let server = start!();
    let (sender, receiver) = std::sync::mpsc::channel();
    let link = patient(&server.url());
    let (weak, dropped) = (link.weak(), Dropped(sender.clone()));
    link.spawn(async move {
        assert_eq!(weak.ask(ping()).await, pong());
        let _ = dropped.0.send(());
        std::future::pending::<()>().await;
        drop(dropped);
    });
    receiver.recv_timeout(SOON).unwrap();
    let weak = link.weak();
    drop(link);
    receiver.recv_timeout(SOON).unwrap();
    assert!(matches!(
        weak.ask(ping()).wait(),
        Err(LinkError::Disconnected(_))
    ));
}

#[test]
fn a_dedicated_connection_blocks_nobody_else() {
    let server = start!();
    let link = patient(&server.url());
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let dedicated = runtime.block_on(link.dedicated()).unwrap();
    let pop = |wait: u64| {
        let mut cmd = redis::cmd("BLPOP");
        cmd.arg("list").arg(wait);
        Request::of(cmd)
    };
    let popped = dedicated.ask(pop(0), SOON);
    assert_eq!(link.ask(ping()).wait(), pong());
    server.command(["RPUSH", "list", "item"]).unwrap();
    let item = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    assert_eq!(
        popped.wait(),
        Ok(vec![Value::Array(vec![item("list"), item("item")])])
    );
    let late = dedicated.ask(pop(0), Duration::from_millis(20));
    assert_eq!(runtime.block_on(late), Err(LinkError::TimedOut));
    assert!(!link.health().breaker_open);
    drop(dedicated);
    until("the connection is closed", || {
        server.info("clients").unwrap()["blocked_clients"] == "0"
    });
}

#[test]
fn a_dedicated_connection_ends_with_the_links() {
    let server = start!();
    let link = patient(&server.url());
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let dedicated = runtime.block_on(link.dedicated()).unwrap();
    assert_eq!(dedicated.ask(ping(), SOON).wait(), pong());
    link.leave();
    until("there is another", || link.health().connections > 1);
    // By its name the server may be another one now.
    assert!(matches!(
        dedicated.ask(ping(), SOON).wait(),
        Err(LinkError::Disconnected(_))
    ));
    let dedicated = runtime.block_on(link.dedicated()).unwrap();
    assert_eq!(dedicated.ask(ping(), SOON).wait(), pong());
}

#[test]
fn nothing_of_a_closed_link_is_left() {
    let server = start!();
    let connections = || server.info("clients").unwrap()["connected_clients"].clone();
    let before = connections();
    // Other tests have links, too: only these threads count.
    let (sender, threads) = std::sync::mpsc::channel();
    for turn in 0..50 {
        let link = patient(&server.url());
        if turn % 2 == 0 {
            assert_eq!(link.ask(ping()).wait(), pong());
        }
        let (weak, sender) = (link.weak(), sender.clone());
        link.spawn(async move {
            let thread = std::fs::read_link("/proc/thread-self").unwrap();
            sender
                .send(std::path::Path::new("/proc").join(thread))
                .unwrap();
            let _ = weak.ask(ping()).await;
            std::future::pending::<()>().await;
        });
        let thread = threads.recv_timeout(SOON).unwrap();
        let name = std::fs::read_to_string(thread.join("comm")).unwrap();
        assert_eq!(name.trim(), "cache-io");
        if turn % 5 == 0 {
            link.close();
        } else {
            drop(link);
        }
        until("the thread has ended", || !thread.exists());
    }
    until("the connections are closed", || connections() == before);
}

#[test]
fn the_last_handle_may_be_dropped_by_the_links_own_task() {
    let server = start!();
    let link = patient(&server.url());
    let (held, dropped) = (link.clone(), Arc::new(()));
    let inside = Arc::clone(&dropped);
    link.spawn(async move {
        let _ = held.ask(ping()).await;
        drop(held);
        std::future::pending::<()>().await;
        drop(inside);
    });
    drop(link);
    until("the task is gone", || Arc::strong_count(&dropped) == 1);
}

#[test]
fn a_bad_url_is_an_error_that_does_not_repeat_it() {
    for url in [
        "",
        "hunter2",
        "http://user:hunter2@host/",
        "redis://user:hunter2@/",
        "redis://user:hunter2@host:port/",
        "redis://user:hunter2@host:99999/",
        "redis://user:hunter2@host/hunter2",
        "redis://:hunter2%ff@host/",
        "redis://user:hunter2@0.0.0.0/",
        #[cfg(not(feature = "redis-tls"))]
        "rediss://user:hunter2@host/",
        "rediss://user:hunter2@host/#insecure",
        "redis+unix://?pass=hunter2&db=hunter2",
        "redis://user:hunter2@host/?protocol=hunter2",
    ] {
        let Err(error) = Link::open(url, LinkOptions::default()) else {
            panic!("accepted: {url}");
        };
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains("Redis server"), "{error}");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
