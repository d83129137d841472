//! What programs read: the same in JSON.

use seawall::verify::OtherKind;
use seawall::{Error, Finding, Lsn, Migrated, RecordType, Report, Salvaged, WalRecord};
use serde_json::{Value, json};

use crate::text::{hex, verdict};

/// A verification's report.
pub fn report(report: &Report) -> Value {
    let segments = report.segments.iter().map(|segment| {
        json!({
            "path": segment.path.to_string_lossy(),
            "id": segment.segment_id,
            "first_lsn": segment.first_lsn.as_u64(),
            "last_lsn": segment.last_lsn.as_u64(),
            "frames": segment.frames,
            "records": segment.records,
            "bytes": segment.bytes,
            "sealed": segment.is_sealed,
        })
    });
    let others = report.others.iter().map(|other| {
        let kind = match other.kind {
            OtherKind::Superseded => "superseded",
            OtherKind::Temporary => "temporary",
            OtherKind::Migrated => "migrated",
            OtherKind::Stranger => "stranger",
        };
        json!({ "path": other.path.to_string_lossy(), "kind": kind })
    });
    json!({
        "verdict": verdict(report.verdict()),
        "first_lsn": number(report.first_lsn),
        "last_lsn": number(report.last_lsn),
        "low_water_lsn": report.low_water_lsn.as_u64(),
        "proven_lsn": report.proven_lsn.as_u64(),
        "records": report.records,
        "unproven_records": report.unproven_records,
        "torn_bytes": report.torn_bytes,
        "unknown_optional_records": report.unknown_optional_records,
        "unknown_required_records": report.unknown_required_records,
        "segments": segments.collect::<Vec<Value>>(),
        "others": others.collect::<Vec<Value>>(),
        "findings": findings(report),
    })
}

fn number(lsn: Option<Lsn>) -> Option<u64> {
    lsn.map(Lsn::as_u64)
}

fn findings(report: &Report) -> Vec<Value> {
    let finding = |finding: &Finding| {
        let (path, offset) = finding.place();
        let (kind, lsn) = match finding {
            Finding::Rot { lsn, .. } => ("rot", Some(*lsn)),
            Finding::Refused(Error::Corrupt { lsn, .. }) => ("damage", Some(*lsn)),
            _ if finding.is_foreign() => ("foreign", None),
            _ => ("damage", None),
        };
        json!({
            "kind": kind,
            "path": path.to_string_lossy(),
            "offset": offset,
            "lsn": number(lsn),
            "message": finding.to_string(),
        })
    };
    report.findings.iter().map(finding).collect()
}

/// What came out of a salvage.
pub fn salvaged(salvaged: &Salvaged) -> Value {
    let gaps = salvaged.gaps.iter();
    let gaps = gaps.map(|gap| json!({ "first": gap.first.as_u64(), "last": gap.last.as_u64() }));
    let holds = salvaged.holds.iter();
    let holds = holds.map(|hold| json!({ "name": hold.name, "lsn": hold.lsn.as_u64() }));
    json!({
        "records": salvaged.records,
        "first_lsn": number(salvaged.first_lsn),
        "last_lsn": number(salvaged.last_lsn),
        "low_water_lsn": salvaged.low_water_lsn.as_u64(),
        "gaps": gaps.collect::<Vec<Value>>(),
        "holds": holds.collect::<Vec<Value>>(),
        "findings": findings(&salvaged.damage),
    })
}

/// What came out of a migration, or would.
pub fn migrated(migrated: &Migrated) -> Value {
    json!({
        "records": migrated.records,
        "first_lsn": number(migrated.first_lsn),
        "last_lsn": number(migrated.last_lsn),
        "next_lsn": migrated.next_lsn.as_u64(),
        "low_water_lsn": migrated.low_water_lsn.as_u64(),
        "noops": migrated.noops,
        "repaired": migrated.repaired,
        "cut_bytes": migrated.cut_bytes,
    })
}

/// A record, with at most so many bytes of its payload.
pub fn record(record: &WalRecord, payload_bytes: usize) -> Value {
    let header = &record.header;
    let name = RecordType::from_number(header.record_type).map(|known| format!("{known:?}"));
    let shown = &record.payload[..record.payload.len().min(payload_bytes)];
    json!({
        "lsn": header.lsn,
        "type": header.record_type,
        "type_name": name,
        "tenant": header.tenant_id,
        "vshard": header.vshard_id,
        "bytes": record.payload.len(),
        "payload": hex(shown),
    })
}
