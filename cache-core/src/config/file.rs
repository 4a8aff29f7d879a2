//! Settings in a TOML file.

use std::path::Path;

use super::Config;

#[cfg(feature = "config")]
pub(super) mod toml;

/// Puts what a file says over a configuration. What is wrong is told to `complain`.
pub(super) fn read(config: &mut Config, path: &Path, complain: &mut dyn FnMut(String)) {
    let name = path.display();
    match std::fs::read_to_string(path) {
        #[cfg(feature = "config")]
        Ok(text) => toml::read(config, &text, &mut |line, problem| {
            complain(format!("{name}:{line}: {problem}"));
        }),
        #[cfg(not(feature = "config"))]
        Ok(_) => {
            let _ = config;
            complain(format!(
                "{name} cannot be read in this build: enable the feature `config` of cache-core"
            ));
        }
        Err(error) => complain(format!("{name} cannot be read: {error}")),
    }
}
