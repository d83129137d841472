//! Contract 1, 2, 5, 7 and 8: what was acknowledged, or shown by a reader or a recovery, is there.
//!
//! *Verified:* after every crash, kill or close, the recovered log reaches the highest LSN that a
//! call acknowledged or a reader returned; a watermark that the log itself reports as durable
//! counts as acknowledged.
//! *Not verified:* that each acknowledgement had its own sync: only that no cut loses one.

use super::{Property, Recovered, Tally, Violation, ensure};
use crate::model::Model;

/// Checks what an open showed.
///
/// # Errors
/// [`Property::Acknowledged`] or [`Property::Stability`].
pub fn check_recovered(
    model: &Model,
    recovered: &Recovered,
    tally: &mut Tally,
) -> Result<(), Violation> {
    let last = recovered.next_lsn - 1;
    let holds = |property, up_to: u64, what: &str| {
        ensure(property, last >= up_to, || {
            format!("lsn {up_to} was {what}, but the recovered log ends with lsn {last}")
        })
    };
    if model.acked > 0 {
        tally.evaluated(Property::Acknowledged);
    }
    if model.shown > 0 {
        tally.evaluated(Property::Stability);
    }
    holds(Property::Acknowledged, model.acked, "acknowledged")?;
    holds(Property::Stability, model.shown, "shown before")
}
