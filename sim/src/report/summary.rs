//! The summary of a campaign: as text for people, as one JSON object for programs.

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{classes, promises};
use crate::campaign::{Campaign, Summary};
use crate::checker::{Class, Property};
use crate::disk::{CallKind, Fault, Profile, Strategy};
use crate::figures::{Figures, Verdict};
use crate::scenario::Damage;
use crate::scenario::generate::Setting;

/// A campaign that is over, with what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was asked for.
    pub campaign: Campaign,
    /// What came of it.
    pub summary: Summary,
    /// Processor time of all threads.
    pub cpu: Duration,
    /// Real time.
    pub wall: Duration,
}

impl Outcome {
    /// The exit code: 0, the class of the failure, 16 or 124.
    pub fn exit_code(&self) -> u8 {
        match self.summary.failure() {
            Some(failure) => failure.violation.property.class() as u8,
            None if self.summary.out_of_time => 124,
            None if self.is_vacuous() => Class::Vacuity as u8,
            None => 0,
        }
    }

    /// Whether nothing was acknowledged at all, or the campaign was long enough to keep its
    /// promises, and broke one.
    pub fn is_vacuous(&self) -> bool {
        let nothing_ran = self.summary.figures.acked == 0;
        nothing_ran
            || self.promises_count() && !promises::broken(&self.campaign, &self.summary).is_empty()
    }

    fn promises_count(&self) -> bool {
        let setting = Setting {
            profile: None,
            ..self.campaign.setting
        };
        let is_simple = self
            .campaign
            .setting
            .profile
            .is_some_and(Profile::is_simple);
        self.summary.seeds >= promises::SEEDS_MIN && setting == Setting::default() && !is_simple
    }

    /// Opens judged per second of processor time.
    pub fn recoveries_per_cpu_second(&self) -> u64 {
        let micros = self.cpu.as_micros().max(1);
        (u128::from(self.summary.figures.recoveries) * 1_000_000 / micros) as u64
    }

    /// The checks that were left out, and how often.
    fn left_out(&self) -> Vec<String> {
        let tally = &self.summary.figures.tally;
        let unchecked = self.campaign.setting.unchecked;
        let told = |one: Property| format!("{one} {}", tally.left_out(one));
        unchecked.iter().map(told).collect()
    }

    /// The summary for people.
    pub fn text(&self) -> String {
        let summary = &self.summary;
        let figures = &summary.figures;
        let disk = &figures.disk;
        let mut text = String::new();
        let mut line = |text_line: String| {
            writeln!(text, "{text_line}").expect("writing to a string");
        };
        line(format!(
            "{} seeds, {} of them twice; {} lives, {} recoveries checked, {} opens failed for a reason",
            summary.seeds, summary.twice, figures.lives, figures.recoveries, figures.failed_opens
        ));
        line(format!(
            "{} appends, {} acknowledged; {} scheduling points",
            figures.appends, figures.acked, figures.steps
        ));
        line(format!(
            "{} power cuts ({} lost something), {} kills; crashes: {} before a call, {} within, {} after, {} in recovery",
            disk.power_cuts,
            disk.power_cuts_lossy(),
            disk.kills,
            figures.cuts[0],
            figures.cuts[1],
            figures.cuts[2],
            figures.crashes_in_recovery
        ));
        line(format!(
            "{} logs in the legacy format; {} recoveries of an encrypted log; {} rotations, {} segments encrypted anew, {} keys retired; {} disks restored",
            figures.migrations,
            figures.encrypted,
            figures.rotations,
            figures.segments_reencrypted,
            figures.keys_retired,
            figures.restored
        ));
        let ledger = figures.ledger;
        line(format!(
            "ledger: {} pairs of key and nonce, {} frames and {} headers opened, {} MB scanned as written, {} MB on the disk",
            ledger.nonces,
            ledger.frames,
            ledger.headers,
            ledger.scanned >> 20,
            ledger.scanned_on_disk >> 20
        ));
        line(list(
            "profiles",
            Profile::ALL,
            |one| one.name(),
            |one| figures.profiles[one as usize],
        ));
        line(list(
            "power cuts",
            Strategy::ALL,
            |one| one.name(),
            |one| disk.strategies(one),
        ));
        line(list(
            "faults",
            Fault::ALL,
            |one| one.name(),
            |one| disk.faults(one),
        ));
        line(list(
            "probes",
            Damage::ALL,
            |one| one.name(),
            |one| figures.probes[one as usize],
        ));
        line(list(
            "damaged logs",
            Verdict::ALL,
            |one| one.name(),
            |one| figures.verdicts[one as usize],
        ));
        classes::text(figures).into_iter().for_each(&mut line);
        line(checks(summary));
        if !self.campaign.setting.unchecked.is_empty() {
            line(format!(
                "RESTRICTED: not checked: {}",
                self.left_out().join(", ")
            ));
        }
        line(list(
            "calls",
            CallKind::ALL,
            |one| one.name(),
            |one| disk.calls(one),
        ));
        if self.campaign.coverage {
            let table = promises::coverage(&self.campaign, summary);
            line(table.text().trim_end().to_owned());
        }
        let broken = promises::broken(&self.campaign, summary);
        let judged = match self.promises_count() {
            true => String::new(),
            false => format!(
                " (not judged below {} seeds of the swarm)",
                promises::SEEDS_MIN
            ),
        };
        line(match broken.is_empty() {
            true => "never happened: nothing that was promised".into(),
            false => format!("never happened{judged}: {}", broken.join(", ")),
        });
        line(format!(
            "{} recoveries per CPU-second ({:.1} s of processor time, {:.1} s of real time)",
            self.recoveries_per_cpu_second(),
            self.cpu.as_secs_f64(),
            self.wall.as_secs_f64()
        ));
        text
    }

