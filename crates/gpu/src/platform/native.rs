//! Native: the device is polled by blocking on it, and shaders may skip bounds checks.

use wgpu::{Adapter, Device, PipelineCache, ShaderModule, ShaderModuleDescriptor, SubmissionIndex};

/// The WGSL dialect of this platform's compiler.
pub const DIALECT: kernels::shader::Dialect = kernels::shader::Dialect::Native;

/// wgpu can ask this platform's adapters for subgroups.
pub const REQUESTS_SUBGROUPS: bool = true;

/// Waits for the GPU to finish a submit (without one: all of them) and runs the callbacks of what
/// is done.
pub fn wait(device: &Device, submit: Option<SubmissionIndex>) -> Result<(), String> {
    let how = wgpu::PollType::Wait { submission_index: submit, timeout: None };
    device.poll(how).map(|_| ()).map_err(|e| e.to_string())
}

/// All adapters of the machine.
pub async fn adapters(instance: &wgpu::Instance, backends: wgpu::Backends) -> Vec<Adapter> {
    instance.enumerate_adapters(backends).await
}

/// What profiles need.
pub const TIMERS: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);

/// Milliseconds of a monotonic clock.
pub const CLOCK: Option<fn() -> f64> = Some(now_ms);

fn now_ms() -> f64 {
    use std::sync::OnceLock;
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64() * 1e3
}

/// True if the adapter multiplies the matrices that our tiles are made of: 16 or 8 squared, `f16`
/// in and `f32` sums.
pub fn has_matrix_units(adapter: &Adapter) -> bool {
    use wgpu::CooperativeScalarType::{F16, F32};
    adapter.features().contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX)
        && adapter.cooperative_matrix_properties().iter().any(|p| {
            let sizes = (p.m_size, p.n_size, p.k_size);
            matches!(sizes, (16, 16, 16) | (8, 8, 8)) && (p.ab_type, p.cr_type) == (F16, F32)
        })
}

/// Leave to use what wgpu calls experimental.
pub fn experiments(asked: bool) -> wgpu::ExperimentalFeatures {
    if !asked {
        return wgpu::ExperimentalFeatures::disabled();
    }
    // SAFETY: only cooperative matrices are asked for, in kernels of this repository that load and
    // store whole fragments inside of workgroup memory; a device runs them after a comparison.
    #[allow(unsafe_code, reason = "the only way to ask for matrix units")]
    unsafe {
        wgpu::ExperimentalFeatures::enabled()
    }
}

/// What keeping compiled kernels needs.
pub const KEEPS_PIPELINES: wgpu::Features = wgpu::Features::PIPELINE_CACHE;

/// A store of compiled kernels, beginning with what [`PipelineCache::get_data`] gave an earlier
/// run; `None` if the device has none.
pub fn pipeline_cache(device: &Device, data: Option<&[u8]>) -> Option<PipelineCache> {
    if !device.features().contains(KEEPS_PIPELINES) {
        return None;
    }
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("ingle"), data, fallback: true };
    // SAFETY: the data is what the same adapter, driver, wgpu and version gave, by its key, and
    // whole, by its sum; wgpu and the driver then compare their own headers, and begin empty where
    // those do not fit. It lies where only the user writes.
    #[allow(unsafe_code, reason = "the only way to keep what was compiled")]
    unsafe {
        Some(device.create_pipeline_cache(&descriptor))
    }
}

/// Compiles a kernel, unless `safe` without bounds checks and loop counters.
pub fn shader_module(
    device: &Device,
    descriptor: ShaderModuleDescriptor<'_>,
    safe: bool,
) -> ShaderModule {
    if safe {
        return device.create_shader_module(descriptor);
    }
    // SAFETY: the text is this repository's own and not a user's. Kernels compute every index from
    // uniforms that the schedule checked against the buffers, loops have finite bounds, and the
    // tests run the same texts.
    #[allow(unsafe_code, reason = "the only way to leave out checks that cost up to 30 %")]
    unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    }
}
