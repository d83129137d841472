//! The sweep's outcomes by log, kind of damage and region of the format.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::damage::Kind;
use super::judge::Outcome;
use super::layout::Region;
use super::subject::Name;

/// How often what came of damage to one region of one log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    outcomes: [u64; Outcome::COUNT],
    /// What must not come of it.
    pub wrong: u64,
}

impl Cell {
    /// How often this came of it.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// Counts one.
    pub(super) fn count(&mut self, outcome: Outcome) {
        self.outcomes[outcome as usize] += 1;
    }

    fn add(&mut self, other: &Cell) {
        for (into, from) in self.outcomes.iter_mut().zip(other.outcomes) {
            *into += from;
        }
        self.wrong += other.wrong;
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.outcomes.iter().sum::<u64>() + self.wrong
    }
}

/// All outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    cells: BTreeMap<(Kind, Region, Name), Cell>,
}

impl Table {
    pub(super) fn cell(&mut self, name: Name, kind: Kind, region: Region) -> &mut Cell {
        self.cells.entry((kind, region, name)).or_default()
    }

    pub(super) fn add(&mut self, other: &Table) {
        for (&key, cell) in &other.cells {
            self.cells.entry(key).or_default().add(cell);
        }
    }

    /// The sum over all that `is_meant` picks.
    pub fn sum(&self, is_meant: impl Fn(Name, Kind, Region) -> bool) -> Cell {
        let mut sum = Cell::default();
        for (&(kind, region, name), cell) in &self.cells {
            if is_meant(name, kind, region) {
                sum.add(cell);
            }
        }
        sum
    }

    /// An outcome that damage to a log has to have somewhere, and never had. Of a log that was closed
    /// no tail is torn.
    pub(super) fn missing(&self, name: Name) -> Option<String> {
        let sum = self.sum(|other, _, _| other == name);
        let expected = Outcome::ALL
            .iter()
            .filter(|&&outcome| !(outcome == Outcome::Torn && name.is_closed()));
        let mut never = expected.filter(|&&outcome| sum.of(outcome) == 0);
        never
            .next()
            .map(|outcome| format!("no damage to the log {name} was {outcome}"))
    }

    /// The table for people: a block for each kind of damage, a line for each region.
    pub fn text(&self) -> String {
        const WIDTH: usize = 27;
        let mut text = String::new();
        let mut line = |head: &str, cells: Vec<String>| {
            let mut line = format!("{head:<37}");
            for cell in cells {
                write!(line, " {cell:>WIDTH$}").expect("writing to a string");
            }
            writeln!(text, "{}", line.trim_end()).expect("writing to a string");
        };
        let names: Vec<Name> = Name::ALL
            .iter()
            .copied()
            .filter(|&name| self.sum(|other, _, _| other == name).total() > 0)
            .collect();
        line(
            "detected / torn tail / rot / harmless",
            names.iter().map(Name::to_string).collect(),
        );
        let cells_of = |is_meant: &dyn Fn(Kind, Region) -> bool| {
            let cell = |&name: &Name| {
                self.sum(|other, kind, region| other == name && is_meant(kind, region))
            };
            names.iter().map(|name| print(&cell(name))).collect()
        };
        for &kind in Kind::ALL {
            let mut regions: Vec<Region> = self.regions(kind);
            regions.dedup();
            if regions.is_empty() {
                continue;
            }
            line(kind.name(), cells_of(&|other, _| other == kind));
            for region in regions {
                let head = format!("  {}: {}", region.stand, region.part);
                line(
                    &head,
                    cells_of(&|other, found| (other, found) == (kind, region)),
                );
            }
        }
        line("all", cells_of(&|_, _| true));
        text
    }

    fn regions(&self, kind: Kind) -> Vec<Region> {
        let keys = self.cells.keys().filter(|key| key.0 == kind);
        keys.map(|key| key.1).collect()
    }

    /// The table for programs.
    pub fn json(&self) -> Value {
        let rows = self.cells.iter().map(|((kind, region, name), cell)| {
            json!({
                "log": name.name(),
                "damage": kind.name(),
                "stand": region.stand.name(),
                "part": region.part.name(),
                "detected": cell.of(Outcome::Detected),
                "torn_tail": cell.of(Outcome::Torn),
                "rot": cell.of(Outcome::Rot),
                "harmless": cell.of(Outcome::Harmless),
                "wrong": cell.wrong,
            })
        });
        Value::Array(rows.collect())
    }
}

fn print(cell: &Cell) -> String {
    if cell.total() == 0 {
        return "-".into();
    }
    let outcomes = Outcome::ALL
        .iter()
        .map(|&outcome| cell.of(outcome).to_string());
    let outcomes: Vec<String> = outcomes.collect();
    match cell.wrong {
        0 => outcomes.join(" / "),
        wrong => format!("{} WRONG {wrong}", outcomes.join(" / ")),
    }
}
