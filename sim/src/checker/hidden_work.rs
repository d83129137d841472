//! Contract 25: the log does nothing that nobody asked it for.
//!
//! *Verified:* dropping a log, closed or not, with whatever is pending in it, makes no call to the
//! disk.
//! *Not verified:* that it owns no thread: the simulator has none to offer, so a log that starts
//! one is caught by the linter, not here.

use super::{Property, Tally, Violation, ensure};

/// Checks how many calls the drop of a log made.
///
/// # Errors
/// [`Property::HiddenWork`].
pub fn check(calls: u64, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::HiddenWork);
    ensure(Property::HiddenWork, calls == 0, || {
        format!("dropping the log made {calls} calls to the disk")
    })
}
