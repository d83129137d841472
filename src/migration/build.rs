//! The new log from the old one's records, and the proof that it has them.

use std::path::PathBuf;
use std::sync::Arc;

use super::source::{Source, SourceReader, Tally};
use crate::config::WalConfig;
use crate::crypto::KeyRing;
use crate::error::{Error, Result};
use crate::format::FILLER;
use crate::format::frame::ENTRY_HEADER_BYTES;
use crate::format::holds::Holds;
use crate::replay::WalReader;
use crate::segment::catalog::LogDir;
use crate::segment::chain::survey;
use crate::segment::evidence::Evidence;
use crate::segment::new_log::NewLog;
use crate::types::{Lsn, Progress, RecordHeader};

/// A legacy log, and what it takes to read it.
pub(super) struct Legacy<'a> {
    pub(super) dir: &'a LogDir,
    pub(super) source: &'a Source,
    pub(super) keys: Option<&'a KeyRing>,
}

/// How far it is, over all passes.
pub(super) struct Passes<'a> {
    watch: &'a mut dyn FnMut(Progress),
    done_bytes: u64,
    total_bytes: u64,
}

impl<'a> Passes<'a> {
    pub(super) fn new(
        from: &Legacy<'_>,
        count: u64,
        watch: &'a mut dyn FnMut(Progress),
    ) -> Result<Passes<'a>> {
        let mut bytes = 0;
        for file in &from.source.files {
            let open = from.dir.open_to_read(&file.path)?;
            bytes += open.len().map_err(Error::io("measure", &file.path))?;
        }
        Ok(Passes {
            watch,
            done_bytes: 0,
            total_bytes: count * bytes,
        })
    }

    /// How many records are read between two reports.
    const EVERY: u64 = 1024;

    fn tell(&mut self, tally: &Tally) {
        if tally.records.is_multiple_of(Self::EVERY) {
            (self.watch)(Progress {
                done_bytes: (self.done_bytes + tally.done_bytes).min(self.total_bytes),
                total_bytes: self.total_bytes,
            });
        }
    }

    fn end(&mut self, tally: &Tally) {
        self.done_bytes = (self.done_bytes + tally.done_bytes).min(self.total_bytes);
        (self.watch)(Progress {
            done_bytes: self.done_bytes,
            total_bytes: self.total_bytes,
        });
    }
}

impl Legacy<'_> {
    fn reader(&self) -> SourceReader<'_> {
        SourceReader::new(self.dir, self.source, self.keys)
    }

    /// Reads all of it, and writes nothing: what stands in the way of a migration shows here.
    pub(super) fn check(&self, passes: &mut Passes<'_>) -> Result<Tally> {
        let mut reader = self.reader();
        while reader.next()?.is_some() {
            passes.tell(&reader.tally);
        }
        passes.end(&reader.tally);
        Ok(reader.tally)
    }

    /// Writes the new log, sealed and durable.
    pub(super) fn copy_to(
        &self,
        dir: &Arc<LogDir>,
        config: &WalConfig,
        passes: &mut Passes<'_>,
    ) -> Result<()> {
        let room = config.tuning.write_buffer_size;
        let mut reader = self.reader();
        let mut log = NewLog::begin(dir, config, self.source.first_lsn())?;
        while let Some(record) = reader.next()? {
            let bytes = log.staged_bytes() + ENTRY_HEADER_BYTES + reader.payload().len();
            if bytes > room || record.lsn > log.last().as_u64() + 1 {
                log.write()?;
            }
            log.push(reader.path(), &record, reader.payload())?;
            passes.tell(&reader.tally);
        }
        let given = reader.tally.given;
        // LSNs without a record at the end would be given again, if nothing stood for them.
        if given > log.last().as_u64() {
            let filler = RecordHeader {
                record_type: FILLER,
                lsn: given,
                tenant_id: 0,
                vshard_id: 0,
            };
            log.write()?;
            log.push(&dir.path, &filler, &[])?;
        }
        log.finish(&Holds::default())?;
        passes.end(&reader.tally);
        Ok(())
    }

    /// Reads the new log back, and holds it against the old one, record by record.
    pub(super) fn prove(&self, dir: &Arc<LogDir>, passes: &mut Passes<'_>) -> Result<Proven> {
        let mut reader = self.reader();
        let segments = survey(dir)?.sound;
        let mut copied = WalReader::of_unopened(Arc::clone(dir), &segments, None)?;
        while let Some(record) = reader.next()? {
            let copy = copied.next().transpose()?;
            let is_same =
                copy.is_some_and(|copy| copy.header == record && copy.payload == reader.payload());
            if !is_same {
                return Err(differs(reader.path().to_owned(), record.lsn));
            }
            passes.tell(&reader.tally);
        }
        let tally = reader.tally;
        let extra = copied.next().transpose()?;
        if extra.is_some() || copied.until() != Lsn::new(tally.given) {
            return Err(differs(reader.path().to_owned(), tally.given));
        }
        passes.end(&tally);
        let lengths = reader.lengths;
        Ok(Proven { tally, lengths })
    }

    /// Makes the legacy files durable as they were read, so that they will still be the same after
    /// a crash, and tells their lengths.
    pub(super) fn evidence(&self, proven: &Proven) -> Result<Evidence> {
        let mut evidence = Evidence::default();
        for (file, &len) in self.source.files.iter().zip(&proven.lengths) {
            let path = &file.path;
            let open = self.dir.open_to_read(path)?;
            open.sync_all().map_err(Error::final_io("sync", path))?;
            evidence.add(path, len);
            evidence.check(self.dir, path)?;
        }
        Ok(evidence)
    }
}

/// What was read twice, with the same outcome.
pub(super) struct Proven {
    pub(super) tally: Tally,
    /// The lengths of the legacy files in bytes.
    lengths: Vec<u64>,
}

fn differs(segment: PathBuf, lsn: u64) -> Error {
    Error::Corrupt {
        segment,
        offset: 0,
        lsn: Lsn::new(lsn),
        why: "the new log does not say the same",
    }
}
