//! Contract 15: what is held is not truncated, and a hold outlives a crash.
//!
//! *Verified:* after every recovery each hold is what the last call that succeeded made it, or
//! what a call tried that failed or was cut off, and there are no others; the low-water mark
//! passes none, neither then nor after a truncation beside other clients.
//! *Not verified:* holds that are being changed while a truncation runs: it may go either way.

use super::{Property, Recovered, Tally, Violation, ensure};
use crate::model::Model;

/// The name of a client's hold.
pub fn name_of(client: u16) -> String {
    format!("client {client}")
}

/// Checks what an open showed; the model then knows each hold.
///
/// # Errors
/// [`Property::Holds`].
pub fn check_recovered(
    model: &mut Model,
    recovered: &Recovered,
    tally: &mut Tally,
) -> Result<(), Violation> {
    let mut left: Vec<_> = recovered.holds.iter().collect();
    for (&client, view) in &mut model.holds {
        tally.evaluated(Property::Holds);
        let name = name_of(client);
        let found = left.iter().position(|hold| hold.name == name);
        let value = found.map(|at| left.swap_remove(at).lsn.as_u64());
        let is_right = value == view.told || view.tried.contains(&value);
        ensure(Property::Holds, is_right, || {
            format!("the hold `{name}` is {value:?}: {view:?}")
        })?;
        view.reset(value);
    }
    ensure(Property::Holds, left.is_empty(), || {
        format!("nobody has set {left:?}")
    })?;
    check_mark(model, recovered.low_water)
}

/// Checks what an open showed of a log that may have lost the last change of a hold: each is
/// something that it was once, or that a call tried; the model then knows each hold.
///
/// # Errors
/// [`Property::Holds`].
pub fn check_any(model: &mut Model, recovered: &Recovered) -> Result<(), Violation> {
    let mut left: Vec<_> = recovered.holds.iter().collect();
    for (&client, view) in &mut model.holds {
        let name = name_of(client);
        let found = left.iter().position(|hold| hold.name == name);
        let value = found.map(|at| left.swap_remove(at).lsn.as_u64());
        let is_right = value.is_none() || view.ever.contains(&value);
        ensure(Property::Holds, is_right, || {
            format!("the hold `{name}` is {value:?}, which nobody has set: {view:?}")
        })?;
        view.reset(value);
    }
    ensure(Property::Holds, left.is_empty(), || {
        format!("nobody has set {left:?}")
    })
}

/// Checks that a low-water mark passes no hold.
///
/// # Errors
/// [`Property::Holds`].
pub fn check_mark(model: &Model, low_water: u64) -> Result<(), Violation> {
    let lowest = model.lowest_hold();
    ensure(
        Property::Holds,
        lowest.is_none_or(|lowest| low_water <= lowest),
        || format!("the log begins with lsn {low_water}, but lsn {lowest:?} is held"),
    )
}
