//! Every annotated function of a program, and what looks wrong about them.

use std::fmt;

use crate::address::TemplatePart;
use crate::cache::Cache;
use crate::pattern::Reach;
use crate::policy::{Policy, Preset};
use crate::site::{self, Site, TargetKind, TargetRef};

/// One annotated function, called or not.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct SiteInfo {
    /// The function with its module and, of a method that was called, its type.
    pub path: String,
    /// The function, or the `name` it was given.
    pub function: &'static str,
    /// Its module.
    pub module: &'static str,
    /// Which attribute it carries.
    pub preset: Preset,
    /// What identifies an entry.
    pub key: &'static [&'static str],
    /// What its addresses look like: `resource:users:{id}`, `query:user_orders:{…}`.
    pub address: String,
    /// Its tags, as written.
    pub tags: &'static [&'static str],
    /// What is kept, and for how long.
    pub policy: Policy,
    /// Whether it is not async.
    pub blocking: bool,
    /// Whether its values could leave the process; unknown until one was computed.
    pub portable: Option<bool>,
    /// Whether all of its values' schema could be read; unknown until one was computed.
    pub schema_complete: Option<bool>,
    /// The file it stands in.
    pub file: &'static str,
    /// The line it stands on.
    pub line: u32,
}

impl fmt::Display for SiteInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}  {}",
            self.preset.attribute(),
            self.path,
            self.address
        )
    }
}

/// What looks wrong about the annotations of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audit {
    /// What was found, worst first.
    pub findings: Vec<Finding>,
}

/// One thing that looks wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// An invalidation that no annotated function's addresses or tags can match, or by a call of something that is not
    /// annotated: a typing error, usually. Such a call reaches no entry, and everything is invalidated in its place,
    /// unless it leads to a cached call at once.
    MatchesNothing {
        /// The function that invalidates.
        function: String,
        /// What it invalidates.
        target: String,
    },
    /// An event was emitted that nothing is [mapped](Cache::on) to, and has invalidated nothing: a typing error, usually.
    UnmappedEvent {
        /// Its name.
        event: String,
    },
    /// A cached function that nothing ever invalidates: it is stale after a write, until its `ttl` is over. A function
    /// that was seen to depend on other cached functions is not meant; it dies with them.
    NeverInvalidated {
        /// The cached function.
        function: String,
        /// Its addresses.
        address: String,
    },
    /// A template that does not name all of the key: several entries have one address. That is safe (the key tells
    /// them apart), and invalidates them together.
    TemplateOmits {
        /// The cached function.
        function: String,
        /// What the template leaves out.
        arguments: Vec<&'static str>,
    },
    /// A function whose values can live in memory only. Matters once there are other tiers.
    MemoryOnly {
        /// The cached function.
        function: String,
    },
    /// A function whose values count as their `size_of`, for want of `Serialize` or `CacheWeight`, or because they are
    /// generic in it: then only a `CacheWeight` without bounds is seen. The bound on memory does not hold for them.
    Unweighed {
        /// The cached function.
        function: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MatchesNothing { function, target } => {
                write!(
                    f,
                    "`{function}` invalidates `{target}`, which is of no cached function of this program"
                )
            }
            Self::UnmappedEvent { event } => write!(
                f,
                "the event `{event}` was emitted and nothing is mapped to it: it has invalidated nothing"
            ),
            Self::NeverInvalidated { function, address } => write!(
                f,
                "nothing invalidates `{function}` (`{address}`): after a write it is stale until its ttl is over"
            ),
            Self::TemplateOmits {
                function,
                arguments,
            } => write!(
                f,
                "the template of `{function}` does not name `{}`: entries that differ there share an address",
                arguments.join("`, `")
            ),
            Self::MemoryOnly { function } => write!(
                f,
                "the values of `{function}` can live in memory only: derive `serde::Serialize` and `Deserialize` for them"
            ),
            Self::Unweighed { function } => write!(
                f,
                "the values of `{function}` count as their `size_of`: derive `serde::Serialize` or implement `CacheWeight`"
            ),
        }
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return f.write_str("nothing found");
        }
        let texts: Vec<_> = self.findings.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("\n"))
    }
}

/// Stands for a digest in an address.
const DIGEST: &str = "{…}";

/// What the addresses of a function look like.
fn address(site: &Site) -> String {
    let spec = &site.spec;
    match spec.template {
        Some(template) => format!("{}{template}", spec.preset.address_prefix()),
        None => format!("{}{DIGEST}", site.head()),
    }
}

impl Cache {
    /// Every annotated function of this program, also those never called.
    ///
    /// Functions register with the linker, which leaves out a library crate that nothing is used of: write
    /// `use that_crate as _;` in the program to see its functions.
    #[must_use]
    pub fn sites(&self) -> Vec<SiteInfo> {
        let mut sites: Vec<_> = site::all().map(|site| self.describe(site)).collect();
        sites.sort_by_key(|site| (site.module, site.function, site.line));
        sites
    }

