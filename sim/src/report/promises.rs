//! What a campaign promises to have met. A promise at zero is a failure of the campaign.

use super::coverage::{self, Coverage};
use crate::campaign::{Campaign, Summary};
use crate::checker::Property;
use crate::checker::guarantee::Remainder;
use crate::disk::{Fault, FaultClass, Profile, Strategy};
use crate::figures::Verdict;
use crate::scenario::Damage;

/// With fewer seeds than this, rare things may be missing by chance.
pub const SEEDS_MIN: u64 = 20_000;

/// A check counts only where it is made in at least one run of so many.
const RUNS_PER_CHECK_MAX: u64 = 100;

/// What becomes of logs whose medium broke its word. What is missing here comes seldom or never: a
/// unit takes records with it only beside bytes that are on their way, rot is mostly vouched for, and
/// a log that may not be opened is not opened. Of misplaced writes few are the last.
const MEDIA: [(FaultClass, Remainder); 14] = [
    (FaultClass::Refusal, Remainder::Detected),
    (FaultClass::UnitDamage, Remainder::Exact),
    (FaultClass::UnitDamage, Remainder::Detected),
    (FaultClass::Rot, Remainder::Exact),
    (FaultClass::Rot, Remainder::Detected),
    (FaultClass::Rot, Remainder::DetectedLive),
    (FaultClass::Misplaced, Remainder::Exact),
    (FaultClass::Misplaced, Remainder::Detected),
    (FaultClass::Misplaced, Remainder::DetectedLive),
    (FaultClass::Files, Remainder::Exact),
    (FaultClass::Files, Remainder::Detected),
    (FaultClass::FlushLie, Remainder::Exact),
    (FaultClass::FlushLie, Remainder::SuffixLost),
    (FaultClass::FlushLie, Remainder::Detected),
];

/// So many seeds meet a fault for sure: one that takes a failed write-back, a kill and a file that nobody
/// has open takes more.
pub fn seeds_for(fault: Fault) -> u64 {
    match fault {
        Fault::WritebackErrorForgotten => 5 * SEEDS_MIN,
        _ => SEEDS_MIN,
    }
}

