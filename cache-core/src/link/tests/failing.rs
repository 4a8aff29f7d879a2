//! Servers that go, hang, refuse or talk nonsense.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::task::Waker;

use super::*;

/// What a time-out may be exceeded by on a machine with other things to do.
const SLACK: Duration = Duration::from_millis(450);

fn timed(link: &Link) -> (Outcome, Duration) {
    let began = Instant::now();
    let outcome = link.ask(ping()).wait();
    (outcome, began.elapsed())
}

fn answers(link: &Link) -> bool {
    link.ask(ping()).wait() == pong()
}

#[test]
fn comes_back_after_a_restart() {
    let mut server = start!();
    let link = Link::open(&server.url(), LinkOptions::default()).unwrap();
    until("it answers", || answers(&link));
    server.kill().unwrap();
    until("the breaker is open", || {
        let (outcome, took) = timed(&link);
        assert!(outcome.is_err());
        assert!(took < link.shared.options.op_timeout + SLACK, "{took:?}");
        link.health().breaker_open
    });
    assert_eq!(timed(&link).0, Err(LinkError::BreakerOpen));
    assert!(matches!(
        link.health().last_error,
        Some(LinkError::Disconnected(_))
    ));
    server.start_again().unwrap();
    until("it answers", || answers(&link));
    assert!(!link.health().breaker_open);
    // And with a connection that breaks while nobody looks.
    server.restart_empty().unwrap();
    until("it answers", || answers(&link));
    assert!(link.health().connections >= 3);
}

#[test]
fn comes_up_when_the_server_does() {
    let mut server = start!();
    server.kill().unwrap();
    let link = Link::open(&server.url(), LinkOptions::default()).unwrap();
    until("it fails", || link.ask(ping()).wait().is_err());
    server.start_again().unwrap();
    until("it answers", || answers(&link));
}

#[test]
fn a_server_that_hangs_costs_the_time_out_until_the_breaker_opens() {
    let server = start!();
    let link = Link::open(&server.url(), LinkOptions::default()).unwrap();
    until("it answers", || answers(&link));
    server.pause().unwrap();
    for _ in 0..link.shared.options.failures {
        let (outcome, took) = timed(&link);
        assert_eq!(outcome, Err(LinkError::TimedOut));
        assert!(took < link.shared.options.op_timeout + SLACK, "{took:?}");
    }
    until("the breaker is open", || link.health().breaker_open);
    assert_eq!(link.health().breaker_opened, 1);
    let began = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(link.ask(ping()).wait(), Err(LinkError::BreakerOpen));
    }
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
    server.resume().unwrap();
    until("the breaker is closed", || !link.health().breaker_open);
    until("it answers", || answers(&link));
}

#[test]
fn a_server_that_is_gone_without_a_word_is_left() {
    let server = start!();
    let link = Link::open(&server.url(), LinkOptions::default()).unwrap();
    until("it answers", || answers(&link));
    server.pause().unwrap();
    until("a probe failed", || {
        let _ = link.ask(ping()).wait();
        !link.health().connected
    });
    server.resume().unwrap();
    until("it answers", || answers(&link));
    assert!(link.health().connections >= 2);
}

#[test]
fn an_awaited_answer_keeps_to_its_time() {
    let server = start!();
    let link = Link::open(&server.url(), LinkOptions::default()).unwrap();
    until("it answers", || answers(&link));
    server.pause().unwrap();
    // The caller's runtime has no timers.
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let began = Instant::now();
    assert_eq!(runtime.block_on(link.ask(ping())), Err(LinkError::TimedOut));
    assert!(began.elapsed() < link.shared.options.op_timeout + SLACK);
}

