//! Contract 11 and 17: the segments are checked at open, all of them, before anything is written.
//!
//! *Verified:* a file that has a segment's name and is none of this log, a segment of a newer
//! version, and a segment that is missing although records in it are needed: each makes the open
//! fail, a newer version as such, and the files are as they were before.
//! *Not verified:* the first and the last segment missing: no later one vouches for the last, and
//! what vouches for the first is `truncation`.

use seawall::Error;

use super::errors::tell;
use super::{Property, Tally, Violation, ensure};
use crate::scenario::Damage;

/// Checks how an open ended that had to fail.
///
/// # Errors
/// [`Property::Structure`].
pub fn check(damage: Damage, refusal: Option<&Error>, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::Structure);
    let is_right = match refusal {
        None => false,
        Some(Error::Version { .. }) => true,
        Some(_) => damage != Damage::NewerVersion,
    };
    ensure(Property::Structure, is_right, || match refusal {
        None => format!("the log opened in spite of `{damage}`"),
        Some(error) => format!("`{damage}` was reported as: {}", tell(error)),
    })
}
