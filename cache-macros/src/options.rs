//! THE TABLE: every option, how it is written, who may use it, what it does.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt as _;
use syn::{Expr, LitStr, Path};

use crate::args::{self, Arg, Given};
use crate::diag::{Diag, quoted};
use crate::preset::Macro;
use crate::template::Template;
use crate::value::{self, Length, Ttl};

/// One option.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) on: &'static [Macro],
    /// How it is written, by example.
    pub(crate) example: &'static str,
    /// What it does, in one line.
    pub(crate) doc: &'static str,
    form: Form,
}

/// How an option is written, and where its value goes.
enum Form {
    Flag(fn(&mut Options)),
    Value(fn(Expr, &mut Options, &mut Diag)),
    /// The same, and it may stand more than once.
    Values(fn(Expr, &mut Options, &mut Diag)),
    List(fn(Vec<Expr>, &mut Options, &mut Diag)),
    /// Decided against: what is wrong, and what to do.
    Never(&'static str, &'static str),
}

mod repeating;
mod target;
use repeating::{every, hot};
pub(crate) use target::Target;
use target::{always, tag, target};

use Form::{Flag, List, Never, Value, Values};
use Macro::{Analysis, Cache, Invalidate, Put, Query, Resource, Warmup};

const CACHES: &[Macro] = &[Cache, Query, Macro::Result, Resource, Analysis];
const STORES: &[Macro] = &[Cache, Query, Macro::Result, Resource, Analysis, Put];

const fn row(
    name: &'static str,
    on: &'static [Macro],
    example: &'static str,
    doc: &'static str,
    form: Form,
) -> Row {
    Row {
        name,
        on,
        example,
        doc,
        form,
    }
}

#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = &[
    row("ttl", STORES, "ttl = 300", "fresh for this long; seconds, `\"5m\"`, `\"never\"`, a constant, or `|value| …`", Value(|e, o, d| o.ttl = value::ttl(e, d))),
    row("key", CACHES, "key(a, b.id())", "what identifies an entry, where the arguments say too much", List(|l, o, _| o.key = Some(l))),
    row("skip", CACHES, "skip(pool)", "arguments that are not part of the key", List(|l, o, d| o.skip = Some(idents(l, "an argument", "skip(pool)", d)))),
    row("tags", CACHES, "tags(\"tenant:{tenant}\")", "labels to invalidate by; may use `{return.x}`", List(|l, o, d| o.tags = templates(l, d))),
    row("tables", &[Query], "tables(users, orders)", "shorthand for the tags `table:users`, `table:orders`", List(|l, o, d| o.tables = idents(l, "a table", "tables(users)", d))),
    row("name", CACHES, "name = \"users.load\"", "a stable identity, whatever becomes of the function's name and module", Value(|e, o, d| o.name = value::string(e, d))),
    row("version", CACHES, "version = 2", "bump it to orphan the entries of older code", Value(|e, o, d| o.version = value::integer(e, d))),
    row("capacity", CACHES, "capacity = 1000", "at most this many entries of this function in memory", Value(|e, o, d| o.capacity = value::count(e, "a `capacity` of zero stores nothing", "remove the attribute", d))),
    row("tiers", CACHES, "tiers(memory)", "where values may be kept: `memory`, `redis`, or both, as by default", List(tiers)),
    row("jitter", CACHES, "jitter = \"10%\"", "spreads expiry", Value(|e, o, d| o.jitter = value::permille(e, d))),
    row("none_ttl", CACHES, "none_ttl = 10", "keep `None` for this long", Value(|e, o, d| o.none_ttl = value::length(e, d))),
    row("err_ttl", CACHES, "err_ttl = 10", "keep an `Err` for this long", Value(|e, o, d| o.err_ttl = value::length(e, d))),
    row("stale_while_revalidate", CACHES, "stale_while_revalidate = 60", "give a value that has expired no longer ago than this at once, and refresh it behind the call", Value(|e, o, d| o.stale_while_revalidate = value::length(e, d))),
    row("stale_if_error", CACHES, "stale_if_error = 3600", "give a value that has expired no longer ago than this in place of an `Err`", Value(|e, o, d| o.stale_if_error = value::length(e, d))),
    row("refresh_ahead", CACHES, "refresh_ahead = \"20%\"", "refresh behind the call in the last part of the `ttl`, the earlier the more the value has cost", Value(|e, o, d| o.refresh_ahead = value::permille(e, d))),
    row("timeout", CACHES, "timeout = 2", "longest wait for the body where a value that has expired can be given in its place", Value(|e, o, d| o.timeout = value::length(e, d))),
    row("when", CACHES, "when = |value| value.is_complete()", "store only if true", Value(|e, o, d| o.when = value::judge(e, d))),
    row("min_cost", CACHES, "min_cost = \"5ms\"", "store only what took at least this long", Value(|e, o, d| o.min_cost = value::length(e, d))),
    row("each", CACHES, "each = ids", "keeps the elements of a batch one by one: the argument that names them", Value(|e, o, d| o.each = idents(vec![e], "an argument", "each = ids", d).pop())),
    row("each_max", CACHES, "each_max = 100", "how many elements of a batch the body is asked for at once", Value(|e, o, d| o.each_max = value::count(e, "an `each_max` of zero asks for nothing", "remove it", d))),
    row("fingerprint", CACHES, "fingerprint", "new code, new entries: a hash of the body is part of the key", Flag(|o| o.fingerprint = true)),
    row("tag", &[Invalidate], "tag = \"tenant:{tenant}\"", "invalidates what carries this tag", Values(|e, o, d| o.targets.extend(tag(e, d)))),
    row("on", &[Invalidate], "on = always", "`success` (by default), or `always`: after a failure too", Value(|e, o, d| o.always = always(e, d))),
    row("before", &[Invalidate], "before", "before the body runs as well", Flag(|o| o.before = true)),
    row("behind", &[Put], "behind", "writes to the source behind the call", Never("what has been put has been written, by the body of this function", "remove it; to write behind, `set` the value through a `Cache::write_behind`, whose writer writes")),
    row("every", &[Warmup], "every = \"10m\"", "made again and again by `Warmup::repeat`", Value(|e, o, d| o.every = every(e, d))),
    row("priority", &[Warmup], "priority = 1", "the higher, the sooner; 0 by default", Value(|e, o, d| o.priority = value::integer(e, d))),
    row("from", &[Warmup], "from = ids()", "a call for each item: what is not given by name, a tuple if that is more than one", Value(|e, o, _| o.from = Some(e))),
    row("hot", &[Warmup], "hot = 100", "a call for each of so many that were the hottest before, by what is kept in Redis", Value(|e, o, d| o.hot = hot(e, d))),
    row("crate", &Macro::ALL, "crate = ::my_crate::cache_core", "where the runtime is, for re-exporters", Value(|e, o, d| o.krate = value::path(e, d))),
];

