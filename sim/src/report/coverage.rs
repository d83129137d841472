//! The coverage table: how often each fault hit each operation in each phase of a life, which cells
//! are empty, and which of those no rule explains.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::coverage::{Cell, LifePhase, Operation, RULES};
use crate::disk::{Counts, Fault};

/// With fewer seeds than this, rare cells may be empty by chance.
pub const SEEDS_MIN: u64 = 200_000;

/// What came of a campaign, cell by cell.
pub struct Coverage<'a> {
    counts: &'a Counts,
    cells: Vec<(Cell, u64)>,
}

impl<'a> Coverage<'a> {
    /// The table of these faults, which should have happened.
    pub fn new(counts: &'a Counts, faults: &[Fault]) -> Coverage<'a> {
        let cells = Cell::all(faults).map(|cell| (cell, cell.count(counts)));
        Coverage {
            counts,
            cells: cells.collect(),
        }
    }

    /// Empty cells that no rule explains.
    pub fn holes(&self) -> impl Iterator<Item = Cell> {
        let holes = self
            .cells
            .iter()
            .filter(|(cell, count)| *count == 0 && cell.rule().is_none());
        holes.map(|(cell, _)| *cell)
    }

    /// Cells that should be empty by a rule, and are not.
    pub fn stale(&self) -> impl Iterator<Item = (Cell, u64)> {
        let is_stale = |(cell, count): &&(Cell, u64)| *count > 0 && cell.rule().is_some();
        self.cells.iter().filter(is_stale).copied()
    }

    fn explained(&self) -> usize {
        let empty = self.cells.iter().filter(|(_, count)| *count == 0);
        empty.filter(|(cell, _)| cell.rule().is_some()).count()
    }

    /// The table for people: for each operation and phase the faults that hit it, then the holes and
    /// the rules that are wrong.
    pub fn text(&self) -> String {
        let mut text = String::from("coverage: operation, phase: faults\n");
        let mut line = |line: String| writeln!(text, "{line}").expect("writing to a string");
        for &operation in Operation::ALL {
            for &phase in LifePhase::ALL {
                let here = self.cells.iter().filter(|(cell, count)| {
                    (cell.operation, cell.phase) == (operation, phase) && *count > 0
                });
                let told: Vec<String> = here
                    .map(|(cell, count)| format!("{} {count}", cell.fault))
                    .collect();
                if !told.is_empty() {
                    line(format!("  {operation}, {phase}: {}", told.join(", ")));
                }
            }
        }
        let holes: Vec<Cell> = self.holes().collect();
        line(format!(
            "{} cells, {} of them empty by one of {} rules, {} empty without one",
            self.cells.len(),
            self.explained(),
            RULES.len(),
            holes.len()
        ));
        holes
            .iter()
            .for_each(|cell| line(format!("  hole: {cell}")));
        for (cell, count) in self.stale() {
            let why = cell.rule().map_or("", |rule| rule.why);
            line(format!("  stale: {cell}: {count} times, though {why}"));
        }
        text
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let told =
            |cells: Vec<Cell>| -> Vec<String> { cells.iter().map(Cell::to_string).collect() };
        let counted = self.cells.iter().filter(|(_, count)| *count > 0);
        let counts = counted.map(|(cell, count)| (cell.to_string(), (*count).into()));
        json!({
            "cells": self.cells.len(),
            "explained": self.explained(),
            "rules": RULES.len(),
            "holes": told(self.holes().collect()),
            "stale": told(self.stale().map(|(cell, _)| cell).collect()),
            "lossy_power_cuts": self.counts.power_cuts_lossy(),
            "counts": Value::Object(counts.collect()),
        })
    }
}
