//! Copying what is provably good of a damaged log into a new one.
//!
//! An open never does this: it refuses a damaged log, and somebody has to decide that what is left
//! is better than nothing. The damaged directory is only read.
//!
//! *Provable* is every frame whose checksums hold in its place, in a segment that the chain of
//! headers makes part of the log. Behind the first damage in the last segment it has to be covered
//! by a promise in that file, too: what lies above may have been cut by an earlier open, and its
//! LSNs given to other records. A segment whose own header is damaged is known by what the next
//! one's says of it.
//!
//! One frame becomes one frame. So a batch stays whole, what was written together stays together,
//! and a copy can be held against its source frame by frame; gathering would save some padding.
//!
//! Holds are those of the last frame of holds. A segment begins with one unless there are none, so
//! where its first frame can be read, nothing before it counts; where it can't, what came before
//! stays: a hold too many costs space, one too few costs records.
//!
//! LSNs that are missing stay missing: the frame behind says so. Only those above the last record
//! that was salvaged are given again, by the appends to come.

use std::path::Path;
use std::sync::Arc;

use crate::config::{WalConfig, WalTuning};
use crate::crypto::KeyRing;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::format::FILLER;
use crate::format::frame::{FrameHeader, FrameKind, Records};
use crate::format::holds::Holds;
use crate::manager::{listed, look_into};
use crate::segment::catalog::{LogDir, UNFINISHED_SALVAGE};
use crate::segment::new_log::NewLog;
use crate::segment::place::{new_directory, resolved, take_mark};
use crate::segment::walk::Step;
use crate::types::{Hold, Lsn};
use crate::verify::{Progress, Report, inspect};

mod plan;

use plan::{Plan, Source, plan};

/// What a salvage found, and what it could not find.
#[derive(Debug)]
#[non_exhaustive]
pub struct Salvaged {
    /// How many records the new log has.
    pub records: u64,
    /// The first of them.
    pub first_lsn: Option<Lsn>,
    /// The last of them.
    pub last_lsn: Option<Lsn>,
    /// The new log's low-water mark: the highest that the damaged one still tells. A higher one may
    /// be lost; then records that were truncated count as missing.
    pub low_water_lsn: Lsn,
    /// The LSNs that are missing from the low-water mark on, up to the last one that something
    /// says was durable, in rising order.
    pub gaps: Vec<Gap>,
    /// The holds that the new log has, by name. Where a frame of holds is damaged, they may be those
    /// of before; release what nobody needs.
    pub holds: Vec<Hold>,
    /// What is wrong with the damaged log.
    pub damage: Report,
}

/// LSNs without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first one.
    pub first: Lsn,
    /// The last one.
    pub last: Lsn,
}

/// Copies what is provably good of the log in `from` into a new log in `to`, which must be missing
/// or empty and must not lie within `from`, whatever links and dots the two paths go through.
///
/// When it returns, the new log is durable. It opens in the ordinary way and replays exactly the
/// records that were salvaged, with the LSNs, types, tenants, shards and payloads that they had,
/// unknown types included, and with the holds. It has a log id of its own. After an error or a crash
/// the file `unfinished-salvage.wal` may be left in `to`, which keeps what is half there from being
/// opened: remove the directory and begin again.
///
/// # Errors
/// [`Error::Locked`] when a writer has the damaged log open; [`Error::NoLog`] where there is none;
/// [`Error::Occupied`] and [`Error::Config`] when `to` can't be used; [`Error::Foreign`],
/// [`Error::Version`], [`Error::Encrypted`] or [`Error::Legacy`] when something in `from` is not of
/// this log or of this format: take it away first, if the rest is worth it. [`Error::Corrupt`]
/// when nothing can be made of any file. In all these cases nothing was written. [`Error::Io`],
/// [`Error::Full`].
pub fn salvage(from: &Path, to: &Path, keys: Option<KeyRing>) -> Result<Salvaged> {
    salvage_in(Env::os(), from, to, keys)
}

/// As [`salvage`], in any world: the simulator's as well as the real one.
///
/// # Errors
/// As [`salvage`].
pub fn salvage_in(env: Env, from: &Path, to: &Path, keys: Option<KeyRing>) -> Result<Salvaged> {
    salvage_watched(env, from, to, keys, &mut |_| {})
}

