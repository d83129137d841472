//! The corruption sweep, a share of it, and canaries for its judge.
//!
//! *Verified:* every sector and write of all four logs zeroed and lost, one bit in 1009 flipped, one copy of a
//! sector in 11 in the place of another one: each outcome is an allowed one, whatever the number of threads; a wrong payload whose checksums fit, a closed log that lost its end,
//! and an acknowledged record that is gone are noticed.
//! *Not verified:* all other bits and copies; `cargo sim sweep` takes them.

use seawall_sim::checker::Property;
use seawall_sim::sweep::{Kind, Name, Outcome, Patch, Share, Subject, Sweep, Trouble};

const SECTOR: usize = 512;
/// Where a frame has the checksums of its body and of itself.
// Source: src/format/format.md, "Frame".
const BODY_CHECKSUM_AT: usize = 56;
const CHECKSUM_AT: usize = 60;
const FRAME_HEADER_BYTES: usize = 64;

fn sweep(jobs: usize, bits_step: usize, copies_step: usize) -> Sweep {
    Sweep {
        jobs,
        only: None,
        share: Share {
            bits_step,
            copies_step,
        },
        at: None,
    }
}

#[test]
fn a_share_of_all_damage_is_told_or_harms_nothing() {
    let swept = sweep(2, 1009, 11).run(|_, _| {}).expect("it is swept");
    assert_eq!((&swept.offence, &swept.missing), (&None, &None));
    assert_eq!(swept.exit_code(), 0);
    for &name in Name::ALL {
        for &kind in Kind::ALL {
            let cell = swept
                .table
                .sum(|one, other, _| (one, other) == (name, kind));
            assert!(cell.of(Outcome::Detected) > 0, "{name}: {kind}");
        }
        let torn = swept.table.sum(|one, _, _| one == name).of(Outcome::Torn);
        assert_eq!(torn == 0, name.is_closed(), "{name}");
    }
}

#[test]
fn the_outcome_does_not_depend_on_the_threads() {
    let swept = |jobs| sweep(jobs, 8009, 101).run(|_, _| {}).expect("it is swept");
    assert_eq!(swept(1), swept(3));
}

#[test]
fn one_place_is_swept_again_by_its_name() {
    let subject = Subject::build(Name::PlainClosed).expect("it is written");
    let (path, _) = &subject.files[0];
    let file = path.rsplit('/').next().expect("a name");
    let one = Sweep {
        at: Some(format!("plain-closed:flipped:{file}:20:3")),
        ..sweep(1, 1, 1)
    };
    let swept = one.run(|_, _| {}).expect("it is swept");
    assert_eq!(swept.table.sum(|_, _, _| true).total(), 1);
    let at = Some("plain-closed:flipped:nowhere:20:3".to_owned());
    let nowhere = Sweep {
        at,
        ..sweep(1, 1, 1)
    }
    .run(|_, _| {});
    assert!(matches!(nowhere, Err(Trouble::NoSuchPlace(_))));
}

/// The frame with this text in a payload: its file, its offset, the first of its sectors.
fn frame_with(subject: &Subject, text: &[u8]) -> (String, usize, Vec<u8>) {
    let found = subject.files.iter().find_map(|(path, bytes)| {
        let at = bytes
            .windows(text.len())
            .position(|window| window == text)?;
        let offset = at / SECTOR * SECTOR;
        Some((path.clone(), offset, bytes[offset..][..SECTOR].to_vec()))
    });
    found.expect("it was written")
}

/// Makes the checksums of a frame of one sector fit.
fn mend(frame: &mut [u8], file: &[u8]) {
    let length = frame[36..40].try_into().expect("four bytes");
    let body = &frame[FRAME_HEADER_BYTES..][..u32::from_le_bytes(length) as usize];
    let checksum = (xxhash_rust::xxh3::xxh3_64(body) as u32).to_le_bytes();
    frame[BODY_CHECKSUM_AT..CHECKSUM_AT].copy_from_slice(&checksum);
    let seed = crc32c::crc32c_append(crc32c::crc32c(&file[80..96]), &file[32..40]);
    let checksum = crc32c::crc32c_append(seed, &frame[..CHECKSUM_AT]).to_le_bytes();
    frame[CHECKSUM_AT..FRAME_HEADER_BYTES].copy_from_slice(&checksum);
}

#[test]
fn a_wrong_payload_whose_checksums_fit_is_noticed() {
    let subject = Subject::build(Name::PlainClosed).expect("it is written");
    let (path, offset, mut frame) = frame_with(&subject, b"cosine");
    let at = frame.windows(6).position(|window| window == b"cosine");
    frame[at.expect("it is there")] = b'C';
    let (_, file) = subject
        .files
        .iter()
        .find(|file| file.0 == path)
        .expect("it is there");
    mend(&mut frame, file);
    let planted = Patch {
        path,
        offset,
        bytes: frame,
    };
    let violation = subject
        .try_out(&[planted])
        .expect_err("it is another payload");
    assert_eq!(violation.property, Property::Prefix, "{violation:?}");
}

/// Zeros for the last `sectors` of the log's records, and what is behind them.
fn without_end(subject: &Subject, sectors: usize) -> Patch {
    // A close leaves a segment without records behind them.
    let is_closed = usize::from(subject.name.is_closed());
    let (path, bytes) = &subject.files[subject.files.len() - 1 - is_closed];
    Patch {
        path: path.clone(),
        offset: bytes.len() - sectors * SECTOR,
        bytes: vec![0; sectors * SECTOR],
    }
}

/// The header behind it vouches for the footer, and for the batch of three sectors before that, even where
/// both are gone.
#[test]
fn a_closed_log_that_lost_its_last_records_is_noticed() {
    for name in [Name::PlainClosed, Name::EncryptedClosed] {
        let subject = Subject::build(name).expect("it is written");
        let outcome = |sectors| subject.try_out(&[without_end(&subject, sectors)]);
        assert_eq!(outcome(1), Ok(Outcome::Rot));
        assert_eq!(outcome(4), Ok(Outcome::Detected));
    }
}

/// The last sync's records are beyond proof, those of the one before are not.
#[test]
fn of_a_crashed_log_the_last_batch_alone_is_beyond_proof() {
    for name in [Name::PlainCrashed, Name::EncryptedCrashed] {
        let subject = Subject::build(name).expect("it is written");
        let last = without_end(&subject, 3);
        let proof = subject.proof(std::slice::from_ref(&last));
        assert_eq!(
            proof.up_to,
            subject.intact.next_lsn - 5,
            "of three and of one record"
        );
        assert_eq!(subject.try_out(&[last]), Ok(Outcome::Torn));
        // One sector of the batch leaves its header, which promises the record before it.
        let rest = without_end(&subject, 1);
        assert_eq!(subject.proof(&[rest]).up_to, subject.intact.next_lsn - 4);
    }
}
