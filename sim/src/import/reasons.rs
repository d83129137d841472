//! Whether a legal crash explains an image, and why: sentences with their evidence.
//!
//! A crash on a disk that keeps its word changes nothing that a sync had covered. So whatever
//! something written after a sync vouches for is beyond it; what nothing vouches for may have been
//! torn. One thing is neither: a frame at the end that one bit would make whole. A power cut leaves
//! sectors as they were or as they were to be, not one bit of them.

use std::fmt::Write;

use seawall::Report;
use seawall::format::frame::FrameKind;
use seawall::verify::OtherKind;

use super::bench::Seen;
use super::damage::{Damage, Kind, bit_in_words};
use super::scan::{Scene, Segment};
use super::{FieldClass, Recovery, recovery_of};

/// The last segment of the log, as a verification found it.
fn last<'a, 'b>(scene: &'b Scene<'a>, report: &Report) -> Option<&'b Segment<'a>> {
    let last = report.segments.last()?;
    scene.segment(last.path.file_name()?.to_str()?)
}

/// Whether an orderly end is the last thing that happened to a log.
pub(super) fn is_closed(scene: &Scene<'_>, report: &Report) -> bool {
    let Some(last) = last(scene, report).filter(|_| report.findings.is_empty()) else {
        return false;
    };
    let is_sealed = report.segments.last().is_some_and(|last| last.is_sealed);
    let end = last.end_of_frames() as u64;
    let is_fresh =
        last.header.previous.is_sealed && end == last.header.durable_end.max(last.block() as u64);
    is_sealed || is_fresh && report.unproven_records == 0
}

/// A frame at the very end that nothing proves, and that one bit would make whole.
pub(super) fn rot_in_the_tail(scene: &Scene<'_>, seen: &Seen) -> Option<Damage> {
    let report = seen.report.as_ref().ok()?;
    if report.torn_bytes == 0 || !report.findings.is_empty() {
        return None;
    }
    let last = last(scene, report)?;
    let offset = last.end_of_frames();
    let bit = last.wrong_bit_at(offset)?;
    Some(Damage {
        kind: Kind::Changed,
        file: last.name.to_owned(),
        offset: offset as u64,
        lsn: Some(report.last_lsn.map_or(1, |lsn| lsn.as_u64() + 1)),
        what: "the last frame is not whole, and nothing says that it was durable".into(),
        looks: Some(bit_in_words(bit)),
        evidence:
            "with that bit set right, both checksums hold: all sectors of the frame have reached the disk, and a crash does not change one bit".into(),
        is_harmless: false,
    })
}

/// The sentences.
pub(super) fn tell(
    class: FieldClass,
    scene: &Scene<'_>,
    damage: &[Damage],
    seen: &Seen,
) -> Vec<String> {
    let mut told = vec![verdict(class, damage, seen)];
    if let Ok(report) = &seen.report
        && matches!(
            class,
            FieldClass::Intact | FieldClass::Crash | FieldClass::Damage
        )
    {
        told.extend(tail(scene, report));
        told.extend(leftovers(report));
    }
    if class == FieldClass::Key {
        told.push("What the log says of an encrypted segment is believed only with its key, so nothing else is judged.".into());
    }
    told
}

fn verdict(class: FieldClass, damage: &[Damage], seen: &Seen) -> String {
    let evidence = damage.first().map_or("", |damage| &damage.evidence);
    let refuses = match recovery_of(seen) {
        Recovery::Opens { stopped: None, .. } => "",
        Recovery::Opens { .. } => " Recovery opens the log, and a reader stops there.",
        Recovery::Refuses(_) | Recovery::Breaks(_) => " Recovery refuses it, as it should.",
    };
    match class {
        FieldClass::Intact => "No crash is needed to explain it: the log was closed.".into(),
        FieldClass::Crash => {
            "A legal crash explains it: all that something vouches for is there, and the rest is what a kill or a power cut may leave.".into()
        }
        FieldClass::Damage => format!(
            "No legal crash explains it: {evidence}. The disk, or somebody with access to it, has changed it since.{refuses}"
        ),
        FieldClass::Missing => {
            format!("No legal crash explains it: {evidence}. Somebody has removed the file.{refuses}")
        }
        FieldClass::Misplaced => format!(
            "No legal crash explains it: {evidence}. What is there is whole, but belongs elsewhere: a write or a file that went to the wrong place.{refuses}"
        ),
        FieldClass::Foreign => {
            format!("A crash has nothing to do with it: {evidence}.{refuses}")
        }
        FieldClass::Key => format!("Nothing can be said of a crash: {evidence}."),
        FieldClass::Legacy => match &seen.opened {
            Ok(_) => "It is of the format before version 1: an open migrates it, and the old files stay as they are.".into(),
            Err(_) => format!("It is of the format before version 1, and can't be migrated: {evidence}.{refuses}"),
        },
        FieldClass::NotALog => {
            "There is no segment, so there is no log, and an open makes one. A crash leaves this only before the first open has returned: where records were ever acknowledged here, all segments were removed.".into()
        }
        FieldClass::Bug => {
            "The log's own mistake: opened once more, after a power cut, it shows something else.".into()
        }
    }
}

/// What is at the end of the log.
fn tail(scene: &Scene<'_>, report: &Report) -> Vec<String> {
    let mut told = Vec::new();
    let Some(last) = last(scene, report) else {
        return told;
    };
    let end = last.end_of_frames();
    if report.torn_bytes > 0 && report.findings.is_empty() {
        told.push(format!(
            "From offset {end} of {} on, {} bytes are no whole frame, and neither a header nor a frame that was written later promises them: a write that no sync has covered. Recovery cuts them.",
            last.name, report.torn_bytes
        ));
    }
    if report.unproven_records > 0 && report.findings.is_empty() {
        told.push(format!(
            "{} records after LSN {} are whole, but nothing that was written later promises them: those of the last sync or write. Recovery makes them durable.",
            report.unproven_records, report.proven_lsn
        ));
    }
    let is_footer = |whole: super::scan::Whole| whole.frame.kind == FrameKind::Footer;
    let is_sealed = last
        .boundaries()
        .any(|at| last.whole_at(at).is_some_and(is_footer));
    if report.findings.is_empty() && !is_sealed && !is_closed(scene, report) {
        told.push("The log was not closed. What its very last sync covered has no later witness, so if that is gone, it looks the same as if it had never been synced.".into());
    }
    told
}

fn leftovers(report: &Report) -> Vec<String> {
    let mut told = Vec::new();
    let named = |kind: OtherKind| -> String {
        let mut names = String::new();
        for other in report.others.iter().filter(|other| other.kind == kind) {
            let name = other.path.file_name().unwrap_or_default();
            write!(names, " {}", name.to_string_lossy()).expect("a string takes all");
        }
        names
    };
    let temporary = named(OtherKind::Temporary);
    if !temporary.is_empty() {
        told.push(format!(
            "In the making when the life ended:{temporary}. It has no meaning, and the next open removes it or writes over it."
        ));
    }
    let superseded = named(OtherKind::Superseded);
    if !superseded.is_empty() {
        told.push(format!(
            "No longer part of the log, and not removed before the life ended:{superseded}."
        ));
    }
    told
}
