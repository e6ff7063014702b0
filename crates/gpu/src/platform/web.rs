//! Browser: callbacks come from the event loop, and the text goes to the browser's compiler.

use wgpu::{Adapter, Device, PipelineCache, ShaderModule, ShaderModuleDescriptor, SubmissionIndex};

/// The WGSL dialect of this platform's compiler.
pub const DIALECT: kernels::shader::Dialect = kernels::shader::Dialect::Browser;

/// wgpu cannot ask a browser's adapter for subgroups; the page does it.
pub const REQUESTS_SUBGROUPS: bool = false;

/// Nothing to do: the event loop runs the callbacks.
pub fn wait(_device: &Device, _submit: Option<SubmissionIndex>) -> Result<(), String> {
    Ok(())
}

/// The adapter that the browser offers.
pub async fn adapters(instance: &wgpu::Instance, _backends: wgpu::Backends) -> Vec<Adapter> {
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    instance.request_adapter(&options).await.into_iter().collect()
}

/// What profiles need; wgpu knows no stamps inside of passes here.
pub const TIMERS: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY;

/// No clock without naming the browser's own; see `Options::clock_ms`.
pub const CLOCK: Option<fn() -> f64> = None;

/// wgpu cannot ask a browser for them.
pub fn has_matrix_units(_adapter: &Adapter) -> bool {
    false
}

/// Nothing experimental is asked for.
pub fn experiments(_asked: bool) -> wgpu::ExperimentalFeatures {
    wgpu::ExperimentalFeatures::disabled()
}

/// The browser keeps compiled kernels itself.
pub const KEEPS_PIPELINES: wgpu::Features = wgpu::Features::empty();

/// None: see [`KEEPS_PIPELINES`].
pub fn pipeline_cache(_device: &Device, _data: Option<&[u8]>) -> Option<PipelineCache> {
    None
}

/// Compiles a kernel; the browser adds its checks whatever is asked.
pub fn shader_module(
    device: &Device,
    descriptor: ShaderModuleDescriptor<'_>,
    _safe: bool,
) -> ShaderModule {
    device.create_shader_module(descriptor)
}
