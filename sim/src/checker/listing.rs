//! Contract 14: the segments are a row without a break, from the log's beginning to its end.
//!
//! *Verified:* the list is in the order of first LSNs, never empty after an open, and begins at
//! or before the low-water mark; paths are all different; after an open each file has the size that the list tells.
//! *Not verified:* what is in the files: reading them does that; their sizes, once the disk has lost what
//! was written to one and has forgotten that it did.

use seawall::SegmentMeta;

use super::{Property, Tally, Violation, ensure};

/// Checks a list of segments.
///
/// # Errors
/// [`Property::Listing`].
pub fn check(segments: &[SegmentMeta], low_water: u64, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::Listing);
    let first = segments.first().map(|segment| segment.first_lsn);
    ensure(
        Property::Listing,
        first.is_some_and(|first| first <= low_water),
        || format!("the first segment begins with lsn {first:?}, the log with {low_water}"),
    )?;
    for (one, next) in segments.iter().zip(&segments[1..]) {
        let in_order = one.first_lsn <= next.first_lsn && one.path < next.path;
        ensure(Property::Listing, in_order, || {
            format!(
                "{} is listed before {}",
                one.path.display(),
                next.path.display()
            )
        })?;
    }
    Ok(())
}

/// Checks the sizes that the log tells against those on the disk, when nobody writes.
///
/// # Errors
/// [`Property::Listing`].
pub fn check_sizes(
    segments: &[SegmentMeta],
    on_disk: &[u64],
    total_bytes: u64,
) -> Result<(), Violation> {
    for (segment, &size) in segments.iter().zip(on_disk) {
        ensure(Property::Listing, segment.file_size == size, || {
            format!(
                "{} has {size} bytes, not {}",
                segment.path.display(),
                segment.file_size
            )
        })?;
    }
    let sum: u64 = on_disk.iter().sum();
    ensure(Property::Listing, sum == total_bytes, || {
        format!("the segments have {sum} bytes, not {total_bytes}")
    })
}
