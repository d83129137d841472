//! Calls on paths.

use std::path::Path;

use seawall::env::vfs::Vfs;

use super::Reply;
use super::files::{Files, errno, on_disk, put_stat};
use crate::wire::Op;

impl Files {
    pub(super) fn call_on_names(&self, op: Op, buffer: &mut [u8], len: usize) -> Reply {
        let bytes = buffer[..len].to_vec();
        let mut paths = bytes.split(|&byte| byte == 0).map(on_disk);
        let path = paths.next().expect("the first part of a split")?;
        let at = Path::new(path);
        let done = match op {
            Op::Stat => {
                let metadata = self.vfs.metadata(at).map_err(|error| errno(&error))?;
                let ino = self
                    .vfs
                    .with_disk(|disk| disk.resolve(at))
                    .unwrap_or_default();
                return Ok((0, put_stat(buffer, ino, metadata.len, metadata.is_dir)));
            }
            Op::ReadDir => return self.list(at, buffer),
            Op::CreateDir => self.vfs.create_dir(at),
            Op::RemoveFile => self.vfs.remove_file(at),
            Op::RemoveDir => self.vfs.remove_dir(at),
            Op::Rename => {
                let to = paths.next().ok_or(libc::EINVAL)??;
                let renamed = self.vfs.rename(at, Path::new(to));
                if renamed.is_ok() {
                    self.follow_rename(path, to);
                }
                renamed
            }
            _ => return Err(libc::ENOSYS),
        };
        done.map(|()| (0, 0)).map_err(|error| errno(&error))
    }

    fn list(&self, dir: &Path, buffer: &mut [u8]) -> Reply {
        let names = self.vfs.read_dir(dir).map_err(|error| errno(&error))?;
        let mut end = 0;
        for name in names {
            let name = name.to_str().ok_or(libc::EIO)?;
            let path = dir.join(name);
            let known = self.vfs.with_disk(|disk| {
                Some((disk.resolve(&path).ok()?, disk.metadata(&path).ok()?.is_dir))
            });
            // Whoever removes it while it is listed may be seen or not.
            let Some((ino, is_dir)) = known else { continue };
            let entry = [
                &u64::from(ino.0).to_le_bytes()[..],
                &[is_dir.into()],
                name.as_bytes(),
                &[0],
            ];
            for part in entry {
                buffer[end..end + part.len()].copy_from_slice(part);
                end += part.len();
            }
        }
        Ok((0, end))
    }
}
