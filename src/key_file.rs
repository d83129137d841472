//! Reading a master key from its file.

use std::io::ErrorKind;
use std::path::Path;

use zeroize::Zeroizing;

use crate::crypto::{KEY_BYTES, WalEncryptionKey};
use crate::env::Env;
use crate::env::vfs::OpenHow;
use crate::error::{Error, Result};
use crate::segment::transfer::{read_full, uninterrupted};

// Source: inode(7): the type of a file, and who else than its owner may do something with it.
const TYPE_BITS: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const OTHERS_BITS: u32 = 0o077;

impl WalEncryptionKey {
    /// Reads a key from a file of exactly 32 raw bytes that nobody but its owner has access to.
    ///
    /// # Errors
    /// [`Error::KeyFile`] when it has another length, is a symbolic link or no regular file, or when
    /// its group or others may read, write or execute it; [`Error::Io`].
    pub fn from_file(path: &Path) -> Result<WalEncryptionKey> {
        WalEncryptionKey::from_file_in(&Env::os(), path)
    }

    /// As [`WalEncryptionKey::from_file`], in any world.
    ///
    /// # Errors
    /// As [`WalEncryptionKey::from_file`].
    pub fn from_file_in(env: &Env, path: &Path) -> Result<WalEncryptionKey> {
        let refuse = |why| {
            Err(Error::KeyFile {
                path: path.to_owned(),
                why,
            })
        };
        let opened = uninterrupted(|| env.vfs.open(path, OpenHow::ReadNoFollow));
        let file = match opened {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return refuse("it is a symbolic link");
            }
            opened => opened.map_err(Error::io("open", path))?,
        };
        // Of the file that was opened, whatever has its name by now.
        let mode = file.mode().map_err(Error::io("look at", path))?;
        if mode & TYPE_BITS != REGULAR {
            return refuse("it is no regular file");
        }
        if mode & OTHERS_BITS != 0 {
            return refuse("others than its owner have access to it; chmod 600 takes it away");
        }
        // One more, to see that there is no more.
        let mut bytes = Zeroizing::new([0; KEY_BYTES + 1]);
        let count = read_full(&*file, 0, &mut *bytes).map_err(Error::io("read", path))?;
        match bytes.first_chunk() {
            Some(key) if count == KEY_BYTES => Ok(WalEncryptionKey::from_bytes(key)),
            _ => refuse("it is not of exactly 32 bytes"),
        }
    }
}
