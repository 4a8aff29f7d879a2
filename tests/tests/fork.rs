//! A process that forks, and goes on as both.

#![expect(unsafe_code, reason = "a fork is made by hand")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_core::{Cache, ErrorKind, blocking, cache};
use tests::redis::Server;

static READS: AtomicU64 = AtomicU64::new(0);

#[cache(ttl = 60)]
fn row(id: u64) -> u64 {
    READS.fetch_add(1, SeqCst);
    id
}

/// What the child does; whether it is right.
fn child() -> bool {
    let began = Instant::now();
    let reads = || READS.load(SeqCst);
    // From memory, and then computed, without a server.
    let hit = row(1) == 1 && reads() == 1;
    // What was fetched before it was asked for is another thread's, which may have been at it.
    let ahead = row(3) == 3 && reads() == 2;
    READS.store(1, SeqCst);
    let miss = row(2) == 2 && reads() == 2 && row(2) == 2 && reads() == 2;
    let told = blocking::invalidate(|| row(1));
    let refused = told.is_err_and(|error| error.kind() == ErrorKind::NotLogged);
    let gone = row(1) == 1 && reads() == 3;
    let ended = cache_core::current().shutdown_blocking(Duration::from_secs(1));
    let told = ended.pending == 1;
    hit && ahead && miss && refused && gone && told && began.elapsed() < Duration::from_secs(5)
}

#[test]
fn a_fork_has_the_memory_and_not_the_server() {
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    let builder = || {
        Cache::builder()
            .namespace("fork")
            .redis(&server.url())
            .hot_keys(10)
    };
    let wait = |so: &dyn Fn() -> bool| {
        while !so() {
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    let before = builder().build_blocking().unwrap();
    wait(&|| before.health().is_well());
    before.enter(|| row(3) + row(3));
    assert!(before.shutdown_blocking(Duration::from_secs(5)).is_clean());
    READS.store(0, SeqCst);
    let cache = builder().install_blocking().unwrap();
    let shelf = || cache.stats().redis.and_then(|redis| redis.shelf);
    wait(&|| cache.health().is_well() && shelf().is_some_and(|shelf| shelf.entries == 1));
    assert_eq!(row(1), 1);
    // SAFETY: the child calls the cache, whose locks no other thread of this process holds now.
    assert_eq!(unsafe { forked(child) }, 0);
    // The parent knows of nothing.
    assert_eq!((row(1), READS.load(SeqCst)), (1, 1));
    assert!(cache.health().is_well());
}

static HANGS: AtomicBool = AtomicBool::new(false);
static HANGING: AtomicU64 = AtomicU64::new(0);

#[cache(ttl = "1ms", stale_while_revalidate = 3_600)]
fn late(id: u64) -> u64 {
    if HANGS.load(SeqCst) {
        assert_eq!(std::thread::current().name(), Some("cache-refresh"));
        HANGING.fetch_add(1, SeqCst);
        loop {
            std::thread::park();
        }
    }
    id
}

/// As many threads refresh a function at a time, and no more.
const THREADS: u64 = 8;

#[test]
fn a_fork_refreshes_whatever_its_parent_does() {
    let cache = Cache::builder().build_blocking().unwrap();
    let late = |id| assert_eq!(cache.enter(|| late(id)), id);
    (0..=THREADS).for_each(late);
    HANGS.store(true, SeqCst);
    let began = Instant::now();
    for id in 0..THREADS {
        while HANGING.load(SeqCst) <= id {
            late(id);
            assert!(began.elapsed() < Duration::from_secs(20), "{id}");
        }
    }
    let child = || {
        HANGS.store(false, SeqCst);
        let refreshes = || cache.stats().total.refreshes;
        let before = refreshes();
        late(THREADS);
        before == THREADS && refreshes() == THREADS + 1
    };
    // SAFETY: the threads that hang hold no lock.
    assert_eq!(unsafe { forked(child) }, 0);
}

/// How a child ends that does this, and whether it is right.
///
/// # Safety
/// What it calls must need no lock that another thread of this process holds now.
unsafe fn forked(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: as the caller has promised, and the child ends.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: whatever hangs is killed by the alarm; nothing of the parent's is run at the end.
        unsafe {
            libc::alarm(20);
            libc::_exit(i32::from(!child()));
        }
    }
    let mut status = 0;
    // SAFETY: it is our child, and `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status), "it hung: {status}");
    libc::WEXITSTATUS(status)
}