#[test]
fn a_connection_that_breaks_is_one_failure_however_many_wait() {
    let server = start!();
    let link = patient(&server.url());
    until("it answers", || answers(&link));
    let mut blocks = redis::cmd("BLPOP");
    blocks.arg("nothing").arg(0);
    let first = link.ask(Request::of(blocks));
    let behind: Vec<_> = (0..64).map(|_| link.ask(ping())).collect();
    until("it blocks", || {
        let clients = server.info("clients").unwrap();
        clients
            .get("blocked_clients")
            .is_some_and(|count| count == "1")
    });
    server
        .command(["CLIENT", "KILL", "TYPE", "normal"])
        .unwrap();
    for answer in std::iter::once(first).chain(behind) {
        assert!(matches!(answer.wait(), Err(LinkError::Disconnected(_))));
    }
    until("it answers", || answers(&link));
    let health = link.health();
    assert!(health.failed >= 65 && health.connections >= 2, "{health:?}");
    assert_eq!(health.breaker_opened, 0);
}

#[test]
fn a_wrong_password_is_said_and_not_shown() {
    let server = start!("requirepass right");
    let url = server.url().replace("//", "//somebody:hunter2@");
    let link = Link::open(&url, LinkOptions::default()).unwrap();
    until("it is refused", || {
        matches!(timed(&link).0, Err(LinkError::Refused(_)))
    });
    let error = timed(&link).0.unwrap_err();
    let health = link.health();
    assert!(!health.connected);
    let texts = [error.to_string(), format!("{error:?} {health:?} {link:?}")];
    for text in texts {
        assert!(
            !text.contains("hunter2") && !text.contains("somebody"),
            "{text}"
        );
    }
    // Without any, the connection stands and nothing may be done with it.
    let link = patient(&server.url());
    let Err(LinkError::Refused(text)) = link.ask(Request::of(redis::cmd("DBSIZE"))).wait() else {
        panic!("not refused");
    };
    assert!(text.starts_with("NOAUTH"), "{text}");
}

#[test]
fn a_refusal_is_no_failure() {
    let server = start!();
    let link = patient(&server.url());
    server.command(["RPUSH", "list", "item"]).unwrap();
    for _ in 0..10 {
        let mut get = redis::cmd("GET");
        get.arg("list");
        let Err(LinkError::Refused(text)) = link.ask(ping_and(get)).wait() else {
            panic!("not refused");
        };
        assert!(text.starts_with("WRONGTYPE"), "{text}");
        let Err(LinkError::Refused(text)) = link.ask(Request::of(nonsense())).wait() else {
            panic!("not refused");
        };
        assert!(
            text.starts_with("ERR") && !text.contains("hunter2"),
            "{text}"
        );
    }
    let health = link.health();
    assert_eq!(
        (health.answered, health.refused, health.failed),
        (20, 20, 0)
    );
    assert!(!health.breaker_open);
}

fn nonsense() -> redis::Cmd {
    let mut cmd = redis::cmd("NONSENSE");
    cmd.arg("hunter2");
    cmd
}

fn ping_and(cmd: redis::Cmd) -> Request {
    ping().and(cmd)
}

#[test]
fn garbage_is_an_error() {
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"\0\0\0\0\r\n",
        b"$-5\r\n",
        b"*2147483647\r\n$2147483647\r\n",
        b"$99999999999999999999\r\n",
        b":x\r\n",
        b"",
        b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n$1\r\nx",
        b"*1\r\n*1\r\n*1\r\n",
        b"-MOVED 1 :1\r\n",
        b"-MOVED\r\n",
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("redis://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 512]);
                let _ = stream.write_all(garbage);
                let _ = stream.read(&mut [0; 512]);
                let _ = stream.write_all(garbage);
            }
        });
        let link = Link::open(&url, LinkOptions::default()).unwrap();
        // What looks like an answer may be one; then there is no more.
        until("the breaker is open", || {
            let (outcome, took) = timed(&link);
            assert_ne!(outcome, pong());
            assert!(took < link.shared.options.op_timeout + SLACK, "{took:?}");
            outcome == Err(LinkError::BreakerOpen)
        });
    }
}

