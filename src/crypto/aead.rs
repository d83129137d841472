//! AES-256-GCM under one key: the same bytes from either of two libraries.
//!
//! `aes-gcm` is Rust throughout and needs nothing to build. `aws-lc-rs`, with the feature `aws-lc`, uses wider
//! instructions of the processor for the tag, too, and needs a C compiler.

#[cfg_attr(feature = "aws-lc", allow(dead_code))] // Then it is what the other one is held against.
mod rust_crypto;

#[cfg(feature = "aws-lc")]
mod aws_lc;

#[cfg(feature = "aws-lc")]
pub(super) use aws_lc::AwsLc as Aead;
#[cfg(not(feature = "aws-lc"))]
pub(super) use rust_crypto::RustCrypto as Aead;

/// The length of a tag in bytes: full.
pub(super) const TAG_BYTES: usize = 16;
/// The length of a nonce in bytes.
pub(super) const NONCE_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(seal: impl FnOnce(&[u8], &mut [u8]) -> [u8; TAG_BYTES], len: usize) -> Vec<u8> {
        let body: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let mut sealed = vec![0; len];
        let tag = seal(&body, &mut sealed);
        sealed.extend_from_slice(&tag);
        sealed
    }

    // The tag of nothing under a key and a nonce of zeros: test case 13 of the GCM specification
    // (McGrew and Viega, appendix B).
    #[test]
    fn it_is_the_standard_one() {
        let aead = Aead::new(&[0; 32]);
        let tag = aead.seal([0; NONCE_BYTES], b"", &[], &mut []);
        assert_eq!(tag[..4], [0x53, 0x0f, 0x8a, 0xfb]);
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn both_libraries_make_the_same_bytes_and_open_each_others() {
        let (key, nonce) = ([7; 32], [3; NONCE_BYTES]);
        let (ours, theirs) = (rust_crypto::RustCrypto::new(&key), Aead::new(&key));
        for len in [0, 1, 15, 16, 17, 255, 4096, 70_001] {
            let one = sealed(|body, out| ours.seal(nonce, b"bound", body, out), len);
            let other = sealed(|body, out| theirs.seal(nonce, b"bound", body, out), len);
            assert!(one == other, "{len} bytes");
            let mut opened = [vec![0; len], vec![0; len]];
            assert!(ours.open(nonce, b"bound", &one, &mut opened[0]));
            assert!(theirs.open(nonce, b"bound", &one, &mut opened[1]));
            assert!(opened[0] == opened[1]);
            let mut damaged = one;
            damaged[len] ^= 1;
            assert!(!ours.open(nonce, b"bound", &damaged, &mut opened[0]));
            assert!(!theirs.open(nonce, b"bound", &damaged, &mut opened[1]));
            assert!(!theirs.open(nonce, b"elsewhere", &other, &mut opened[1]));
        }
    }

    #[test]
    fn what_was_sealed_opens() {
        let aead = Aead::new(&[1; 32]);
        let whole = sealed(|body, out| aead.seal([2; NONCE_BYTES], b"", body, out), 100);
        let mut opened = vec![0; 100];
        assert!(aead.open([2; NONCE_BYTES], b"", &whole, &mut opened));
        assert_eq!(opened[99], 99);
        assert!(!aead.open([3; NONCE_BYTES], b"", &whole, &mut opened));
    }
}
