//! The contract as code: what was appended, what was acknowledged, what was ever shown.
//!
//! The model sees the log only as a caller does: calls and their results. It imports nothing of
//! the log but the types of its interface, so it can't make the log's mistakes. Every record
//! carries the number of its append as its tenant, so each record can be told from all others
//! whatever its payload; payloads are made again from that number when they are compared.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use seawall::WalRecord;

use crate::checker::{Property, Violation};

mod contents;
mod digest;
mod views;

pub use contents::{AppendId, Payload, VERBS};
pub use views::{HoldView, LowWater};

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The call has not returned an LSN, or never will: its record may be there or not.
    InFlight,
    /// It has this LSN.
    Accepted(u64),
    /// The call failed before an LSN was given: its record must never be there.
    Refused,
    /// A recovery did not have it: it must never come back.
    Lost,
    /// The same, but it may have had an LSN below this one, where that recovery began: a disk whose
    /// flushes lie may bring back what was truncated.
    MaybeBelow(u64),
}

/// An append call.
#[derive(Clone, Copy, Debug)]
pub struct Append {
    /// The record's shard: which client made it.
    pub vshard: u16,
    /// Its payload, where the verb takes one.
    pub payload: Payload,
    /// What became of it.
    pub fate: Fate,
    /// What was settled when it began: its frame promises that.
    settled_before: u64,
    /// When it began, in the time of the world.
    began: u64,
}

impl Append {
    /// Whether a record is byte for byte this append's; `scratch` is room for its payload.
    fn matches(self, id: AppendId, record: &WalRecord, scratch: &mut Vec<u8>) -> bool {
        let header = record.header;
        id.payload(self.payload, scratch);
        header.record_type == id.verb() as u16
            && header.vshard_id == self.vshard
            && record.payload == *scratch
    }
}

/// What a caller knows of the log.
#[derive(Clone)]
pub struct Model {
    appends: Vec<Append>,
    /// The append that has each LSN; the first is that of LSN 1.
    by_lsn: Vec<Option<AppendId>>,
    /// The highest LSN that a call returned, or a reader or a recovery showed.
    pub accepted: u64,
    /// Everything up to here was acknowledged as durable.
    pub acked: u64,
    /// Everything up to here was checked to be covered by syncs.
    pub covered: u64,
    /// Everything up to here was acknowledged before anything happened to the medium that was not
    /// judged yet.
    pub sure: u64,
    /// The last LSN that the life's open showed.
    settled_at_open: u64,
    /// Everything up to here was shown by a recovery or a reader.
    pub shown: u64,
    /// What may be missing at the front.
    pub low_water: LowWater,
    /// Whether a call in this life has said that the log is poisoned.
    pub is_poisoned: bool,
    /// Whether a call in this life has said that the log is closed.
    pub is_closed: bool,
    /// How many closes of this life are under way or have succeeded.
    pub closing: u32,
    /// Whether this life's open has shown the log.
    pub is_recovered: bool,
    /// The batches of all lives, each from its first append to its last, in rising order.
    batches: Vec<RangeInclusive<u32>>,
    /// How many of them are of earlier lives, and were judged.
    batches_settled: usize,
    /// What each client's hold may be.
    pub holds: BTreeMap<u16, HoldView>,
    /// How many appends were lost by a recovery, and must stay lost.
    pub lost: u64,
    /// How many appends were refused, and must never be there.
    pub refused: u64,
    scratch: Vec<u8>,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            appends: Vec::new(),
            by_lsn: Vec::new(),
            accepted: 0,
            acked: 0,
            covered: 0,
            sure: 0,
            settled_at_open: 0,
            shown: 0,
            low_water: LowWater {
                certain: 1,
                possible: 1,
            },
            is_poisoned: false,
            is_closed: false,
            closing: 0,
            is_recovered: false,
            batches: Vec::new(),
            batches_settled: 0,
            holds: BTreeMap::new(),
            lost: 0,
            refused: 0,
            scratch: Vec::new(),
        }
    }
}

impl Model {
    /// Another process has the log: what one handle said of itself is over.
    pub fn begin_life(&mut self) {
        self.is_poisoned = false;
        self.is_closed = false;
        self.closing = 0;
        self.is_recovered = false;
    }

    /// A client is about to append, at a time of the world.
    pub fn begin_append(&mut self, vshard: u16, payload: Payload, began: u64) -> AppendId {
        let id = AppendId(u32::try_from(self.appends.len()).expect("fewer appends than 2^32"));
        let settled_before = self.settled();
        self.appends.push(Append {
            vshard,
            payload,
            fate: Fate::InFlight,
            settled_before,
            began,
        });
        id
    }

    /// A client is about to append so many records as one batch; returns the first's number.
    pub fn begin_batch(
        &mut self,
        vshard: u16,
        payload: Payload,
        count: u32,
        began: u64,
    ) -> AppendId {
        let first = self.begin_append(vshard, payload, began);
        for _ in 1..count {
            self.begin_append(vshard, payload, began);
        }
        self.batches.push(first.0..=first.0 + count - 1);
        first
    }

