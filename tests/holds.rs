//! Named holds, which truncation does not pass.

#[path = "support/log.rs"]
mod support;

use seawall::{Error, Hold, Lsn, WalManager};
use support::{fill, lsns, open_small, scratch};

fn hold(name: &str, lsn: u64) -> Hold {
    Hold {
        name: name.to_owned(),
        lsn: Lsn::new(lsn),
    }
}

fn truncate(wal: &WalManager, lsn: u64) -> Lsn {
    wal.truncate_before(Lsn::new(lsn)).expect("truncates");
    wal.low_water_lsn()
}

#[test]
fn truncation_stops_at_the_lowest_hold() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 100);
    wal.set_hold("replica", Lsn::new(40)).expect("sets");
    wal.set_hold("backup", Lsn::new(60)).expect("sets");
    let at_first = truncate(&wal, 101);
    assert!(at_first > Lsn::new(30) && at_first <= Lsn::new(40));
    wal.set_hold("replica", Lsn::new(90)).expect("moves");
    let then = truncate(&wal, 101);
    assert!(then > Lsn::new(50) && then <= Lsn::new(60));
    assert!(wal.release_hold("backup").expect("releases"));
    assert!(!wal.release_hold("backup").expect("nothing to do"));
    let at_last = truncate(&wal, 101);
    assert!(at_last > Lsn::new(80) && at_last <= Lsn::new(90));
    assert_eq!(wal.holds(), [hold("replica", 90)]);
}

#[test]
fn holds_survive_crashes_rolls_and_truncation() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 30);
    wal.set_hold("replica", Lsn::new(31)).expect("sets");
    drop(wal);
    for round in 0..6 {
        let wal = open_small(dir.path());
        assert_eq!(wal.holds(), [hold("replica", 31)]);
        fill(&wal, 40);
        assert!(truncate(&wal, wal.next_lsn().as_u64()) <= Lsn::new(31));
        if round % 2 == 0 {
            wal.close().expect("closes");
        }
    }
}

#[test]
fn a_hold_is_refused_where_it_could_hold_nothing() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 100);
    let low_water = truncate(&wal, 90);
    let below = wal.set_hold("late", Lsn::new(1));
    assert!(matches!(below, Err(Error::BelowLowWater { .. })));
    let beyond = wal.set_hold("early", Lsn::new(102));
    assert!(matches!(beyond, Err(Error::NotAppended { .. })));
    assert!(matches!(
        wal.set_hold("", low_water),
        Err(Error::BadHold { .. })
    ));
    assert!(matches!(
        wal.set_hold(&"n".repeat(256), low_water),
        Err(Error::BadHold { .. })
    ));
    assert!(wal.holds().is_empty());
    for index in 0..1000 {
        wal.set_hold(&index.to_string(), low_water).expect("sets");
    }
    assert!(matches!(
        wal.set_hold("one more", low_water),
        Err(Error::BadHold { .. })
    ));
    wal.set_hold("7", Lsn::new(101)).expect("moves");
    assert_eq!(lsns(&wal).last(), Some(&100));
}

#[test]
fn a_hold_from_lsn_0_on_is_one_from_the_beginning_on() {
    let dir = scratch();
    let wal = open_small(dir.path());
    wal.set_hold("all", Lsn::ZERO).expect("sets");
    assert_eq!(wal.holds(), [hold("all", 1)]);
    fill(&wal, 100);
    assert_eq!(truncate(&wal, 101), Lsn::new(1));
    assert!(wal.release_hold("all").expect("releases"));
    truncate(&wal, 90);
    // As for a reader, which could not have them either.
    assert!(matches!(
        wal.replay_from(Lsn::ZERO),
        Err(Error::BelowLowWater { .. })
    ));
    assert!(matches!(
        wal.set_hold("all", Lsn::ZERO),
        Err(Error::BelowLowWater { .. })
    ));
}

#[test]
fn a_hold_makes_the_records_before_it_durable() {
    let dir = scratch();
    let wal = open_small(dir.path());
    wal.append_put(support::TENANT, support::SHARD, b"pending")
        .expect("appends");
    wal.set_hold("replica", Lsn::new(2)).expect("sets");
    assert_eq!(wal.durable_lsn(), Lsn::new(1));
    drop(wal);
    assert_eq!(open_small(dir.path()).holds(), [hold("replica", 2)]);
}
