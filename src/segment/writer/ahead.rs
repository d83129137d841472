//! Zeros ahead of the log's end, so that frames there change neither the length of the file nor
//! where its blocks are.

use super::Writer;
use crate::error::{Error, Result};

/// Zeros are written in pieces of this many bytes, so that neither memory nor a commit that comes
/// in between has much to bear.
const PIECE_BYTES: u64 = 256 << 10;

impl Writer {
    /// Prepares space behind a frame that needed more than there was, if frames are so small that
    /// it pays.
    pub(super) fn prepare_behind(&mut self, frame_bytes: u64) -> Result<()> {
        let ahead = self.config.ahead_bytes();
        match &self.active {
            Some(active) if active.end() == active.file_bytes() && frame_bytes <= ahead / 16 => {}
            _ => return Ok(()),
        }
        match self.prepare(ahead) {
            // Then it grows frame by frame.
            Err(Error::Full { .. }) => Ok(()),
            prepared => prepared,
        }
    }

    /// Writes zeros behind the end of the active segment, so that `ahead` bytes are prepared there,
    /// or all that the segment may have. They are not synced.
    fn prepare(&mut self, ahead: u64) -> Result<()> {
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        let to = (active.end() + ahead).min(self.config.segment_target_size);
        let to = to - to % u64::from(active.header().block_bytes);
        let missing = to.saturating_sub(active.file_bytes()).min(PIECE_BYTES);
        self.zeros.grow(missing as usize, 0);
        active.prepare(to, self.zeros.first(missing as usize))
    }

    /// One piece of preparing `ahead` bytes behind the end, durably; `false` when there is nothing
    /// left to do. The first piece sets the goal, a segment and an offset in it: the end moves
    /// meanwhile.
    pub(crate) fn prepare_piece(
        &mut self,
        ahead: u64,
        goal: &mut Option<(u64, u64)>,
    ) -> Result<bool> {
        self.see_to_active()?;
        let active = self.active.as_ref().expect("it was seen to");
        let (segment, end) = (active.header().segment_id, active.end());
        let before = active.file_bytes();
        let &mut (wanted, to) = goal.get_or_insert((segment, end.saturating_add(ahead)));
        if wanted != segment {
            return Ok(false);
        }
        let piece = before - end + PIECE_BYTES;
        self.prepare(piece.min(to.saturating_sub(end)))?;
        let is_more = self
            .active
            .as_ref()
            .is_some_and(|active| active.file_bytes() > before);
        if is_more {
            self.sync()?;
        }
        Ok(is_more)
    }
}