    /// The batches of this life with, for each, how many of its records a log that ends with
    /// `last` has.
    pub fn batches(&self, last: u64) -> impl Iterator<Item = (&RangeInclusive<u32>, usize)> {
        let is_there = move |id: &u32| match self.appends[*id as usize].fate {
            Fate::Accepted(lsn) => lsn <= last,
            _ => false,
        };
        self.batches[self.batches_settled..]
            .iter()
            .map(move |batch| (batch, batch.clone().filter(is_there).count()))
    }

    /// The batch that an append is part of, in whatever life it was made.
    pub fn batch_of(&self, id: AppendId) -> Option<&RangeInclusive<u32>> {
        let behind = self.batches.partition_point(|batch| *batch.start() <= id.0);
        let batch = &self.batches[behind.checked_sub(1)?];
        batch.contains(&id.0).then_some(batch)
    }

    /// The lowest LSN that is held for sure, but for holds that are being changed.
    pub fn lowest_hold(&self) -> Option<u64> {
        let settled = self.holds.values().filter(|hold| !hold.is_changing);
        settled.filter_map(|hold| hold.told).min()
    }

    /// The append was refused before it got an LSN.
    pub fn refuse(&mut self, id: AppendId) {
        self.appends[id.0 as usize].fate = Fate::Refused;
        self.refused += 1;
    }

    /// The append call returned this LSN.
    ///
    /// # Errors
    /// When the LSN belongs to another record, or was settled before the call.
    pub fn accept(&mut self, id: AppendId, lsn: u64) -> Result<(), Violation> {
        let wrong = |story: String| Err(Violation::new(Property::OwnLsn, story));
        // Each append takes one LSN, so none can be beyond their number.
        if lsn == 0 || lsn > self.appends.len() as u64 {
            return wrong(format!("append {} got lsn {lsn}", id.0));
        }
        self.make_room(lsn);
        match self.by_lsn[lsn as usize - 1] {
            Some(other) if other != id => {
                return wrong(format!(
                    "appends {} and {} both have lsn {lsn}",
                    other.0, id.0
                ));
            }
            _ => {}
        }
        if let Fate::Accepted(shown) = self.appends[id.0 as usize].fate
            && shown != lsn
        {
            return wrong(format!(
                "append {} got lsn {lsn}, but was shown with {shown}",
                id.0
            ));
        }
        self.by_lsn[lsn as usize - 1] = Some(id);
        self.appends[id.0 as usize].fate = Fate::Accepted(lsn);
        self.accepted = self.accepted.max(lsn);
        Ok(())
    }

    /// Everything up to `lsn` was acknowledged.
    pub fn acknowledge(&mut self, lsn: u64) {
        self.acked = self.acked.max(lsn);
    }

    /// When the append began that has this LSN, if it is one of this life that has returned.
    pub fn began(&self, lsn: u64) -> Option<u64> {
        let is_new = lsn > self.settled_at_open;
        let id = is_new.then(|| self.holder(lsn)).flatten()?;
        Some(self.appends[id.0 as usize].began)
    }

    /// Everything up to `lsn` was acknowledged or shown.
    pub fn settled(&self) -> u64 {
        self.acked.max(self.shown)
    }

    /// The append that has this LSN, as far as a caller knows.
    pub fn holder(&self, lsn: u64) -> Option<AppendId> {
        self.by_lsn.get(lsn as usize - 1).copied().flatten()
    }

    /// How many LSNs that this life gave out, up to the highest accepted one, belong to no append
    /// that has returned. Those of earlier lives may have been truncated before anybody saw them.
    pub fn holes(&self) -> u64 {
        let given = self.settled_at_open as usize..self.accepted as usize;
        self.by_lsn[given]
            .iter()
            .filter(|holder| holder.is_none())
            .count() as u64
    }

    /// How many records this life has acknowledged, which no earlier one had shown.
    pub fn newly_acked(&self) -> u64 {
        self.acked.saturating_sub(self.settled_at_open)
    }

    /// The last LSN that the life's open showed; of the last open that succeeded, if it did not.
    pub fn shown_at_open(&self) -> u64 {
        self.settled_at_open
    }

    /// The last LSN that a later frame of this life vouches for: what was settled when the append of
    /// a record began that was acknowledged, too. 0 for none.
    pub fn vouched(&self) -> u64 {
        let given = self.settled_at_open + 1..=self.acked;
        let appends = self.appends.iter();
        let acked = appends.filter(|append| match append.fate {
            Fate::Accepted(lsn) => given.contains(&lsn),
            _ => false,
        });
        acked.map(|append| append.settled_before).max().unwrap_or(0)
    }