/// Everything that was given, typed; `None` is not given, or reported.
#[derive(Default)]
pub(crate) struct Options {
    /// The names that were written, in order.
    given: Vec<(&'static str, Ident, Option<Span>)>,
    pub(crate) template: Option<Template>,
    pub(crate) targets: Vec<Target>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) key: Option<Vec<Expr>>,
    pub(crate) skip: Option<Vec<Ident>>,
    pub(crate) tags: Vec<Template>,
    pub(crate) tables: Vec<Ident>,
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<u32>,
    pub(crate) capacity: Option<usize>,
    pub(crate) tiers: Option<Tiers>,
    pub(crate) jitter: Option<u16>,
    pub(crate) none_ttl: Option<Length>,
    pub(crate) err_ttl: Option<Length>,
    pub(crate) stale_while_revalidate: Option<Length>,
    pub(crate) stale_if_error: Option<Length>,
    pub(crate) refresh_ahead: Option<u16>,
    pub(crate) timeout: Option<Length>,
    pub(crate) when: Option<Expr>,
    pub(crate) min_cost: Option<Length>,
    pub(crate) each: Option<Ident>,
    pub(crate) each_max: Option<usize>,
    pub(crate) fingerprint: bool,
    pub(crate) always: bool,
    pub(crate) before: bool,
    pub(crate) every: Option<Length>,
    pub(crate) priority: Option<u32>,
    pub(crate) from: Option<Expr>,
    pub(crate) hot: Option<usize>,
    pub(crate) krate: Option<Path>,
}

/// Where values may be kept.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tiers {
    pub(crate) memory: bool,
    pub(crate) redis: bool,
}

