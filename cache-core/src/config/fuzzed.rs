//! For whoever tries what comes of any text.

use super::{Config, environment};

/// What has come of it.
pub(crate) struct Read {
    pub(crate) config: Config,
    pub(crate) problems: Vec<String>,
}

/// What variables make of the defaults.
pub(crate) fn environment(all: &[(String, String)]) -> Read {
    let (mut config, mut problems) = (Config::default(), Vec::new());
    let all = all.iter().map(|(name, value)| (name.into(), value.into()));
    let mut variables = environment::variables(all);
    // It names a file, and there may be one.
    variables.remove("CACHE_CONFIG");
    environment::read(&mut config, &variables, &mut |problem| {
        problems.push(problem)
    });
    Read { config, problems }
}

/// What a file makes of them.
#[cfg(feature = "config")]
pub(crate) fn file(text: &str) -> Read {
    let (mut config, mut problems) = (Config::default(), Vec::new());
    super::file::toml::read(&mut config, text, &mut |line, problem| {
        problems.push(format!("{line}: {problem}"));
    });
    Read { config, problems }
}