    fn path(&self, site: &'static Site) -> String {
        self.known_seat(site)
            .map_or_else(|| site.spec.path(""), |seat| seat.name.to_string())
    }

    fn describe(&self, site: &'static Site) -> SiteInfo {
        let spec = &site.spec;
        let content = self.known_seat(site).and_then(|seat| seat.known_content());
        SiteInfo {
            path: self.path(site),
            function: spec.label(),
            module: spec.module,
            preset: spec.preset,
            key: spec.args,
            address: address(site),
            tags: spec.tags,
            policy: spec.policy.clone(),
            blocking: spec.blocking,
            portable: content.map(|content| content.is_shared()),
            schema_complete: content
                .and_then(|content| content.schema)
                .map(|schema| schema.complete),
            file: spec.file,
            line: spec.line,
        }
    }

    /// What looks wrong about the annotations of this program, for a test of yours. Which findings matter is yours to say:
    /// a function may well live by its `ttl` alone.
    ///
    /// ```standalone_crate
    /// use cache_core::{Finding, cache};
    ///
    /// #[cache(ttl = 60)]
    /// fn exchange_rate(currency: &str) -> f64 {
    ///     currency.len() as f64
    /// }
    ///
    /// let mut audit = cache_core::current().audit();
    /// audit.findings.retain(|finding| match finding {
    ///     Finding::NeverInvalidated { function, .. } => !function.ends_with("::exchange_rate"),
    ///     Finding::MemoryOnly { .. } => false, // there is only memory
    ///     _ => true,
    /// });
    /// assert!(audit.findings.is_empty(), "{audit}");
    /// ```
    ///
    /// Only what is linked is seen (see [`sites`](Self::sites)); what concerns values is known once the function was called.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let sites: Vec<_> = site::all().collect();
        let targets: Vec<_> = site::targets().collect();
        let mut findings = Vec::new();
        for target in &targets {
            if !sites.iter().any(|site| reaches(target, site)) {
                let text = target.text;
                findings.push(Finding::MatchesNothing {
                    function: format!("{}::{}", target.module, target.function),
                    target: match target.kind {
                        TargetKind::Pattern => text.to_owned(),
                        TargetKind::Tag => format!("tag:{text}"),
                        TargetKind::Call => format!("{text}(…)"),
                    },
                });
            }
        }
        let unmapped = self.0.mappings.unmapped().into_iter();
        findings.extend(unmapped.map(|event| Finding::UnmappedEvent { event }));
        for site in &sites {
            let derived = self.known_seat(site).is_some_and(|seat| seat.is_derived());
            if !derived && !targets.iter().any(|target| reaches(target, site)) {
                findings.push(Finding::NeverInvalidated {
                    function: self.path(site),
                    address: address(site),
                });
            }
        }
        for site in &sites {
            if site.spec.template.is_some() && !site.spec.omits.is_empty() {
                findings.push(Finding::TemplateOmits {
                    function: self.path(site),
                    arguments: site.spec.omits.to_vec(),
                });
            }
            let Some(content) = self.known_seat(site).and_then(|seat| seat.known_content()) else {
                continue;
            };
            if !content.is_shared() && !site.spec.policy.memory_only {
                findings.push(Finding::MemoryOnly {
                    function: self.path(site),
                });
            }
            if !content.measured {
                findings.push(Finding::Unweighed {
                    function: self.path(site),
                });
            }
        }
        Audit { findings }
    }
}

/// Whether an invalidation can match an entry of a function.
fn reaches(target: &TargetRef, site: &Site) -> bool {
    let text = parts(target.text);
    let text: Vec<_> = text.iter().map(Part::borrowed).collect();
    let reach = match target.kind {
        // By name alone: where the name leads is known to the compiler only.
        TargetKind::Call => return site.spec.function == target.text,
        // A tag's text is not a pattern.
        TargetKind::Tag => Reach::text(&text),
        // What does not parse invalidates everything.
        TargetKind::Pattern => match Reach::pattern(&text) {
            Ok(reach) => reach,
            Err(_) => return true,
        },
    };
    let meets = |template: &str| {
        let parts = parts(template);
        reach.overlaps(&parts.iter().map(Part::borrowed).collect::<Vec<_>>())
    };
    if target.kind == TargetKind::Tag {
        return site.spec.tags.iter().any(|tag| meets(tag));
    }
    // A `*` may stand for a digest, but neither letters nor an argument, which has no control characters.
    meets(&address(site).replace(DIGEST, "\0"))
        || site
            .spec
            .tags
            .iter()
            .any(|tag| meets(&format!("tag:{tag}")))
}

/// A piece of a template as it was written.
enum Part {
    Text(String),
    Hole,
}

impl Part {
    fn borrowed(&self) -> TemplatePart<'_> {
        match self {
            Self::Text(text) => TemplatePart::Text(text),
            Self::Hole => TemplatePart::Hole,
        }
    }
}

/// `users:{id}` as text and holes.
fn parts(template: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                text.push(c);
            }
            '{' => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Hole);
                chars.by_ref().find(|c| *c == '}');
            }
            c => text.push(c),
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}
