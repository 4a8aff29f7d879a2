//! The shape of it all, with few products and few minutes.

use crate::database::State;
use crate::replay::{Scale, run};
use crate::seen::Seen;
use crate::server::Server;
use crate::steps::STEPS;

#[tokio::test]
async fn each_step_takes_away_what_it_is_for() {
    let scale = Scale {
        products: 10,
        callers: 4,
        minutes: &[State::Fast, State::Down, State::Slow, State::Fast],
    };
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let mut all = Vec::new();
    for step in STEPS {
        all.push(run(step, scale, Some(&server)).await.unwrap());
    }
    let reads = all[0].reads;
    assert_eq!(reads, 3 * 24 * 10 * 4);
    let [none, single, redis, coherent, forgiving, prompt, early] = all.try_into().unwrap();
    let calls = [&none, &single, &redis, &forgiving].map(Seen::calls);
    assert!(calls.is_sorted_by(|a, b| a > b), "{calls:?}");
    // In three minutes with a database, one product is written in each wave.
    let written = 3 * 6;
    assert!(coherent.calls() <= redis.calls() + written);
    for seen in [&none, &single, &redis, &coherent] {
        assert!(seen.errors > 0, "it was down");
    }
    for seen in [&single, &redis] {
        assert!(seen.old > 0, "nobody has said that it is old");
    }
    for seen in [&coherent, &forgiving, &prompt, &early] {
        assert_eq!((seen.stale, seen.old), (0, 0));
        assert!(seen.after > reads / 4, "few reads were checked");
    }
    for seen in [&forgiving, &prompt, &early] {
        assert_eq!(seen.errors, 0);
        assert!(seen.calls() < coherent.calls());
    }
}
