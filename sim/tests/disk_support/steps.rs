//! Random calls on a random disk, for tests that judge what a power cut leaves of them.

use std::path::Path;
use std::sync::Arc;

use seawall::env::vfs::{File, OpenHow, Vfs};
use seawall_sim::choice::{Ratio, Stream};
use seawall_sim::disk::{Knobs, SyncErrorMode, SyncNames};

const NEW: OpenHow = OpenHow::CreateNew { direct: false };
const WRITE: OpenHow = OpenHow::Write { direct: false };

/// One random call through the file system; errors are part of life.
pub fn step(vfs: &dyn Vfs, open: &mut Vec<Arc<dyn File>>, stream: &mut Stream) {
    let names = [
        "/a", "/b", "/d", "/d/a", "/d/b", "/d/e", "/d/e/a", "/f", "/f/a",
    ];
    let name = Path::new(*stream.pick::<&str>(&names));
    let how = *stream.pick(&[NEW, NEW, WRITE, OpenHow::Write { direct: true }]);
    let (offset, len) = (stream.below(9000), stream.within(1, 5000));
    let bytes = vec![stream.within(1, 255) as u8; len as usize];
    let other = Path::new(*stream.pick::<&str>(&names));
    let choice = stream.below(15);
    let done = match choice {
        0 | 1 => vfs.open(name, how).map(|file| open.push(file)),
        2 => vfs.create_dir(name),
        3 => vfs.remove_file(name),
        4 => vfs.rename(name, other),
        5 => vfs.sync_dir(name.parent().unwrap_or(name)),
        6 => vfs.read_dir(name).map(drop),
        _ if open.is_empty() => return,
        _ => {
            let index = stream.below(open.len() as u64) as usize;
            let file = &open[index];
            match choice {
                7 => file.sync_data(),
                8 => file.sync_all(),
                9 => file.set_len(offset),
                10 => file.allocate(offset, len),
                11 => {
                    open.swap_remove(index);
                    return;
                }
                12 => file.read_at(offset, &mut vec![0; len as usize]).map(drop),
                _ => file.write_at(offset, &bytes).map(drop),
            }
        }
    };
    if let Err(error) = done {
        assert!(error.raw_os_error().is_some());
    }
}

pub fn random_knobs(seed: u64, stream: &mut Stream) -> Knobs {
    let rare = *stream.pick(&[Ratio::NEVER, Ratio::new(1, 50), Ratio::new(1, 10)]);
    Knobs {
        atomic_unit: *stream.pick(&[512, 4096]),
        byte_tear: rare,
        len_intermediate: stream.below(2) == 0,
        trunc_partial_zero: stream.below(2) == 0,
        garbage_tail: *stream.pick(&[Ratio::NEVER, Ratio::NEVER, rare]),
        sync_covers_names: SyncNames::ALL[seed as usize % SyncNames::COUNT],
        xdir_rename_needs_both: stream.below(2) == 0,
        capacity: *stream.pick(&[None, Some(20 * 1024)]),
        short_write: rare,
        short_read: rare,
        eintr: rare,
        write_error: rare,
        read_error: rare,
        sync_error: *stream.pick(&[Ratio::NEVER, Ratio::new(1, 3)]),
        dirsync_error: *stream.pick(&[Ratio::NEVER, Ratio::new(1, 3)]),
        sync_error_mode: SyncErrorMode::ALL[seed as usize % SyncErrorMode::COUNT],
        writeback_error: *stream.pick(&[Ratio::NEVER, Ratio::new(1, 5)]),
        direct_refused: stream.below(4) == 0,
        direct_falls_back: stream.below(2) == 0,
        copies_on_write: stream.below(2) == 0,
        allocate_refused: stream.below(4) == 0,
        evict: *stream.pick(&[Ratio::NEVER, Ratio::new(1, 2)]),
        metadata_error: rare,
        lie: None,
        ..Knobs::default()
    }
}
