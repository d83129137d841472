//! From a directory to the proven end of the log, and a fresh segment behind it.
//!
//! Recovery decides what the log's records are, once: afterwards they are durable, and what was
//! cut can't come back. It writes to no existing segment (but for one case: see
//! [`Recovery::heal_in_place`]), so a crash in the middle leaves what it found. The rules that
//! tell a torn tail from corruption are in the format's description.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use crate::config::WalConfig;
use crate::env::vfs::OpenHow;
use crate::error::{Error, Result};
use crate::format::frame::{FrameBuffer, FrameHeader, FrameKind, NotAFrame, Place};
use crate::format::header::{LogId, Previous};
use crate::segment::active::{ActiveSegment, Draft};
use crate::segment::catalog::{Catalog, Entry, LogDir, Name, Segment};
use crate::segment::reader::{FrameReader, Stop, read_header};
use crate::segment::transfer::{read_full, uninterrupted, write_all};
use crate::segment::writer::{NextSegment, Writer};
use crate::types::Lsn;

/// What recovery hands over: everything up to the writer's durable LSN is in the catalog.
pub(crate) struct Recovered {
    pub(crate) catalog: Catalog,
    pub(crate) writer: Writer,
}

/// Recovers the log in a locked directory, or creates it where there is none.
pub(crate) fn recover(dir: &Arc<LogDir>, config: &WalConfig) -> Result<Recovered> {
    let found = find_segments(dir)?;
    let Some(last) = found.last() else {
        return create(dir, config);
    };
    let tail = Tail::scan(dir, last)?;
    let live = live_chain(&found, tail.low_water)?;
    let recovery = Recovery {
        dir,
        config,
        last: last.clone(),
        tail,
    };
    let (recovered, kept) = recovery.finish(live)?;
    remove_dead(dir, &found, &kept)?;
    Ok(recovered)
}

/// Creates a log: its first segment, and the names that lead to it, durable.
fn create(dir: &Arc<LogDir>, config: &WalConfig) -> Result<Recovered> {
    sync_ancestors(dir)?;
    let mut log_id = LogId::default();
    let filled = dir.env.entropy.fill(&mut log_id);
    filled.map_err(Error::final_io("get randomness for", &dir.path))?;
    let next = NextSegment {
        log_id,
        segment_id: 1,
        previous: Previous::default(),
    };
    let first = Lsn::ZERO.next();
    let header = next.header(dir, config, first, Lsn::ZERO, first)?;
    let active = Draft::begin(dir, &header, config.use_direct_io)?.publish()?;
    Ok(hand_over(dir, config, VecDeque::new(), active, first))
}

/// Makes all names that lead to the directory durable. An earlier life may have created any of
/// them and died before it synced them, so all are synced, up to the root.
fn sync_ancestors(dir: &LogDir) -> Result<()> {
    for ancestor in dir.path.ancestors().skip(1) {
        let ancestor = match ancestor.as_os_str().is_empty() {
            true => Path::new("."),
            false => ancestor,
        };
        match dir.env.vfs.sync_dir(ancestor) {
            // Where we may not even look, we can't have created anything.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
            synced => synced.map_err(Error::final_io("sync directory", ancestor))?,
        }
    }
    Ok(())
}

/// The segment files of the directory in the order of their numbers, each with a header that
/// holds, fits its name and belongs to the same log.
fn find_segments(dir: &LogDir) -> Result<Vec<Entry>> {
    let names = uninterrupted(|| dir.env.vfs.read_dir(&dir.path));
    let mut names = names.map_err(Error::io("list", &dir.path))?;
    names.sort();
    let mut found: Vec<Entry> = Vec::new();
    for name in names {
        let path = dir.path.join(&name);
        match Name::of(&name) {
            Name::Segment { id, first_lsn } => found.push(open_segment(dir, &path, id, first_lsn)?),
            Name::LegacySegment => return Err(Error::Legacy { path }),
            Name::Temporary | Name::Other => {}
        }
    }
    found.sort_by_key(|entry| entry.segment.header.segment_id);
    if let Some(first) = found.first() {
        let log_id = first.segment.header.log_id;
        let stranger = found
            .iter()
            .find(|entry| entry.segment.header.log_id != log_id);
        if let Some(stranger) = stranger {
            return Err(Error::Foreign {
                path: stranger.segment.path.clone(),
                why: "it belongs to another log",
            });
        }
    }
    Ok(found)
}

