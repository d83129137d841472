//! The table of the sites: with a witness, explained without one, or neither.
//!
//! What explains a site is in `sim/syncs.toml`, by its functions, since lines move. An explanation is
//! wrong where each site with these functions has a witness, or many seeds never meet one.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Findings, Row};
use crate::checker::Class;
use crate::site::Site;

/// With fewer seeds than this, a site that was explained may be missing by chance.
const SEEDS_MIN: u64 = 20_000;

const HEAD: &str = "\
| site | call | calls | seeds | tried | witness | found by |
| --- | --- | --- | --- | --- | --- | --- |";

/// Why there is no witness for some sites.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// Their functions, as [`Site::functions`] tells them.
    pub sites: Vec<String>,
    /// The reason.
    pub why: String,
}

/// The sites that are explained.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    /// Each.
    #[serde(default)]
    pub explained: Vec<Explanation>,
}

impl Explained {
    /// Those of the log.
    ///
    /// # Panics
    /// When the file is not as it should be.
    pub fn of_log() -> Explained {
        let text = include_str!("../../syncs.toml");
        toml::from_str(text).expect("the file is part of this program")
    }

    fn of(&self, site: &Site) -> Option<&Explanation> {
        let functions = site.functions();
        let mut explained = self.explained.iter();
        explained.find(|one| one.sites.contains(&functions))
    }
}

/// What is to be said of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A seed fails without it.
    Needed,
    /// None does, and that is explained.
    Explained,
    /// None does, and nobody knows why.
    Unexplained,
}

/// What came of a search, judged.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    findings: &'a Findings,
    explained: &'a Explained,
    /// Whether all sites were searched.
    is_whole: bool,
}

impl Table<'_> {
    /// The table of a search for all sites, or only for some.
    pub fn new<'a>(findings: &'a Findings, explained: &'a Explained, is_whole: bool) -> Table<'a> {
        Table {
            findings,
            explained,
            is_whole,
        }
    }

    /// What is to be said of a site.
    pub fn standing(&self, site: &Site, row: &Row) -> Standing {
        match (&row.witness, self.explained.of(site)) {
            (Some(_), _) => Standing::Needed,
            (None, Some(_)) => Standing::Explained,
            (None, None) => Standing::Unexplained,
        }
    }

    /// What is wrong with the table, a line each.
    pub fn troubles(&self) -> Vec<String> {
        let rows = self.findings.rows.iter();
        let unexplained =
            rows.filter(|(site, row)| self.standing(site, row) == Standing::Unexplained);
        let mut troubles: Vec<String> = unexplained
            .map(|(site, _)| format!("no witness: {site}"))
            .collect();
        let is_long = self.is_whole && self.findings.seeds >= SEEDS_MIN;
        let explained = self.explained.explained.iter().filter(|_| is_long);
        for functions in explained.flat_map(|one| &one.sites) {
            let mut open = self.findings.open();
            if !open.any(|(site, _)| site.functions() == *functions) {
                troubles.push(format!(
                    "explained, but there is a witness or no call: {functions}"
                ));
            }
        }
        troubles
    }

    /// The exit code: the class of a failure with all in effect, 16 for a trouble, or 124.
    pub fn exit_code(&self) -> u8 {
        match &self.findings.failure {
            Some(failure) => failure.violation.property.class() as u8,
            None if self.findings.out_of_time => 124,
            None if !self.troubles().is_empty() => Class::Vacuity as u8,
            None if self.findings.rows.is_empty() => Class::Vacuity as u8,
            None => 0,
        }
    }

    /// The table for people. It is the same for the same seeds.
    pub fn text(&self) -> String {
        let rows = self.findings.rows.iter().map(|(site, row)| {
            let (witness, found_by) = match (&row.witness, self.explained.of(site)) {
                (Some(witness), _) => (
                    witness.seed.to_string(),
                    witness.violation.property.to_string(),
                ),
                (None, Some(_)) => ("none".into(), "explained".into()),
                (None, None) => ("NONE".into(), String::new()),
            };
            format!(
                "| `{site}` | {} | {} | {} | {} | {witness} | {found_by} |",
                row.kind, row.calls, row.seeds, row.tried
            )
        });
        let rows: Vec<String> = rows.collect();
        format!("{HEAD}\n{}", rows.join("\n"))
    }

    /// The same for programs, with stories and times.
    pub fn json(&self) -> Value {
        let rows = self.findings.rows.iter().map(|(site, row)| {
            let witness = row.witness.as_ref().map(|witness| {
                json!({
                    "seed": witness.seed.to_string(),
                    "property": witness.violation.property.name(),
                    "story": witness.violation.story,
                })
            });
            json!({
                "site": site.to_string(),
                "call": row.kind.name(),
                "calls": row.calls,
                "seeds": row.seeds,
                "tried": row.tried,
                "cpu_ms": row.cpu.as_millis() as u64,
                "witness": witness,
                "explained": self.explained.of(site).map(|one| &one.why),
            })
        });
        let failure = self.findings.failure.as_ref().map(|failure| {
            json!({
                "seed": failure.seed.to_string(),
                "property": failure.violation.property.name(),
                "story": failure.violation.story,
            })
        });
        json!({
            "exit_code": self.exit_code(),
            "seeds": self.findings.seeds,
            "failure": failure,
            "troubles": self.troubles(),
            "sites": rows.collect::<Vec<Value>>(),
        })
    }
}
