//! The environment and a file, in a process of their own.

use std::{env, fs};

use cache_core::__private::block_on;
use cache_core::{Builder, Cache, ErrorKind, cache};
use tests::parts::{is, play};

#[cache("configured:{id}")]
fn configured(id: u64) -> u64 {
    id
}

fn namespace(cache: &Cache) -> String {
    let text = format!("{cache:?}");
    text.split('"').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_program_reads_its_environment_when_it_says_so() {
    let file = env::temp_dir().join(format!("cache-{}.toml", std::process::id()));
    let file = file.display().to_string();
    fs::write(
        &file,
        "namespace = \"file\"\n[memory]\nmax_bytes = \"1MiB\"\n",
    )
    .unwrap();
    let all = [("CACHE_CONFIG", &*file), ("CACHE_NAMESPACE", "environment")];
    play("only_then", &all);
    play("the_order_of_the_calls_counts", &all);
    play(
        "the_file_counts_where_the_environment_says_nothing",
        &all[..1],
    );
    play("it_can_be_installed_so", &all);
    let _ = fs::remove_file(&file);
    let wrong = [
        ("CACHE_CONFIG", "/nowhere/cache.toml"),
        ("CACHE_WAIT_MAX", "soon"),
        ("CACHE_MEMORY_MAX_BYTES", "0"),
    ];
    play("all_mistakes_are_told", &wrong);
    play(
        "a_server_without_credentials_is_told",
        &[("REDIS_URL", "redis//:secret@host")],
    );
}

#[test]
fn only_then() {
    if is("only_then") {
        assert_eq!(configured(1), 1);
        assert_eq!(namespace(&cache_core::current()), "default");
        assert_eq!(
            namespace(&Cache::builder().build_blocking().unwrap()),
            "default"
        );
    }
}

#[test]
fn the_order_of_the_calls_counts() {
    if is("the_order_of_the_calls_counts") {
        let of = |builder: Builder| namespace(&builder.build_blocking().unwrap());
        assert_eq!(of(Builder::from_env()), "environment");
        assert_eq!(of(Builder::from_env().namespace("program")), "program");
        assert_eq!(
            of(Cache::builder().namespace("program").env()),
            "environment"
        );
        let path = env::var("CACHE_CONFIG").unwrap();
        assert_eq!(of(Builder::from_env().config_file(&path)), "file");
        assert_eq!(
            of(Cache::builder().namespace("program").config_file(path)),
            "file"
        );
    }
}

#[test]
fn the_file_counts_where_the_environment_says_nothing() {
    if is("the_file_counts_where_the_environment_says_nothing") {
        let cache = Builder::from_env().build_blocking().unwrap();
        assert_eq!(namespace(&cache), "file");
        assert!(
            cache.stats().to_string().contains("1.0 MiB"),
            "{}",
            cache.stats()
        );
    }
}

#[test]
fn it_can_be_installed_so() {
    if is("it_can_be_installed_so") {
        let cache = block_on(cache_core::install_from_env()).unwrap();
        assert_eq!(namespace(&cache), "environment");
        configured(1);
        configured(1);
        assert_eq!(cache.stats().total.hits, 1);
    }
}

#[test]
fn all_mistakes_are_told() {
    if is("all_mistakes_are_told") {
        let error = block_on(cache_core::install_from_env()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = error.to_string();
        for part in [
            "3 mistakes",
            "/nowhere/cache.toml cannot be read",
            "`CACHE_WAIT_MAX` is `soon`",
            "`max_bytes` is 0",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn a_server_without_credentials_is_told() {
    if is("a_server_without_credentials_is_told") {
        let error = Builder::from_env().install_blocking().unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("not understood") && !text.contains("secret"),
            "{text}"
        );
    }
}
