//! What no disk does: to make durable what nobody has synced. For those who ask what would have
//! been if somebody had.

use super::dir::Ino;
use super::{Disk, Inode, Mode};

/// What is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// All that is pending of all files and directories.
    Everything,
    /// All that is pending of all files.
    Files,
    /// All that is pending of all directories.
    Directories,
    /// What was written to a file.
    File(Ino),
    /// The names in a directory.
    Names(Ino),
}

impl Durable {
    fn has_file(self, ino: Ino) -> bool {
        match self {
            Durable::Everything | Durable::Files => true,
            Durable::File(one) => one == ino,
            Durable::Directories | Durable::Names(_) => false,
        }
    }

    fn has_names(self, ino: Ino) -> bool {
        match self {
            Durable::Everything | Durable::Directories => true,
            Durable::Names(one) => one == ino,
            Durable::Files | Durable::File(_) => false,
        }
    }
}

impl Disk {
    /// Makes something durable, as a sync would that is called now. Returns which files.
    pub fn make_durable_now(&mut self, what: Durable) -> Vec<Ino> {
        let mut synced = Vec::new();
        if self.mode != Mode::ReadWrite {
            return synced;
        }
        self.strict.begin_now();
        for index in 0..self.inodes.len() {
            let ino = Ino(index as u32);
            match &mut self.inodes[index] {
                Inode::File(file) if what.has_file(ino) => {
                    let charged = file.charged;
                    file.fold();
                    self.used -= charged - file.charged;
                    self.strict.synced(ino, true);
                    synced.push(ino);
                }
                Inode::Dir(_) if what.has_names(ino) => {
                    let chosen = self.atoms.sync(ino, false, self.seq);
                    self.make_durable(&chosen);
                    self.strict.dir_synced(ino, true);
                }
                _ => {}
            }
        }
        synced
    }
}
