//! A log in the legacy format, as its program left it: what a first life may find and migrate.
//!
//! It is written from the description of that format, straight to the disk, and durable before
//! anything else happens. Its records are appends of the model, acknowledged long ago.

use std::path::{Path, PathBuf};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use seawall::env::vfs::OpenHow;

use crate::disk::Disk;
use crate::keyholder::key_bytes;
use crate::model::{AppendId, Model, Payload};
use crate::scenario::Legacy;
use crate::world::LOG_DIR;

const MAGIC: u32 = 0x5359_4E57;
const HEADER_BYTES: usize = 30;
const ENCRYPTED: u16 = 0x4000;
/// What direct I/O padded a batch to.
const PADDED: usize = 4096;

/// Writes the log, and tells the model what is in it.
pub fn write(legacy: &Legacy, disk: &mut Disk, model: &mut Model) {
    // The room that a small disk has is room for the new log.
    let room = disk.knobs().capacity;
    disk.set_capacity(None);
    let dir = Path::new(LOG_DIR);
    for ancestor in [dir.parent().expect("it is not the root"), dir] {
        disk.create_dir(ancestor).expect("the disk is empty");
        let above = ancestor.parent().expect("it is not the root");
        disk.sync_dir(above).expect("nothing fails yet");
    }
    let mut payload = Vec::new();
    let mut file: Option<(PathBuf, Vec<u8>)> = None;
    for index in 0..legacy.records {
        let contents = Payload::plain(index * 37 % 200);
        let id = model.begin_append(0, contents, 0);
        let lsn = u64::from(index) + 1;
        id.payload(contents, &mut payload);
        if index.is_multiple_of(legacy.records_per_file) {
            file.take()
                .into_iter()
                .for_each(|(path, bytes)| put(disk, &path, &bytes));
            file = Some((dir.join(format!("wal-{lsn:020}.seg")), Vec::new()));
        }
        let (_, bytes) = file.as_mut().expect("the first record begins a file");
        bytes.extend(record(id, lsn, &payload, legacy.key));
        model.accept(id, lsn).expect("nobody else has it");
        model.acknowledge(lsn);
    }
    let (path, mut bytes) = file.expect("it has a record");
    if legacy.is_torn {
        // Of a record that nobody heard of again, the beginning.
        let next = AppendId(legacy.records);
        let torn = record(next, u64::from(legacy.records) + 1, &[7; 50], legacy.key);
        bytes.extend(&torn[..60]);
    } else if legacy.is_padded {
        bytes.resize(bytes.len().next_multiple_of(PADDED), 0);
    }
    put(disk, &path, &bytes);
    disk.sync_dir(dir).expect("nothing fails yet");
    disk.trust();
    disk.set_capacity(room.map(|room| room + disk.used()));
}

fn record(id: AppendId, lsn: u64, payload: &[u8], key: Option<u32>) -> Vec<u8> {
    let mut header = [0; HEADER_BYTES];
    header[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    header[4..6].copy_from_slice(&1u16.to_le_bytes());
    header[6..8].copy_from_slice(&(id.verb() as u16).to_le_bytes());
    header[8..16].copy_from_slice(&lsn.to_le_bytes());
    header[16..20].copy_from_slice(&id.0.to_le_bytes());
    let mut stored = payload.to_vec();
    if let Some(number) = key {
        let cipher = Aes256Gcm::new_from_slice(&key_bytes(number)).expect("32 bytes");
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&lsn.to_le_bytes());
        let sealed = cipher.encrypt_inout_detached(
            &Nonce::from(nonce),
            &header,
            stored.as_mut_slice().into(),
        );
        stored.extend(sealed.expect("a payload is short"));
        let encrypted = id.verb() as u16 | ENCRYPTED;
        header[6..8].copy_from_slice(&encrypted.to_le_bytes());
    }
    let len = u32::try_from(stored.len()).expect("a payload is short");
    header[22..26].copy_from_slice(&len.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[..26]), &stored);
    header[26..30].copy_from_slice(&checksum.to_le_bytes());
    [&header[..], &stored].concat()
}

fn put(disk: &mut Disk, path: &Path, bytes: &[u8]) {
    let created = disk.open(path, OpenHow::CreateNew { direct: false });
    let fd = created.expect("nothing fails yet");
    assert_eq!(disk.write(fd, 0, bytes), Ok(bytes.len()));
    disk.sync(fd, true).expect("nothing fails yet");
    disk.close(fd);
}
