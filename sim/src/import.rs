//! A user's log directory as the medium of a simulated disk: what is there, what is damaged, what
//! recovery does, and whether a legal crash explains it.
//!
//! The directory is read once, and neither written nor locked. Recovery runs over a copy of it, on a
//! disk on which no call fails, as a task of the scheduler. What it then says is put beside the bytes:
//! where a later header or frame was written only after a sync had covered a place, no crash can have
//! changed that place, on a disk that keeps its word.
//!
//! The image can be handed on as a [`capsule`], with filler in place of payloads.
//!
//! What it can't tell: records of the very last sync of a log that was not closed have no later
//! witness, and a last segment that is gone leaves no trace.
//!
//! ```
//! use seawall::{TenantId, VShardId, WalManager};
//! use seawall_sim::import::{FieldClass, FieldImage, examine};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let wal = WalManager::open(dir.path(), false)?;
//! for _ in 0..3 {
//!     let lsn = wal.append_put(TenantId::new(1), VShardId::new(0), b"key=value")?;
//!     wal.wait_durable(lsn)?;
//! }
//! drop(wal);
//! let mut image = FieldImage::read(dir.path())?;
//! assert_eq!(examine(&image, None, false).findings.class, FieldClass::Crash);
//! // The first frame, which later ones promise, loses a bit.
//! let segment = image.files.values_mut().next_back().ok_or("a segment")?;
//! segment[4096 + 70] ^= 1;
//! let findings = examine(&image, None, false).findings;
//! assert_eq!(findings.class, FieldClass::Damage);
//! assert_eq!(findings.damage[0].offset, 4096);
//! # Ok(())
//! # }
//! ```

use seawall::verify::OtherKind;
use seawall::{Error, KeyRing, Report};

use crate::checker::errors;
use crate::named::named_enum;
use crate::sched::outcome::Outcome;
use crate::trace::Recorded;
use crate::world::LOG_DIR;

mod bench;
pub mod capsule;
mod damage;
mod image;
mod reasons;
mod redact;
mod scan;

pub use damage::{Damage, Kind};
pub use image::FieldImage;

use bench::Seen;
use scan::Scene;

named_enum! {
    /// What an image comes to.
    pub enum FieldClass {
        /// All is as an orderly end leaves it.
        Intact = "intact",
        /// A legal crash explains all of it, and recovery heals it.
        Crash = "crash",
        /// Bytes that a sync had covered are not what they were.
        Damage = "damage",
        /// A file of the log is gone.
        Missing = "missing",
        /// A file or a frame stands where it does not belong.
        Misplaced = "misplaced",
        /// Something is of another log, of another format, or of a later version.
        Foreign = "foreign",
        /// A key is missing, or another one was given: nothing else could be judged.
        Key = "key",
        /// A log in the legacy format.
        Legacy = "legacy",
        /// There is no log.
        NotALog = "not-a-log",
        /// The log itself did what it must not, over what it was given.
        Bug = "bug",
    }
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Segment files with a header that holds, and how many of them are encrypted.
    pub segments: usize,
    /// See there.
    pub encrypted: usize,
    /// Files of the legacy format.
    pub legacy: usize,
    /// Records from the low-water mark on that are whole.
    pub records: u64,
    /// The first and the last of them.
    pub lsns: Option<(u64, u64)>,
    /// Whether the log was closed: nothing of it is left for an open to prove.
    pub is_closed: bool,
}

/// What recovery does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It opens the log.
    Opens {
        /// How many records a reader is shown, up to where it stops.
        records: u64,
        /// The first and the last of them.
        lsns: Option<(u64, u64)>,
        /// The LSN that the next append gets.
        next_lsn: u64,
        /// How many of them nothing had proven durable.
        adopted: u64,
        /// How many bytes of a torn tail it cuts.
        cut_bytes: u64,
        /// Why a reader can't go on to the end.
        stopped: Option<String>,
    },
    /// It refuses the log, with this error.
    Refuses(String),
    /// It was not brought to an end, and this is how it ended.
    Breaks(String),
}

