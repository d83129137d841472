//! Canaries: what payloads and names of holds have in them, and what no byte of an encrypted log has.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Stands in every payload that has room for it, again and again. Random, so that ciphertext has it
/// by chance once in 2^64 places.
pub const CANARY: [u8; 8] = [0xb3, 0x1f, 0xd8, 0x66, 0x0e, 0xa5, 0x92, 0x7c];
/// A payload repeats it so often: every so many bytes.
pub const CANARY_EVERY: usize = 64;
/// Payloads of so many bytes have one at least.
pub const CANARY_PAYLOAD_MIN: usize = 16;

static PAYLOADS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&CANARY));
// Source: `checker::holds::name_of`, what all names of holds begin with. By chance 56 bits are not
// seen in a campaign either.
static HOLDS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("client "));

/// Puts canaries into a payload, as many as it has room for.
pub fn plant(payload: &mut [u8]) {
    for part in payload.chunks_mut(CANARY_EVERY) {
        if let Some(place) = part.get_mut(CANARY.len()..CANARY_PAYLOAD_MIN) {
            place.copy_from_slice(&CANARY);
        }
    }
}

/// What of the log's secrets is in these bytes, and where.
pub fn find(bytes: &[u8]) -> Option<(&'static str, usize)> {
    let payload = PAYLOADS.find(bytes).map(|at| ("a payload", at));
    payload.or_else(|| HOLDS.find(bytes).map(|at| ("the name of a hold", at)))
}
