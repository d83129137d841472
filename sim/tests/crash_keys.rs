//! Crashes and failed calls between the steps of a rotation, of encrypting anew, of a retirement.
//!
//! *Verified:* a life that ends before, within or after any call of these leaves a log that
//! opens with the keys that the log named last and the one given to the call under way, and no others; it
//! has all that was acknowledged, nothing that was not appended, and no key that was let go is
//! ever needed again: an empty segment, two rotations in a row, rolls, a full disk, from plain, a copy
//! of a copy, a reader held meanwhile, a truncation before the retirement. So does a life in which one
//! call fails.
//! *Not verified:* several clients at once, crashes within the recovery: that is what the
//! campaigns are for.

#[path = "crash_support/case.rs"]
mod case;

use std::cell::{Cell, OnceCell};

use seawall::{Error, KeyRing, Lsn, RecordType, TenantId, VShardId, WalManager};
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::disk::{Strategy, SyncErrorMode};
use seawall_sim::keyholder::key;

use case::{BLOCK, Case, Failure, append, die_everywhere, durable, payloads};

/// The keys that there are.
const KEYS: std::ops::RangeInclusive<u32> = 1..=3;

/// How the power is cut.
const STRATEGIES: [Strategy; 3] = [Strategy::KeepAll, Strategy::LoseAll, Strategy::Independent];

/// A ring with these keys, the last one of them current.
fn ring(numbers: &[u32]) -> Option<KeyRing> {
    let (&current, others) = numbers.split_last()?;
    let ring = KeyRing::new(key(current));
    let with = |ring: KeyRing, &other: &u32| ring.with_previous(key(other));
    Some(others.iter().fold(ring, with))
}

/// What the owner of a log knows.
///
/// Nothing in it is borrowed for long: a task that dies gives nothing back.
#[derive(Clone, Default)]
struct Owner {
    /// The keys that are kept: those that the log named last, and the one given to a call under way.
    kept: [Cell<bool>; 4],
    /// The last LSN that was acknowledged, and the mark.
    acked: Cell<u64>,
    low_water: Cell<u64>,
}

impl Owner {
    /// At the end of a life of [`a_log`], with these keys.
    fn know(&self, keys: &[u32]) {
        self.keep(keys);
        self.acked.set(5);
        self.low_water.set(1);
    }

    fn keep(&self, keys: &[u32]) {
        for number in KEYS {
            self.kept[number as usize].set(keys.contains(&number));
        }
    }

    fn keys(&self) -> Vec<u32> {
        KEYS.filter(|&number| self.kept[number as usize].get())
            .collect()
    }
}

/// A log at work, and its owner.
struct Work<'a> {
    wal: &'a WalManager,
    owner: &'a Owner,
}

impl Work<'_> {
    /// Keeps what the log needs, and nothing else: what it does not name may be destroyed.
    fn keep_needed(&self) {
        let needed = self.wal.needed_keys();
        let named = KEYS.filter(|&number| needed.contains(&key(number).id()));
        self.owner.keep(&named.collect::<Vec<u32>>());
    }

    fn rotate(&self, number: u32) -> Result<(), Error> {
        self.owner.kept[number as usize].set(true);
        self.wal.rotate_key_to(key(number))?;
        self.keep_needed();
        Ok(())
    }

    fn reencrypt(&self) -> Result<(), Error> {
        self.wal.reencrypt()?;
        self.keep_needed();
        assert!(self.owner.keys().len() <= 1);
        Ok(())
    }

    fn retire(&self, number: u32) -> Result<(), Error> {
        assert!(!self.owner.kept[number as usize].get());
        self.wal.retire_key(key(number).id())?;
        self.keep_needed();
        Ok(())
    }

    fn append(&self) -> Result<(), Error> {
        let payload = payload(self.wal.next_lsn().as_u64());
        let (put, tenant, vshard) = (RecordType::Put, TenantId::new(1), VShardId::new(1));
        let lsn = self.wal.append_durable(put, tenant, vshard, &payload)?;
        self.owner.acked.set(lsn.as_u64());
        Ok(())
    }
}

