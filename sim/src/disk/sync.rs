//! Syncs of files and directories, when they succeed and when they fail.
//!
//! A failed sync is not a sync that did nothing: it may have written a part, and it may have
//! forgotten the rest, so that the next sync succeeds without writing it.
// Source: Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020, and
// measurements on Linux 6.18 with ext4, xfs and btrfs.

use std::path::Path;

use crate::choice::Stream;

use super::counts::Fault;
use super::dir::{Atom, DirOp, Ino};
use super::errno::Errno;
use super::file::Change;
use super::io::FdId;
use super::knobs::{Lie, SyncErrorMode, SyncNames};
use super::plan::Plan;
use super::profile::SyncTakes;
use super::{Disk, Inode, Mode};

/// What a sync of a file covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Covers {
    /// What was written last, of its data, and the length.
    LastWrite,
    Data,
    /// And those of its names that the knobs say.
    DataAndNames,
}

impl Disk {
    /// Syncs a file: all that is pending of it is durable. With `names`, those of its names
    /// that [`Knobs::sync_covers_names`](super::Knobs::sync_covers_names) says.
    pub fn sync(&mut self, fd: FdId, names: bool) -> Result<(), Errno> {
        let covers = match names {
            true => Covers::DataAndNames,
            false => Covers::Data,
        };
        self.sync_until(fd, covers, self.seq)
    }

    /// When now is, in the order of changes.
    pub(super) fn now(&self) -> u64 {
        self.seq
    }

    /// The same for a sync that was called when `until` was now: where the knobs say so, it does not
    /// cover what came later.
    pub(super) fn sync_until(&mut self, fd: FdId, covers: Covers, until: u64) -> Result<(), Errno> {
        let ino = self.fd(fd).ino;
        let names = covers == Covers::DataAndNames;
        match self.mode {
            Mode::ReadWrite => {}
            Mode::FlushLost => return Ok(()),
            Mode::Aborted => return Err(Errno::EROFS),
            Mode::ShutDown => return Err(Errno::EIO),
        }
        let until = match self.knobs.sync_is_outrun {
            true => until,
            false => self.seq,
        };
        let own = self.last_in_journal(ino, names, until);
        let charged = self.file(ino).charged;
        if self.knobs.lie == Some(Lie::FileSync) && self.counts.fire(Fault::LieFileSync) {
            return Ok(());
        }
        let crosses = self.knobs.lie == Some(Lie::WriteCrossesSync);
        match self.file(ino).newest_write_to_cross().filter(|_| crosses) {
            Some(newest) if self.counts.fire(Fault::LieWriteCrossesSync) => {
                self.file_mut(ino).fold_but_from(newest);
            }
            _ if self.file(ino).has_changed_since(until) && self.counts.fire(Fault::SyncOutrun) => {
                self.file_mut(ino).fold_until(until);
            }
            // A file without a name need not be there after a power cut, so nobody has to write it;
            // should the cut give it its name back, it has what it had.
            // Source: btrfs_log_inode_parent in fs/btrfs/tree-log.c of Linux leaves out what has no
            // links; measured on Linux 6.18.
            _ if !self.file(ino).linked => {}
            _ if covers == Covers::LastWrite => self.file_mut(ino).fold_newest(),
            _ => self.file_mut(ino).fold(),
        }
        self.used -= charged - self.file(ino).charged;
        self.take_names_along(ino, names, own, until);
        self.report_failures(fd)
    }

    /// When a file's length last changed, or its name, up to a moment, and as far as a journal has
    /// not got it yet.
    // Source: a `fdatasync` of ext4 looks for changes of what is needed to find the data, which
    // creating a file is and renaming it is not: measured, a rename followed by an overwrite in
    // place does not survive it.
    fn last_in_journal(&self, ino: Ino, names: bool, until: u64) -> Option<u64> {
        let takes = self.knobs.rules().sync_takes;
        if matches!(
            takes,
            SyncTakes::Knobs | SyncTakes::OwnNames | SyncTakes::NewName
        ) {
            return None;
        }
        let with_renames = names || takes == SyncTakes::LogUpToOwn;
        let atoms = self.atoms.list().iter().filter(|atom| {
            let is_link = matches!(atom.op, DirOp::Link { .. });
            atom.op.ino() == ino && (is_link || with_renames)
        });
        let is_logged = |change: &&Change| match takes {
            SyncTakes::JournalWithData => true,
            _ => change.len_after.is_some(),
        };
        let changes = self.file(ino).log.iter().filter(is_logged);
        let seqs = atoms
            .map(|atom| atom.seq)
            .chain(changes.map(|change| change.seq));
        seqs.filter(|&seq| self.forced < seq && seq <= until).max()
    }