    /// Whether a record is byte for byte what an append call was given that was not refused.
    pub fn was_appended(&self, record: &WalRecord) -> bool {
        let id = AppendId(record.header.tenant_id);
        let append = self.appends.get(id.0 as usize);
        append.is_some_and(|append| {
            append.fate != Fate::Refused && append.matches(id, record, &mut Vec::new())
        })
    }

    /// How many append calls were made.
    pub fn appends(&self) -> u64 {
        self.appends.len() as u64
    }

    /// How many append calls never returned.
    pub fn in_flight(&self) -> u64 {
        let in_flight = |append: &&Append| append.fate == Fate::InFlight;
        self.appends.iter().filter(in_flight).count() as u64
    }

    /// Checks that a record is the one with its LSN, and that it may be there at all; it is then
    /// known to have this LSN.
    ///
    /// # Errors
    /// The property that is violated, and how.
    pub fn see(&mut self, record: &WalRecord) -> Result<(), Violation> {
        let lsn = record.header.lsn;
        let id = AppendId(record.header.tenant_id);
        let Some(append) = self.appends.get(id.0 as usize).copied() else {
            let story = format!("the record with lsn {lsn} was never appended");
            return Err(Violation::new(Property::Prefix, story));
        };
        if lsn == 0 || lsn > self.appends.len() as u64 {
            let story = format!("append {} is there with lsn {lsn}", id.0);
            return Err(Violation::new(Property::Prefix, story));
        }
        let story = match append.fate {
            Fate::Accepted(own) if own == lsn => None,
            Fate::Accepted(own) => Some((
                Property::Prefix,
                format!("append {} has lsn {own}, but is there with lsn {lsn}", id.0),
            )),
            Fate::Refused => Some((
                Property::Refused,
                format!("append {} was refused, but is there with lsn {lsn}", id.0),
            )),
            Fate::Lost => Some((
                Property::Resurrection,
                format!(
                    "append {} was lost by an earlier recovery and came back with lsn {lsn}",
                    id.0
                ),
            )),
            Fate::InFlight => None,
            Fate::MaybeBelow(low) if lsn < low => None,
            Fate::MaybeBelow(_) => Some((
                Property::Resurrection,
                format!("append {} was lost and came back with lsn {lsn}", id.0),
            )),
        };
        if let Some((property, story)) = story {
            return Err(Violation::new(property, story));
        }
        if !append.matches(id, record, &mut self.scratch) {
            let story = format!(
                "append {} is there with lsn {lsn}, but its bytes are not what was appended",
                id.0
            );
            return Err(Violation::new(Property::Prefix, story));
        }
        self.make_room(lsn);
        match self.by_lsn[lsn as usize - 1] {
            Some(holder) if holder != id => {
                let holder = holder.0;
                let story = format!(
                    "lsn {lsn} is append {holder}'s, but append {} is there",
                    id.0
                );
                Err(Violation::new(Property::Prefix, story))
            }
            _ => {
                self.by_lsn[lsn as usize - 1] = Some(id);
                self.appends[id.0 as usize].fate = Fate::Accepted(lsn);
                self.accepted = self.accepted.max(lsn);
                Ok(())
            }
        }
    }

    /// A recovery has settled that the log ends with `last`: what it did not have is lost.
    pub fn settle(&mut self, last: u64) {
        self.by_lsn.truncate(last as usize);
        let low = self.low_water.certain;
        let below = self.by_lsn.iter().take(low as usize - 1);
        let is_hidden = below.filter(|holder| holder.is_some()).count() as u64 + 1 < low;
        for append in &mut self.appends {
            let is_lost = match append.fate {
                Fate::InFlight => true,
                Fate::Accepted(lsn) => lsn > last,
                Fate::Refused | Fate::Lost | Fate::MaybeBelow(_) => false,
            };
            if is_lost {
                append.fate = match append.fate {
                    Fate::InFlight if is_hidden => Fate::MaybeBelow(low),
                    _ => Fate::Lost,
                };
                self.lost += 1;
            }
        }
        self.batches_settled = self.batches.len();
        self.is_recovered = true;
        self.accepted = last;
        self.covered = last;
        self.settled_at_open = last;
        self.shown = last;
        self.acked = self.acked.min(last);
    }

    /// The same where what it did not have may only have been hidden from it: where the log has not
    /// been able to cut it, it may be there again, or not.
    pub fn settle_unless_hidden(&mut self, last: u64) {
        let is_hidden = |append: &Append| matches!(append.fate, Fate::Accepted(lsn) if lsn > last);
        let hidden: Vec<bool> = self.appends.iter().map(is_hidden).collect();
        self.settle(last);
        for (append, _) in self
            .appends
            .iter_mut()
            .zip(hidden)
            .filter(|(_, hidden)| *hidden)
        {
            append.fate = Fate::InFlight;
            self.lost -= 1;
        }
    }

    fn make_room(&mut self, lsn: u64) {
        if self.by_lsn.len() < lsn as usize {
            self.by_lsn.resize(lsn as usize, None);
        }
    }
}
