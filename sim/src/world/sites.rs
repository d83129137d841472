//! The places where the log makes its syncs and renames: counted, or without effect.
//!
//! A backtrace is taken only where somebody asks.

use std::collections::BTreeMap;

use super::World;
use crate::disk::CallKind;
use crate::site::{LOG, Site};

/// How often the log made which call where, on a disk or on many.
pub type SiteCounts = BTreeMap<(Site, CallKind), u64>;

/// What becomes of them.
#[derive(Default)]
pub(super) enum Sites {
    /// Nobody asks.
    #[default]
    Unknown,
    /// They are counted.
    Counted(SiteCounts),
    /// What is called at this one has no effect.
    Without(Site),
}

impl Sites {
    /// Whether the call that is made just now has its effect.
    pub(super) fn has_effect(&mut self, kind: CallKind) -> bool {
        if matches!(self, Sites::Unknown) {
            return true;
        }
        let site = Site::of_caller(&LOG).expect("only the log makes calls");
        match self {
            Sites::Unknown => true,
            Sites::Counted(counts) => {
                *counts.entry((site, kind)).or_default() += 1;
                true
            }
            Sites::Without(one) => site != *one,
        }
    }
}

impl World {
    /// From now on, what the log calls at this site has no effect.
    pub fn do_without(&self, site: Site) {
        self.warden.lock().sites = Sites::Without(site);
    }

    /// From now on, the sites of syncs and renames are counted.
    pub fn count_sites(&self) {
        self.warden.lock().sites = Sites::Counted(SiteCounts::new());
    }

    /// How often each was called; nothing where they were not counted.
    pub fn take_sites(&self) -> SiteCounts {
        match std::mem::take(&mut self.warden.lock().sites) {
            Sites::Counted(counts) => counts,
            Sites::Unknown | Sites::Without(_) => SiteCounts::new(),
        }
    }
}
