//! Payloads that look like the log's own bytes: the image of a segment of another log.
//!
//! Its frames have LSNs, and promises of what was durable, far beyond those of the run. Where a
//! power cut tears the frame around such a payload, the image's blocks lie where frames could
//! start. Contract 9: they are never taken for records, nor for proof of any.

use std::cell::OnceCell;
use std::path::Path;

use seawall::env::vfs::OpenHow;
use seawall::{RecordType, TenantId, VShardId, WalConfig, WalManager, WalTuning};

use crate::choice::Choices;
use crate::disk::Knobs;
use crate::world::{LOG_DIR, World};

/// The other log's block: the smallest one, so that its frames fit every log.
const BLOCK: usize = 512;
/// Bytes before the payload in a frame with one record: the frame's header and the entry's.
// Source: src/format/format.md, "Frame".
const BEFORE_PAYLOAD: usize = 64 + 12;
/// So many bytes before the image put it on a block boundary, for a lone record and blocks of 512,
/// 1024 and 4096 bytes.
pub const PREFIXES: [u32; 3] = [
    (512 - BEFORE_PAYLOAD) as u32,
    (1024 - BEFORE_PAYLOAD) as u32,
    (4096 - BEFORE_PAYLOAD) as u32,
];
/// Records of the other log before the segment that becomes the image: more than a run has.
const RECORDS_BEFORE: u32 = 50_000;
/// Frames in the image.
const FRAMES: u32 = 12;

thread_local! {
    static IMAGE: OnceCell<Vec<u8>> = const { OnceCell::new() };
}

/// Makes the image if this thread has none yet. It runs a log, so it can't be done within a run,
/// whose trace it would disturb.
pub fn prepare() {
    IMAGE.with(|image| {
        image.get_or_init(make);
    });
}

/// Puts the image behind what is in `into`, from a block on that `number` chooses, over and over
/// up to `len` bytes in all.
///
/// # Panics
/// When this thread has no image.
pub fn fill(number: u64, len: usize, into: &mut Vec<u8>) {
    IMAGE.with(|image| {
        let image = image.get().expect("it is made before a run");
        let mut block = number as usize % (image.len() / BLOCK);
        while into.len() < len {
            let bytes = &image[block * BLOCK..][..BLOCK];
            let left = len - into.len();
            into.extend_from_slice(&bytes[..left.min(BLOCK)]);
            block = (block + 1) % (image.len() / BLOCK);
        }
    });
}

/// How many bytes of the payload come before the image, as `number` chooses.
pub fn prefix(number: u64) -> usize {
    match PREFIXES.get(number as usize % (PREFIXES.len() + 1)) {
        Some(&prefix) => prefix as usize,
        None => (number >> 8) as usize % 4096,
    }
}

/// Writes another log and returns the bytes of its last segment. A log that can't do that will be
/// found out by the runs themselves: its image is made of zeros.
fn make() -> Vec<u8> {
    let made = std::panic::catch_unwind(try_to_make);
    let made = made.ok().and_then(Result::ok);
    let least = FRAMES as usize * BLOCK;
    made.filter(|image| image.len() > least)
        .unwrap_or_else(|| vec![0; 2 * least])
}

fn try_to_make() -> Result<Vec<u8>, seawall::Error> {
    let world = World::new(&Knobs::default(), Choices::new(u64::MAX));
    let open = || {
        let config = WalConfig {
            use_direct_io: false,
            segment_target_size: 1 << 30,
            tuning: WalTuning {
                write_buffer_size: 1 << 16,
                alignment: BLOCK,
            },
        };
        WalManager::open_in(world.env(), Path::new(LOG_DIR), config, None)
    };
    let append = |wal: &WalManager, number: u32| {
        let (kind, shard) = (RecordType::Put, VShardId::new(0));
        wal.append(kind, TenantId::new(number), shard, &number.to_le_bytes())
    };
    let before = open()?;
    for number in 0..RECORDS_BEFORE {
        append(&before, number)?;
    }
    before.close()?;
    drop(before);
    // Another process goes on: what the first one may have leaked has died with it.
    world.with_disk(|disk| disk.kill());
    let wal = open()?;
    for number in 0..FRAMES {
        append(&wal, number)?;
        wal.sync()?;
    }
    wal.close()?;
    // Behind the one with the records stands an empty one.
    let segments = wal.list_segments();
    let largest = segments.iter().max_by_key(|segment| segment.file_size);
    let last = largest.map(|segment| segment.path.clone());
    Ok(world.with_disk(|disk| {
        let path = last.expect("a log has a segment");
        let fd = disk.open(&path, OpenHow::Read).expect("it is listed");
        let len = disk.metadata(&path).expect("it is listed").len;
        let mut image = vec![0; len as usize];
        let count = disk.read(fd, 0, &mut image);
        assert_eq!(count, Ok(image.len()));
        disk.close(fd);
        image
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_that_of_a_log() {
        let image = try_to_make().expect("there are no faults");
        assert!(image.len() > FRAMES as usize * BLOCK);
        assert!(
            image
                .chunks(BLOCK)
                .all(|block| block.iter().any(|&byte| byte != 0))
        );
    }
}