    /// The summary for programs.
    pub fn json(&self) -> Value {
        let summary = &self.summary;
        let figures = &summary.figures;
        let disk = &figures.disk;
        let failure = summary.failure().map(|failure| {
            json!({
                "seed": failure.seed.to_string(),
                "property": failure.violation.property.name(),
                "story": failure.violation.story,
            })
        });
        json!({
            "seed": self.campaign.seed.to_string(),
            "exit_code": self.exit_code(),
            "failure": failure,
            "seeds": summary.seeds,
            "seeds_twice": summary.twice,
            "lives": figures.lives,
            "recoveries": figures.recoveries,
            "failed_opens": figures.failed_opens,
            "crashes_in_recovery": figures.crashes_in_recovery,
            "crashes_before_within_after": figures.cuts,
            "reshaped_opens": figures.reshaped,
            "restored_disks": figures.restored,
            "segments_truncated": figures.segments_truncated,
            "decoys": figures.decoys,
            "reads_over_truncation": figures.reads_over_truncation,
            "tails_stopped": figures.tails_stopped,
            "tails_ended_under_load": figures.tails_ended_under_load,
            "encryption": encryption(figures),
            "power_cuts": disk.power_cuts,
            "power_cuts_lossy": disk.power_cuts_lossy(),
            "kills": disk.kills,
            "appends": figures.appends,
            "acknowledged": figures.acked,
            "scheduling_points": figures.steps,
            "profiles": counts(Profile::ALL, |one| one.name(), |one| figures.profiles[one as usize]),
            "strategies": counts(Strategy::ALL, |one| one.name(), |one| disk.strategies(one)),
            "faults": counts(Fault::ALL, |one| one.name(), |one| disk.faults(one)),
            "repeated_recoveries": figures.repeated,
            "probes": counts(Damage::ALL, |one| one.name(), |one| figures.probes[one as usize]),
            "damaged_logs": counts(Verdict::ALL, |one| one.name(), |one| figures.verdicts[one as usize]),
            "classes": classes::json(figures),
            "checks": counts(Property::ALL, |one| one.name(), |one| figures.tally.of(one)),
            "checks_share_of_runs": shares(summary),
            "not_checked": self.left_out(),
            "calls": counts(CallKind::ALL, |one| one.name(), |one| disk.calls(one)),
            "coverage": promises::coverage(&self.campaign, summary).json(),
            "never_happened": promises::broken(&self.campaign, summary),
            "cpu_seconds": self.cpu.as_secs_f64(),
            "wall_seconds": self.wall.as_secs_f64(),
            "recoveries_per_cpu_second": self.recoveries_per_cpu_second(),
        })
    }
}

fn encryption(figures: &Figures) -> Value {
    let ledger = figures.ledger;
    json!({
        "recoveries": figures.encrypted,
        "rotations": figures.rotations,
        "segments_reencrypted": figures.segments_reencrypted,
        "keys_retired": figures.keys_retired,
        "ledger_nonces": ledger.nonces,
        "ledger_frames": ledger.frames,
        "ledger_headers": ledger.headers,
        "scanned_bytes": ledger.scanned,
        "scanned_bytes_on_disk": ledger.scanned_on_disk,
    })
}

fn list<T: Copy>(
    title: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
    count: impl Fn(T) -> u64,
) -> String {
    let counted: Vec<String> = all
        .iter()
        .filter(|&&one| count(one) > 0)
        .map(|&one| format!("{} {}", name(one), count(one)))
        .collect();
    format!("{title}: {}", counted.join(", "))
}

/// How often each check was made, and in which share of the runs.
fn checks(summary: &Summary) -> String {
    let tally = &summary.figures.tally;
    let made = Property::ALL.iter().filter(|&&one| tally.of(one) > 0);
    let told = made.map(|&one| {
        let share = promises::share(tally.runs_with(one), summary.seeds);
        format!("{one} {} ({share})", tally.of(one))
    });
    format!("checks: {}", told.collect::<Vec<String>>().join(", "))
}

/// In which share of the runs each check was made: 1 is all of them.
fn shares(summary: &Summary) -> Value {
    let share = |one: Property| {
        let runs = summary.figures.tally.runs_with(one);
        (runs * 10_000 / summary.seeds.max(1)) as f64 / 10_000.0
    };
    let pairs = Property::ALL
        .iter()
        .map(|&one| (one.name().to_string(), share(one).into()));
    Value::Object(pairs.collect())
}

fn counts<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, count: impl Fn(T) -> u64) -> Value {
    let pairs = all
        .iter()
        .map(|&one| (name(one).to_string(), count(one).into()));
    Value::Object(pairs.collect())
}
