//! Atomic batches: after a crash all records of one are there, or none.
//!
//! *Verified:* for every batch that the last life began, whether its call returned or not, a
//! recovery shows all of its records or none.
//! *Not verified:* that a reader beside the writer never sees a part of one; that the records of
//! a batch have LSNs one behind the other is checked where they are returned.

use super::{Property, Recovered, Tally, Violation, ensure};
use crate::model::Model;

/// Checks what an open showed, once the model has seen its records.
///
/// # Errors
/// [`Property::Atomic`].
pub fn check_recovered(
    model: &Model,
    recovered: &Recovered,
    tally: &mut Tally,
) -> Result<(), Violation> {
    for (batch, there) in model.batches(recovered.next_lsn - 1) {
        let count = batch.clone().count();
        if count > 1 {
            tally.evaluated(Property::Atomic);
        }
        ensure(Property::Atomic, there == 0 || there == count, || {
            format!("{there} of the {count} records of the batch {batch:?} were recovered")
        })?;
    }
    Ok(())
}
