//! The macros, and what each of the caching ones defaults to.

/// One of the attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Macro {
    Cache,
    Query,
    Result,
    Resource,
    Analysis,
    Put,
    Invalidate,
    Warmup,
}

impl Macro {
    pub(crate) const ALL: [Self; 8] = [
        Self::Cache,
        Self::Query,
        Self::Result,
        Self::Resource,
        Self::Analysis,
        Self::Put,
        Self::Invalidate,
        Self::Warmup,
    ];

    /// The name that is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Query => "cache_query",
            Self::Result => "cache_result",
            Self::Resource => "cache_resource",
            Self::Analysis => "cache_analysis",
            Self::Put => "cache_put",
            Self::Invalidate => "invalidate_cache",
            Self::Warmup => "warmup_cache",
        }
    }

    /// The macro of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.name() == name)
    }

    /// Whether it caches what a function returns.
    pub(crate) const fn caches(self) -> bool {
        !matches!(self, Self::Put | Self::Invalidate | Self::Warmup)
    }

    /// The row of defaults that the runtime knows under this name; the others have none.
    pub(crate) const fn preset(self) -> Preset {
        let plain = Preset {
            variant: "Cache",
            prefix: None,
            none_ttl: false,
            fingerprint: false,
            result: false,
        };
        match self {
            Self::Query => Preset {
                variant: "Query",
                prefix: Some("query"),
                ..plain
            },
            Self::Result => Preset {
                variant: "Result",
                prefix: Some("result"),
                result: true,
                ..plain
            },
            Self::Resource => Preset {
                variant: "Resource",
                prefix: Some("resource"),
                none_ttl: true,
                ..plain
            },
            Self::Analysis => Preset {
                variant: "Analysis",
                prefix: Some("analysis"),
                fingerprint: true,
                ..plain
            },
            Self::Cache | Self::Put | Self::Invalidate | Self::Warmup => plain,
        }
    }
}

/// What one caching macro does by itself, as far as the macros must know it; the durations are the runtime's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preset {
    /// The runtime's name of it.
    pub(crate) variant: &'static str,
    /// First segment of its addresses.
    pub(crate) prefix: Option<&'static str>,
    /// Whether `None` is kept for a while unless the user says otherwise.
    pub(crate) none_ttl: bool,
    /// Whether the body is part of the key.
    pub(crate) fingerprint: bool,
    /// Whether the function must return a `Result`.
    pub(crate) result: bool,
}
