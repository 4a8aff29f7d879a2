//! What a program can learn of its annotations: `sites` and `audit`.

use std::time::Duration;

use cache_core::{
    Finding, Preset, Ttl, cache, cache_analysis, cache_query, cache_resource, cache_result,
    invalidate_cache,
};

use crate::runs::start;

mod shop {
    #![expect(dead_code, reason = "never called, and known all the same")]

    use super::*;

    #[cache_query(
        "{tenant}:never",
        ttl = 20,
        tags("t:{tenant}", "r:{return}"),
        tables(users),
        skip(page),
        capacity = 7,
        jitter = "2.5%",
        none_ttl = 3,
        min_cost = "5ms",
        when = |value| *value > 0
    )]
    pub(super) async fn never_called(tenant: u32, page: u32) -> Result<Option<u64>, String> {
        Ok(Some(u64::from(tenant + page)))
    }

    #[cache(name = "renamed", ttl = "never", key(a + 1), tiers(memory))]
    pub(super) fn never_called_sync(a: u64) -> u64 {
        a
    }

    #[cache_result(err_ttl = 4, ttl = |_| 5_u64)]
    pub(super) fn failing() -> Result<u64, String> {
        Ok(1)
    }

    #[cache_resource]
    pub(super) fn resource() -> u64 {
        1
    }

    #[cache_analysis]
    pub(super) fn analysis() -> u64 {
        1
    }
}

const SHOP: &str = "behaviour::audit::shop";

#[test]
fn functions_that_were_never_called_are_known() {
    let sites = start().cache().sites();
    let site = |name: &str| {
        sites
            .iter()
            .find(|s| s.module == SHOP && s.function == name)
            .unwrap()
    };

    let never = site("never_called");
    assert_eq!((never.preset, never.key), (Preset::Query, &["tenant"][..]));
    assert_eq!(never.address, "query:{tenant}:never");
    assert_eq!(never.tags, ["t:{tenant}", "r:{return}", "table:users"]);
    assert!(!never.blocking && never.portable.is_none() && never.schema_complete.is_none());
    assert!(never.file.ends_with("behaviour/audit.rs") && never.line > 0);
    let policy = &never.policy;
    assert_eq!(policy.ttl, Ttl::For(Duration::from_secs(20)));
    assert_eq!(
        (policy.none_ttl, policy.err_ttl),
        (Some(Duration::from_secs(3)), None)
    );
    assert_eq!((policy.jitter, policy.capacity), (25, Some(7)));
    assert_eq!(
        (policy.min_cost, policy.when, policy.memory_only),
        (Duration::from_millis(5), true, false)
    );
    assert_eq!(
        never.to_string(),
        format!("#[cache_query] {SHOP}::never_called  query:{{tenant}}:never")
    );

    let renamed = site("renamed");
    assert_eq!((renamed.preset, renamed.key), (Preset::Cache, &["a+1"][..]));
    assert_eq!(
        (
            renamed.policy.ttl,
            renamed.policy.memory_only,
            renamed.blocking
        ),
        (Ttl::Never, true, true)
    );
    assert_eq!(renamed.address, "renamed:{…}");

    let failing = site("failing");
    assert_eq!(
        (failing.policy.ttl, failing.policy.err_ttl),
        (Ttl::ByValue, Some(Duration::from_secs(4)))
    );
    let resource = site("resource");
    assert_eq!(
        (resource.policy.ttl, resource.policy.none_ttl),
        (Ttl::Configured, Some(Duration::from_secs(10)))
    );
    assert_eq!(site("analysis").preset, Preset::Analysis);

    assert!(sites.is_sorted_by_key(|site| (site.module, site.function)));
    let json = serde_json::to_value(never).unwrap();
    assert_eq!(
        (&json["preset"], &json["function"]),
        (&"query".into(), &"never_called".into())
    );
}

mod gaps {
    use super::*;

