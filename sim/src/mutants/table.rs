//! The outcome of a suite: tables in Markdown for people, one JSON object for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::baseline::{Change, Entry, State};
use super::process::Finding;
use super::{Outcome, Verdict};

const TITLES: [&str; 7] = [
    "mutant",
    "state",
    "caught by",
    "seeds",
    "CPU-seconds",
    "worst",
    "compared",
];

impl Outcome {
    /// The table, and below it what became of those that were run now.
    pub fn text(&self) -> String {
        let mut text = match self.suite.columns.is_empty() {
            true => {
                let rows = self.verdicts.iter().map(row);
                align([TITLES.map(str::to_owned).to_vec()].into_iter().chain(rows))
            }
            false => align(self.measured()),
        };
        text.push('\n');
        for verdict in &self.verdicts {
            let Some(tried) = verdict
                .tried
                .as_ref()
                .filter(|_| self.suite.columns.is_empty())
            else {
                continue;
            };
            let again = self
                .command(verdict)
                .map(|command| format!("\n  {command}"));
            let (name, story) = (&verdict.name, &tried.story);
            writeln!(text, "{name}: {story}{}", again.unwrap_or_default())
                .expect("writing to a string");
        }
        for name in &self.orphans {
            writeln!(text, "{name}: MISSING: it has an entry and no patch")
                .expect("writing to a string");
        }
        writeln!(text, "{}", self.summary()).expect("writing to a string");
        text
    }

    fn summary(&self) -> String {
        let count = |state| self.count(state);
        let [killed, survived, stale] = [State::Killed, State::Survived, State::Stale].map(count);
        let mut text = format!("{killed} killed, {survived} survived, {stale} stale");
        if !self.suite.columns.is_empty() {
            return text + " (killed: in each campaign)";
        }
        let skipped = self
            .verdicts
            .iter()
            .filter(|verdict| verdict.tried.is_none());
        let changed = |change| self.changed(change);
        write!(
            text,
            "; {} of them not run again\ncompared with the baseline: {} regressions, {} better, {} without an entry, {} without a patch",
            skipped.count(),
            changed(Change::Regression),
            changed(Change::Progress),
            changed(Change::Missing),
            self.orphans.len(),
        )
        .expect("writing to a string");
        let times = self
            .verdicts
            .iter()
            .map(|verdict| &verdict.entry.cpu_seconds);
        let medians: Vec<f64> = times.clone().filter_map(|times| median(times)).collect();
        let worst = times.flatten().copied().fold(0.0, f64::max);
        if let Some(middle) = median(&medians) {
            let greatest = medians.iter().copied().fold(0.0, f64::max);
            write!(
                text,
                "\nCPU-seconds to the catch: median of the medians {middle:.2}, greatest median {greatest:.2}, worst {worst:.2}"
            )
            .expect("writing to a string");
        }
        text
    }

    /// A row for each mutant, with a cell for each column: the median of the campaigns that have caught
    /// it, and how many did, where not all.
    fn measured(&self) -> Vec<Vec<String>> {
        let repeat = self.suite.repeat as usize;
        let titles = self.suite.columns.iter().cloned();
        let mut rows = vec![["mutant".to_owned()].into_iter().chain(titles).collect()];
        for verdict in &self.verdicts {
            let findings = findings(verdict);
            let cells = findings.chunks(repeat).map(cell);
            rows.push([verdict.name.clone()].into_iter().chain(cells).collect());
        }
        let column = |index: usize, of: &dyn Fn(&[Finding]) -> f64| {
            let chunks = self.verdicts.iter();
            let chunks = chunks.filter_map(|verdict| findings(verdict).chunks(repeat).nth(index));
            chunks.map(of).sum::<f64>()
        };
        type Sum = fn(&[Finding]) -> f64;
        let sums: [(&str, Sum); 4] = [
            ("mutants found", |chunk| {
                f64::from(caught(chunk).next().is_some())
            }),
            ("campaigns that found", |chunk| caught(chunk).count() as f64),
            ("campaigns", |chunk| chunk.len() as f64),
            ("CPU-seconds in all", |chunk| {
                chunk.iter().filter_map(|one| one.cpu_seconds).sum()
            }),
        ];
        for (title, of) in sums {
            let cells = (0..self.suite.columns.len()).map(|index| {
                let sum = column(index, &of);
                match title.starts_with("CPU") {
                    true => format!("{sum:.2}"),
                    false => format!("{sum:.0}"),
                }
            });
            rows.push([title.to_owned()].into_iter().chain(cells).collect());
        }
        rows
    }

    /// The command that meets the first catch of a mutant at once.
    fn command(&self, verdict: &Verdict) -> Option<String> {
        let seed = caught(findings(verdict)).next()?.seed.as_ref()?;
        let name = &verdict.name;
        Some(format!("cargo sim mutants {name} --seed {seed} --seeds 1"))
    }

