//! From a directory to the proven end of the log, and a fresh segment behind it.
//!
//! Recovery decides what the log's records are, once: afterwards they are durable, and what was
//! cut can't come back. It writes to no existing segment, so a crash in the middle leaves what it
//! found; where it must (see [`Recovery::heal_in_place`] and [`Recovery::renew_footer`]), it
//! writes the bytes that are there already. The rules that
//! tell a torn tail from corruption are in the format's description.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::WalConfig;
use crate::env::vfs::{File, OpenHow};
use crate::error::{Error, Result};
use crate::format::NUMBER_LIMIT;
use crate::format::buffer::{FrameBuffer, Place};
use crate::format::frame::{FrameHeader, FrameKind, Records};
use crate::format::header::Previous;
use crate::segment::active::{ActiveSegment, Draft, full_if_for_space};
use crate::segment::catalog::{Catalog, Entry, LogDir, Name, Segment, TEMPORARY, TEMPORARY_COPY};
use crate::segment::chain::{Survey, find_all, live_chain};
use crate::segment::keys::Access;
use crate::segment::place::sync_ancestors;
use crate::segment::reader::FrameReader;
use crate::segment::tail::Tail;
use crate::segment::transfer::{uninterrupted, write_all};
use crate::segment::writer::{Kept, NextSegment, Writer};
use crate::types::{Lsn, TenantId, TruncateResult, VShardId};

/// What recovery hands over: everything up to the writer's durable LSN is in the catalog.
pub(crate) struct Recovered {
    pub(crate) catalog: Catalog,
    pub(crate) writer: Writer,
    /// Segments that are no longer part of the log, but could not be removed yet, oldest first.
    pub(crate) doomed: VecDeque<Entry>,
}

/// Recovers the log in a locked directory, or creates it where there is none.
pub(crate) fn recover(dir: &Arc<LogDir>, config: &WalConfig) -> Result<Recovered> {
    let Survey {
        sound: found,
        others,
        ..
    } = find_all(dir)?;
    let Some(last) = found.last() else {
        return create(dir, config);
    };
    let tail = Tail::scan(dir, last)?;
    tail.check_writable(last)?;
    let live = live_chain(&found, tail.kept.low_water)?;
    remove_copy(dir, &others);
    tracing::info!(
        dir = %dir.path.display(),
        segments = live.len() + 1,
        low_water = tail.kept.low_water.as_u64(),
        proven = tail.proven.as_u64(),
        adopted = tail.valid.as_u64() - tail.proven.as_u64(),
        cut_bytes = tail.torn_bytes(last),
        ends_sealed = tail.is_sealed || tail.is_fresh(last),
        "found a log"
    );
    let recovery = Recovery {
        dir,
        config,
        last: last.clone(),
        tail,
    };
    let mut recovered = recovery.finish(&found, live)?;
    recovered.doomed = remove_dead(dir, &found, &recovered.catalog)?;
    Ok(recovered)
}

/// Creates a log: its first segment, and the names that lead to it, durable.
fn create(dir: &Arc<LogDir>, config: &WalConfig) -> Result<Recovered> {
    tracing::info!(dir = %dir.path.display(), "creating a log");
    sync_ancestors(dir)?;
    let next = NextSegment::of_new_log(dir)?;
    let first = Lsn::ZERO.next();
    let header = next.header(dir, config, first, Lsn::ZERO, first)?;
    let active = Draft::begin(dir, config, TEMPORARY, header)?.publish(Lsn::ZERO)?;
    let kept = Kept {
        low_water: first,
        holds: Arc::default(),
    };
    Ok(hand_over(dir, config, VecDeque::new(), active, kept))
}

/// The second half of recovery: what was decided becomes durable.
struct Recovery<'a> {
    dir: &'a Arc<LogDir>,
    config: &'a WalConfig,
    last: Entry,
    tail: Tail,
}

/// What was made durable of the tail.
struct Durable {
    /// Its last LSN.
    valid: Lsn,
    /// The offset behind its last frame.
    end: u64,
    /// The highest low-water mark in it, and the last holds.
    kept: Kept,
}