/// As [`salvage_in`], and tells `watch` how far it is. All bytes count twice: they are checked
/// before anything is written, and then copied.
///
/// # Errors
/// As [`salvage`].
pub fn salvage_watched(
    env: Env,
    from: &Path,
    to: &Path,
    keys: Option<KeyRing>,
    watch: &mut dyn FnMut(Progress),
) -> Result<Salvaged> {
    if resolved(&env, to)?.starts_with(resolved(&env, from)?) {
        return Err(Error::Config {
            why: "the new directory lies within the damaged one",
        });
    }
    let damaged = look_into(env.clone(), from, keys.clone())?;
    let plan = plan(&damaged)?;
    let mut total_bytes = 0;
    let damage = inspect(&damaged, &mut |progress| {
        total_bytes = 2 * progress.total_bytes;
        watch(Progress {
            total_bytes,
            ..progress
        });
    })?;
    let dir = new_directory(env, to, keys, UNFINISHED_SALVAGE)?;
    let mut copy = Copy::new(&dir, &plan)?;
    let mut done_bytes = total_bytes / 2;
    for source in &plan.sources {
        copy.take_all(&damaged, source)?;
        done_bytes = (done_bytes + source.end).min(total_bytes);
        watch(Progress {
            done_bytes,
            total_bytes,
        });
    }
    let salvaged = copy.finish(plan.promise, damage)?;
    take_mark(&dir, UNFINISHED_SALVAGE)?;
    Ok(salvaged)
}

/// The new log on its way.
struct Copy {
    log: NewLog,
    low_water: Lsn,
    holds: Holds,
    records: u64,
    first_lsn: Option<Lsn>,
    gaps: Vec<Gap>,
}

impl Copy {
    fn new(dir: &Arc<LogDir>, plan: &Plan) -> Result<Copy> {
        let tuning = WalTuning {
            alignment: plan.block_bytes as usize,
            ..WalTuning::default()
        };
        let config = WalConfig {
            tuning,
            ..WalConfig::default()
        };
        Ok(Copy {
            log: NewLog::begin(dir, &config.checked()?, plan.low_water)?,
            low_water: plan.low_water,
            holds: Holds::default(),
            records: 0,
            first_lsn: None,
            gaps: Vec::new(),
        })
    }

    /// Copies what one segment holds.
    fn take_all(&mut self, damaged: &LogDir, source: &Source) -> Result<()> {
        let mut walk = source.walk(damaged)?;
        let mut is_first = true;
        while let Some(step) = walk.next()? {
            let is_beginning = std::mem::replace(&mut is_first, false);
            let Step::Frame { offset, frame } = step else {
                continue;
            };
            if !source.extent.holds(offset) || frame.last_lsn() >= source.below {
                continue;
            }
            let body = walk.reader.body(&frame);
            if frame.kind == FrameKind::Holds {
                self.holds = Holds::decode(body).expect("the frame was checked");
            } else if is_beginning {
                self.holds = Holds::default();
            }
            // What is below the mark was truncated. LSNs only rise in what a log has written.
            let is_wanted = frame.record_count > 0
                && frame.first_lsn.max(self.low_water) > self.log.last()
                && frame.last_lsn() >= self.low_water;
            if is_wanted {
                self.take(source, &frame, body)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, source: &Source, frame: &FrameHeader, body: &[u8]) -> Result<()> {
        let mut records = Records::of(frame);
        while let Some((record, payload)) = records.next(body) {
            let lsn = Lsn::new(record.lsn);
            if lsn < self.low_water {
                continue;
            }
            self.miss_until(lsn);
            self.log.push(&source.segment.path, &record, payload)?;
            if record.record_type != FILLER {
                self.first_lsn.get_or_insert(lsn);
                self.records += 1;
            }
        }
        self.log.write()
    }

    /// Notes a gap where `next` does not follow.
    fn miss_until(&mut self, next: Lsn) {
        let last = self.log.last();
        if next > last.next() {
            self.gaps.push(Gap {
                first: last.next(),
                last: next.before(),
            });
        }
    }

    /// Makes the new log durable, as one that was closed.
    fn finish(mut self, promise: Lsn, damage: Report) -> Result<Salvaged> {
        self.miss_until(promise.next());
        let last = self.log.last();
        self.log.finish(&self.holds)?;
        Ok(Salvaged {
            records: self.records,
            first_lsn: self.first_lsn,
            last_lsn: self.first_lsn.map(|_| last),
            low_water_lsn: self.low_water,
            gaps: self.gaps,
            holds: listed(&self.holds),
            damage,
        })
    }
}
