//! The outcome of a suite: a table for people, one JSON object for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::process::Finding;
use super::{Outcome, State, Verdict};

const TITLES: [&str; 6] = [
    "mutant",
    "state",
    "seeds",
    "CPU-seconds",
    "caught by",
    "exit code",
];

impl Outcome {
    /// The table, and below it how to meet each catch again and what became of the others.
    pub fn text(&self) -> String {
        let mut rows = vec![TITLES.map(str::to_owned)];
        rows.push(row("(none)", "PASSED", Some(&self.original)));
        rows.extend(self.verdicts.iter().map(|verdict| {
            let finding = verdict.finding.as_ref();
            row(&verdict.name, verdict.state.name(), finding)
        }));
        let mut text = align(&rows);
        text.push('\n');
        for verdict in &self.verdicts {
            let again = self
                .command(verdict)
                .map(|command| format!("\n  {command}"));
            let (name, story) = (&verdict.name, &verdict.story);
            writeln!(text, "{name}: {story}{}", again.unwrap_or_default())
                .expect("writing to a string");
        }
        let [killed, survived, stale] =
            [State::Killed, State::Survived, State::Stale].map(|state| self.count(state));
        write!(
            text,
            "\n{killed} killed, {survived} survived, {stale} stale\n"
        )
        .expect("writing to a string");
        text
    }

    /// The command that meets the catch of a mutant at once.
    fn command(&self, verdict: &Verdict) -> Option<String> {
        let seed = verdict.finding.as_ref()?.seed.as_ref()?;
        let name = &verdict.name;
        Some(format!("cargo sim mutants {name} --seed {seed} --seeds 1"))
    }

    /// The outcome for programs.
    pub fn json(&self) -> Value {
        let mutants: Vec<Value> = self
            .verdicts
            .iter()
            .map(|verdict| {
                json!({
                    "name": verdict.name,
                    "state": verdict.state.name(),
                    "story": verdict.story,
                    "build_seconds": verdict.build.as_secs_f64(),
                    "command": self.command(verdict),
                    "finding": verdict.finding.as_ref().map(finding_json),
                })
            })
            .collect();
        json!({
            "exit_code": self.exit_code(),
            "seed": self.suite.seed.to_string(),
            "seeds": self.suite.seeds,
            "seconds": self.suite.time.as_secs(),
            "killed": self.count(State::Killed),
            "survived": self.count(State::Survived),
            "stale": self.count(State::Stale),
            "original": finding_json(&self.original),
            "mutants": mutants,
        })
    }
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

fn row(name: &str, state: &str, finding: Option<&Finding>) -> [String; TITLES.len()] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    [
        name.to_owned(),
        state.to_owned(),
        or_dash(finding.and_then(|finding| finding.seeds.map(|seeds| seeds.to_string()))),
        or_dash(finding.and_then(|finding| {
            let seconds = finding.cpu_seconds;
            seconds.map(|seconds| format!("{seconds:.2}"))
        })),
        or_dash(finding.and_then(|finding| finding.property.clone())),
        or_dash(finding.and_then(|finding| finding.exit_code.map(|code| code.to_string()))),
    ]
}

/// Rows as a table in Markdown, the first of them its head.
fn align(rows: &[[String; TITLES.len()]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..TITLES.len()).map(width).collect();
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
        let cells = ["a", "b", "c", "d", "e", "long cell"].map(str::to_owned);
        let text = align(&[TITLES.map(str::to_owned), cells]);
        let widths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(widths.len(), 3);
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }
}