impl Recovery<'_> {
    /// Makes the tail durable and the log ready to be written.
    fn finish(&self, found: &[Entry], mut live: VecDeque<Entry>) -> Result<Recovered> {
        let header = &self.last.segment.header;
        let is_sealed = self.has_proven() && self.renew_footer()?;
        let next = NextSegment {
            log_id: header.log_id,
            segment_id: header.segment_id + 1,
            previous: match self.has_proven() {
                true => Previous {
                    segment_id: header.segment_id,
                    end: header.told_end(self.tail.proven_end),
                    salt: header.salt_to_others(),
                    is_sealed,
                    is_encrypted: header.key_id.is_some(),
                },
                false => header.previous,
            },
            required: self.tail.required,
        };
        match self.start_segment(&next).map_err(full_if_for_space) {
            Ok(active) => {
                if self.has_proven() {
                    live.push_back(self.last_until(self.tail.proven_end));
                }
                Ok(hand_over(
                    self.dir,
                    self.config,
                    live,
                    active,
                    self.tail.kept.clone(),
                ))
            }
            Err(Error::Full { .. }) => {
                let healed = self.heal_in_place()?;
                // A mark may not have been there any more when it was to be healed.
                let mut live = live_chain(found, healed.kept.low_water)?;
                live.push_back(self.last_until(healed.end));
                let mut recovered = self.hand_over_without_segment(live, next, &healed, is_sealed);
                if self.tail.is_fresh(&self.last) {
                    recovered.writer.leave_as_closed();
                }
                Ok(recovered)
            }
            Err(error) => Err(error),
        }
    }

    fn has_proven(&self) -> bool {
        self.tail.proven >= self.last.segment.header.first_lsn
    }

    fn last_until(&self, end: u64) -> Entry {
        Entry {
            end: self.last.segment.header.told_end(end),
            ..self.last.clone()
        }
    }

    /// Starts the next segment with the records that are valid but not proven.
    fn start_segment(&self, next: &NextSegment) -> Result<ActiveSegment> {
        let tail = &self.tail;
        let first_lsn = tail.proven.next();
        let header = next.header(
            self.dir,
            self.config,
            first_lsn,
            tail.proven,
            tail.kept.low_water,
        )?;
        let mut draft = Draft::begin(self.dir, self.config, TEMPORARY, header)?;
        draft.append_holds(&tail.kept.holds)?;
        let mut last_lsn = tail.proven;
        let mut write = |buffer: &mut FrameBuffer| {
            let seal = draft.next_seal()?;
            let place = Place {
                segment: draft.header(),
                offset: draft.end(),
                last_lsn,
                durable_lsn: tail.proven,
                durable_end: 0,
                low_water_lsn: tail.kept.low_water,
            };
            draft.append(buffer.encode(&place, seal))?;
            last_lsn = buffer.last_lsn();
            buffer.clear();
            Ok(())
        };
        // The records are gathered anew: their frames may be small, and the blocks larger now. What
        // was one frame stays in one, so that batches stay whole.
        let room = self.config.tuning.write_buffer_size;
        let mut buffer = FrameBuffer::with_capacity(room);
        let copied = self.each_unproven(|_, frame, reader| {
            let body = reader.body(frame);
            if frame.record_count == 0 {
                return Ok(());
            }
            let fits = buffer.body_bytes() + body.len() <= room && !frame.is_after_gap;
            if !buffer.is_empty() && !fits {
                write(&mut buffer)?;
            }
            let mut records = Records::of(frame);
            while let Some((record, payload)) = records.next(body) {
                buffer.push(
                    Lsn::new(record.lsn),
                    record.record_type,
                    TenantId::new(record.tenant_id),
                    VShardId::new(record.vshard_id),
                    payload,
                );
            }
            Ok(())
        })?;
        if !buffer.is_empty() {
            write(&mut buffer)?;
        }
        draft.publish(copied.valid)
    }

    /// Hands over the frames behind the proven ones, with their offsets, as they are read now.
    ///
    /// That may be fewer than the scan has seen: after a failed sync the bytes of an unproven
    /// frame may be in the page cache only, and may leave it between two reads.
    fn each_unproven(
        &self,
        mut each: impl FnMut(u64, &FrameHeader, &FrameReader) -> Result<()>,
    ) -> Result<Durable> {
        let mut durable = Durable {
            valid: self.tail.proven,
            end: self.tail.proven_end,
            kept: self.tail.proven_kept.clone(),
        };
        if durable.end == self.tail.end {
            return Ok(durable);
        }
        let segment = &self.last.segment;
        let mut reader = FrameReader::open(self.dir, segment)?;
        reader.skip_to(durable.end);
        while reader.offset() < self.tail.end {
            let offset = reader.offset();
            let frame = match reader.next()? {
                Ok(frame) if frame.follows(durable.valid) => frame,
                Ok(_) | Err(_) => break,
            };
            each(offset, &frame, &reader)?;
            durable.valid = frame.last_lsn();
            durable.end = reader.offset();
            durable.kept.see(&frame, reader.body(&frame));
        }
        Ok(durable)
    }

    /// Makes the unproven frames durable where they are, on a disk too full for a new segment.
    ///
    /// They may be in the page cache only, and marked clean there: so they are written again,
    /// unchanged, and then synced.
    // Source: the kernel's vfs.rst, "Handling errors during writeback"; Rebello et al., "Can
    // Applications Recover from fsync Failures?", ATC'20.
    fn heal_in_place(&self) -> Result<Durable> {
        let file = self.open_last_to_write()?;
        let healed = self.each_unproven(|offset, frame, reader| {
            self.write_again(&*file, offset, frame, reader.stored(frame))
        })?;
        let path = &self.last.segment.path;
        file.sync_data().map_err(Error::final_io("sync", path))?;
        self.dir.sync()?;
        Ok(healed)
    }

    /// Makes the footer durable, so that the next header may vouch for it: what was read may be in
    /// the page cache only. `false` when there is none, or no space even to write it again.
    ///
    /// It fills a sector with the bytes that it had, so no crash leaves it worse than it was.
    fn renew_footer(&self) -> Result<bool> {
        if !self.tail.is_sealed {
            return Ok(false);
        }
        let segment = &self.last.segment;
        let mut reader = FrameReader::open(self.dir, segment)?;
        reader.skip_to(self.tail.end);
        let footer = match reader.next()? {
            Ok(frame) if frame.kind == FrameKind::Footer => frame,
            // It has left the page cache since the scan.
            Ok(_) | Err(_) => return Ok(false),
        };
        let file = self.open_last_to_write()?;
        match self.write_again(&*file, self.tail.end, &footer, reader.stored(&footer)) {
            Err(Error::Full { .. }) => return Ok(false),
            written => written?,
        }
        let synced = file.sync_data();
        synced.map_err(Error::final_io("sync", &segment.path))?;
        Ok(true)
    }

    fn open_last_to_write(&self) -> Result<Arc<dyn File>> {
        let path = &self.last.segment.path;
        let how = OpenHow::Write { direct: false };
        let file = uninterrupted(|| self.dir.env.vfs.open(path, how));
        file.map_err(Error::io("open", path))
    }

    /// Writes a frame of the last segment again, in its own place, with the bytes that it had: in
    /// an encrypted segment nobody seals anything any more.
    fn write_again(
        &self,
        file: &dyn File,
        offset: u64,
        frame: &FrameHeader,
        stored: &[u8],
    ) -> Result<()> {
        let segment = &self.last.segment;
        let mut padded = stored.to_vec();
        padded.resize(frame.file_bytes(&segment.header) as usize, 0);
        write_all(file, offset, &padded).map_err(Error::io("write", &segment.path))
    }

    fn hand_over_without_segment(
        &self,
        live: VecDeque<Entry>,
        next: NextSegment,
        healed: &Durable,
        is_sealed: bool,
    ) -> Recovered {
        let next = NextSegment {
            previous: Previous {
                segment_id: self.last.segment.header.segment_id,
                end: self.last.segment.header.told_end(healed.end),
                salt: self.last.segment.header.salt_to_others(),
                is_sealed,
                is_encrypted: self.last.segment.header.key_id.is_some(),
            },
            ..next
        };
        Recovered {
            catalog: Catalog::new(live),
            writer: Writer::new(
                Arc::clone(self.dir),
                *self.config,
                None,
                next,
                healed.valid,
                healed.kept.clone(),
            ),
            doomed: VecDeque::new(),
        }
    }
}

