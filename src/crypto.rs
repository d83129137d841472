//! Encryption: keys, what is derived from them, and sealing. Bytes in, bytes out, no I/O.
//!
//! | from | by | comes |
//! | --- | --- | --- |
//! | a master key ([`WalEncryptionKey`]) | HKDF-SHA-256 | its [`KeyId`], which headers name |
//! | a master key, a segment's salt, log id, number | HKDF-SHA-256 | the segment's two keys ([`SegmentKey`]) |
//! | the segment's first key, a counter | AES-256-GCM | sealed frames |
//! | the segment's second key | HMAC-SHA-256 | the header's check value |
//!
//! A master key never touches a record. Each segment draws a random salt of 128 bits, so the keys
//! of a copied directory or of a restored backup part ways with the first segment that either
//! makes; and a segment takes frames only from the process that made it, which counts them. So a
//! key and a nonce meet once.
// Sources: HKDF: RFC 5869. AES-256-GCM and its nonces: NIST SP 800-38D, section 8.2.1
// (deterministic construction). HMAC: RFC 2104, FIPS 198-1.

mod aead;
pub(crate) mod legacy;
mod master;
mod ring;
pub(crate) mod segment;

pub use master::{KEY_BYTES, KeyId, WalEncryptionKey};
pub use ring::KeyRing;
pub use segment::{Seal, Sealer, SegmentIdentity, SegmentKey};
