//! What a caller knows of the low-water mark and of the holds.

/// The bounds of the low-water mark.
#[derive(Clone, Copy, Debug)]
pub struct LowWater {
    /// A truncation that returned `Ok` raised it to here.
    pub certain: u64,
    /// A truncation that failed, or is under way, may have raised it to here.
    pub possible: u64,
}

/// What a caller knows of its hold.
#[derive(Clone, Debug, Default)]
pub struct HoldView {
    /// What it is, by the last call that succeeded, or by the open.
    pub told: Option<u64>,
    /// What else it may be after a crash: what calls that failed, or are under way, have tried.
    pub tried: Vec<Option<u64>>,
    /// What any call of any life has tried to make it.
    pub ever: Vec<Option<u64>>,
    /// Whether such a call is under way.
    pub is_changing: bool,
    /// Whether a call of this life has begun to change it.
    pub is_touched: bool,
}

impl HoldView {
    /// A call is about to change it.
    pub fn begin(&mut self, value: Option<u64>) {
        self.tried.push(value);
        self.ever.push(value);
        self.is_changing = true;
        self.is_touched = true;
    }

    /// It is known to be this, as an open has shown.
    pub fn reset(&mut self, value: Option<u64>) {
        let ever = std::mem::take(&mut self.ever);
        *self = HoldView {
            told: value,
            ever,
            ..HoldView::default()
        };
    }

    /// A call of this life has made it this.
    pub fn became(&mut self, value: Option<u64>) {
        self.reset(value);
        self.is_touched = true;
    }
}
