//! Tar's blocks: headers written and read one by one, while an archive passes by.
//!
//! The library knows what stands in a header. Its own reader and writer want blocking streams,
//! which a browser has not, so the few lines around headers are here.

use tar::{EntryType, Header};

use super::refuse;
use crate::error::Error;
use crate::fetch::Body;

/// A tar file consists of blocks of this many bytes.
pub(super) const BLOCK: usize = 512;

/// The header of an entry.
pub(super) fn header(path: &str, size: u64) -> Result<[u8; BLOCK], Error> {
    let mut header = Header::new_ustar();
    header.set_path(path).map_err(|error| refuse(format!("{path} is too long: {error}")))?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Zeros up to the next block.
pub(super) fn padding(size: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let rest = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    ZEROS.get(..(BLOCK - rest) % BLOCK).unwrap_or_default()
}

/// Takes an archive apart while it arrives.
pub(super) struct Reader<B> {
    input: B,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are used up.
    at: usize,
}

impl<B: Body> Reader<B> {
    pub(super) fn new(input: B) -> Reader<B> {
        Reader { input, buffer: Vec::new(), at: 0 }
    }

    /// Between 1 and `most` bytes; an error at the end of the input.
    pub(super) async fn some(&mut self, most: u64) -> Result<Vec<u8>, Error> {
        while self.at >= self.buffer.len() {
            match self.input.next().await {
                None => return Err(refuse("it ends too early, copy it again".to_owned())),
                Some(Ok(bytes)) => (self.buffer, self.at) = (bytes, 0),
                Some(Err(error)) => {
                    return Err(Error::Network { host: "the archive".into(), error });
                }
            }
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let n = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
        let piece = rest.get(..n).unwrap_or_default().to_vec();
        self.at += n;
        Ok(piece)
    }

    /// So many bytes; callers have compared the number with a limit.
    pub(super) async fn exactly(&mut self, n: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < n {
            bytes.extend(self.some(n - bytes.len() as u64).await?);
        }
        Ok(bytes)
    }

    pub(super) async fn skip(&mut self, mut n: u64) -> Result<(), Error> {
        while n > 0 {
            n -= self.some(n).await?.len() as u64;
        }
        Ok(())
    }

    /// Path and size of the next entry; `None` at the archive's end.
    pub(super) async fn header(&mut self) -> Result<Option<(String, u64)>, Error> {
        let block = self.exactly(BLOCK as u64).await?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let block: [u8; BLOCK] =
            block.try_into().map_err(|_| refuse("it ends too early".to_owned()))?;
        let header = Header::from_byte_slice(&block);
        let is_whole = header.cksum().is_ok_and(|sum| sum == checksum(&block));
        if !is_whole || header.entry_type() != EntryType::Regular {
            return Err(refuse("it is no tar archive that `save` wrote, or damaged".to_owned()));
        }
        let size = header.entry_size().map_err(|error| refuse(error.to_string()))?;
        let path = String::from_utf8(header.path_bytes().into_owned());
        Ok(Some((path.map_err(|_| refuse("a path in it is no text".to_owned()))?, size)))
    }
}

/// Tar's checksum: the sum of all bytes, with spaces where the checksum itself stands.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let value = |(i, byte): (usize, &u8)| match i {
        148..156 => u32::from(b' '),
        _ => u32::from(*byte),
    };
    block.iter().enumerate().map(value).sum()
}
