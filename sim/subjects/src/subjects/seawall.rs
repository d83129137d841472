//! seawall itself, as it ships: on the real world's files, locks and clock.

use std::path::Path;

use seawall::env::Env;
use seawall::{Lsn, TenantId, VShardId, WalConfig, WalManager};

use crate::subject::{Log, Open, Outcome, Promises, Subject};

pub(super) const SUBJECT: Subject = Subject {
    name: "seawall",
    version: concat!("seawall ", env!("CARGO_PKG_VERSION")),
    open: Open::Log(open),
    // Source: README.md, "The promise".
    promises: Promises {
        durable: Some("what sync acknowledged is there after any crash"),
        opens: Some("what a crash leaves is recovered, and is no error"),
        intact: Some("byte for byte; what is damaged is never a wrong payload"),
        prefix: Some("in order, and never with a gap before a record"),
        atomic: None,
        stable: Some("what one recovery showed, every later one shows"),
        faults: Some(
            "an append that returned an error is never there; a failed sync ends all writing",
        ),
    },
    longest: usize::MAX,
    source: "src",
};

fn open(path: &Path) -> Outcome<Box<dyn Log>> {
    let config = WalConfig {
        segment_target_size: 16 << 10,
        ..WalConfig::default()
    };
    let wal = WalManager::open_in(Env::os(), path, config, None)?;
    Ok(Box::new(wal))
}

impl Log for WalManager {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        Ok(self
            .append_put(TenantId::new(1), VShardId::new(0), entry)
            .map(drop)?)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(self.sync()?)
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        Ok(self.replay()?.into_iter().map(|it| it.payload).collect())
    }

    fn trim(&self, count: usize) -> Outcome<()> {
        if let Some(last) = self.replay()?.iter().take(count).next_back() {
            self.truncate_before(Lsn::new(last.header.lsn + 1))?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(WalManager::close(&self)?)
    }
}