    /// What a successful sync of a file makes durable of names, and of other files, up to a moment.
    fn take_names_along(&mut self, ino: Ino, names: bool, own: Option<u64>, until: u64) {
        let only_links = match self.knobs.rules().sync_takes {
            SyncTakes::Knobs => match self.knobs.sync_covers_names {
                SyncNames::NewFile if names => true,
                SyncNames::AllNames if names => false,
                _ => return,
            },
            SyncTakes::OwnNames => false,
            SyncTakes::NewName => true,
            SyncTakes::Journal | SyncTakes::JournalWithData => {
                if own.is_some() {
                    self.force(until);
                }
                return;
            }
            SyncTakes::LogUpToOwn => {
                if let Some(own) = own {
                    self.force(own);
                }
                return;
            }
        };
        let chosen = self.atoms.chain_of(ino, only_links);
        self.make_durable(&chosen);
    }

    /// Forces out all that a journal has up to a moment.
    fn force(&mut self, until: u64) {
        self.forced = self.forced.max(until);
        if self.knobs.rules().sync_takes == SyncTakes::JournalWithData {
            for index in 0..self.inodes.len() {
                if let Inode::File(file) = &mut self.inodes[index] {
                    let charged = file.charged;
                    match file.has_changed_since(until) {
                        true => file.fold_until(until),
                        false => file.fold(),
                    }
                    self.used -= charged - file.charged;
                }
            }
        }
        let atoms = self.atoms.list().iter();
        let chosen: Vec<bool> = atoms.map(|atom| atom.seq <= until).collect();
        self.make_durable(&chosen);
    }

    /// Tells a descriptor once of the failures since it last heard.
    // Source: Documentation/core-api/errseq.rst of Linux.
    fn report_failures(&mut self, fd: FdId) -> Result<(), Errno> {
        let failures = self.file(self.fd(fd).ino).sync_failures;
        let open = self.fd_mut(fd);
        if open.failures_seen == failures {
            return Ok(());
        }
        open.failures_seen = failures;
        let ino = open.ino;
        self.file_mut(ino).failures_heard = failures;
        match self.counts.fire(Fault::SyncReportedLater) {
            true => Err(Errno::EIO),
            false => Ok(()),
        }
    }

    /// Nobody hears any more of the failures up to now.
    pub fn hush_failures(&mut self) {
        for inode in &mut self.inodes {
            if let Inode::File(file) = inode {
                file.failures_heard = file.sync_failures;
            }
        }
    }

    /// Syncs a directory: the changes of its names are durable, except renames that also
    /// wait for another directory.
    pub fn sync_dir(&mut self, path: &Path) -> Result<(), Errno> {
        self.sync_dir_until(path, self.seq)
    }

    /// The same for a sync that was called when `until` was now.
    pub(super) fn sync_dir_until(&mut self, path: &Path, until: u64) -> Result<(), Errno> {
        let dir = self.resolve(path)?;
        self.dir(dir)?;
        match self.mode {
            Mode::ReadWrite => {}
            Mode::FlushLost => return Ok(()),
            Mode::Aborted => return Err(Errno::EROFS),
            Mode::ShutDown => return Err(Errno::EIO),
        }
        if self.knobs.lie == Some(Lie::DirSync) && self.counts.fire(Fault::LieDirSync) {
            return Ok(());
        }
        if self.atoms.list().is_empty() {
            return Ok(());
        }
        let is_about = |atom: &&Atom| atom.op.keys().any(|key| key.dir == dir);
        let is_late = |atom: &Atom| atom.seq > until && is_about(&atom);
        let is_outrun = self.knobs.sync_is_outrun
            && self.atoms.list().iter().any(is_late)
            && self.counts.fire(Fault::SyncOutrun);
        let until = match is_outrun {
            true => until,
            false => self.seq,
        };
        let is_about = |atom: &&Atom| atom.seq <= until && is_about(atom);
        let own = self
            .atoms
            .list()
            .iter()
            .rfind(is_about)
            .map(|atom| atom.seq);
        let needs_both = match self.knobs.rules().sync_takes {
            SyncTakes::Knobs => self.knobs.xdir_rename_needs_both,
            SyncTakes::OwnNames | SyncTakes::NewName => false,
            SyncTakes::Journal | SyncTakes::JournalWithData | SyncTakes::LogUpToOwn => {
                if let Some(own) = own {
                    self.force(match self.knobs.rules().sync_takes {
                        SyncTakes::LogUpToOwn => own,
                        _ => until,
                    });
                }
                return Ok(());
            }
        };
        let chosen = self.atoms.sync(dir, needs_both, until);
        self.make_durable(&chosen);
        Ok(())
    }

