//! The table of subjects: how many lives each lived, how fast, and what came of it.

use std::fmt::Write;

use super::campaign::{Campaign, Sum};
use crate::checker::Violation;
use crate::seed::Seed;

const HEAD: &str = "\
| subject | version | profile | seeds | lives | power cuts | kills | lives per CPU-second | verdict | traces |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |";

/// The first lines.
pub(super) fn head() -> &'static str {
    HEAD
}

/// A row. `again` is what came of the same seeds once more.
pub(super) fn row(campaign: &Campaign<'_>, sum: &Sum, again: Option<&Sum>) -> String {
    let figures = sum.figures;
    let traces = match again {
        None => format!("`{:016x}`", sum.traces),
        Some(other) if is_same(sum, other) => format!("`{:016x}`, twice", sum.traces),
        Some(other) => format!("**`{:016x}`, then `{:016x}`**", sum.traces, other.traces),
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {:.0} | {} | {traces} |",
        campaign.named.name,
        campaign.named.version,
        campaign.profile,
        sum.seeds,
        figures.lives,
        figures.power_cuts,
        figures.kills,
        sum.lives_per_second(),
        verdict(campaign.seed, sum),
    )
}

/// Whether two campaigns over the same seeds did the same.
pub(super) fn is_same(sum: &Sum, other: &Sum) -> bool {
    let of = |sum: &Sum| (sum.seeds, sum.figures, sum.traces);
    of(sum) == of(other)
}

fn verdict(first: Seed, sum: &Sum) -> String {
    if sum.kinds.is_empty() {
        return match sum.is_vacuous() {
            true => "vacuous".into(),
            false => "clean".into(),
        };
    }
    let mut told = String::new();
    for (_, kind) in sum.in_order() {
        if !told.is_empty() {
            told.push_str("<br>");
        }
        let (seed, count) = (first.plus(kind.index), kind.count);
        let Violation { property, story } = &kind.violation;
        write!(told, "{property}: {story} (seed {seed}; {count} seeds)").expect("a text takes all");
    }
    told.replace('\n', " ").replace('|', "\\|")
}