impl Options {
    /// Where the name of an option stands, if it was given.
    pub(crate) fn named(&self, option: &str) -> Option<&Ident> {
        self.given
            .iter()
            .find(|(name, ..)| *name == option)
            .map(|(_, ident, _)| ident)
    }

    /// Where the value of an option stands, if it was given.
    pub(crate) fn valued(&self, option: &str) -> Option<Span> {
        self.given
            .iter()
            .find(|(name, ..)| *name == option)
            .and_then(|(.., value)| *value)
    }

    /// Reads one named argument by the table.
    pub(crate) fn read(&mut self, by: Macro, name: &Ident, given: Given, diag: &mut Diag) {
        let typed = name.unraw().to_string();
        let Some(row) = find(by, &typed) else {
            return unknown(by, &typed, name, diag);
        };
        if let Never(message, help) = row.form {
            diag.error(name, message).help(help);
            return;
        }
        if !matches!(row.form, Values(_)) && self.named(row.name).is_some() {
            diag.error(name, format!("`{typed}` is given twice"))
                .help("keep one of them");
            return;
        }
        self.given.push((row.name, name.clone(), given.span()));
        match (&row.form, given) {
            (Flag(set), Given::Flag) => set(self),
            (Value(set) | Values(set), Given::Value(expr)) => set(*expr, self, diag),
            (List(set), Given::List(group)) => {
                let before = diag.count();
                let items = args::items(&group, diag);
                if !items.is_empty() {
                    set(items, self, diag);
                } else if diag.count() == before {
                    diag.error(name, format!("`{typed}()` is empty"))
                        .help(format!("write `{}`", row.example));
                }
            }
            (form, given) => {
                let message = match (form, given) {
                    (Flag(_), _) => format!("`{typed}` takes no value"),
                    (List(_), _) => format!("`{typed}` takes a list"),
                    (_, Given::List(_)) => format!("`{typed}` takes a value, not a list"),
                    _ => format!("`{typed}` needs a value"),
                };
                diag.error(name, message)
                    .help(format!("write `{}`: {}", row.example, row.doc));
            }
        }
    }

    /// Reads all of a caching macro's arguments.
    pub(crate) fn of_cache(by: Macro, args: Vec<Arg>, diag: &mut Diag) -> Self {
        let mut options = Self::default();
        let mut first = true;
        for arg in args {
            match arg {
                Arg::Named(name, given) => options.read(by, &name, given, diag),
                Arg::Positional(expr) => options.positional(by, expr, first, diag),
            }
            first = false;
        }
        options
    }

    fn positional(&mut self, by: Macro, expr: Expr, first: bool, diag: &mut Diag) {
        let expr = value::bare(expr);
        let Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(literal),
            ..
        }) = &expr
        else {
            let problem = diag.error(&expr, format!("not an option of `#[{}]`", by.name()));
            match &expr {
                Expr::Lit(_) => problem.help(format!("write `ttl = {}`", quote::quote!(#expr))),
                _ => problem.help("options are written `name = value` or `name(items)`"),
            }
            return;
        };
        if self.template.is_some() {
            diag.error(literal, "the template is given twice")
                .help("keep one of them");
        } else if !first {
            diag.error(literal, "the template comes first")
                .help(format!("write `#[{}({}, …)]`", by.name(), literal.token()));
        } else if value::millis(&literal.value()).is_some() {
            diag.error(literal, "a template names entries, and this is a duration")
                .help(format!("write `ttl = {}`", literal.token()));
        } else {
            self.template = Template::parse(literal.clone(), diag);
        }
    }

    /// Reads all arguments of `#[invalidate_cache]`.
    pub(crate) fn of_invalidate(args: Vec<Arg>, diag: &mut Diag) -> Self {
        Self::of_targets(Invalidate, args, diag)
    }

    /// Reads all arguments of `#[cache_put]`.
    pub(crate) fn of_put(args: Vec<Arg>, diag: &mut Diag) -> Self {
        Self::of_targets(Put, args, diag)
    }

    fn of_targets(by: Macro, args: Vec<Arg>, diag: &mut Diag) -> Self {
        let mut options = Self::default();
        for arg in args {
            match arg {
                Arg::Named(name, Given::List(group)) if find(by, &name.to_string()).is_none() => {
                    match syn::parse2(quote::quote!(#name #group)) {
                        Ok(call) => options.targets.push(Target::Call(Box::new(call))),
                        Err(error) => diag.syntax(&error),
                    }
                }
                Arg::Named(name, Given::Flag) if find(by, &name.to_string()).is_none() => {
                    let typed = name.unraw().to_string();
                    let conditions = ["success", "always"].iter().copied();
                    let conditions = conditions.filter(|_| by == Invalidate);
                    diag.error(&name, "not a target").did_you_mean(
                        &typed,
                        names(by).chain(conditions.clone()),
                        |found| match conditions.clone().any(|condition| condition == found) {
                            true => format!("on = {found}"),
                            false => found.to_owned(),
                        },
                        || format!("write the call: `{name}(…)`"),
                    );
                }
                Arg::Named(name, given) => options.read(by, &name, given, diag),
                Arg::Positional(expr) => options.targets.extend(target(by, expr, diag)),
            }
        }
        options
    }
}

/// The row of an option, if this macro has it.
fn find(by: Macro, name: &str) -> Option<&'static Row> {
    TABLE
        .iter()
        .find(|row| row.name == name && row.on.contains(&by))
}

/// The names of a macro's options, but for those that only say why there is none.
pub(crate) fn names(by: Macro) -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .filter(move |row| row.on.contains(&by) && !matches!(row.form, Never(..)))
        .map(|row| row.name)
}