/// What should have happened and never did, or hardly ever.
pub fn broken(campaign: &Campaign, summary: &Summary) -> Vec<String> {
    let profile = campaign.setting.profile;
    let mut broken = Vec::new();
    let mut expect = |kind: &str, name: &str, count: u64| {
        if count == 0 {
            broken.push(format!("{kind} {name}"));
        }
    };
    let is_due = |fault: &Fault| summary.seeds.max(SEEDS_MIN) >= seeds_for(*fault);
    for fault in faults(profile).filter(is_due) {
        expect("fault", fault.name(), summary.figures.disk.faults(fault));
    }
    for &one in Profile::DRAWN
        .iter()
        .filter(|&&one| profile.is_none_or(|only| only == one))
    {
        expect(
            "profile",
            one.name(),
            summary.figures.profiles[one as usize],
        );
    }
    let is_used = |one: &&Strategy| profile.is_none_or(|profile| profile.allows(**one));
    for &strategy in Strategy::ALL.iter().filter(is_used) {
        expect(
            "power cut",
            strategy.name(),
            summary.figures.disk.strategies(strategy),
        );
    }
    expect("crash", "kill", summary.figures.disk.kills);
    if profile != Some(Profile::IdealKeep) {
        let lossy = summary.figures.disk.power_cuts_lossy();
        expect("crash", "power cut that lost something", lossy);
    }
    expect("crash", "in recovery", summary.figures.crashes_in_recovery);
    let figures = &summary.figures;
    let phases = ["before a call", "within a call", "after a call"];
    for (phase, cuts) in phases.iter().zip(figures.cuts) {
        expect("crash", phase, cuts);
    }
    for &damage in Damage::ALL {
        expect("probe", damage.name(), figures.probes[damage as usize]);
    }
    for &verdict in Verdict::ALL {
        expect(
            "damaged log",
            verdict.name(),
            figures.verdicts[verdict as usize],
        );
    }
    for (class, remainder) in MEDIA {
        let count = figures.media[class as usize][remainder as usize];
        expect(class.name(), remainder.name(), count);
    }
    expect("segment", "truncated", figures.segments_truncated);
    let reads = figures.reads_over_truncation;
    expect("append", "that looks like a log", figures.decoys);
    expect("read", "from a reader older than a truncation", reads);
    let ended = figures.tails_ended_under_load;
    expect(
        "tail",
        "stopped while others were at work",
        figures.tails_stopped,
    );
    expect("tail", "stopped, that ended beside others", ended);
    expect("disk", "restored from a snapshot", figures.restored);
    expect("open", "of an encrypted log", figures.encrypted);
    expect("log", "in the legacy format", figures.migrations);
    expect("key", "rotated", figures.rotations);
    expect("key", "retired", figures.keys_retired);
    expect("segment", "encrypted anew", figures.segments_reencrypted);
    let ledger = figures.ledger;
    expect("ledger", "pairs of key and nonce", ledger.nonces);
    expect(
        "ledger",
        "frames written again",
        ledger.frames - ledger.nonces,
    );
    expect("bytes", "scanned as they were written", ledger.scanned);
    expect("bytes", "scanned on the disk", ledger.scanned_on_disk);
    expect("open", "with another configuration", figures.reshaped);
    expect(
        "open",
        "that failed for a reason",
        summary.figures.failed_opens,
    );
    // The simulator judges itself by stopping, and counts nothing.
    let judged = Property::ALL
        .iter()
        .filter(|&&one| one != Property::Simulator);
    for &property in judged {
        let runs = summary.figures.tally.runs_with(property);
        if runs * RUNS_PER_CHECK_MAX < summary.seeds.max(1) {
            let share = share(runs, summary.seeds);
            broken.push(format!("check {property} in 1 % of the runs ({share})"));
        }
    }
    if campaign.coverage && summary.seeds >= coverage::SEEDS_MIN {
        let table = coverage(campaign, summary);
        broken.extend(table.holes().map(|cell| format!("fault {cell}")));
        broken.extend(
            table
                .stale()
                .map(|(cell, _)| format!("the rule for {cell}")),
        );
    }
    broken
}

/// The faults that every long campaign promises.
pub fn faults(profile: Option<Profile>) -> impl Iterator<Item = Fault> {
    let all = Fault::ALL.iter().copied();
    all.filter(move |&fault| is_promised(fault, profile))
}

/// The coverage table of a campaign.
pub fn coverage<'a>(campaign: &Campaign, summary: &'a Summary) -> Coverage<'a> {
    let faults: Vec<Fault> = faults(campaign.setting.profile).collect();
    Coverage::new(&summary.figures.disk, &faults)
}

/// A share of all runs in percent, with a tenth where that tells anything.
pub fn share(runs: u64, all: u64) -> String {
    let tenths = runs * 1000 / all.max(1);
    match tenths < 100 {
        true => format!("{}.{} %", tenths / 10, tenths % 10),
        false => format!("{} %", tenths / 10),
    }
}

/// What a profile leaves out by its rules, it does not promise. The lies are for canaries only. The log
/// reserves no space.
fn is_promised(fault: Fault, profile: Option<Profile>) -> bool {
    let allowed = profile.is_none_or(|profile| match fault {
        Fault::ByteTear => profile.tears(),
        Fault::LenIntermediate => profile.halves_lengths(),
        Fault::GarbageTail => profile.leaves_garbage(),
        Fault::FileForgotten => profile == Profile::Strict,
        _ => true,
    });
    allowed
        && !matches!(
            fault,
            Fault::AllocateRefused
                | Fault::LieFileSync
                | Fault::LieDirSync
                | Fault::LieWriteCrossesSync
                | Fault::LieBitFlip
                | Fault::LieAtSite
        )
}
