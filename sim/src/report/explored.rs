//! The outcome of an exploration: as text for people, as one JSON object for programs.

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::explore::{Address, Explore, Explored, Level, Offence, Workload, replay};

/// An exploration that is over, with what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// What was asked for.
    pub explore: Explore,
    /// What came of it.
    pub explored: Explored,
    /// Processor time of all threads.
    pub cpu: Duration,
    /// Real time.
    pub wall: Duration,
}

impl Exploration {
    /// What was done, for people.
    pub fn text(&self) -> String {
        let explored = &self.explored;
        let mut text = String::new();
        let mut line = |text_line: String| {
            writeln!(text, "{text_line}").expect("writing to a string");
        };
        for (number, counts) in &explored.each {
            let workload = self.explore.workloads.get(*number);
            line(format!("{workload}: {}", share(counts.sum())));
        }
        line(format!(
            "{:>6} {:>12} {:>22} {:>20} {:>20} {:>14}",
            "cuts", "moments", "legal images", "that differ", "judged", "groups"
        ));
        let counts = explored.counts;
        for (depth, level) in counts.levels[..self.explore.depth].iter().enumerate() {
            line(format!(
                "{:>6} {:>12} {:>22} {:>20} {:>20} {:>14}",
                depth + 1,
                level.moments,
                level.legal,
                level.distinct,
                level.judged,
                level.groups
            ));
        }
        let seconds = self.cpu.as_secs_f64();
        let sum = counts.sum();
        line(format!(
            "{} of {} workloads: {}",
            explored.done,
            self.explore.share(),
            share(sum)
        ));
        line(format!(
            "{} groups judged, the others known from before with all that follows; {} recoveries run",
            explored.judged_afresh, explored.recoveries
        ));
        line(format!(
            "{:.1} s, {} threads, {seconds:.1} s of processor time; a second of it: {:.0} states, {:.0} groups judged, {:.0} recoveries",
            self.wall.as_secs_f64(),
            self.explore.jobs,
            sum.judged as f64 / seconds,
            explored.judged_afresh as f64 / seconds,
            explored.recoveries as f64 / seconds,
        ));
        text
    }

    /// Whether every state was judged.
    pub fn is_complete(&self) -> bool {
        let sum = self.explored.counts.sum();
        !self.explored.gave_up && sum.judged == sum.distinct
    }

    /// The exit code: 0, the class of the failure, or 124.
    pub fn exit_code(&self) -> u8 {
        match &self.explored.offence {
            Some((_, offence)) => offence.violation.property.class() as u8,
            None if self.explored.gave_up => 124,
            None => 0,
        }
    }

    /// What to say last, for people.
    pub fn verdict(&self) -> String {
        match &self.explored.offence {
            Some((number, offence)) => self.tell(&self.explore.workloads.get(*number), offence),
            None if self.explored.gave_up => "OUT OF TIME: not all states were judged".into(),
            None if !self.is_complete() => {
                "PASSED, what was judged: --groups leaves the rest out".into()
            }
            None => "PASSED".into(),
        }
    }

    fn tell(&self, workload: &Workload, offence: &Offence) -> String {
        let violation = &offence.violation;
        let head = format!(
            "FAILED, exit code {}: {}\n  {}",
            violation.property.class() as u8,
            violation.property,
            violation.story
        );
        if offence.turns.is_empty() {
            return format!("{head}\nwithout a crash, in: {workload}");
        }
        let at = Address(offence.turns.clone());
        let story = match replay(workload, &self.explore.knobs, &at) {
            Ok((story, _)) => story.join("\n"),
            Err(error) => format!("it could not be done again: {error}"),
        };
        let lie = self.explore.knobs.lie;
        let lie = lie.map_or_else(String::new, |lie| format!(" --lie {lie}"));
        format!("{story}\n{head}\ncargo sim explore --workload '{workload}' --at {at}{lie}")
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let offence = self.explored.offence.as_ref().map(|(number, offence)| {
            json!({
                "workload": self.explore.workloads.get(*number).to_string(),
                "state": Address(offence.turns.clone()).to_string(),
                "property": offence.violation.property,
                "story": offence.violation.story,
            })
        });
        let counts = self.explored.counts;
        let levels = counts.levels[..self.explore.depth].iter().map(|level| {
            json!({
                "moments": level.moments,
                // These may be more than a number of JSON holds.
                "legal": level.legal.to_string(),
                "distinct": level.distinct.to_string(),
                "judged": level.judged.to_string(),
                "groups": level.groups,
            })
        });
        json!({
            "exit_code": self.exit_code(),
            "complete": self.is_complete(),
            "workloads": self.explored.done,
            "of_workloads": self.explore.share(),
            "levels": levels.collect::<Vec<_>>(),
            "groups_judged": self.explored.judged_afresh,
            "recoveries": self.explored.recoveries,
            "wall_ms": self.wall.as_millis() as u64,
            "cpu_ms": self.cpu.as_millis() as u64,
            "offence": offence,
        })
    }
}

fn share(sum: Level) -> String {
    let Level {
        judged, distinct, ..
    } = sum;
    match judged == distinct {
        true => format!("{judged} of {distinct} states"),
        false => format!(
            "{judged} of {distinct} states, {:.3} %",
            100.0 * judged as f64 / distinct as f64
        ),
    }
}
