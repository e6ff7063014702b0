//! What the driver compiled, as bytes that a host stores, so that the next start need not.
//!
//! Only natively and where wgpu has it (Vulkan): browsers and the other systems keep compiled
//! kernels themselves. Most desktop drivers do as well, by the text they are given; this one also
//! holds where the driver's own cache is off, full, or does not exist.
//!
//! A driver may do anything with data that is not its own, so what it is given begins with the
//! adapter, driver and versions it was made with and with a sum: anything that does not fit is
//! refused with a sentence and never reaches the driver. A host asks for the cache after it has
//! tuned, so that the forms that lost are not kept.

use std::sync::{MutexGuard, PoisonError};

use crate::adapter::Gpu;
use crate::{kept, platform};

/// First line of the bytes. The number grows when the format changes.
const HEAD: &str = "ingle pipelines 1";
/// Bytes of a store: some ten thousand kernels. Beyond it nothing more is kept.
pub const MAX_PIPELINE_BYTES: usize = 32 << 20;

/// The driver's data with what it is bound to in front.
fn wrap(data: &[u8], device: &str) -> Vec<u8> {
    let mut bytes = format!("{HEAD}\n{device}\n{:016x}\n", kept::sum(data)).into_bytes();
    bytes.extend(data);
    bytes
}

/// The driver's data, if it is whole and was made with `device`.
fn data_of<'a>(bytes: &'a [u8], device: &str) -> Result<&'a [u8], String> {
    let mut parts = bytes.splitn(4, |&b| b == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (head, made_for, sum, data) = (next(), next(), next(), next());
    if head != HEAD.as_bytes() {
        return Err(format!("it does not begin with '{HEAD}'"));
    }
    if sum != format!("{:016x}", kept::sum(data)).as_bytes() || data.is_empty() {
        return Err(format!("it is damaged, or {} bytes are not all of it", bytes.len()));
    }
    if made_for != device.as_bytes() {
        let made_for = String::from_utf8_lossy(made_for);
        return Err(format!("it was made for '{made_for}', and this is '{device}'"));
    }
    Ok(data)
}

impl Gpu {
    /// A name for this adapter's compiled kernels, of letters, digits and underscores; `None` if
    /// they cannot be kept.
    pub fn pipelines_name(&self) -> Option<String> {
        let has = self.device.features().contains(platform::KEEPS_PIPELINES);
        let name = wgpu::util::pipeline_cache_key(&self.device.adapter_info());
        name.filter(|_| has && !platform::KEEPS_PIPELINES.is_empty())
    }

    /// From now on keeps what is compiled, beginning with what an earlier run stored. Without
    /// effect where [`Gpu::pipelines_name`] is `None`.
    ///
    /// # Errors
    /// Why `stored` is of no use: it is damaged, or of another adapter, driver or version. What is
    /// compiled is kept all the same.
    pub fn keep_pipelines(&self, stored: Option<&[u8]>) -> Result<(), String> {
        if self.pipelines_name().is_none() {
            return Ok(());
        }
        let data = stored.map(|bytes| data_of(bytes, &self.identity())).transpose();
        let known = data.as_ref().ok().copied().flatten();
        *self.compiled() = platform::pipeline_cache(&self.device, known);
        data.map(|_| ())
    }

    /// What was compiled so far, to be stored and given back with [`Gpu::keep_pipelines`]; `None`
    /// if nothing is kept, it has grown too large, or the device went away.
    pub fn pipeline_cache(&self) -> Option<Vec<u8>> {
        self.health.check().ok()?;
        let data = self.compiled().as_ref()?.get_data()?;
        let bytes = wrap(&data, &self.identity());
        (bytes.len() <= MAX_PIPELINE_BYTES).then_some(bytes)
    }

    /// Where new pipelines are kept.
    pub(crate) fn compiled(&self) -> MutexGuard<'_, Option<wgpu::PipelineCache>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_data_of_this_device_reaches_the_driver() {
        let data = b"kernels\nwith any bytes\n\0\xff";
        let good = wrap(data, "a GPU, driver 1");
        assert_eq!(data_of(&good, "a GPU, driver 1"), Ok(&data[..]));
        let refused = |bytes: &[u8], device: &str| data_of(bytes, device).err().unwrap_or_default();
        assert!(refused(&good, "a GPU, driver 2").contains("made for 'a GPU, driver 1'"));
        for n in 0..good.len() {
            assert!(!refused(&good[..n], "a GPU, driver 1").is_empty(), "cut to {n} bytes");
            let mut flipped = good.clone();
            flipped[n] ^= 1;
            assert!(!refused(&flipped, "a GPU, driver 1").is_empty(), "byte {n} is another");
        }
        assert!(!refused(&[&good[..], b"x"].concat(), "a GPU, driver 1").is_empty());
        assert!(!refused(&wrap(b"", "a GPU"), "a GPU").is_empty());
    }
}
