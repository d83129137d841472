//! A run as data: what the disk may do, and life by life what clients do and how it ends.
//!
//! A scenario is generated from a seed, printed and parsed as TOML, and run. Everything that a
//! person would want to change is in it; the seed within it only feeds the choices of the
//! schedule, the faults and the power cuts. A seed is good for one commit, a scenario for years.

use serde::{Deserialize, Serialize};

use crate::checker::unchecked::Unchecked;
use crate::choice::{Ratio, Tape};
use crate::disk::{Knobs, Media};
use crate::sched::policy::PolicyKind;
use crate::seed::Seed;
use crate::site::Site;
use crate::text::serde_as_text;

pub mod generate;
pub mod keys;
pub mod legacy;
pub mod media;
pub mod probe;
pub(crate) mod profiles;
mod snapshots;
pub mod step;
pub mod verbs;

pub use legacy::Legacy;
pub use probe::{Damage, Probe};
pub use step::{Counted, CrashPoint, End, How, Op, Phase};

/// The version of the text format.
pub const FORMAT: u32 = 1;

/// More operations than this in one life could come near the limit of steps.
const OPS_MAX: usize = 20_000;

/// What one operation may append, in bytes.
const PAYLOADS_MAX: u32 = 64 << 20;

/// A run as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of this format.
    pub format: u32,
    /// Feeds the choices of schedule, faults and power cuts.
    pub seed: Seed,
    /// Leaves out the crashes that the lives promise: the harness must notice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_crashes: bool,
    /// The syncs that the log makes here do nothing, and no sync covers a rename made here: a witness
    /// of what they are needed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<Site>,
    /// Checks that are not made, for measurements.
    #[serde(default, skip_serializing_if = "Unchecked::is_empty")]
    pub unchecked: Unchecked,
    /// What is in the log's directory before the first life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy: Option<Legacy>,
    /// What the disk may do.
    pub disk: Knobs,
    /// What its medium does that no disk may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
    /// One after the other, on the same disk.
    #[serde(rename = "life")]
    pub lives: Vec<Life>,
    /// Choices that are not left to the seed. Where the schedule of a life is here, no policy is
    /// asked.
    #[serde(default, skip_serializing_if = "Tape::is_empty")]
    pub tape: Tape,
}

/// From one open of the log to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Life {
    /// The number of an earlier life, from 1 on: before this one begins, the disk is again what it
    /// was at the end of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<u32>,
    /// How it ends.
    pub end: End,
    /// Who chooses the next task.
    pub policy: PolicyKind,
    /// How likely a wait on a condition variable is woken for nothing.
    pub spurious: Ratio,
    /// Whether the stacks that a crash freezes are unwound instead of dropped.
    pub unwind: bool,
    /// Whether the disk's faults by chance rest in this life; power cuts do not.
    pub calm: bool,
    /// How the log is opened.
    pub log: LogShape,
    /// The number of the key that is current when it is opened. Without one the log is in plain, or
    /// goes on with the key that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// Damage that is tried on a fork of the disk when the life is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// What each client does, one after the other.
    pub clients: Vec<Vec<Op>>,
}

/// How the log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogShape {
    /// Direct I/O.
    pub direct: bool,
    /// Alignment in bytes.
    pub block: u32,
    /// Write buffer in bytes.
    pub buffer: u32,
    /// Roll-over threshold in bytes.
    pub segment: u64,
}

impl Life {
    fn check(&self) -> Result<(), String> {
        let log = self.log;
        let is_block = log.block.is_power_of_two() && (512..=65536).contains(&log.block);
        if !is_block || !(512..=64 << 20).contains(&log.buffer) {
            return Err("block is a power of two from 512 to 65536, buffer 512 to 64 MiB".into());
        }
        let ops = self.clients.iter().flatten();
        let is_huge = |op: &Op| match op {
            Op::Append(len) | Op::Durable(len) | Op::Decoy(len) => *len > PAYLOADS_MAX,
            Op::Batch { count, len } => {
                // A record takes some bytes of memory even without a payload.
                u64::from(*count) * (u64::from(*len) + 64) > u64::from(PAYLOADS_MAX)
            }
            _ => false,
        };
        if ops.clone().any(is_huge) || ops.count() > OPS_MAX {
            return Err(format!(
                "an operation with more than 64 MiB, or more than {OPS_MAX} of them in a life"
            ));
        }
        Ok(())
    }
}

impl Scenario {
    /// Reads a scenario from its text.
    ///
    /// # Errors
    /// Says in one line what is wrong, and where.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let scenario: Scenario =
            toml::from_str(text).map_err(|error| error.to_string().trim_end().to_string())?;
        if scenario.format != FORMAT {
            let found = scenario.format;
            return Err(format!("scenario format {found} is not {FORMAT}"));
        }
        scenario.check()?;
        Ok(scenario)
    }

    /// The limits that a run relies on.
    pub(crate) fn check(&self) -> Result<(), String> {
        let tasks_max = crate::sched::set::TASKS_MAX;
        if !matches!(self.disk.atomic_unit, 512 | 4096) {
            return Err("disk.atomic-unit is 512 or 4096".into());
        }
        let alignment = self.disk.direct_alignment;
        if !alignment.is_power_of_two() || !(512..=65536).contains(&alignment) {
            return Err("disk.direct-alignment is a power of two from 512 to 65536".into());
        }
        let fits = |life: &Life| (1..=tasks_max).contains(&life.clients.len());
        if self.lives.is_empty() || !self.lives.iter().all(fits) {
            return Err(format!(
                "there is no life, or one without clients or with more than {tasks_max}"
            ));
        }
        if self
            .legacy
            .is_some_and(|legacy| legacy.records == 0 || legacy.records_per_file == 0)
        {
            return Err("a legacy log has records, and each of its files has".into());
        }
        let has_more = self.legacy.is_some()
            || self
                .lives
                .iter()
                .any(|life| life.probe.is_some() || life.restore.is_some());
        if self.media.is_some() && has_more {
            return Err("damage to the medium goes with no probe, old disk or legacy log".into());
        }
        let is_earlier = |(number, life): (u32, &Life)| {
            let restored = life.restore.unwrap_or(1);
            (1..=number.max(1)).contains(&restored) && (number > 0 || life.restore.is_none())
        };
        if !(0..).zip(&self.lives).all(is_earlier) {
            return Err("a life restores one that does not come before it".into());
        }
        self.lives.iter().try_for_each(Life::check)
    }

    /// The scenario's text.
    pub fn print(&self) -> String {
        toml::to_string(self).expect("a scenario is plain data")
    }
}

serde_as_text!(Ratio, PolicyKind, Op, End, Probe);