    #[cache_resource("gap-users:{id}")]
    pub(super) fn user(id: u64, locale: &str) -> String {
        format!("{id} {locale}")
    }

    #[cache_query("{tenant}:tagged", tags("gap-tenant:{tenant}"))]
    pub(super) fn tagged(tenant: u32) -> u32 {
        tenant
    }

    #[cache_query("gap-forgotten:{id}:whole")]
    pub(super) fn forgotten(id: u64) -> u64 {
        id
    }

    #[cache_query("gap-derived:{id}:whole")]
    pub(super) fn derived(id: u64) -> u64 {
        gap_typed(id)
    }

    #[cache_query("gap-typed:{id}:whole")]
    pub(super) fn gap_typed(id: u64) -> u64 {
        id
    }

    #[invalidate_cache(gap_typed(id))]
    pub(super) fn right_by_call(id: u64) {
        let _ = id;
    }

    /// Neither `Serialize` nor `CacheWeight`, and with something on the heap.
    #[derive(Clone)]
    pub(super) struct Opaque(pub(super) String);

    #[cache_resource("gap-opaque:{id}")]
    pub(super) fn opaque(id: u64) -> Opaque {
        Opaque(id.to_string())
    }

    #[cache_resource("gap-kept:{id}", tiers(memory))]
    pub(super) fn kept(id: u64) -> u64 {
        id
    }

    #[invalidate_cache("resource:gap-user:{id}")]
    pub(super) fn mistyped(id: u64) {
        let _ = id;
    }

    #[invalidate_cache(tag = "gap-tenants:{tenant}")]
    pub(super) fn mistyped_tag(tenant: u32) {
        let _ = tenant;
    }

    pub(super) fn not_annotated(id: u64) -> u64 {
        id
    }

    #[invalidate_cache(not_annotated(id))]
    pub(super) fn mistyped_call(id: u64) {
        let _ = id;
    }

    #[invalidate_cache("gap-users:{id}")]
    pub(super) fn without_its_prefix(id: u64) {
        let _ = id;
    }

    #[invalidate_cache("resource:gap-users:{id}", tag = "gap-tenant:{tenant}")]
    pub(super) fn right(id: u64, tenant: u32) {
        let _ = (id, tenant);
    }

    #[invalidate_cache("resource:gap-[ok]*:?*", "tag:gap-tenant:7")]
    pub(super) fn right_by_pattern() {}

    #[invalidate_cache("resource:gap-users:{id}:posts")]
    pub(super) fn one_segment_too_many(id: u64) {
        let _ = id;
    }

    #[cache_query("gap-deep:{id}:whole")]
    pub(super) fn deep(id: u64) -> u64 {
        id
    }

    /// Whatever `id` is, its colons are escaped.
    #[invalidate_cache("query:gap-deep:x{id}", tag = "gap-tenant:{id}:all")]
    pub(super) fn one_segment_too_few(id: &str) {
        let _ = id;
    }

    #[cache_query]
    pub(super) fn gap_digest(id: u64) -> u64 {
        id
    }

    /// Its addresses end in a digest, which no argument is.
    #[invalidate_cache("query:gap_digest:x{id}", "query:gap_digest:*")]
    pub(super) fn no_digest(id: u64) {
        let _ = id;
    }

    #[cache_query("gap-wide:{id}:whole")]
    pub(super) fn wide(id: u64) -> u64 {
        id
    }

    #[invalidate_cache("query:gap-wid{rest}:{id}:*")]
    pub(super) fn right_by_pattern_and_argument(rest: &str, id: u64) {
        let _ = (rest, id);
    }
}

const GAPS: &str = "behaviour::audit::gaps";