/// All that is said of an image; the same of a copy in which only payloads differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// What it comes to.
    pub class: FieldClass,
    /// What is there.
    pub contents: Contents,
    /// What is damaged, or in the way.
    pub damage: Vec<Damage>,
    /// What recovery does.
    pub recovery: Recovery,
    /// Whether a legal crash explains it, and why: a sentence each.
    pub reasons: Vec<String>,
}

/// An image that was looked at.
#[derive(Clone, Debug)]
pub struct Examination {
    /// What is said of it.
    pub findings: Findings,
    /// Everything that happened meanwhile.
    pub trace: Recorded,
}

/// Looks at an image in every way; `with_text` keeps the trace's lines.
pub fn examine(image: &FieldImage, keys: Option<&KeyRing>, with_text: bool) -> Examination {
    let (seen, trace) = bench::look(image, keys, with_text);
    let findings = match seen {
        Ok(seen) => judge(image, &seen),
        Err(outcome) => broken(image, &outcome),
    };
    Examination { findings, trace }
}

impl Findings {
    /// Whether a legal crash, or none at all, explains it.
    pub fn is_explained(&self) -> bool {
        matches!(self.class, FieldClass::Intact | FieldClass::Crash)
    }

    /// 0 where there is nothing to mourn, else the class of what is wrong.
    pub fn exit_code(&self) -> u8 {
        let is_harmless = |damage: &Damage| damage.is_harmless;
        match self.class {
            FieldClass::Intact | FieldClass::Crash => 0,
            FieldClass::Damage if self.damage.iter().all(is_harmless) => 11,
            FieldClass::Damage | FieldClass::Missing => 10,
            FieldClass::Misplaced | FieldClass::Foreign => 11,
            FieldClass::Key => 13,
            FieldClass::Legacy => match self.recovery {
                Recovery::Opens { .. } => 0,
                Recovery::Refuses(_) | Recovery::Breaks(_) => 11,
            },
            FieldClass::NotALog => 2,
            FieldClass::Bug => 14,
        }
    }

    /// What tells it from others, in one line: two images with the same one are the same case.
    pub fn fingerprint(&self) -> String {
        let place = |damage: &Damage| {
            let Damage {
                kind, file, offset, ..
            } = damage;
            format!("; {kind} {file}@{offset} {}", damage.what)
        };
        let damage: String = self.damage.iter().map(place).collect();
        let recovery = match &self.recovery {
            Recovery::Opens {
                lsns,
                next_lsn,
                adopted,
                cut_bytes,
                ..
            } => format!("opens {lsns:?}, next {next_lsn}, adopts {adopted}, cuts {cut_bytes}"),
            Recovery::Refuses(error) => format!("refuses: {error}"),
            Recovery::Breaks(how) => format!("breaks: {how}"),
        };
        format!("image {}{damage}; {recovery}", self.class)
    }
}

fn judge(image: &FieldImage, seen: &Seen) -> Findings {
    let scene = Scene::new(image);
    let mut damage: Vec<Damage> = match &seen.report {
        Ok(report) => {
            let findings = report.findings.iter();
            findings
                .map(|finding| Damage::of_finding(finding, &scene))
                .collect()
        }
        Err(Error::NoLog { .. }) => Vec::new(),
        Err(error) => vec![Damage::of_error(error, &scene)],
    };
    if let Err(error) = &seen.opened {
        let refused = Damage::of_error(error, &scene);
        let is_it = |one: &Damage| (&one.file, one.offset) == (&refused.file, refused.offset);
        if !damage.iter().any(is_it) {
            damage.push(refused);
        }
    }
    damage.extend(reasons::rot_in_the_tail(&scene, seen));
    let contents = contents_of(&scene, seen);
    if contents.segments == 0 && damage.iter().any(|one| one.kind != Kind::Legacy) {
        // Without segments beside them, legacy files are in nobody's way.
        damage.retain(|one| one.kind != Kind::Legacy);
    }
    let recovery = recovery_of(seen);
    let class = classify(&damage, &contents, seen);
    if class == FieldClass::Legacy && seen.opened.is_ok() {
        // It is in nobody's way.
        damage.clear();
    }
    let reasons = reasons::tell(class, &scene, &damage, seen);
    Findings {
        class,
        contents,
        damage,
        recovery,
        reasons,
    }
}