/// The payload of the record with this LSN, whoever appends it.
fn payload(lsn: u64) -> Vec<u8> {
    format!("record {lsn}").into_bytes()
}

/// A log of five records in three segments under key 1, or in plain.
fn a_log(keys: &[u32]) -> Case {
    let mut case = Case::new();
    case.segment_bytes = 3 * BLOCK as u64;
    case.keys = ring(keys);
    let wal = case.open();
    for lsn in 1..=5 {
        assert_eq!(durable(&wal, &payload(lsn)), Lsn::new(lsn));
    }
    case.cut(wal, Strategy::LoseAll);
    assert!(case.segments().len() >= 3);
    case
}

/// Opens the log with what its owner has kept, and judges it; again after one more cut.
fn judge(case: &mut Case, owner: &Owner, what: &str) {
    case.keys = ring(&owner.keys());
    for time in ["", ", and again"] {
        let opened = case.try_open();
        let wal = opened.unwrap_or_else(|error| {
            panic!("{what}{time}: {:?}: {error}", owner.keys());
        });
        let low = wal.low_water_lsn().as_u64();
        let shown = payloads(&wal);
        let last = low - 1 + shown.len() as u64;
        assert!(last >= owner.acked.get(), "{what}{time}: up to {last}");
        let asked = owner.low_water.get();
        assert!(low <= asked.max(1), "{what}{time}: from {low}, not {asked}");
        let expected: Vec<_> = (low..=last).map(payload).collect();
        assert_eq!(shown, expected, "{what}{time}");
        owner.acked.set(last);
        case.cut(wal, Strategy::LoseAll);
    }
}

