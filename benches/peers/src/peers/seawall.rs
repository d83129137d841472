//! seawall itself, buffered and with direct I/O.

use anyhow::Result;
use seawall::{TenantId, VShardId, WalManager};

use crate::peer::{Log, Peer, Setup, SharedVerifier};

/// Default sizes.
pub struct Seawall {
    /// Direct I/O.
    pub is_direct: bool,
}

impl Seawall {
    fn manager(&self, setup: &Setup) -> Result<WalManager> {
        let dir = setup.path("wal");
        Ok(match &setup.key {
            Some(key) => WalManager::open_encrypted(&dir, self.is_direct, key)?,
            None => WalManager::open(&dir, self.is_direct)?,
        })
    }
}

impl Peer for Seawall {
    fn name(&self) -> &'static str {
        match self.is_direct {
            true => "seawall-direct",
            false => "seawall",
        }
    }

    fn setting(&self) -> &'static str {
        match self.is_direct {
            true => "defaults, direct I/O",
            false => "defaults, buffered",
        }
    }

    fn commits_together(&self) -> bool {
        true
    }

    fn encrypts(&self) -> bool {
        true
    }

    fn reopens(&self) -> bool {
        true
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        Ok(Box::new(SeawallLog(self.manager(setup)?)))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        for record in self.manager(setup)?.reader()? {
            verifier.see(&record?.payload)?;
        }
        Ok(())
    }
}

struct SeawallLog(WalManager);

impl Log for SeawallLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut last = None;
        for record in records {
            last = Some(
                self.0
                    .append_put(TenantId::new(1), VShardId::new(0), record)?,
            );
        }
        Ok(last.map_or(Ok(()), |last| self.0.wait_durable(last))?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.0.close()?)
    }
}