fn broken(image: &FieldImage, outcome: &Outcome) -> Findings {
    let how = match outcome {
        Outcome::Panicked { message, .. } => format!("it panicked: {message}"),
        Outcome::Livelock { steps } => format!("it made {steps} steps and did not end"),
        other => format!("it came to a standstill: {other:?}"),
    };
    Findings {
        class: FieldClass::Bug,
        contents: Contents {
            segments: Scene::new(image).segments.len(),
            ..Contents::default()
        },
        damage: Vec::new(),
        recovery: Recovery::Breaks(how),
        reasons: vec![
            "Whatever is in a directory, the log has to open it or to refuse it: this is its own mistake."
                .into(),
        ],
    }
}

fn classify(damage: &[Damage], contents: &Contents, seen: &Seen) -> FieldClass {
    if !seen.is_stable {
        return FieldClass::Bug;
    }
    let has = |kind: Kind| damage.iter().any(|one| one.kind == kind);
    if has(Kind::Key) {
        FieldClass::Key
    } else if contents.legacy > 0 && (seen.opened.is_ok() || has(Kind::Legacy)) {
        match &seen.report {
            // It was migrated long ago.
            Ok(report) if report.findings.is_empty() => crash_or_intact(contents, report),
            _ => FieldClass::Legacy,
        }
    } else if has(Kind::Foreign) || has(Kind::Legacy) {
        FieldClass::Foreign
    } else if has(Kind::Misplaced) {
        FieldClass::Misplaced
    } else if has(Kind::Missing) {
        FieldClass::Missing
    } else if !damage.is_empty() {
        FieldClass::Damage
    } else {
        match &seen.report {
            Ok(report) => crash_or_intact(contents, report),
            Err(_) => FieldClass::NotALog,
        }
    }
}

fn crash_or_intact(contents: &Contents, report: &Report) -> FieldClass {
    let is_left_over =
        |kind: OtherKind| matches!(kind, OtherKind::Temporary | OtherKind::Superseded);
    let is_tidy = !report.others.iter().any(|other| is_left_over(other.kind));
    match contents.is_closed && report.torn_bytes == 0 && is_tidy {
        true => FieldClass::Intact,
        false => FieldClass::Crash,
    }
}

fn contents_of(scene: &Scene<'_>, seen: &Seen) -> Contents {
    let is_sealed = |segment: &&scan::Segment<'_>| segment.header.key_id.is_some();
    let names = scene.image.files.keys();
    let is_legacy = |name: &&String| name.starts_with("wal-") && name.ends_with(".seg");
    let mut contents = Contents {
        segments: scene.segments.len(),
        encrypted: scene.segments.iter().filter(is_sealed).count(),
        legacy: names.filter(is_legacy).count(),
        ..Contents::default()
    };
    if let Ok(report) = &seen.report {
        contents.records = report.records;
        contents.lsns = report
            .first_lsn
            .zip(report.last_lsn)
            .map(|(first, last)| (first.as_u64(), last.as_u64()));
        contents.is_closed = reasons::is_closed(scene, report);
    }
    contents
}

fn recovery_of(seen: &Seen) -> Recovery {
    let opened = match &seen.opened {
        Err(error) => return Recovery::Refuses(tell(error)),
        Ok(opened) => opened,
    };
    let of_report = |tell: fn(&Report) -> u64| seen.report.as_ref().map_or(0, tell);
    Recovery::Opens {
        records: opened.records,
        lsns: opened.lsns,
        next_lsn: opened.next_lsn,
        adopted: of_report(|report| report.unproven_records),
        cut_bytes: of_report(|report| report.torn_bytes),
        stopped: opened.stopped.clone(),
    }
}

/// An error without the directory, which is the simulator's own.
fn tell(error: &Error) -> String {
    errors::tell(error).replace(&format!("{LOG_DIR}/"), "")
}
