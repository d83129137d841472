//! seawall itself, as it ships: on the real world's files, locks and clock.

use std::path::Path;

use seawall::{Lsn, TenantId, VShardId, WalManager};

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
            "after a failed write or sync nothing succeeds any more; what was acknowledged stays",
        ),
    },
    longest: usize::MAX,
    source: "src",
};

fn open(path: &Path) -> Outcome<Box<dyn Log>> {
    let log = WalManager::open_with_segment_size(path, false, 16 << 10)?;
    Ok(Box::new(log))
}

impl Log for WalManager {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        self.append_put(TenantId::new(1), VShardId::new(0), entry)?;
        Ok(())
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
