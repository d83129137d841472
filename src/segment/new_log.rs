//! A new log that is written at one go, from its first record to its last, and then sealed: what a
//! salvage and a migration make.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::active::Draft;
use super::catalog::{LogDir, TEMPORARY};
use super::writer::{Kept, NextSegment, Writer};
use crate::config::WalConfig;
use crate::error::{Error, Result};
use crate::format::holds::Holds;
use crate::format::required::TYPES_MAX;
use crate::types::{Lsn, RecordHeader, RecordType, TenantId, VShardId};

/// A new log on its way.
pub(crate) struct NewLog {
    writer: Writer,
    // The last record that was pushed, or the one before the first.
    last: Lsn,
    required: BTreeSet<u16>,
}

impl NewLog {
    /// Starts a log whose first LSN is `first`: what is below counts as truncated.
    pub(crate) fn begin(dir: &Arc<LogDir>, config: &WalConfig, first: Lsn) -> Result<NewLog> {
        let next = NextSegment::of_new_log(dir)?;
        let last = first.before();
        let header = next.header(dir, config, first, last, first)?;
        let active = Draft::begin(dir, config, TEMPORARY, header)?.publish(last)?;
        let next = NextSegment {
            segment_id: 2,
            ..next
        };
        let kept = Kept {
            low_water: first,
            holds: Arc::default(),
        };
        let dir = Arc::clone(dir);
        Ok(NewLog {
            writer: Writer::new(dir, *config, Some(active), next, last, kept),
            last,
            required: BTreeSet::new(),
        })
    }

    /// The last record so far, or the one before the first.
    pub(crate) fn last(&self) -> Lsn {
        self.last
    }

    /// The size of the frame on its way in bytes.
    pub(crate) fn staged_bytes(&self) -> usize {
        self.writer.staged.body_bytes()
    }

    /// Adds a record, read from the file `from`, to the frame on its way. Where LSNs are missing
    /// before it, there must be none on its way.
    ///
    /// # Errors
    /// [`Error::UnknownType`] when there are more required types than a log can have.
    pub(crate) fn push(
        &mut self,
        from: &Path,
        record: &RecordHeader,
        payload: &[u8],
    ) -> Result<()> {
        if RecordType::is_required(record.record_type) {
            self.required.insert(record.record_type);
            if self.required.len() > TYPES_MAX {
                return Err(Error::UnknownType {
                    segment: from.to_owned(),
                    record_type: record.record_type,
                });
            }
        }
        self.last = Lsn::new(record.lsn);
        self.writer.staged.push(
            self.last,
            record.record_type,
            TenantId::new(record.tenant_id),
            VShardId::new(record.vshard_id),
            payload,
        );
        Ok(())
    }

    /// Writes the frame on its way.
    pub(crate) fn write(&mut self) -> Result<()> {
        self.writer.write_staged()
    }

    /// Makes the log durable, as one that was closed.
    pub(crate) fn finish(mut self, holds: &Holds) -> Result<()> {
        self.writer.write_staged()?;
        if *holds != **self.writer.holds() {
            self.writer.write_holds(Arc::new(holds.clone()))?;
        }
        self.writer.close()
    }
}
