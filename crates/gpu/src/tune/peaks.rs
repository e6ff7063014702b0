//! What the device can do at best: bytes read and operations per second.
//!
//! A buffer is read that no cache of a GPU holds; operations run in registers. Both are bounds, and
//! a kernel's share of them says how much there is left to gain.

use kernels::shader::params::{self, Step};
use kernels::shader::{Kernel, PEAK_WG, Peak};
use kernels::{Peaks, PlayerError};
use wgpu::BufferUsages;

use super::timer::{Timer, Work};
use crate::adapter::Gpu;

/// Bytes that are read: several times the largest cache of a GPU; less where the CPU computes.
const READ_BYTES: u64 = 512 << 20;
const READ_BYTES_SOFTWARE: u64 = 16 << 20;
/// Below this a measurement would be one of a cache.
const READ_BYTES_MIN: u64 = 8 << 20;
/// Workgroups: enough to fill a large GPU several times.
const GROUPS: u32 = 4096;
const GROUPS_SOFTWARE: u32 = 8;
/// Turns of the loops of operations.
const TURNS: u32 = 512;
/// Milliseconds of each measurement.
const TARGET_MS: f64 = 30.0;

/// Measures; the buffer is gone afterwards.
pub async fn measure_peaks(gpu: Gpu) -> Result<Peaks, PlayerError> {
    let Some(mut timer) = Timer::new(&gpu) else {
        let what = "a clock to measure with".to_string();
        return Err(PlayerError::Unsupported { device: gpu.name(), what });
    };
    let software = gpu.is_software();
    let out = buffer(&gpu, 16).await;
    let (Some(out), Some(data)) = (out, memory(&gpu, software).await) else {
        gpu.health.check()?;
        let (what, need) = ("measuring its speed".to_string(), READ_BYTES_MIN);
        let have = gpu.limits.max_storage_buffer_binding_size;
        return Err(PlayerError::Memory { device: gpu.name(), what, need, have });
    };
    let groups = if software { GROUPS_SOFTWARE } else { GROUPS };
    let threads = groups * PEAK_WG;
    let mut rate = async |what, n: u32, amount: f64| {
        let p = params::Peak { n, stride: threads, ..Default::default() };
        let work = Work {
            kernel: Kernel::Peak(what),
            params: vec![bytemuck::bytes_of(&p).to_vec()],
            step: Step::default(),
            buffers: vec![(2, &data), (5, &out)],
            grid: [groups, 1],
        };
        timer.seconds(&work, TARGET_MS).await.map(|seconds| amount / seconds)
    };
    let words = u32::try_from(data.size() / 16).unwrap_or(u32::MAX);
    let read_bytes_per_s = rate(Peak::Read, words, data.size() as f64).await?;
    let turns = if software { TURNS / 8 } else { TURNS };
    let per_turn = f64::from(turns) * f64::from(threads);
    let (op_per_s, op_kind) = if gpu.has_int_tiles() {
        (rate(Peak::Int, turns, 256.0 * per_turn).await?, "8-bit integer dot product")
    } else {
        (rate(Peak::Float, turns, 64.0 * per_turn).await?, "f32 multiply and add")
    };
    Ok(Peaks { read_bytes_per_s, op_per_s, op_kind: op_kind.to_string() })
}

async fn memory(gpu: &Gpu, software: bool) -> Option<wgpu::Buffer> {
    let max = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
    let mut bytes = if software { READ_BYTES_SOFTWARE } else { READ_BYTES };
    // Next to a large model there may be little left.
    while bytes >= READ_BYTES_MIN {
        if bytes <= max
            && let Some(buffer) = buffer(gpu, bytes).await
        {
            return Some(buffer);
        }
        bytes /= 2;
    }
    None
}

/// A buffer of zeros; `None` where the memory does not suffice.
pub(super) async fn buffer(gpu: &Gpu, bytes: u64) -> Option<wgpu::Buffer> {
    let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let made = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("measuring"),
        size: bytes.next_multiple_of(16),
        usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    scope.pop().await.is_none().then_some(made)
}
