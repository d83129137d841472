//! One state again, by its address: told in words, with all calls of the recoveries that lead there.

use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use super::cut::Cut;
use super::life::{Known, record};
use super::recovery::{How, Ran, run};
use super::search::{Turn, judge, stages};
use super::workload::Workload;
use crate::checker::{Property, Tally, Violation};
use crate::disk::{Disk, FileChoices, Ino, Knobs};
use crate::model::AppendId;
use crate::run::config_of;
use crate::trace;

/// Where a state is: the turns of its story, each as `MOMENT.NAMES.CHOICES`, with a `/` between two. The
/// choices are numbers with a `-` between two, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub Vec<Turn>);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turns = self.0.iter().map(|turn| {
            let made: Vec<String> = turn.made.iter().map(u32::to_string).collect();
            format!("{}.{}.{}", turn.moment, turn.names, made.join("-"))
        });
        f.write_str(&turns.collect::<Vec<_>>().join("/"))
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let wrong = || format!("`{text}` is no state like 7.0.1-0/3.1.");
        let turn = |text: &str| {
            let mut parts = text.split('.');
            let moment = parts.next()?.parse().ok()?;
            let names = parts.next()?.parse().ok()?;
            let made = match parts.next()? {
                "" => Vec::new(),
                made => made
                    .split('-')
                    .map(|one| one.parse().ok())
                    .collect::<Option<_>>()?,
            };
            parts.next().is_none().then_some(Turn {
                moment,
                names,
                made,
            })
        };
        let turns: Option<Vec<Turn>> = text.split('/').map(turn).collect();
        turns.map(Address).ok_or_else(wrong)
    }
}

/// Does it again. Returns the story, and what is wrong.
///
/// # Errors
/// When there is no such state.
pub fn replay(
    workload: &Workload,
    knobs: &Knobs,
    address: &Address,
) -> Result<(Vec<String>, Option<Violation>), String> {
    trace::start(true);
    let recorded = record(workload, knobs);
    let mut story = vec![format!("workload: {workload}")];
    let moments = match recorded {
        Ok(moments) => moments,
        Err(violation) => return Ok((story, Some(violation))),
    };
    let mut moments: Vec<Scene> = moments
        .into_iter()
        .map(|moment| (moment.disk, moment.known))
        .collect();
    let mut calls = changes_of(trace::finish().lines);
    let mut open: Vec<(Ino, FileChoices)> = Vec::new();
    for (level, turn) in address.0.iter().enumerate() {
        let count = moments.len();
        let scene = moments.get(turn.moment);
        let (disk, known) = scene.ok_or_else(|| format!("there are {count} moments, from 0"))?;
        calls.truncate(calls.len().min(turn.moment));
        let shown = calls.len().saturating_sub(8);
        story.extend(calls[shown..].iter().map(|call| format!("  {call}")));
        story.push(format!(
            "the power is cut at moment {} of {count}; what is left:",
            turn.moment
        ));
        let names = disk.names_after_cut();
        let names = names.get(turn.names);
        let names = names.ok_or("there is no such set of names")?;
        let mut cut = Cut::new(disk, names, &open);
        let ran = follow(&mut cut, turn, workload, level, known)?;
        story.extend(cut.tell().into_iter().map(|line| format!("  {line}")));
        let lines = trace::finish().lines;
        story.push(format!("recovery {}:", level + 1));
        if level + 1 == address.0.len() {
            story.extend(lines.iter().map(|call| format!("  {call}")));
        }
        calls = changes_of(lines);
        story.push(format!("recovery {} {}", level + 1, tell(&ran)));
        let settled = match judge(&ran.shown, known, &mut Tally::default()) {
            Ok(settled) => settled,
            Err(violation) => return Ok((story, Some(violation))),
        };
        let stages = match stages(known, settled, &ran) {
            Ok(stages) => stages,
            Err(violation) => return Ok((story, Some(violation))),
        };
        open = cut.unseen();
        moments = ran
            .moments
            .into_iter()
            .map(|(stage, disk)| (disk, Rc::clone(&stages[stage as usize])))
            .collect();
    }
    Ok((story, None))
}

type Scene = (Disk, Rc<Known>);

/// The lines of a trace that are about calls which change the disk.
fn changes_of(lines: Vec<String>) -> Vec<String> {
    const CHANGES: [&str; 10] = [
        "create",
        "mkdir",
        "rename",
        "unlink",
        "syncdir",
        "write",
        "fdatasync",
        "fsync",
        "truncate",
        "allocate",
    ];
    let is_change = |line: &String| CHANGES.contains(&line.split(' ').next().unwrap_or(""));
    lines.into_iter().filter(is_change).collect()
}

/// Makes the choices one after the other, as the recovery comes to them.
fn follow(
    cut: &mut Cut,
    turn: &Turn,
    workload: &Workload,
    level: usize,
    known: &Known,
) -> Result<Ran, String> {
    let how = How {
        config: config_of(workload.shape),
        keys: known.keys.clone(),
        level,
        goes_on: Some(AppendId(known.model.appends() as u32)),
    };
    for place in 0.. {
        trace::start(true);
        let ran = run(cut.disk(), &how);
        cut.begin();
        ran.looks
            .iter()
            .for_each(|&look| cut.questions(look, |_, _| {}));
        let Some(&made) = turn.made.get(place) else {
            return Ok(ran);
        };
        if !cut.change(place, made) {
            break;
        }
    }
    Err("there is no such choice".into())
}

fn tell(ran: &Ran) -> String {
    match &ran.shown {
        Ok(shown) => format!(
            "shows lsn {} up to, not including, {}",
            shown.low_water, shown.next_lsn
        ),
        Err(violation) => format!(
            "fails: {}: {}",
            Property::name(violation.property),
            violation.story
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_print_and_parse() {
        for text in ["7.0.1-0/3.1.", "0.0."] {
            let parsed = text.parse::<Address>();
            assert_eq!(
                parsed.map(|address| address.to_string()),
                Ok(text.to_string())
            );
        }
        for text in ["", "7", "7.0", "7.0.1-", "7.0.1.2", "a.0."] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