    /// The outcome for programs.
    pub fn json(&self) -> Value {
        let mutants: Vec<Value> = self
            .verdicts
            .iter()
            .map(|verdict| {
                let tried = verdict.tried.as_ref();
                json!({
                    "name": verdict.name,
                    "state": verdict.entry.state.name(),
                    "compared": verdict.change.name(),
                    "caught_by": verdict.entry.caught_by,
                    "seeds": verdict.entry.seeds,
                    "cpu_seconds": verdict.entry.cpu_seconds,
                    "story": tried.map(|tried| &tried.story),
                    "build_seconds": tried.map(|tried| tried.build.as_secs_f64()),
                    "command": self.command(verdict),
                    "findings": findings(verdict).iter().map(finding_json).collect::<Vec<Value>>(),
                })
            })
            .collect();
        json!({
            "exit_code": self.exit_code(),
            "seed": self.suite.seed.to_string(),
            "seeds": self.suite.seeds,
            "seconds": self.suite.time.as_secs(),
            "repeat": self.suite.repeat,
            "columns": self.suite.columns,
            "killed": self.count(State::Killed),
            "survived": self.count(State::Survived),
            "stale": self.count(State::Stale),
            "orphans": self.orphans,
            "mutants": mutants,
        })
    }
}

fn findings(verdict: &Verdict) -> &[Finding] {
    let tried = verdict.tried.as_ref();
    tried.map_or(&[], |tried| &tried.findings)
}

fn caught(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.is_caught())
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "seeds": finding.seeds,
        "cpu_seconds": finding.cpu_seconds,
        "property": finding.property,
        "seed": finding.seed,
        "exit_code": finding.exit_code,
    })
}

fn cell(campaigns: &[Finding]) -> String {
    let times: Vec<f64> = caught(campaigns)
        .filter_map(|one| one.cpu_seconds)
        .collect();
    match median(&times) {
        None => "-".into(),
        Some(middle) if times.len() == campaigns.len() => format!("{middle:.2}"),
        Some(middle) => format!("{middle:.2} ({} of {})", times.len(), campaigns.len()),
    }
}

/// The one in the middle, or the lower of the two.
pub(super) fn median<T: Copy + PartialOrd>(all: &[T]) -> Option<T> {
    let mut sorted = all.to_vec();
    sorted.sort_by(|one, other| one.partial_cmp(other).expect("times can be compared"));
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

fn row(verdict: &Verdict) -> Vec<String> {
    let Entry {
        state,
        caught_by,
        seeds,
        cpu_seconds,
        ..
    } = &verdict.entry;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let seconds = |seconds: f64| format!("{seconds:.2}");
    let worst = cpu_seconds.iter().copied().reduce(f64::max);
    vec![
        verdict.name.clone(),
        state.name().to_owned(),
        or_dash((!caught_by.is_empty()).then(|| caught_by.join(", "))),
        or_dash(median(seeds).map(|seeds| seeds.to_string())),
        or_dash(median(cpu_seconds).map(seconds)),
        or_dash(worst.map(seconds)),
        verdict.change.name().to_owned(),
    ]
}

/// Rows as a table in Markdown, the first of them its head.
fn align(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            write!(text, "| {cell:width$} ").expect("writing to a string");
        }
        text.push_str("|\n");
        if index == 0 {
            for width in &widths {
                write!(text, "| {:-<width$} ", "").expect("writing to a string");
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let cells = ["a", "b", "c", "d", "e", "f", "long cell"].map(str::to_owned);
        let text = align([TITLES.map(str::to_owned).to_vec(), cells.to_vec()]);
        let widths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(widths.len(), 3);
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }

    #[test]
    fn a_median_is_one_of_its_values() {
        assert_eq!(median(&[3, 1, 2]), Some(2));
        assert_eq!(median(&[4, 1, 2, 3]), Some(2));
        assert_eq!(median::<u64>(&[]), None);
    }

    #[test]
    fn a_cell_tells_how_many_campaigns_have_caught_it() {
        let finding = |seconds: Option<f64>| Finding {
            seeds: Some(1),
            cpu_seconds: Some(seconds.unwrap_or(60.0)),
            property: seconds.map(|_| "opens".into()),
            seed: None,
            story: String::new(),
            exit_code: None,
        };
        let check = |times: &[Option<f64>], expect: &str| {
            let findings: Vec<Finding> = times.iter().copied().map(finding).collect();
            assert_eq!(cell(&findings), expect);
        };
        check(&[Some(0.5), Some(0.25), Some(4.0)], "0.50");
        check(&[Some(0.5), None, Some(4.0)], "0.50 (2 of 3)");
        check(&[None], "-");
    }
}
