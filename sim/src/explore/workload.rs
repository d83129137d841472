//! What is done before the power goes: short words over an alphabet of steps, all of them, and some
//! longer ones by name.

use std::fmt;
use std::str::FromStr;

use crate::named::named_enum;
use crate::scenario::{Legacy, LogShape, Op};
use crate::text::serde_as_text;

/// Blocks of one sector, so that even a short record can be torn; segments of a few blocks, so that two
/// or three records fill one.
const SHAPE: LogShape = LogShape {
    direct: false,
    block: 512,
    buffer: 512,
    segment: 2048,
};

/// A step of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What a client does.
    Do(Op),
    /// Close the log and open it again.
    Reopen,
    /// Kill the process, and open the log again.
    Kill,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Do(op) => op.fmt(f),
            Step::Reopen => f.write_str("reopen"),
            Step::Kill => f.write_str("kill"),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Step, String> {
        match text {
            "reopen" => Ok(Step::Reopen),
            "kill" => Ok(Step::Kill),
            _ => match text.parse()? {
                // Who follows waits for somebody else, and a disk that refuses calls is another matter.
                Op::Follow(_)
                | Op::Stop
                | Op::Close
                | Op::NoSpace(_)
                | Op::FillUp(_)
                | Op::MakeRoom => Err(format!("`{text}` is no step of one client alone")),
                op => Ok(Step::Do(op)),
            },
        }
    }
}

/// The steps that the short workloads are made of.
pub const ALPHABET: [Step; 10] = [
    Step::Do(Op::Append(40)),
    // More than a block, and more than the buffer: it is written at once, and synced by nobody.
    Step::Do(Op::Append(700)),
    Step::Do(Op::Durable(40)),
    Step::Do(Op::Durable(700)),
    Step::Do(Op::Batch { count: 2, len: 300 }),
    Step::Do(Op::Sync),
    Step::Do(Op::Truncate(8)),
    Step::Do(Op::Hold(4)),
    Step::Reopen,
    Step::Kill,
];

named_enum! {
    /// A longer workload.
    pub enum Longer {
        /// Records until two segments are full, some of them synced.
        Roll = "roll",
        /// Truncations of some segments and of all.
        Truncation = "truncation",
        /// Keys rotated twice, old segments encrypted anew, old keys let go.
        Rotation = "rotation",
        /// A small log in the legacy format is migrated, and goes on.
        Migration = "migration",
        /// Records of several blocks whose payloads look like a log, un-synced behind synced ones.
        Decoys = "decoys",
        /// Blocks of 4096 bytes, as by default.
        Blocks = "blocks",
        /// Records in space that was prepared, and behind it, to the end of a segment.
        Prepared = "prepared",
    }
}

/// A workload of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it is called, if it has a name.
    pub name: Option<Longer>,
    /// The log as every open opens it.
    pub shape: LogShape,
    /// The number of the key that it is encrypted with.
    pub key: Option<u32>,
    /// What is there before the first open.
    pub legacy: Option<Legacy>,
    /// What is done after the first open.
    pub steps: Vec<Step>,
}

impl Workload {
    /// These steps, in plain.
    pub fn of(steps: Vec<Step>) -> Workload {
        Workload {
            name: None,
            shape: SHAPE,
            key: None,
            legacy: None,
            steps,
        }
    }

    /// The one of this number among all that are made of the alphabet, the shorter ones first.
    pub fn numbered(number: u64) -> Workload {
        let letters = ALPHABET.len() as u64;
        let (mut left, mut length, mut words) = (number, 0, 1);
        while left >= words {
            left -= words;
            words *= letters;
            length += 1;
        }
        let mut steps = Vec::new();
        for _ in 0..length {
            steps.push(ALPHABET[(left % letters) as usize]);
            left /= letters;
        }
        // The first steps change least often, so that neighbours have as much as they can in common.
        steps.reverse();
        Workload::of(steps)
    }

    /// How many there are of up to so many steps.
    pub fn count(steps_max: u32) -> u64 {
        let letters = ALPHABET.len() as u64;
        (0..=steps_max).map(|length| letters.pow(length)).sum()
    }

    /// The one of this name.
    pub fn named(name: Longer) -> Workload {
        let steps = |text: &str| {
            let parsed = text.split(", ").map(str::parse).collect();
            Workload::of(Result::expect(parsed, "these are steps"))
        };
        let workload = match name {
            Longer::Roll => steps(
                "durable 40, append 700, append 40, sync, append 700, durable 40, append 40, durable 700, append 40",
            ),
            Longer::Truncation => steps(
                "durable 700, durable 700, hold 4, durable 700, truncate 4, release, truncate 8, durable 40, truncate 8, reopen, truncate 8",
            ),
            Longer::Rotation => Workload {
                key: Some(1),
                ..steps(
                    "durable 40, rotate 2, durable 700, rotate 3, durable 40, reencrypt, retire, append 40, kill",
                )
            },
            Longer::Migration => Workload {
                legacy: Some(Legacy {
                    records: 5,
                    records_per_file: 2,
                    key: None,
                    is_torn: true,
                    is_padded: false,
                }),
                ..steps("durable 40, reopen, append 40")
            },
            Longer::Decoys => steps("durable 40, decoy 1500, durable 40, decoy 1500, decoy 1500"),
            Longer::Blocks => Workload {
                shape: LogShape {
                    block: 4096,
                    buffer: 4096,
                    segment: 3 * 4096,
                    ..SHAPE
                },
                ..steps("durable 40, append 3900, append 40, durable 700, append 40, kill")
            },
            Longer::Prepared => steps(
                "prepare 2, durable 40, append 40, sync, append 700, durable 40, reopen, durable 40, prepare 1, durable 40, kill",
            ),
        };
        Workload {
            name: Some(name),
            ..workload
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name {
            return f.write_str(name.name());
        }
        if self.steps.is_empty() {
            return f.write_str("open");
        }
        let steps: Vec<String> = self.steps.iter().map(Step::to_string).collect();
        f.write_str(&steps.join(", "))
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Workload, String> {
        if let Ok(name) = text.parse() {
            return Ok(Workload::named(name));
        }
        if text == "open" {
            return Ok(Workload::of(Vec::new()));
        }
        let steps: Result<Vec<Step>, String> = text.split(", ").map(str::parse).collect();
        steps
            .map(Workload::of)
            .map_err(|error| format!("{error}; nor is `{text}` the name of a workload"))
    }
}

serde_as_text!(Workload);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_are_there_once() {
        assert_eq!(Workload::count(2), 1 + 10 + 100);
        let all: Vec<Workload> = (0..111).map(Workload::numbered).collect();
        let longest = all.iter().map(|workload| workload.steps.len()).max();
        assert_eq!(longest, Some(2));
        assert_eq!(Workload::numbered(111).steps.len(), 3);
        for (place, workload) in all.iter().enumerate() {
            assert_eq!(workload.to_string().parse().as_ref(), Ok(workload));
            assert!(!all[..place].contains(workload));
        }
    }

    #[test]
    fn names_are_those_of_workloads() {
        for &name in Longer::ALL {
            let workload = Workload::named(name);
            assert_eq!(workload.to_string().parse(), Ok(workload));
        }
        assert!("append".parse::<Workload>().is_err());
        assert!("close".parse::<Workload>().is_err());
    }
}