fn hand_over(
    dir: &Arc<LogDir>,
    config: &WalConfig,
    mut live: VecDeque<Entry>,
    active: ActiveSegment,
    kept: Kept,
) -> Recovered {
    let header = *active.header();
    live.push_back(Entry {
        segment: Arc::new(Segment {
            header,
            path: active.path().clone(),
            access: Access::of_new(active.key()),
            pin: Arc::default(),
        }),
        end: active.end(),
        file_bytes: active.end(),
    });
    let next = NextSegment {
        log_id: header.log_id,
        segment_id: header.segment_id + 1,
        previous: header.previous,
        required: header.required,
    };
    let dir = Arc::clone(dir);
    Recovered {
        catalog: Catalog::new(live),
        doomed: VecDeque::new(),
        writer: Writer::new(dir, *config, Some(active), next, header.durable_lsn, kept),
    }
}

/// Removes what a crash has left of a segment that was being encrypted anew. It harms nobody, so
/// neither does it if it stays; the next one is written over it.
fn remove_copy(dir: &LogDir, others: &[(PathBuf, Name)]) {
    for (path, _) in others {
        if path.file_name().is_some_and(|name| name == TEMPORARY_COPY) {
            let removed = dir.remove(path);
            if let Err(error) = removed {
                tracing::warn!(%error, "a temporary file stays");
            }
        }
    }
}

/// Removes the segments that a truncation or an earlier recovery left behind, oldest first. Those
/// that can't be removed harm nobody: they are handed back, for a later attempt.
fn remove_dead(dir: &LogDir, found: &[Entry], catalog: &Catalog) -> Result<VecDeque<Entry>> {
    let kept = catalog.segment_ids();
    let is_dead = |entry: &&Entry| {
        kept.binary_search(&entry.segment.header.segment_id)
            .is_err()
    };
    let mut dead: VecDeque<Entry> = found.iter().filter(is_dead).cloned().collect();
    let mut result = TruncateResult::default();
    match dir.remove_below(NUMBER_LIMIT, &mut dead, &mut result) {
        Ok(()) | Err(Error::Io { .. }) => {}
        Err(error) => return Err(error),
    }
    if result.segments_deleted > 0 {
        dir.sync()?;
    }
    Ok(dead)
}
