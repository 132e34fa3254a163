//! Reading the configuration again while a service runs, when it is told to (SIGHUP).
//!
//! Who may come in, what is logged, where alerts go, the planner's thresholds and the certificates can
//! change; the rest is looked at once, at the start, and a change of it is named and waits for the next.
//! A configuration that is refused changes nothing.

use crate::config::{Config, ConfigError};
use crate::logging::LogControl;
use crate::service::Service;
use server::TlsSettings;

/// What became of a reload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reloaded {
    /// The settings that have changed.
    pub(crate) changed: Vec<String>,
    /// Those that will at the next start.
    pub(crate) waiting: Vec<String>,
}

/// Puts what can change of `told` in force, in `service` and in `config`, which is what it runs by.
pub(crate) fn apply(
    service: &Service,
    log: &LogControl,
    config: &mut Config,
    told: &Config,
) -> Result<Reloaded, ConfigError> {
    told.check()?;
    let next = changeable(config, told);
    // Secrets are not among what can be compared by name.
    let mut changed = config.differences(&next);
    for (name, differs) in [
        ("server.credentials", config.server.credentials != next.server.credentials),
        ("admin.tokens", config.admin.tokens != next.admin.tokens),
    ] {
        changed.retain(|changed| !changed.starts_with(name));
        if differs {
            changed.push(name.to_owned());
        }
    }
    // Also if no name has changed: the certificates' files may have.
    service.reload(&next)?;
    if config.log != next.log {
        log.apply(&next.log)?;
    }
    let waiting = next.differences(told);
    *config = next;
    Ok(Reloaded { changed, waiting })
}

/// `config` with what can change of `told`.
fn changeable(config: &Config, told: &Config) -> Config {
    let mut next = config.clone();
    next.server.credentials = told.server.credentials.clone();
    next.server.http.cors_origins = told.server.http.cors_origins.clone();
    next.admin.tokens = told.admin.tokens.clone();
    take_files(&mut next.server.tls, &told.server.tls);
    take_files(&mut next.admin.tls, &told.admin.tls);
    next.log.level = told.log.level.clone();
    next.alerts = told.alerts.clone();
    next.planner = told.planner.clone();
    // The controllers have these two of their own, since they were made.
    next.planner.merge.payback_ms = config.planner.merge.payback_ms;
    next.planner.merge.cycle_min_ms = config.planner.merge.cycle_min_ms;
    next
}

/// Other files, but no TLS where there was none, nor none where there was.
fn take_files(tls: &mut TlsSettings, told: &TlsSettings) {
    if tls.certificate.is_some() && told.certificate.is_some() {
        tls.certificate.clone_from(&told.certificate);
        tls.key.clone_from(&told.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_can_change_does_and_the_rest_waits() {
        let now = config("[manager]\ntick_ms = 5\n");
        let told = config(
            "[log]\nlevel = \"info\"\nformat = \"json\"\n[manager]\ntick_ms = 6\n\
             [planner.score]\nthreshold = 8.0\n[planner.merge]\npayback_ms = 1\npartitions_min = 2\n\
             [server]\nlisten = \"127.0.0.1:1\"\n[server.tls]\ncertificate = \"c\"\nkey = \"k\"\n\
             [server.credentials]\na = \"b\"\n[alerts]\nurl = \"http://here\"\n",
        );
        let next = changeable(&now, &told);
        assert_eq!(
            next.differences(&told),
            [
                "log.format",
                "manager.tick_ms",
                "planner.merge.payback_ms",
                "server.listen",
                "server.tls.certificate",
                "server.tls.key"
            ]
        );
        assert_eq!(
            now.differences(&next),
            [
                "alerts.url",
                "log.level",
                "planner.merge.partitions_min",
                "planner.score.threshold",
                "server.credentials.a"
            ]
        );
    }
}