fn open_segment(dir: &LogDir, path: &Path, id: u64, first_lsn: Lsn) -> Result<Entry> {
    let file = dir.open_to_read(path)?;
    let header = read_header(&*file, path, first_lsn)?;
    if header.segment_id != id || header.first_lsn != first_lsn {
        return Err(Error::Foreign {
            path: path.to_owned(),
            why: "its header and its name differ",
        });
    }
    let file_bytes = file.len().map_err(Error::io("measure", path))?;
    Ok(Entry {
        segment: Arc::new(Segment {
            header,
            path: path.to_owned(),
        }),
        end: u64::from(header.block_bytes),
        file_bytes,
    })
}

/// The end of the last segment, told apart into proven, valid and torn.
struct Tail {
    /// The last LSN that something says was durable.
    proven: Lsn,
    /// The offset behind the last frame of proven records.
    proven_end: u64,
    /// The last LSN in a valid frame.
    valid: Lsn,
    /// The offset behind that frame.
    end: u64,
    /// The highest low-water mark in a valid frame.
    low_water: Lsn,
}

impl Tail {
    fn scan(dir: &LogDir, last: &Entry) -> Result<Tail> {
        let header = &last.segment.header;
        let mut reader = FrameReader::open(dir, &last.segment.path, header)?;
        let mut tail = Tail {
            proven: header.durable_lsn,
            proven_end: reader.offset(),
            valid: header.first_lsn.before(),
            end: reader.offset(),
            low_water: header.low_water_lsn,
        };
        // Ends of the frames that nothing has proven so far.
        let mut unproven: VecDeque<(Lsn, u64)> = VecDeque::new();
        let stop = loop {
            let frame = match reader.next()? {
                Ok(frame) if frame.first_lsn == tail.valid.next() => frame,
                Ok(_) => break Some(tail.out_of_order()),
                Err(stop) => break Some(stop),
            };
            tail.proven = tail.proven.max(frame.durable_lsn);
            tail.low_water = tail.low_water.max(frame.low_water_lsn);
            if frame.kind == FrameKind::Footer {
                break None;
            }
            tail.valid = frame.last_lsn();
            tail.end = reader.offset();
            // A frame without records has no LSN of its own that could be proven: it counts as
            // proven only with a later one that has.
            if frame.record_count > 0 {
                unproven.push_back((tail.valid, tail.end));
                tail.settle(&mut unproven);
            }
        };
        if let Some(stop) = stop {
            tail.look_beyond(&mut reader, u64::from(header.block_bytes), stop.offset)?;
            if tail.proven > tail.valid {
                return Err(Error::Corrupt {
                    segment: last.segment.path.clone(),
                    offset: stop.offset,
                    lsn: tail.valid.next(),
                    why: stop.why.why(),
                });
            }
        }
        tail.settle(&mut unproven);
        Ok(tail)
    }

    /// A frame whose LSNs do not follow ends the valid ones like any other damage.
    fn out_of_order(&self) -> Stop {
        Stop {
            offset: self.end,
            why: NotAFrame::Contents,
        }
    }

    /// Moves `proven_end` over the frames that are proven by now.
    fn settle(&mut self, unproven: &mut VecDeque<(Lsn, u64)>) {
        while let Some(&(last_lsn, end)) = unproven.front() {
            if last_lsn > self.proven {
                break;
            }
            self.proven_end = end;
            unproven.pop_front();
        }
    }