fn unknown(by: Macro, typed: &str, name: &Ident, diag: &mut Diag) {
    let elsewhere = TABLE.iter().find(|row| row.name == typed);
    if let Some(row) = elsewhere {
        let owners: Vec<String> = row
            .on
            .iter()
            .map(|each| format!("#[{}]", each.name()))
            .collect();
        diag.error(
            name,
            format!("`{typed}` is not an option of `#[{}]`", by.name()),
        )
        .help(format!(
            "it is one of {}",
            quoted(owners.iter().map(String::as_str))
        ));
        return;
    }
    diag.error(name, format!("unknown option `{typed}`"))
        .did_you_mean(typed, names(by), str::to_owned, || {
            format!("`#[{}]` has {}", by.name(), quoted(names(by)))
        });
}

fn idents(list: Vec<Expr>, what: &str, example: &str, diag: &mut Diag) -> Vec<Ident> {
    let mut found: Vec<Ident> = Vec::new();
    for expr in list {
        match value::bare(expr) {
            Expr::Path(path) if path.path.get_ident().is_some() => {
                let Some(ident) = path.path.get_ident() else {
                    continue;
                };
                if found.contains(ident) {
                    diag.error(ident, format!("`{ident}` is given twice"))
                        .help("keep one of them");
                } else {
                    found.push(ident.clone());
                }
            }
            other => diag
                .error(&other, format!("not the name of {what}"))
                .help(format!("write it alone: `{example}`")),
        }
    }
    found
}

fn templates(list: Vec<Expr>, diag: &mut Diag) -> Vec<Template> {
    let mut found: Vec<Template> = Vec::new();
    for literal in list
        .into_iter()
        .filter_map(|expr| value::string(expr, diag))
        .collect::<Vec<_>>()
    {
        if found
            .iter()
            .any(|each| each.literal.value() == literal.value())
        {
            diag.error(&literal, "this tag is given twice")
                .help("keep one of them");
        } else {
            found.extend(Template::parse(literal, diag));
        }
    }
    found
}

fn tiers(list: Vec<Expr>, options: &mut Options, diag: &mut Diag) {
    let mut tiers = Tiers::default();
    for tier in idents(list, "a tier", "tiers(memory)", diag) {
        match tier.to_string().as_str() {
            "memory" => tiers.memory = true,
            "redis" if cfg!(feature = "redis") => tiers.redis = true,
            "redis" => diag
                .error(
                    &tier,
                    "the tier `redis` needs the feature `redis` of `cache-core`",
                )
                .help("enable it in `Cargo.toml`, or write `tiers(memory)`"),
            "postgres" => diag
                .error(&tier, "the tier `postgres` is not in this version yet")
                .help("write `tiers(memory)`"),
            name => diag
                .error(&tier, format!("unknown tier `{name}`"))
                .did_you_mean(name, ["memory", "redis"], str::to_owned, || {
                    "write `tiers(memory)`".to_owned()
                }),
        }
    }
    options.tiers = Some(tiers);
}

#[cfg(test)]
mod tests;
