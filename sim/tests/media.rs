//! What the checkers owe where the medium breaks its word, in both directions.
//!
//! *Verified:* of each class of faults that damages what a sync had covered, some seeds fail when the
//! checkers are not told, so it is the incidents that excuse a loss or a refusal, and not blindness;
//! whatever they are not told, no seed shows a record that was never written. The same seeds pass
//! when they are told. A campaign whose medium does nothing breaks its promises. A gap, a batch in
//! part, a lost record that came back, or the loss of what nothing puts at risk is a violation in
//! every class.
//! *Not verified:* refusals at an open, which excuse nothing: there the checks are those of any log.

use std::path::PathBuf;

use seawall::{Error, Lsn, RecordHeader, SegmentMeta, WalRecord};
use seawall_sim::campaign::{Campaign, Summary};
use seawall_sim::checker::guarantee::{self, Guarantee, Place, Remainder};
use seawall_sim::checker::{Property, Recovered, Tally, Violation};
use seawall_sim::disk::{FaultClass, Media};
use seawall_sim::model::{AppendId, Model, Payload};
use seawall_sim::report::promises;
use seawall_sim::run::run;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;

const SEEDS: u64 = 4000;

fn class_of(media: &Media) -> FaultClass {
    match media.events.first() {
        Some(event) => event.kind.class(),
        None if media.unit_damage.is_never() => FaultClass::FlushLie,
        None => FaultClass::UnitDamage,
    }
}

#[test]
fn each_class_is_noticed_by_checkers_that_are_not_told() {
    let mut runs = [0; FaultClass::COUNT];
    let mut noticed = [0; FaultClass::COUNT];
    for seed in 0..SEEDS {
        let mut scenario = generate(Seed(seed), Setting::default());
        let Some(media) = &mut scenario.media else {
            continue;
        };
        let class = class_of(media);
        media.is_hidden = true;
        runs[class as usize] += 1;
        let Some(violation) = run(&scenario, false).violation else {
            continue;
        };
        noticed[class as usize] += 1;
        let shows_what_was_not_written = matches!(
            violation.property,
            Property::Prefix | Property::Resurrection | Property::Refused | Property::Panic
        );
        assert!(!shows_what_was_not_written, "seed {seed}: {violation:?}");
    }
    for &class in FaultClass::ALL {
        let (runs, noticed) = (runs[class as usize], noticed[class as usize]);
        println!("{class}: {noticed} of {runs} runs fail when nobody is told");
        let excuses_nothing = class == FaultClass::Refusal;
        assert!(runs > 0, "{class}");
        assert_eq!(noticed == 0, excuses_nothing, "{class}");
    }
}

#[test]
fn a_medium_that_does_nothing_breaks_the_promises() {
    let campaign = Campaign {
        seeds: Some(promises::SEEDS_MIN),
        ..Campaign::of(Seed(1))
    };
    let summary = Summary {
        seeds: promises::SEEDS_MIN,
        ..Summary::default()
    };
    let broken = promises::broken(&campaign, &summary);
    for promise in [
        "fault bit-rot",
        "fault latent-sector",
        "fault flush-lost",
        "fault lost-write",
        "fault files-swapped",
        "f6 suffix-lost",
        "f10 detected",
    ] {
        let is_told = broken.iter().any(|one| one == promise);
        assert!(is_told, "{promise}: {broken:?}");
    }
}

/// A log of six records, all acknowledged, the last two of them one batch; and its records.
fn log() -> (Model, Vec<WalRecord>) {
    let mut model = Model::default();
    let payload = Payload::plain(20);
    let mut ids: Vec<_> = (0..4).map(|_| model.begin_append(0, payload, 0)).collect();
    let first = model.begin_batch(0, payload, 2, 0);
    ids.extend([first, AppendId(first.0 + 1)]);
    let mut records = Vec::new();
    for (id, lsn) in ids.into_iter().zip(1..) {
        assert_eq!(model.accept(id, lsn), Ok(()));
        let mut bytes = Vec::new();
        id.payload(payload, &mut bytes);
        records.push(WalRecord {
            header: RecordHeader {
                record_type: id.verb() as u16,
                lsn,
                tenant_id: id.0,
                vshard_id: 0,
            },
            payload: bytes,
        });
    }
    model.acknowledge(6);
    (model, records)
}