#[test]
fn a_port_where_nothing_is_said_costs_the_time_out() {
    // The system takes the connection; nobody reads from it.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    let link = Link::open(&url, LinkOptions::default()).unwrap();
    for _ in 0..link.shared.options.failures {
        let (outcome, took) = timed(&link);
        assert_eq!(outcome, Err(LinkError::TimedOut));
        assert!(took < link.shared.options.op_timeout + SLACK, "{took:?}");
    }
    until("the breaker is open", || link.health().breaker_open);
    assert_eq!(link.health().connections, 0);
}

#[test]
fn a_blocked_thread_of_the_link_holds_up_no_waiting_thread() {
    let server = start!();
    let link = Link::open(&server.url(), LinkOptions::default()).unwrap();
    until("it answers", || answers(&link));
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    link.spawn(async move {
        let _ = receiver.recv();
    });
    let (outcome, took) = timed(&link);
    assert_eq!(outcome, Err(LinkError::TimedOut));
    assert!(took < link.shared.options.op_timeout + SLACK, "{took:?}");
    drop(sender);
    until("it answers", || answers(&link));
}

#[test]
fn nodes_that_send_from_one_to_the_other_are_not_followed_for_ever() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut asked = [0; 512];
                while let Ok(length @ 1..) = stream.read(&mut asked) {
                    // Each command is an array, and ends with a line of its own.
                    let commands = asked[..length].iter().filter(|&&byte| byte == b'*').count();
                    for _ in 0..commands {
                        let _ = write!(stream, "-MOVED 1 :{port}\r\n");
                    }
                }
            });
        }
    });
    let link = patient(&format!("redis://127.0.0.1:{port}/"));
    let Err(LinkError::Unexpected(why)) = timed(&link).0 else {
        panic!("{:?}", link.health());
    };
    assert!(why.contains("cluster"), "{why}");
    assert_eq!(link.health().connections, 0);
}

/// Who does something when he is told.
struct Does<F>([Instant; 1], F);

impl<F: FnOnce(Result<Reply, LinkError>) + Send> Trip for Does<F> {
    fn commands(&self) -> Request {
        ping()
    }

    fn len(&self) -> usize {
        1
    }

    fn deadlines(&self) -> &[Instant] {
        &self.0
    }

    fn late(&mut self, _: Instant) -> Vec<Waker> {
        Vec::new()
    }

    fn end(self: Box<Self>, outcome: Result<Reply, LinkError>) {
        (self.1)(outcome);
    }
}

/// Sends one that does this when it is told.
fn launch(link: &Link, then: impl FnOnce(Result<Reply, LinkError>) + Send + 'static) {
    let trip = Does([Instant::now() + SOON], then);
    link.launch(b"*1\r\n$4\r\nPING\r\n", Box::new(trip));
}

#[test]
fn who_panics_when_the_answer_comes_takes_no_wire_from_others() {
    let server = start!();
    let link = patient(&server.url());
    until("it has a wire", || link.has_wire());
    for _ in 0..3 {
        launch(&link, |_| panic!("on purpose"));
        until("it has none", || !link.has_wire());
        until("it has a wire again", || link.has_wire());
    }
    assert_eq!(link.ask(ping()).wait(), pong());
}

#[test]
fn what_is_lost_with_the_connection_that_is_left_has_failed() {
    let server = start!();
    let link = patient(&server.url());
    until("it has a wire", || link.has_wire());
    let before = link.health();
    server.pause().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    launch(&link, move |outcome| sender.send(outcome).unwrap());
    link.leave();
    let outcome = told.recv_timeout(SOON).unwrap();
    server.resume().unwrap();
    assert!(matches!(outcome, Err(LinkError::Disconnected(_))));
    assert_eq!(link.health().failed, before.failed + 1);
    until("it answers", || answers(&link));
}