    /// Looks for promises behind the place where the valid frames end. Where frames start is
    /// known, so each block is looked at once.
    fn look_beyond(&mut self, reader: &mut FrameReader, block: u64, stop: u64) -> Result<()> {
        let mut offset = stop + block;
        while offset < reader.file_bytes() {
            if let Ok(frame) = reader.header_at(offset)? {
                self.proven = self.proven.max(frame.durable_lsn);
            }
            offset += block;
        }
        Ok(())
    }
}

/// The segments before the last one that belong to the log, oldest first.
fn live_chain(found: &[Entry], low_water: Lsn) -> Result<VecDeque<Entry>> {
    let mut live = VecDeque::new();
    let mut current = found.last().expect("there is a last segment");
    while current.segment.header.first_lsn > low_water {
        let header = &current.segment.header;
        let corrupt = |entry: &Entry, offset, why| Error::Corrupt {
            segment: entry.segment.path.clone(),
            offset,
            lsn: header.first_lsn.before(),
            why,
        };
        let previous = header.previous;
        let before = found
            .binary_search_by_key(&previous.segment_id, |entry| {
                entry.segment.header.segment_id
            })
            .map_err(|_| corrupt(current, 0, "the segment before this one is missing"))?;
        let before = &found[before];
        let before_header = &before.segment.header;
        if before_header.first_lsn > header.first_lsn
            || previous.end < u64::from(before_header.block_bytes)
        {
            return Err(corrupt(before, 0, "it does not lead to the next segment"));
        }
        if previous.end > before.file_bytes {
            return Err(corrupt(before, before.file_bytes, NotAFrame::Short.why()));
        }
        live.push_front(Entry {
            end: previous.end,
            ..before.clone()
        });
        current = before;
    }
    Ok(live)
}

/// The second half of recovery: what was decided becomes durable.
struct Recovery<'a> {
    dir: &'a Arc<LogDir>,
    config: &'a WalConfig,
    last: Entry,
    tail: Tail,
}