    /// Makes a closed set of pending changes of names durable.
    pub(super) fn make_durable(&mut self, chosen: &[bool]) {
        let mut chosen = chosen.to_vec();
        if self.atoms.any_loose() {
            self.atoms.close_without_loose(&mut chosen, || false);
        }
        let taken = self.atoms.take(&chosen);
        for atom in &taken {
            self.apply_durably(atom);
        }
        for atom in &taken {
            match atom.op {
                DirOp::Unlink { ino, .. } => self.forget_if_gone(ino),
                DirOp::Rename {
                    replaced: Some(ino),
                    ..
                } => self.forget_if_gone(ino),
                DirOp::Link { .. } | DirOp::Rename { replaced: None, .. } => {}
            }
        }
    }

    pub(super) fn apply_durably(&mut self, atom: &Atom) {
        match &atom.op {
            DirOp::Link { at, ino } => {
                // What a forgotten file had replaced may still be there.
                self.dir_mut(at.dir).dur.insert(at.name.clone(), *ino);
            }
            DirOp::Unlink { at, ino } => {
                let before = self.dir_mut(at.dir).dur.remove(&at.name);
                assert_eq!(before, Some(*ino), "a name is removed while it is there");
            }
            DirOp::Rename {
                from,
                to,
                ino,
                replaced,
            } => {
                let before = self.dir_mut(from.dir).dur.remove(&from.name);
                assert_eq!(before, Some(*ino), "a name is renamed while it is there");
                self.dir_mut(to.dir).dur.insert(to.name.clone(), *ino);
                // Source: `auto_da_alloc` in Documentation/admin-guide/ext4.rst of Linux.
                if let (Some(_), Inode::File(file)) = (replaced, &mut self.inodes[ino.0 as usize]) {
                    file.allocated = atom.seq;
                }
            }
        }
    }

    /// A sync of a file fails in the way that the knobs say.
    pub(super) fn fail_sync(&mut self, fd: FdId, stream: &mut Stream) -> Errno {
        let ino = self.fd(fd).ino;
        assert_eq!(self.mode, Mode::ReadWrite);
        match self.knobs.sync_error_mode {
            SyncErrorMode::CleanKeepCache => self.fail_clean(fd, ino, false, stream),
            SyncErrorMode::CleanRevertCache => self.fail_clean(fd, ino, true, stream),
            SyncErrorMode::KeepDirty => Errno::EIO,
            SyncErrorMode::FlushErrNoReportSecond => {
                self.mode = Mode::FlushLost;
                Errno::EIO
            }
            SyncErrorMode::AbortRo => {
                self.mode = Mode::Aborted;
                Errno::EIO
            }
            // Source: a failed flush on xfs, measured on Linux 6.18: even `open` and `stat` fail.
            SyncErrorMode::ShutDown => {
                self.mode = Mode::ShutDown;
                Errno::EIO
            }
        }
    }

    fn fail_clean(&mut self, fd: FdId, ino: Ino, revert_cache: bool, stream: &mut Stream) -> Errno {
        let failures = self.lose_pending(ino, revert_cache, stream);
        self.fd_mut(fd).failures_seen = failures;
        self.file_mut(ino).failures_heard = failures;
        // Source: thin provisioning and quotas report at write-back, through the sync.
        *stream.pick(&[Errno::EIO, Errno::EIO, Errno::ENOSPC, Errno::EDQUOT])
    }

    /// The pending changes of some file are written back, and a part of them is lost.
    pub(super) fn fail_writeback(&mut self, stream: &mut Stream) {
        let pending = self.files().filter(|(_, file)| file.is_pending());
        let pending: Vec<Ino> = pending.map(|(ino, _)| ino).collect();
        let may_lose = self.mode == Mode::ReadWrite && !pending.is_empty();
        if may_lose && self.counts.fire(Fault::WritebackError) {
            self.lose_pending(*stream.pick(&pending), false, stream);
        }
    }

    /// Write-back of a file fails: returns how often that has happened now.
    fn lose_pending(&mut self, ino: Ino, revert_cache: bool, stream: &mut Stream) -> u32 {
        // What was written is any part of what was pending, in whole units.
        let plan = Plan::independent(stream);
        let durable = plan.sample_whole_units(ino, self.file(ino), &self.knobs, stream);
        self.forgot_pending(ino);
        let file = self.file_mut(ino);
        file.fail_clean(durable, revert_cache);
        file.sync_failures += 1;
        file.sync_failures
    }
}
