//! What is told, and to whom.

use serde::Deserialize;

use super::names::variable;

/// What is told, and to whom.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// A level, or directives: `info`, `kassa=debug,async_nats=warn`.
    pub filter: String,
    /// How log lines are written.
    pub format: LogFormat,
    /// Where spans and metrics go.
    pub export: Export,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::default(), export: Export::default() }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Where spans and metrics go. By default nowhere, and then nothing is spent on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// Where spans go.
    pub traces: Target,
    /// Where metrics go.
    pub metrics: Target,
}

/// Where one signal goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Nowhere.
    #[default]
    Nowhere,
    /// Where the standard `OTEL_…` variables say; the exporter reads them itself.
    Standard,
    /// To this address, whole: `http://127.0.0.1:4318/v1/traces`.
    At(String),
}

impl Export {
    /// What the standard variables ask for. `variable` looks one up; an empty one counts as none.
    ///
    /// An endpoint turns a signal on; without one nothing is exported, although the standard
    /// would take it to be on this machine: a shop that nobody watches should not try for ever.
    #[must_use]
    pub fn standard(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name, wanted: &str| {
            variable(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
        };
        if is(variable::DISABLED, "true") {
            return Self::default();
        }
        let set = |name| variable(name).is_some_and(|value| !value.trim().is_empty());
        let target = |endpoint, exporter| {
            let asked = set(variable::ENDPOINT) || set(endpoint);
            if asked && !is(exporter, "none") { Target::Standard } else { Target::Nowhere }
        };
        Self {
            traces: target(variable::TRACES_ENDPOINT, variable::TRACES_EXPORTER),
            metrics: target(variable::METRICS_ENDPOINT, variable::METRICS_EXPORTER),
        }
    }

    /// Whether anything is exported.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standard(set: &[(&str, &str)]) -> (bool, bool) {
        let find = |name: &str| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let export = Export::standard(find);
        (export.traces == Target::Standard, export.metrics == Target::Standard)
    }

    #[test]
    fn an_endpoint_turns_a_signal_on_and_nothing_else_does() {
        /// Variables, and whether spans and metrics are exported then.
        type Case<'a> = (&'a [(&'a str, &'a str)], (bool, bool));
        let at = "http://127.0.0.1:4318";
        let cases: &[Case<'_>] = &[
            (&[], (false, false)),
            (&[("OTEL_SERVICE_NAME", "shop")], (false, false)),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", at)], (true, true)),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], (false, false)),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", at)], (true, false)),
            (&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", at)], (false, true)),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", at), ("OTEL_SDK_DISABLED", "TRUE")], (false, false)),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", at), ("OTEL_METRICS_EXPORTER", "none")],
                (true, false),
            ),
        ];
        for (set, wanted) in cases {
            assert_eq!(standard(set), *wanted, "{set:?}");
        }
    }
}