/// The findings of this module, by kind.
fn findings(pick: impl Fn(&Finding) -> Option<(&String, String)>) -> Vec<String> {
    let test = start();
    test.enter(|| {
        gaps::user(1, "de");
        gaps::tagged(1);
        gaps::forgotten(1);
        gaps::derived(1);
        gaps::right_by_call(1);
        let _ = gaps::opaque(1).0;
        gaps::kept(1);
        gaps::mistyped(1);
        gaps::mistyped_tag(1);
        gaps::mistyped_call(1);
        gaps::without_its_prefix(1);
        gaps::right(1, 1);
        gaps::right_by_pattern();
        gaps::one_segment_too_many(1);
        gaps::deep(1);
        gaps::one_segment_too_few("1:whole");
        gaps::gap_digest(1);
        gaps::no_digest(1);
        gaps::wide(1);
        gaps::right_by_pattern_and_argument("e", 1);
    });
    let mut found: Vec<_> = test
        .cache()
        .audit()
        .findings
        .iter()
        .filter_map(&pick)
        .filter_map(|(function, what)| Some(format!("{}{what}", function.strip_prefix(GAPS)?)))
        .collect();
    found.sort();
    found
}

#[test]
fn an_invalidation_that_matches_nothing_is_found() {
    let found = findings(|finding| match finding {
        Finding::MatchesNothing { function, target } => Some((function, format!(" {target}"))),
        _ => None,
    });
    assert_eq!(
        found,
        [
            "::mistyped resource:gap-user:{id}",
            "::mistyped_call not_annotated(…)",
            "::mistyped_tag tag:gap-tenants:{tenant}",
            "::no_digest query:gap_digest:x{id}",
            "::one_segment_too_few query:gap-deep:x{id}",
            "::one_segment_too_few tag:gap-tenant:{id}:all",
            "::one_segment_too_many resource:gap-users:{id}:posts",
            "::without_its_prefix gap-users:{id}",
        ]
    );
}

#[test]
fn a_function_that_nothing_invalidates_is_found() {
    let found = findings(|finding| match finding {
        Finding::NeverInvalidated { function, address } => Some((function, format!(" {address}"))),
        _ => None,
    });
    assert_eq!(
        found,
        [
            "::deep query:gap-deep:{id}:whole",
            "::forgotten query:gap-forgotten:{id}:whole"
        ]
    );
}

#[test]
fn a_function_that_dies_with_others_is_known_after_a_call() {
    let test = start();
    let found = || {
        let derived = |finding: &Finding| matches!(finding, Finding::NeverInvalidated { function, .. } if function.ends_with("gaps::derived"));
        test.cache().audit().findings.iter().any(derived)
    };
    assert!(found());
    test.enter(|| gaps::derived(1));
    assert!(!found());
}

#[test]
fn a_template_that_omits_an_argument_is_found() {
    let found = findings(|finding| match finding {
        Finding::TemplateOmits {
            function,
            arguments,
        } => Some((function, format!(" {arguments:?}"))),
        _ => None,
    });
    assert_eq!(found, ["::user [\"locale\"]"]);
}

#[test]
fn what_can_live_in_memory_only_is_found() {
    let found = findings(|finding| match finding {
        Finding::MemoryOnly { function } => Some((function, String::new())),
        _ => None,
    });
    assert_eq!(found, ["::opaque"]);
}

#[test]
fn what_cannot_be_weighed_is_found() {
    let found = findings(|finding| match finding {
        Finding::Unweighed { function } => Some((function, String::new())),
        _ => None,
    });
    assert_eq!(found, ["::opaque"]);
}

#[test]
fn what_concerns_values_is_known_after_a_call() {
    let audit = start().cache().audit();
    let known = |finding: &Finding| {
        matches!(
            finding,
            Finding::MemoryOnly { .. } | Finding::Unweighed { .. }
        )
    };
    assert!(!audit.findings.iter().any(known));
    assert_eq!(
        audit.to_string().lines().count(),
        audit.findings.len(),
        "one line for each"
    );
    assert_eq!(cache_core::Audit::default().to_string(), "nothing found");
}
