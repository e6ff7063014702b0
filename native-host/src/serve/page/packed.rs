//! Files of the page inside of this program, as gzip.
//!
//! gzip and not Brotli, which is a quarter smaller: over plain HTTP browsers accept Brotli from
//! this machine only, and a page that another machine opens should not be sent unpacked. Clients
//! that take neither are rare, so their copy is unpacked for them.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// Bytes of a header without optional parts, as node writes it (RFC 1952, section 2.3).
const HEADER_BYTES: usize = 10;
/// CRC-32 and length of the content, both little-endian (RFC 1952, section 2.3.1).
const TRAILER_BYTES: usize = 8;
/// Longest content: the wasm modules have about 5 MB.
const MAX_BYTES: usize = 64 << 20;

/// A gzip file.
#[derive(Clone, Copy)]
pub struct Packed {
    bytes: &'static [u8],
    deflated: &'static [u8],
    crc: u32,
    len: u32,
}

impl Packed {
    /// `None` for what is no gzip file of the plain form, or too large.
    pub fn new(bytes: &'static [u8]) -> Option<Packed> {
        let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let (deflated, trailer) = rest.split_at_checked(rest.len().checked_sub(TRAILER_BYTES)?)?;
        // Magic number, deflate, no flags.
        let is_plain = header.starts_with(&[0x1f, 0x8b, 8, 0]);
        let (crc, len) = trailer.split_first_chunk::<4>()?;
        let (crc, len) = (u32::from_le_bytes(*crc), u32::from_le_bytes(len.try_into().ok()?));
        let is_small = usize::try_from(len).is_ok_and(|len| len <= MAX_BYTES);
        (is_plain && is_small).then_some(Packed { bytes, deflated, crc, len })
    }

    /// The gzip file.
    pub fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// Bytes of the content.
    pub fn len(&self) -> u64 {
        self.len.into()
    }

    /// The content's name for caches. Weak, because packed and unpacked it is the same.
    pub fn etag(&self) -> String {
        format!("W/\"{:08x}-{:x}\"", self.crc, self.len)
    }

    /// The content; `None` where it is not what was packed.
    pub fn unpacked(&self) -> Option<Vec<u8>> {
        let content = decompress_to_vec_with_limit(self.deflated, MAX_BYTES).ok()?;
        (content.len() as u64 == self.len()).then_some(content)
    }
}
