//! nodedb-wal 0.6.2, with direct I/O, through its public interface.
//!
//! `nodedb-wal` is the default, which writes each batch to a double-write buffer first;
//! `nodedb-wal/nodwb` is the fastest setting, without that. It takes `&mut self` and has no group
//! commit: it stands behind the queue. A replay maps one segment after the other into memory, its
//! fastest way that does not need memory for all records, and does not open the log for appends.

use std::sync::Mutex;

use anyhow::Result;
use nodedb_wal::crypto::{KeyRing, WalEncryptionKey};
use nodedb_wal::double_write::DwbMode;
use nodedb_wal::mmap_reader::MmapWalReader;
use nodedb_wal::record::RecordType;
use nodedb_wal::segment::discover_segments;
use nodedb_wal::segmented::{SegmentedWal, SegmentedWalConfig};

use crate::peer::{Log, Peer, Setup, SharedVerifier};

/// One of two settings.
pub struct NodedbWal {
    /// With the double-write buffer, as by default.
    pub writes_twice: bool,
}

impl NodedbWal {
    fn wal(&self, setup: &Setup) -> Result<SegmentedWal> {
        let mut config = SegmentedWalConfig::new(setup.path("wal"));
        config.writer_config.use_direct_io = true;
        if !self.writes_twice {
            config.writer_config.dwb_mode = Some(DwbMode::Off);
        }
        let mut wal = SegmentedWal::open(config)?;
        if let Some(ring) = ring(setup)? {
            wal.configure_encryption_ring(ring)?;
        }
        Ok(wal)
    }
}

fn ring(setup: &Setup) -> Result<Option<KeyRing>> {
    let key = setup.key.as_deref();
    let key = key.map(WalEncryptionKey::from_file).transpose()?;
    Ok(key.map(KeyRing::new))
}

impl Peer for NodedbWal {
    fn name(&self) -> &'static str {
        match self.writes_twice {
            true => "nodedb-wal",
            false => "nodedb-wal/nodwb",
        }
    }

    fn setting(&self) -> &'static str {
        match self.writes_twice {
            true => "0.6.2, defaults: direct I/O, double-write buffer",
            false => "0.6.2, direct I/O, no double-write buffer",
        }
    }

    fn commits_together(&self) -> bool {
        false
    }

    fn encrypts(&self) -> bool {
        true
    }

    fn reopens(&self) -> bool {
        true
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        Ok(Box::new(NodedbLog(Mutex::new(self.wal(setup)?))))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let ring = ring(setup)?;
        for segment in discover_segments(&setup.path("wal"))? {
            let mut reader = MmapWalReader::open(&segment.path, ring.as_ref())?;
            while let Some(record) = reader.next_record()? {
                if record.logical_record_type() == RecordType::Put as u32 {
                    verifier.see(&record.payload)?;
                }
            }
            reader.release_pages();
        }
        Ok(())
    }
}

struct NodedbLog(Mutex<SegmentedWal>);

impl Log for NodedbLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut wal = self.0.lock().expect("no panic under the lock");
        for record in records {
            wal.append(RecordType::Put as u32, 1, 0, 0, record)?;
        }
        Ok(wal.sync()?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.0.lock().expect("no panic under the lock").sync()?)
    }
}
