//! Contract 18, 19, 20: what somebody forged is an error, or changes nothing; with another key
//! nothing opens.
//!
//! *Verified:* an encrypted log in which frames or segments were changed, moved, swapped,
//! transplanted, made plain, or taken from an older state or another log, all checksums made to
//! fit, says that it is damaged, foreign, encrypted or plain, naming a file; or it shows exactly what it
//! would have shown. Of this there is one exception: where the forger destroyed the tail of the last
//! segment (bytes that no checksum holds for any more, as after a crash), the log may end there, but not
//! before what the life's open had shown, nor what an authentic later frame vouches for, and not
//! at all if the log was closed: then the footer vouches. Never is there a record that differs, or
//! one too many. An open that fails changes no file. Without the log's keys, and with others,
//! an open is refused, says that a key is missing, and changes nothing.
//! *Not verified:* the whole directory put back to an earlier state of it, or replaced by a copy that
//! went on by itself: each is a log that somebody with the keys wrote (and so is the last segment of
//! such a copy, behind the segments that both have). The whole directory replaced by a plain
//! log, unless the ring is for encrypted logs only, and a plain segment in front of a header that says
//! that it was plain then, under the same condition. Who forges with the key.

use seawall::Error;

use super::errors::tell;
use super::evidence::{self, Found, Intact, Proof};
use super::{Property, Tally, Violation, ensure};
use crate::model::Model;

/// Checks a log that somebody forged.
///
/// # Errors
/// [`Property::Forgery`].
pub fn check(
    model: &Model,
    proof: Proof,
    intact: Intact<'_>,
    found: &Result<Found, Error>,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Forgery);
    let checked = match found {
        Err(error) => check_error(error),
        Ok(found) => evidence::check_found(model, proof, intact, found, check_error),
    };
    checked.map_err(|violation| Violation::new(Property::Forgery, violation.story))
}

/// Checks an open with other keys than the log's.
///
/// # Errors
/// [`Property::Forgery`].
pub fn check_refusal(refusal: Option<&Error>, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::Forgery);
    let is_right = matches!(refusal, Some(Error::Encrypted { .. }));
    ensure(Property::Forgery, is_right, || match refusal {
        None => "an encrypted log opened without its key".into(),
        Some(error) => format!("a missing key was reported as: {}", tell(error)),
    })
}

fn check_error(error: &Error) -> Result<(), Violation> {
    let is_right = matches!(
        error,
        Error::Corrupt { .. }
            | Error::Foreign { .. }
            | Error::Version { .. }
            | Error::Encrypted { .. }
            | Error::Plaintext { .. }
    );
    ensure(Property::Forgery, is_right, || {
        format!("a forgery was reported as: {}", tell(error))
    })
}
