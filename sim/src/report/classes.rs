//! The table of fault classes: how often each struck, and what became of the log.

use serde_json::{Value, json};

use crate::checker::Property;
use crate::checker::guarantee::Remainder;
use crate::classes::{self, WholeClass};
use crate::disk::{Fault, FaultClass};
use crate::figures::Figures;

/// One class of the fault model's table.
struct Row {
    name: &'static str,
    /// How often something of it happened.
    struck: u64,
    /// What became of logs after it, and how often.
    verdicts: Vec<(&'static str, u64)>,
}

/// The rows, those first that leave the whole contract standing.
fn rows(figures: &Figures) -> Vec<Row> {
    let opened_twice = figures.tally.of(Property::OneWriter);
    let fired = classes::fired(&figures.disk, figures.restored, opened_twice);
    let whole = WholeClass::ALL.iter().map(|&class| Row {
        name: class.name(),
        struck: fired[class as usize],
        verdicts: vec![(Remainder::Exact.name(), figures.whole[class as usize])],
    });
    let medium = FaultClass::ALL.iter().map(|&class| {
        let faults = Fault::ALL.iter();
        let own = faults.filter(|&&fault| classes::of_medium(fault) == Some(class));
        let counted = figures.media[class as usize];
        let verdicts = Remainder::ALL.iter();
        Row {
            name: class.name(),
            struck: own.map(|&fault| figures.disk.faults(fault)).sum(),
            verdicts: verdicts
                .map(|&one| (one.name(), counted[one as usize]))
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    });
    whole.chain(medium).collect()
}

/// A line for each class.
pub fn text(figures: &Figures) -> Vec<String> {
    let told = |row: Row| {
        let verdicts: Vec<String> = row
            .verdicts
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let (name, struck) = (row.name, row.struck);
        format!(
            "class {name}: struck {struck}; logs judged after it: {}",
            verdicts.join(", ")
        )
    };
    rows(figures).into_iter().map(told).collect()
}

/// The same as one object.
pub fn json(figures: &Figures) -> Value {
    let told = |row: Row| {
        let verdicts = row.verdicts.iter();
        let verdicts = verdicts.map(|&(name, count)| (name.to_string(), count.into()));
        let verdicts = Value::Object(verdicts.collect());
        let told = json!({ "struck": row.struck, "judged": verdicts });
        (row.name.to_string(), told)
    };
    Value::Object(rows(figures).into_iter().map(told).collect())
}