/// Ends a life of a log in each way at each of its calls, and judges what it leaves.
fn check(start: Case, keys: &[u32], step: impl Fn(&Case, &Work<'_>) -> Result<(), Error>) {
    let mut start = start;
    start.keys = ring(keys);
    let owner = Owner::default();
    let life = |case: &Case| {
        owner.know(keys);
        let opened = OnceCell::new();
        let wal = opened.get_or_init(|| case.open());
        let owner = &owner;
        step(case, &Work { wal, owner }).expect("nothing fails");
    };
    let count = Cell::new(0);
    die_everywhere(&start, &STRATEGIES, life, |case, what| {
        let mut case = case.fork();
        judge(&mut case, &owner.clone(), what);
        count.set(count.get() + 1);
    });
    assert!(count.get() > 100, "only {} ends", count.get());
    fail_everywhere(&start, keys, &step);
}

/// Lets each call of a life fail once, and judges what that leaves, cut in several ways.
fn fail_everywhere(
    start: &Case,
    keys: &[u32],
    step: impl Fn(&Case, &Work<'_>) -> Result<(), Error>,
) {
    let failures = [
        Failure::Full,
        Failure::Broken(SyncErrorMode::CleanKeepCache),
        Failure::Broken(SyncErrorMode::KeepDirty),
    ];
    for failure in failures {
        let mut failed = 0;
        // A call that fails may have been done all the same: each is tried with other choices.
        let mut fail = |number: u64, choices: u64| {
            let mut case = start.fork();
            let stream = Choices::new(choices).stream(Purpose::Faults, number);
            case.vfs.set_faults(stream);
            let owner = Owner::default();
            owner.know(keys);
            let life = || {
                let Ok(wal) = case.try_open() else {
                    failed += 1;
                    return;
                };
                let (wal, owner) = (&wal, &owner);
                if step(&case, &Work { wal, owner }).is_err() {
                    failed += 1;
                }
            };
            let got_there = case.fail_at(number, failure, life);
            let strategy = STRATEGIES[choices as usize % STRATEGIES.len()];
            case.cut_with(strategy, number);
            let what = format!("{failure:?} at call {number}, {strategy}");
            judge(&mut case, &owner, &what);
            got_there
        };
        let mut numbers = 1..;
        while numbers
            .next()
            .is_some_and(|number| (0..6).all(|choices| fail(number, choices)))
        {}
        assert!(failed >= 2, "{failure:?}: only {failed} calls failed");
    }
}

#[test]
fn a_rotation_on_an_empty_segment() {
    check(a_log(&[1]), &[1], |_, work| {
        work.rotate(2)?;
        work.append()
    });
}

#[test]
fn two_rotations_in_a_row() {
    check(a_log(&[1]), &[1], |_, work| {
        work.append()?;
        work.rotate(2)?;
        work.rotate(3)?;
        work.append()
    });
}

#[test]
fn a_rotation_and_back() {
    check(a_log(&[1]), &[1], |_, work| {
        work.rotate(2)?;
        work.append()?;
        work.rotate(1)?;
        work.append()
    });
}

#[test]
fn a_rotation_between_rolls() {
    let mut case = a_log(&[1]);
    case.segment_bytes = 1;
    check(case, &[1], |_, work| {
        work.append()?;
        work.rotate(2)?;
        work.append()?;
        work.append()
    });
}

#[test]
fn a_rotation_in_plain_begins_encryption() {
    check(a_log(&[]), &[], |_, work| {
        work.rotate(2)?;
        work.append()
    });
}

#[test]
fn a_rotation_on_a_full_disk() {
    check(a_log(&[1]), &[1], |case, work| {
        work.append()?;
        let full = |disk: &mut seawall_sim::disk::Disk| {
            let used = disk.used();
            disk.set_capacity(Some(used));
        };
        case.vfs.with_disk(full);
        work.rotate(2)?;
        // It waits in memory for space, to be written under the new key.
        let waiting = append(work.wal, &payload(work.wal.next_lsn().as_u64()))?;
        let refused = work.wal.sync();
        case.vfs.with_disk(|disk| disk.set_capacity(None));
        assert!(matches!(
            refused,
            Err(Error::Full { .. } | Error::Poisoned { .. })
        ));
        work.wal.sync()?;
        work.owner.acked.set(waiting.as_u64());
        Ok(())
    });
}

#[test]
fn encrypting_a_plain_log_anew() {
    check(a_log(&[]), &[1], |_, work| {
        work.reencrypt()?;
        work.append()
    });
}

#[test]
fn encrypting_anew_under_another_key() {
    check(a_log(&[1]), &[1], |_, work| {
        work.rotate(2)?;
        work.append()?;
        work.reencrypt()?;
        work.append()
    });
}

#[test]
fn a_copy_of_a_copy() {
    let case = a_log(&[1]);
    let owner = Owner::default();
    owner.know(&[1]);
    let wal = case.open();
    let work = Work {
        wal: &wal,
        owner: &owner,
    };
    work.rotate(2)
        .and_then(|()| work.reencrypt())
        .expect("nothing fails");
    case.cut(wal, Strategy::LoseAll);
    check(case, &[2], |_, work| {
        work.rotate(3)?;
        work.reencrypt()?;
        work.append()
    });
}

#[test]
fn encrypting_anew_beside_a_reader() {
    check(a_log(&[1]), &[1], |_, work| {
        work.rotate(2)?;
        let mut reader = work.wal.reader()?;
        let first = reader.next().expect("there are records")?;
        assert_eq!(first.payload, payload(1));
        work.reencrypt()?;
        work.retire(1)?;
        let rest: Vec<_> = reader.collect::<Result<_, _>>()?;
        assert_eq!(rest.len(), 4);
        Ok(())
    });
}

#[test]
fn a_retirement_after_encrypting_anew() {
    check(a_log(&[1]), &[1], |_, work| {
        work.rotate(2)?;
        work.reencrypt()?;
        work.retire(1)?;
        work.append()
    });
}

#[test]
fn a_retirement_after_a_truncation() {
    check(a_log(&[1]), &[1], |_, work| {
        work.append()?;
        work.rotate(2)?;
        work.append()?;
        work.owner.low_water.set(7);
        work.wal.truncate_before(Lsn::new(7))?;
        work.keep_needed();
        work.retire(1)?;
        work.append()
    });
}