impl Recovery<'_> {
    /// Makes the tail durable and the log ready to be written. Also tells the ids of the old
    /// segments that are kept.
    fn finish(&self, mut live: VecDeque<Entry>) -> Result<(Recovered, Vec<u64>)> {
        let header = &self.last.segment.header;
        let has_proven = self.tail.proven >= header.first_lsn;
        let next = NextSegment {
            log_id: header.log_id,
            segment_id: header.segment_id + 1,
            previous: match has_proven {
                true => Previous {
                    segment_id: header.segment_id,
                    end: self.tail.proven_end,
                },
                false => header.previous,
            },
        };
        let started = self.start_segment(&next);
        let full = matches!(started, Err(Error::Full { .. }));
        if has_proven || full {
            live.push_back(Entry {
                end: match full {
                    true => self.tail.end,
                    false => self.tail.proven_end,
                },
                ..self.last.clone()
            });
        }
        let kept = live
            .iter()
            .map(|entry| entry.segment.header.segment_id)
            .collect();
        let recovered = match started {
            Ok(active) => hand_over(self.dir, self.config, live, active, self.tail.low_water),
            Err(Error::Full { .. }) => {
                self.heal_in_place()?;
                self.hand_over_without_segment(live, next)
            }
            Err(error) => return Err(error),
        };
        Ok((recovered, kept))
    }

    /// Starts the next segment with the records that are valid but not proven.
    fn start_segment(&self, next: &NextSegment) -> Result<ActiveSegment> {
        let tail = &self.tail;
        let header = next.header(
            self.dir,
            self.config,
            tail.proven.next(),
            tail.valid,
            tail.low_water,
        )?;
        let mut draft = Draft::begin(self.dir, &header, self.config.use_direct_io)?;
        if tail.proven < tail.valid {
            let mut buffer = FrameBuffer::with_capacity(0);
            self.each_unproven(|frame, body| {
                buffer.copy_from(frame, body);
                draft.append(buffer.encode(&Place {
                    segment: &header,
                    offset: draft.end(),
                    durable_lsn: tail.proven,
                    low_water_lsn: tail.low_water.min(tail.proven.next()),
                }))
            })?;
        }
        draft.publish()
    }

    fn each_unproven(&self, mut each: impl FnMut(&FrameHeader, &[u8]) -> Result<()>) -> Result<()> {
        let segment = &self.last.segment;
        let mut reader = FrameReader::open(self.dir, &segment.path, &segment.header)?;
        reader.skip_to(self.tail.proven_end);
        while reader.offset() < self.tail.end {
            let frame = reader.next()?.map_err(|stop| Error::Corrupt {
                segment: segment.path.clone(),
                offset: stop.offset,
                lsn: self.tail.valid,
                why: "a frame changed while it was recovered",
            })?;
            if frame.record_count > 0 {
                each(&frame, reader.body(&frame))?;
            }
        }
        Ok(())
    }

    /// Makes the unproven records durable where they are, on a disk too full for a new segment.
    ///
    /// The bytes may be in the page cache only, and after a failed sync in an earlier life they
    /// may be marked clean there: so they are written again, unchanged, and then synced.
    // Source: the kernel's vfs.rst, "Handling errors during writeback"; Rebello et al., "Can
    // Applications Recover from fsync Failures?", ATC'20.
    fn heal_in_place(&self) -> Result<()> {
        let path = &self.last.segment.path;
        let how = OpenHow::Write { direct: false };
        let file = uninterrupted(|| self.dir.env.vfs.open(path, how));
        let file = file.map_err(Error::io("open", path))?;
        let mut piece = vec![0; 64 << 10];
        let mut offset = self.tail.proven_end;
        while offset < self.tail.end {
            let left = (self.tail.end - offset).min(piece.len() as u64) as usize;
            piece.fill(0);
            let count = read_full(&*file, offset, &mut piece[..left]);
            let count = count.map_err(Error::io("read", path))?;
            // The file may end within the last frame's padding: then that is written, too, so
            // that the next segment can say that this one ends behind it.
            let count = match count {
                0 => left,
                _ => count,
            };
            write_all(&*file, offset, &piece[..count]).map_err(Error::io("write", path))?;
            offset += count as u64;
        }
        file.sync_data().map_err(Error::final_io("sync", path))?;
        self.dir.sync()
    }

    fn hand_over_without_segment(&self, live: VecDeque<Entry>, next: NextSegment) -> Recovered {
        let next = NextSegment {
            previous: Previous {
                segment_id: self.last.segment.header.segment_id,
                end: self.tail.end,
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
                self.tail.valid,
                self.tail.low_water,
            ),
        }
    }
}

fn hand_over(
    dir: &Arc<LogDir>,
    config: &WalConfig,
    mut live: VecDeque<Entry>,
    active: ActiveSegment,
    low_water: Lsn,
) -> Recovered {
    let header = *active.header();
    live.push_back(Entry {
        segment: Arc::new(Segment {
            header,
            path: active.path().clone(),
        }),
        end: active.end(),
        file_bytes: active.end(),
    });
    let next = NextSegment {
        log_id: header.log_id,
        segment_id: header.segment_id + 1,
        previous: header.previous,
    };
    let dir = Arc::clone(dir);
    Recovered {
        catalog: Catalog::new(live),
        writer: Writer::new(
            dir,
            *config,
            Some(active),
            next,
            header.durable_lsn,
            low_water,
        ),
    }
}

/// Removes the segments that a truncation or an earlier recovery left behind, oldest first.
fn remove_dead(dir: &LogDir, found: &[Entry], kept: &[u64]) -> Result<()> {
    let dead = found
        .iter()
        .filter(|entry| !kept.contains(&entry.segment.header.segment_id));
    let mut any = false;
    for entry in dead {
        dir.remove(&entry.segment.path)?;
        any = true;
    }
    match any {
        true => dir.sync(),
        false => Ok(()),
    }
}
