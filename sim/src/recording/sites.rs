//! Places of the log, each told once.

use crate::explain::place;
use crate::site::Site;

/// The places so far, in the order in which they came.
#[derive(Default)]
pub(super) struct Sites {
    sites: Vec<Site>,
}

impl Sites {
    /// The number of a place.
    pub(super) fn number_of(&mut self, site: &Site) -> usize {
        let found = self.sites.iter().position(|known| known == site);
        found.unwrap_or_else(|| {
            self.sites.push(site.clone());
            self.sites.len() - 1
        })
    }

    /// All of them in words.
    pub(super) fn into_texts(self) -> Vec<String> {
        self.sites.iter().map(place).collect()
    }
}
