//! How far long work is: a bar for people, lines of JSON for programs.

use std::fmt::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;

use super::failure::Failure;
use super::output::{Format, say};

/// Time between two lines. Often enough to see that it goes on, seldom enough to keep.
const EACH: Duration = Duration::from_secs(1);

/// How far it is. Told on stderr: people see it when that is a terminal.
pub(super) struct Progress {
    doing: &'static str,
    total: u64,
    begun: Instant,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    /// When the last line was written.
    Lines(Instant),
}

/// A line for programs.
#[derive(Serialize)]
struct Line {
    progress: &'static str,
    done: u64,
    total: u64,
    per_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_s: Option<u64>,
}

impl Progress {
    /// Nothing is done yet of `total` things of a kind, as in "replaying" and "messages".
    ///
    /// # Errors
    ///
    /// When the style of the bar is none.
    pub(super) fn new(
        format: Format,
        (doing, things): (&'static str, &str),
        total: u64,
    ) -> Result<Self, Failure> {
        let begun = Instant::now();
        let shown = if format == Format::Table {
            let bar = ProgressBar::new(total);
            bar.set_style(style(doing, things)?);
            Shown::Bar(bar)
        } else {
            Shown::Lines(begun)
        };
        Ok(Self { doing, total, begun, shown })
    }

    /// Nobody wants to know.
    pub(super) fn hidden() -> Self {
        let shown = Shown::Bar(ProgressBar::hidden());
        Self { doing: "", total: 0, begun: Instant::now(), shown }
    }

    /// There are so many in all, as it turns out.
    pub(super) fn grow(&mut self, total: u64) {
        self.total = total;
        if let Shown::Bar(bar) = &self.shown {
            bar.set_length(total);
        }
    }

    /// So many are done.
    pub(super) fn reach(&mut self, done: u64) {
        match &mut self.shown {
            Shown::Bar(bar) => bar.set_position(done),
            Shown::Lines(told) if EACH <= told.elapsed() => {
                *told = Instant::now();
                self.line(done);
            }
            Shown::Lines(_) => {}
        }
    }

    /// It is over, or given up.
    pub(super) fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    fn line(&self, done: u64) {
        let elapsed = self.begun.elapsed().as_secs();
        let per_s = done.checked_div(elapsed).unwrap_or(done);
        let eta_s = self.total.saturating_sub(done).checked_div(per_s);
        let line = Line { progress: self.doing, done, total: self.total, per_s, eta_s };
        if let Ok(line) = serde_json::to_string(&line) {
            say(&line);
        }
    }
}

fn style(doing: &str, things: &str) -> Result<ProgressStyle, Failure> {
    let template = format!("{doing} {{bar:30}} {{pos}}/{{len}} {things}, {{rate}}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).map_err(anyhow::Error::from)?;
    Ok(style.with_key("rate", |state: &ProgressState, to: &mut dyn Write| {
        // A bar that cannot be written to is not seen.
        let _ = write!(to, "{:.0}/s", state.per_sec());
    }))
}
