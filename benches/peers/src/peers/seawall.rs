//! seawall itself: buffered, with direct I/O, and with direct I/O in space that was prepared.

use anyhow::Result;
use seawall::env::Env;
use seawall::{KeyRing, TenantId, VShardId, WalConfig, WalEncryptionKey, WalManager};

use crate::peer::{Log, Peer, Setup, SharedVerifier};

/// How the log is opened.
#[derive(PartialEq, Eq)]
pub enum Seawall {
    /// As it comes.
    Buffered,
    /// With direct I/O.
    Direct,
    /// With direct I/O, in one segment whose space [`WalManager::prepare`] has made, as the floor's file.
    Prepared,
}

/// As much as the floor prepares where not all records are wanted later.
const PREPARED_BYTES: u64 = 256 << 20;

impl Seawall {
    fn manager(&self, setup: &Setup) -> Result<WalManager> {
        let segment_target_size = match self {
            Seawall::Prepared => self.room(setup),
            Seawall::Buffered | Seawall::Direct => 0,
        };
        let config = WalConfig {
            use_direct_io: *self != Seawall::Buffered,
            segment_target_size,
            ..WalConfig::default()
        };
        let key = setup.key.as_ref();
        let key = key
            .map(|path| WalEncryptionKey::from_file(path))
            .transpose()?;
        let env = Env::os();
        Ok(WalManager::open_in(
            env,
            &setup.path("wal"),
            config,
            key.map(KeyRing::new),
        )?)
    }

    /// What is to be written, its padding included.
    fn room(&self, setup: &Setup) -> u64 {
        match setup.keeps_all {
            true => setup.bytes + setup.bytes / 8 + (1 << 20),
            false => PREPARED_BYTES,
        }
    }
}

impl Peer for Seawall {
    fn name(&self) -> &'static str {
        match self {
            Seawall::Buffered => "seawall",
            Seawall::Direct => "seawall-direct",
            Seawall::Prepared => "seawall-prepared",
        }
    }

    fn setting(&self) -> &'static str {
        match self {
            Seawall::Buffered => "defaults, buffered",
            Seawall::Direct => "defaults, direct I/O",
            Seawall::Prepared => "direct I/O, one segment, prepared",
        }
    }

    fn commits_together(&self) -> bool {
        true
    }

    fn encrypts(&self) -> bool {
        true
    }

    fn reopens(&self) -> bool {
        // Preparing would be measured with it.
        *self != Seawall::Prepared
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        let wal = self.manager(setup)?;
        if *self == Seawall::Prepared {
            wal.prepare(self.room(setup))?;
        }
        Ok(Box::new(SeawallLog(wal)))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let mut reader = self.manager(setup)?.reader()?;
        while let Some(record) = reader.next_borrowed()? {
            verifier.see(record.payload)?;
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
