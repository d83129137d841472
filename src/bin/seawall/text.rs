//! What people read: reports and records in lines.

use seawall::verify::{OtherKind, SegmentReport};
use seawall::{Finding, Lsn, Migrated, RecordType, Report, Salvaged, Verdict, WalRecord};

/// A verification's report.
pub fn report(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.segments.iter().map(segment).collect();
    lines.push(format!(
        "{}, low-water mark {}, proven up to {}",
        records(report.records, report.first_lsn, report.last_lsn),
        report.low_water_lsn,
        report.proven_lsn
    ));
    let counts = [
        (
            report.unproven_records,
            "records that are valid but not proven: of the last sync of a log that was not closed",
        ),
        (
            report.torn_bytes,
            "bytes of torn tail, which the next open cuts off",
        ),
        (
            report.unknown_optional_records,
            "records of unknown types that may be passed over",
        ),
        (
            report.unknown_required_records,
            "records of unknown types that must be understood",
        ),
    ];
    for (count, what) in counts {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    }
    for other in &report.others {
        let kind = match other.kind {
            OtherKind::Superseded => "no longer part of the log, the next open removes it",
            OtherKind::Temporary => "a segment in the making, the next open removes it",
            OtherKind::Migrated => "the log was migrated from it, and does not need it any more",
            OtherKind::Stranger => "not the log's",
        };
        lines.push(format!("{}: {kind}", other.path.display()));
    }
    lines.extend(report.findings.iter().map(finding));
    lines.push(verdict(report.verdict()).to_uppercase());
    lines
}

/// A verdict as a word.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Intact => "intact",
        Verdict::Damaged => "damaged",
        Verdict::Foreign => "foreign",
    }
}

fn segment(segment: &SegmentReport) -> String {
    format!(
        "{}: {}, {} frames, {} bytes, {}",
        segment.path.display(),
        match segment.records {
            0 => format!("no records before lsn {}", segment.last_lsn.as_u64() + 1),
            count => records(count, Some(segment.first_lsn), Some(segment.last_lsn)),
        },
        segment.frames,
        segment.bytes,
        match segment.is_sealed {
            true => "sealed",
            false => "not sealed",
        }
    )
}

fn records(count: u64, first: Option<Lsn>, last: Option<Lsn>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!("{count} records, lsn {first} to {last}"),
        _ => "no records".to_owned(),
    }
}

fn finding(finding: &Finding) -> String {
    let kind = match (finding, finding.is_foreign()) {
        (_, true) => "foreign",
        (Finding::Rot { .. }, _) => "rot",
        _ => "damage",
    };
    format!("{kind}: {finding}")
}

/// What came out of a salvage.
pub fn salvaged(salvaged: &Salvaged) -> Vec<String> {
    let mut lines: Vec<String> = salvaged.damage.findings.iter().map(finding).collect();
    for gap in &salvaged.gaps {
        lines.push(format!("missing: lsn {} to {}", gap.first, gap.last));
    }
    for hold in &salvaged.holds {
        let name = hold.name.escape_debug();
        lines.push(format!("hold: \"{name}\" from lsn {}", hold.lsn));
    }
    lines.push(format!(
        "salvaged: {}, low-water mark {}",
        records(salvaged.records, salvaged.first_lsn, salvaged.last_lsn),
        salvaged.low_water_lsn
    ));
    lines
}

/// What came out of a migration, or would.
pub fn migrated(migrated: &Migrated, is_dry_run: bool) -> Vec<String> {
    let counts = [
        (
            migrated.repaired,
            "damaged records taken from the double-write buffer",
        ),
        (migrated.noops, "records of type Noop left behind"),
        (migrated.cut_bytes, "bytes of torn tail cut off"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let mut lines: Vec<String> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    lines.push(format!(
        "{}: {}, low-water mark {}, next lsn {}",
        match is_dry_run {
            true => "to be migrated",
            false => "migrated",
        },
        records(migrated.records, migrated.first_lsn, migrated.last_lsn),
        migrated.low_water_lsn,
        migrated.next_lsn
    ));
    lines
}

/// A record in one line, with at most so many bytes of its payload.
pub fn record(record: &WalRecord, payload_bytes: usize) -> String {
    let header = &record.header;
    let record_type = match RecordType::from_number(header.record_type) {
        Some(known) => format!("{known:?}"),
        None => format!("type {:#06x}", header.record_type),
    };
    let shown = &record.payload[..record.payload.len().min(payload_bytes)];
    let rest = match shown.len() < record.payload.len() {
        true => "...",
        false => "",
    };
    format!(
        "{} {record_type} tenant {} vshard {} {} bytes {}{rest} \"{}\"{rest}",
        header.lsn,
        header.tenant_id,
        header.vshard_id,
        record.payload.len(),
        hex(shown),
        shown.escape_ascii()
    )
}

/// Two hexadecimal digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}
