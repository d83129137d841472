//! What the ledger has to know of a segment's bytes, written from the format's description a second
//! time: nothing here comes from the log's own code.
// Source: src/format/format.md, "Segment header", "Frame" and "Encryption".

/// A header fills one sector.
pub const HEADER_BYTES: usize = 512;
/// A frame begins with so many bytes that are not sealed.
pub const FRAME_HEADER_BYTES: usize = 64;
/// What a sealed body has before and behind its ciphertext.
pub const COUNTER_BYTES: usize = 8;
/// GCM's tag, whole.
pub const TAG_BYTES: usize = 16;
/// Where the check value is in a header.
pub const CHECK_AT: std::ops::Range<usize> = 104..120;
/// A header's bytes under the check value.
pub const CHECKED_BYTES: usize = 508;

const HEADER_MAGIC: &[u8] = b"SEAWALL\0\x01\0\0\0";
const FRAME_MAGIC: &[u8] = b"WALf";
const SEALED: u16 = 2;

/// What tells one segment from all others, and its key from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The log's random id.
    pub log: [u8; 16],
    /// The segment's number.
    pub number: u64,
    /// Its random salt.
    pub salt: [u8; 16],
    /// Which master key it is under; 0 for none.
    pub key_id: u64,
}

/// What the ledger reads of a header.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Whose it is.
    pub identity: Identity,
    /// The segment's block in bytes.
    pub block: usize,
}

impl Header {
    /// Reads a header; `None` where there is none of this version.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let header = Header::recognize(bytes)?;
        let is_whole = number_at::<4>(bytes, 508) == u64::from(crc32c::crc32c(&bytes[..508]));
        is_whole.then_some(header)
    }

    /// Whether it is an encrypted segment's.
    pub fn is_sealed(&self) -> bool {
        self.identity.key_id != 0
    }

    /// Reads a header that was parsed before, when it was written.
    pub fn recognize(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let block = number_at::<4>(bytes, 12) as usize;
        let is_one = bytes.starts_with(HEADER_MAGIC) && block >= HEADER_BYTES;
        is_one.then(|| Header {
            identity: Identity {
                log: array_at(bytes, 16),
                number: number_at::<8>(bytes, 32),
                salt: array_at(bytes, 80),
                key_id: number_at::<8>(bytes, 96),
            },
            block,
        })
    }
}

/// A sealed frame as it is handed to the disk, padding included.
#[derive(Clone, Copy, Debug)]
pub struct SealedFrame<'a> {
    header: &'a [u8],
    /// The counter that the nonce is made of.
    pub counter: u64,
    /// What was made of the body.
    pub ciphertext: &'a [u8],
    /// What proves body and header.
    pub tag: [u8; TAG_BYTES],
}

impl<'a> SealedFrame<'a> {
    /// Reads the frame that fills `bytes`, at `offset` of a segment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(
        bytes: &'a [u8],
        offset: u64,
        segment: &Header,
    ) -> Result<SealedFrame<'a>, &'static str> {
        let Some((header, rest)) = bytes.split_at_checked(FRAME_HEADER_BYTES) else {
            return Err("less than a frame");
        };
        let salted = crc32c::crc32c(&segment.identity.salt);
        let placed = crc32c::crc32c_append(salted, &segment.identity.number.to_le_bytes());
        if !header.starts_with(FRAME_MAGIC)
            || number_at::<4>(header, 60) != u64::from(crc32c::crc32c_append(placed, &header[..60]))
            || number_at::<8>(header, 16) != offset
        {
            return Err("no frame of this place");
        }
        let flags = number_at::<2>(header, 6) as u16;
        if flags & SEALED == 0 {
            return Err("a frame that is not sealed");
        }
        let Some((body, padding)) = rest.split_at_checked(number_at::<4>(header, 36) as usize)
        else {
            return Err("a part of a frame");
        };
        let padded = (FRAME_HEADER_BYTES + body.len()).next_multiple_of(segment.block);
        if bytes.len() != padded || !is_zero(padding) {
            return Err("a frame with something else behind it");
        }
        if number_at::<4>(header, 56) != u64::from(xxhash_rust::xxh3::xxh3_64(body) as u32) {
            return Err("a frame whose checksum does not hold");
        }
        let Some((counter, sealed)) = body.split_first_chunk::<COUNTER_BYTES>() else {
            return Err("a frame without a seal");
        };
        let Some((ciphertext, tag)) = sealed.split_last_chunk::<TAG_BYTES>() else {
            return Err("a frame without a seal");
        };
        Ok(SealedFrame {
            header,
            counter: u64::from_le_bytes(*counter),
            ciphertext,
            tag: *tag,
        })
    }

    /// The authenticated data.
    pub fn bound_to(&self, identity: &Identity) -> [u8; 80] {
        let mut bound = [0; 80];
        bound[..16].copy_from_slice(&identity.log);
        bound[16..24].copy_from_slice(&identity.number.to_le_bytes());
        bound[24..].copy_from_slice(&self.header[..56]);
        bound
    }
}

/// Whether all bytes are zero. It looks at all of them, many at once.
pub fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all | byte) == 0
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// A number of `N` bytes, the lowest first.
pub fn number_at<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(number)
}