fn recovered(records: &[WalRecord]) -> Recovered {
    let next_lsn = records.len() as u64 + 1;
    Recovered {
        records: records.to_vec(),
        low_water: 1,
        next_lsn,
        durable_lsn: next_lsn - 1,
        segments: vec![SegmentMeta {
            path: PathBuf::from("/seg"),
            first_lsn: 1,
            file_size: 0,
        }],
        total_bytes: 0,
        holds: Vec::new(),
    }
}

fn judge(
    model: &mut Model,
    records: &[WalRecord],
    class: FaultClass,
    keeps: u64,
) -> Result<Remainder, Violation> {
    let guarantee = Guarantee {
        class: Some(class),
        keeps,
        is_fresh: true,
        may_refuse: true,
        ..Guarantee::whole()
    };
    let tally = &mut Tally::default();
    guarantee::judge(model, &recovered(records), &guarantee, tally)
}

fn fails(result: Result<Remainder, Violation>, property: Property) {
    match result {
        Err(violation) => assert_eq!(violation.property, property, "{violation:?}"),
        Ok(remainder) => panic!("nobody noticed: {remainder}"),
    }
}

#[test]
fn a_beginning_is_all_that_may_be_left() {
    for &class in FaultClass::ALL {
        let (mut model, records) = log();
        assert_eq!(judge(&mut model, &records, class, 0), Ok(Remainder::Exact));
        let (mut model, records) = log();
        let cut = judge(&mut model, &records[..3], class, 0);
        assert_eq!(cut, Ok(Remainder::SuffixLost));
        // What was lost once is lost.
        fails(
            judge(&mut model, &records, class, 0),
            Property::Resurrection,
        );

        let (mut model, mut records) = log();
        records.remove(1);
        fails(judge(&mut model, &records, class, 0), Property::Prefix);
        let (mut model, mut records) = log();
        records[1].payload[0] ^= 1;
        fails(judge(&mut model, &records, class, 0), Property::Prefix);
        let (mut model, records) = log();
        fails(judge(&mut model, &records[..5], class, 0), Property::Atomic);
    }
}

#[test]
fn what_nothing_puts_at_risk_may_not_be_lost() {
    let (mut model, records) = log();
    let cut = judge(&mut model, &records[..3], FaultClass::FlushLie, 3);
    assert_eq!(cut, Ok(Remainder::SuffixLost));
    let (mut model, records) = log();
    let cut = judge(&mut model, &records[..3], FaultClass::FlushLie, 4);
    fails(cut, Property::Guarantee);
    let (mut model, records) = log();
    let whole = Guarantee::whole();
    let cut = recovered(&records[..3]);
    let told_nothing = guarantee::judge(&mut model, &cut, &whole, &mut Tally::default());
    fails(told_nothing, Property::Acknowledged);
}

#[test]
fn damage_has_to_be_told_where_it_is() {
    let (mut model, _) = log();
    let place = Place {
        path: PathBuf::from("/seg"),
        end: 100,
    };
    let guarantee = Guarantee {
        class: Some(FaultClass::Rot),
        may_refuse: true,
        places: Some(vec![place]),
        ..Guarantee::whole()
    };
    let check = |model: &Model, segment: &str, offset, lsn| {
        let error = Error::Corrupt {
            segment: PathBuf::from(segment),
            offset,
            lsn: Lsn::new(lsn),
            why: "a test says so",
        };
        guarantee::check_refusal(model, &guarantee, &error, &mut Tally::default()).is_ok()
    };
    assert!(check(&model, "/seg", 99, 3));
    assert!(!check(&model, "/seg", 100, 3));
    assert!(!check(&model, "/other", 0, 3));
    // No record has this one, so none that was truncated.
    assert!(!check(&model, "/other", 0, 0));
    model.low_water.possible = 4;
    assert!(check(&model, "/other", 0, 3));
    assert!(!check(&model, "/other", 0, 4));
}
