//! An open file of the simulated disk.
//!
//! A handle belongs to one life. Used in another it stops the simulator; dropped in another
//! it does nothing, since the descriptor died with its process.

use std::io;
use std::sync::Arc;

use seawall::env::vfs::{DirectAlignment, File};

use crate::choice::Stream;
use crate::trace;

use super::Disk;
use super::counts::CallKind;
use super::dir::Ino;
use super::errno::Errno;
use super::gate::{Call, Written};
use super::io::FdId;
use super::sync::Covers;
use super::vfs::{Extent, Shared, State};

pub(super) struct SimFile {
    pub(super) shared: Arc<Shared>,
    pub(super) fd: FdId,
    pub(super) ino: Ino,
    pub(super) generation: u64,
    /// The name under which it was opened, for the trace.
    pub(super) name: Box<str>,
}

impl SimFile {
    fn call<T>(
        &self,
        kind: CallKind,
        (offset, len): (u64, u64),
        body: impl FnOnce(&mut Disk, &mut Stream, Extent) -> Result<T, Errno>,
        code: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        let call = Call {
            kind,
            ino: self.ino,
            offset,
            len,
        };
        let name = || self.name.to_string();
        let body = |state: &mut State, extent| body(&mut state.disk, &mut state.faults, extent);
        let generation = Some(self.generation);
        self.shared.perform(call, generation, name, body, code)
    }

    fn sync(&self, kind: CallKind, covers: Covers) -> io::Result<()> {
        let has_effect = self.shared.has_effect(kind);
        // Others may write between here and when the call is done.
        let called = self.shared.with_state(|state| state.disk.now());
        self.call(
            kind,
            (0, 0),
            |disk, faults, _| {
                let synced = disk.faulty_sync(self.fd, (covers, called), has_effect, faults);
                disk.strict.synced(self.ino, synced.is_ok());
                synced?;
                self.shared.gate.synced(disk, self.ino);
                Ok(())
            },
            |()| 0,
        )
    }
}

impl File for SimFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let range = (offset, buf.len() as u64);
        self.call(
            CallKind::Read,
            range,
            |disk, faults, _| {
                let count = disk.faulty_read(self.fd, offset, buf, faults)?;
                trace::mix_bytes(&buf[..count]);
                Ok(count)
            },
            |&count| count as u64,
        )
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let range = (offset, buf.len() as u64);
        self.call(
            CallKind::Write,
            range,
            |disk, faults, extent| {
                trace::mix_bytes(buf);
                let result = match extent {
                    Extent::Whole => disk.faulty_write(self.fd, offset, buf, faults),
                    Extent::Part => disk.write_within(self.fd, offset, buf, faults),
                };
                // The rest of a write that was interrupted may follow.
                if !matches!(result, Err(Errno::EINTR)) {
                    let count = result.ok().map(|count| count as u64);
                    disk.strict.wrote(self.ino, offset, buf.len() as u64, count);
                }
                let written = Written {
                    ino: self.ino,
                    name: &self.name,
                    offset,
                    bytes: buf,
                    count: result.ok(),
                };
                self.shared.gate.wrote(disk, written);
                result
            },
            |&count| count as u64,
        )
    }

    // To the kernel it is one call; but it writes, and then syncs, and in between, or after a write that
    // fell short, all can happen that happens between two calls.
    // Source: generic_write_sync in include/linux/fs.h of Linux.
    fn write_sync_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let count = self.write_at(offset, buf)?;
        self.sync(CallKind::SyncData, Covers::LastWrite)?;
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(CallKind::SyncData, Covers::Data)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(CallKind::SyncAll, Covers::DataAndNames)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(
            CallKind::SetLen,
            (len, 0),
            |disk, faults, _| disk.faulty_set_len(self.fd, len, faults),
            |()| 0,
        )
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.call(
            CallKind::Allocate,
            (offset, len),
            |disk, faults, _| disk.faulty_allocate(self.fd, offset, len, faults),
            |()| 0,
        )
    }

    fn len(&self) -> io::Result<u64> {
        self.call(
            CallKind::Len,
            (0, 0),
            |disk, _, _| Ok(disk.len(self.fd)),
            |&len| len,
        )
    }

    fn mode(&self) -> io::Result<u32> {
        // A regular file that its owner alone may read and write: there are no others here.
        // Source: inode(7).
        self.call(
            CallKind::Mode,
            (0, 0),
            |_, _, _| Ok(0o100_600),
            |&mode| mode.into(),
        )
    }

    fn direct_alignment(&self) -> Option<DirectAlignment> {
        let offset_bytes = self.call(
            CallKind::DirectAlignment,
            (0, 0),
            |disk, _, _| Ok(disk.direct_alignment()),
            |told| told.map_or(0, u64::from),
        );
        // Addresses have no alignment here: they differ from run to run.
        offset_bytes.ok()?.map(|offset_bytes| DirectAlignment {
            offset_bytes,
            memory_bytes: 1,
        })
    }

    fn try_lock(&self) -> io::Result<()> {
        self.call(
            CallKind::TryLock,
            (0, 0),
            |disk, faults, _| disk.faulty_lock(self.fd, faults),
            |()| 0,
        )
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if self.shared.is_dead() {
            return;
        }
        self.shared.with_state(|state| {
            if state.disk.generation() == self.generation {
                state.disk.close(self.fd);
            }
        });
    }
}
