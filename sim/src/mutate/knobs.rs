//! Changes of what the disk may do: one of its knobs is what the donor's is.

use crate::choice::Stream;
use crate::disk::Knobs;

macro_rules! take_one {
    ($disk:ident, $donor:ident, $stream:ident, [$($knob:ident),+ $(,)?]) => {{
        const COUNT: u64 = [$(stringify!($knob)),+].len() as u64;
        let chosen = $stream.below(COUNT);
        let mut number = 0;
        $(
            if number == chosen {
                $disk.$knob = $donor.$knob.clone();
            }
            number += 1;
        )+
        assert_eq!(number, COUNT);
    }};
}

/// Takes over one of the donor's knobs, or all.
pub(super) fn change(disk: &mut Knobs, donor: &Knobs, stream: &mut Stream) {
    if stream.below(8) == 0 {
        let (lie, mute) = (disk.lie, disk.mute);
        *disk = Knobs {
            lie,
            mute,
            ..donor.clone()
        };
        return;
    }
    take_one!(
        disk,
        donor,
        stream,
        [
            profile,
            atomic_unit,
            byte_tear,
            len_intermediate,
            trunc_partial_zero,
            garbage_tail,
            sync_covers_names,
            xdir_rename_needs_both,
            capacity,
            direct_alignment,
            direct_alignment_told,
            direct_refused,
            direct_falls_back,
            copies_on_write,
            allocate_refused,
            sync_is_outrun,
            short_write,
            short_read,
            eintr,
            write_error,
            read_error,
            sync_error,
            dirsync_error,
            sync_error_mode,
            writeback_error,
            evict,
            metadata_error,
        ]
    );
}
