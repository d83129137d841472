//! An image as one file that can be handed on: its files packed, and what was said of them.
//!
//! No key goes into one. Payloads do only where somebody asked for that.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use seawall::KeyRing;
use serde::{Deserialize, Serialize};

use super::redact::redact;
use super::{Examination, FieldImage, Findings, examine};
use crate::capsule::{Capsule, FORMAT, Verdict};
use crate::named::named_enum;
use crate::results::Commit;

const KIND: &str = "image";
/// As deflate has it, from 0 to 10.
const LEVEL: u8 = 8;
/// No file of an image is longer.
const FILE_BYTES_MAX: u64 = 2 << 30;

named_enum! {
    /// What became of the payloads.
    pub enum Payloads {
        /// Filler of the same length stands in their place.
        Redacted = "redacted",
        /// They are in it.
        Kept = "kept",
    }
}

/// An image, and what was said of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageCapsule {
    format: u32,
    /// What tells it from others: a hash of the fingerprint.
    pub id: String,
    kind: String,
    /// See [`Findings::fingerprint`].
    pub fingerprint: String,
    /// What was said.
    pub verdict: Verdict,
    /// Where that was.
    pub commit: Commit,
    /// The hash of the trace.
    pub trace: String,
    /// What looks at it again.
    pub command: String,
    /// What became of the payloads.
    pub payloads: Payloads,
    /// Files that were left where they are.
    strangers: usize,
    files: BTreeMap<String, Packed>,
}

/// The bytes of a file, deflated, in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packed {
    bytes: u64,
    deflated: String,
}

/// Why there is no capsule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaysOtherwise {
    /// What would be said of the redacted image.
    pub redacted: Box<Findings>,
}

impl ImageCapsule {
    /// Packs an image with its payloads redacted, after a look at what becomes of it: the same has to
    /// be said.
    ///
    /// # Errors
    /// When something else is said.
    pub fn redacted(
        image: &FieldImage,
        findings: &Findings,
        keys: Option<&KeyRing>,
    ) -> Result<ImageCapsule, SaysOtherwise> {
        let redacted = redact(image);
        let again = examine(&redacted, keys, false);
        match again.findings == *findings {
            true => Ok(ImageCapsule::pack(&redacted, &again, Payloads::Redacted)),
            false => Err(SaysOtherwise {
                redacted: Box::new(again.findings),
            }),
        }
    }

    /// Packs an image as it is.
    pub fn with_payloads(image: &FieldImage, examination: &Examination) -> ImageCapsule {
        ImageCapsule::pack(image, examination, Payloads::Kept)
    }

    fn pack(image: &FieldImage, examination: &Examination, payloads: Payloads) -> ImageCapsule {
        let findings = &examination.findings;
        let fingerprint = findings.fingerprint();
        let id = Capsule::id_of(&fingerprint);
        let packed = image.files.iter().map(|(name, bytes)| {
            let packed = Packed {
                bytes: bytes.len() as u64,
                deflated: STANDARD.encode(compress_to_vec(bytes, LEVEL)),
            };
            (name.clone(), packed)
        });
        ImageCapsule {
            format: FORMAT,
            kind: KIND.into(),
            verdict: Verdict {
                property: findings.class.name().into(),
                class: class_of(findings.exit_code()).into(),
                exit_code: findings.exit_code(),
                story: findings.reasons.join(" "),
            },
            commit: Commit::here(),
            trace: format!("{:016x}", examination.trace.hash),
            command: format!("cargo sim replay failures/{id}.json"),
            id,
            fingerprint,
            payloads,
            strangers: image.strangers,
            files: packed.collect(),
        }
    }

    /// The image.
    ///
    /// # Errors
    /// Which file can't be unpacked.
    pub fn unpack(&self) -> Result<FieldImage, String> {
        let mut image = FieldImage {
            strangers: self.strangers,
            ..FieldImage::default()
        };
        for (name, packed) in &self.files {
            let bytes = packed.unpack();
            let bytes = bytes.ok_or_else(|| format!("the file {name} in it is damaged"))?;
            image.files.insert(name.clone(), bytes);
        }
        Ok(image)
    }

    /// Whether the same was said, in the same way, of its image now.
    pub fn is_same(&self, examination: &Examination) -> bool {
        self.fingerprint == examination.findings.fingerprint()
            && self.trace == format!("{:016x}", examination.trace.hash)
    }

    /// As text, which ends with a line's end.
    pub fn print(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("a capsule is plain data") + "\n"
    }

    /// Reads the text back.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(text: &str) -> Result<ImageCapsule, String> {
        let capsule: ImageCapsule =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        match (capsule.format, capsule.kind.as_str()) {
            (FORMAT, KIND) => Ok(capsule),
            (FORMAT, kind) => Err(format!("it is of the kind {kind}, not of an image")),
            (format, _) => Err(format!("its format {format} is not known")),
        }
    }
}

impl Packed {
    fn unpack(&self) -> Option<Vec<u8>> {
        if self.bytes > FILE_BYTES_MAX {
            return None;
        }
        let deflated = STANDARD.decode(&self.deflated).ok()?;
        let bytes = decompress_to_vec_with_limit(&deflated, self.bytes as usize).ok()?;
        (bytes.len() as u64 == self.bytes).then_some(bytes)
    }
}

fn class_of(exit_code: u8) -> &'static str {
    match exit_code {
        10 => "durability",
        11 => "integrity",
        13 => "crypto",
        14 => "panic",
        _ => "none",
    }
}
