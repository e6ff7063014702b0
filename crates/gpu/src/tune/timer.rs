//! Seconds of one dispatch, by the host's clock over many of them.
//!
//! Not by timestamps: these exist on some devices only and are rounded in browsers, while a few
//! milliseconds of dispatches in one pass drown the cost of a submit everywhere.

use std::future::poll_fn;
use std::task::Poll;

use kernels::PlayerError;
use kernels::shader::Kernel;
use kernels::shader::params::Step;
use wgpu::{Buffer, BufferUsages};

use crate::adapter::Gpu;
use crate::pipelines::{Access, Pipelines, UNIFORM_STRIDE};
use crate::platform;
use crate::signal::Signal;

/// Most dispatches of one measurement.
const MAX_DISPATCHES: f64 = 2000.0;

/// What is timed: dispatches that take the parameters in turn.
pub struct Work<'a> {
    pub kernel: Kernel,
    pub params: Vec<Vec<u8>>,
    pub step: Step,
    pub buffers: Vec<(u32, &'a Buffer)>,
    pub grid: [u32; 2],
}

/// Times kernels; compiles each once.
pub struct Timer<'a> {
    gpu: &'a Gpu,
    pipelines: Pipelines,
    clock_ms: fn() -> f64,
}

impl<'a> Timer<'a> {
    /// `None` without a clock.
    pub fn new(gpu: &'a Gpu) -> Option<Self> {
        let clock_ms = gpu.clock_ms?;
        Some(Timer { gpu, pipelines: Pipelines::default(), clock_ms })
    }

    pub fn now_ms(&self) -> f64 {
        (self.clock_ms)()
    }

    /// Seconds per dispatch: the better of two runs of about `target_ms`.
    pub async fn seconds(&mut self, work: &Work<'_>, target_ms: f64) -> Result<f64, PlayerError> {
        let id = self.pipelines.id(self.gpu, work.kernel)?;
        let pipeline = self.pipelines.get(id);
        let uniforms = |slots: &[Vec<u8>]| {
            let mut contents = Vec::new();
            for slot in slots {
                contents.extend_from_slice(slot);
                contents.resize(contents.len().next_multiple_of(UNIFORM_STRIDE as usize), 0);
            }
            self.gpu.filled(&contents, BufferUsages::UNIFORM)
        };
        let params = uniforms(&work.params);
        let step = uniforms(&[bytemuck::bytes_of(&work.step).to_vec()]);
        let slot = |buffer| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset: 0,
                size: std::num::NonZeroU64::new(UNIFORM_STRIDE),
            })
        };
        let entries: Vec<_> = pipeline
            .bindings
            .iter()
            .filter_map(|&(binding, access)| {
                let resource = match (access, binding) {
                    (Access::Uniform, 0) => slot(&params),
                    (Access::Uniform, _) => slot(&step),
                    _ => work.buffers.iter().find(|b| b.0 == binding)?.1.as_entire_binding(),
                };
                Some(wgpu::BindGroupEntry { binding, resource })
            })
            .collect();
        let bind = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        });
        let n_uniforms = pipeline.bindings.iter().filter(|b| b.1 == Access::Uniform).count();
        let pipeline = &pipeline.pipeline;
        let run = async |n: usize| -> Result<f64, PlayerError> {
            let start = self.now_ms();
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(pipeline);
                for i in 0..n {
                    let at = (i % work.params.len().max(1)) as u32 * UNIFORM_STRIDE as u32;
                    pass.set_bind_group(0, &bind, &[at, 0][..n_uniforms]);
                    pass.dispatch_workgroups(work.grid[0], work.grid[1], 1);
                }
            }
            self.gpu.queue.submit([encoder.finish()]);
            self.finished().await?;
            Ok(self.now_ms() - start)
        };
        // The first run also pays for clearing buffers and compiling.
        run(1).await?;
        let once = run(1).await?.max(1e-3);
        let n = (target_ms / once).clamp(1.0, MAX_DISPATCHES) as usize;
        let best = if n == 1 { once } else { run(n).await?.min(run(n).await?) };
        Ok(best / 1000.0 / n as f64)
    }

    async fn finished(&self) -> Result<(), PlayerError> {
        let signal = Signal::default();
        let (raise, ticket) = (signal.clone(), signal.reset());
        self.gpu.queue.on_submitted_work_done(move || raise.raise(ticket, Ok(())));
        let lost = |reason| PlayerError::DeviceLost { reason };
        poll_fn(|cx| match platform::wait(&self.gpu.device, None) {
            Err(reason) => Poll::Ready(Err(reason)),
            Ok(()) => signal.poll(cx),
        })
        .await
        .map_err(lost)?;
        self.gpu.health.check()
    }
}
