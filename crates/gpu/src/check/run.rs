//! Runs one kernel on given buffers and gives one of them back.

use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;

use kernels::PlayerError;
use kernels::shader::Kernel;
use kernels::shader::params::Step;
use wgpu::{Buffer, BufferUsages};

use super::CheckResult;
use crate::adapter::Gpu;
use crate::pipelines::{Access, Pipelines, UNIFORM_STRIDE};
use crate::platform;
use crate::signal::Signal;

/// Collects results; compiles each kernel once.
pub struct Checker<'a> {
    pub gpu: &'a Gpu,
    only: String,
    pipelines: Pipelines,
    pub results: Vec<CheckResult>,
    /// Kernels that were run.
    pub used: Vec<Kernel>,
}

/// One dispatch: parameters, step, storage buffers by binding number.
pub struct Run<'a, P> {
    pub kernel: Kernel,
    pub params: P,
    pub step: Step,
    pub buffers: Vec<(u32, &'a [u8])>,
    /// Bindings whose contents come back.
    pub outputs: Vec<u32>,
    pub grid: [u32; 2],
}

impl<'a> Checker<'a> {
    pub fn new(gpu: &'a Gpu, only: &str) -> Self {
        let pipelines = Pipelines::default();
        Checker { gpu, only: only.to_string(), pipelines, results: Vec::new(), used: Vec::new() }
    }

    /// True if a check of this name is asked for.
    pub fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    pub fn record(&mut self, name: String, error: f64, tolerance: f64) {
        self.results.push(CheckResult { name, error, tolerance });
    }

    /// Dispatches once and reads the outputs back.
    pub async fn run<P: bytemuck::Pod>(
        &mut self,
        run: Run<'_, P>,
    ) -> Result<HashMap<u32, Vec<u8>>, PlayerError> {
        self.used.push(run.kernel);
        let id = self.pipelines.id(self.gpu, run.kernel)?;
        let pipeline = self.pipelines.get(id);
        let device = &self.gpu.device;
        let make = |contents: &[u8], usage| self.gpu.filled(contents, usage);
        let uniform = |bytes: &[u8]| {
            let mut padded = bytes.to_vec();
            padded.resize(UNIFORM_STRIDE as usize, 0);
            make(&padded, BufferUsages::UNIFORM)
        };
        let params = uniform(bytemuck::bytes_of(&run.params));
        let step = uniform(bytemuck::bytes_of(&run.step));
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let buffers: Vec<(u32, Buffer)> =
            run.buffers.iter().map(|(n, bytes)| (*n, make(bytes, usage))).collect();
        let entries: Vec<_> = pipeline
            .bindings
            .iter()
            .filter_map(|&(binding, access)| {
                let buffer = match (access, binding) {
                    (Access::Uniform, 0) => &params,
                    (Access::Uniform, _) => &step,
                    _ => &buffers.iter().find(|(n, _)| *n == binding)?.1,
                };
                Some(wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            })
            .collect();
        let bind = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline.pipeline);
            let uniforms = pipeline.bindings.iter().filter(|b| b.1 == Access::Uniform);
            pass.set_bind_group(0, &bind, &vec![0; uniforms.count()]);
            pass.dispatch_workgroups(run.grid[0], run.grid[1], 1);
        }
        let outputs: Vec<(u32, Buffer)> = buffers
            .iter()
            .filter(|(n, _)| run.outputs.contains(n))
            .map(|(n, from)| {
                let to = device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: from.size(),
                    usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                });
                encoder.copy_buffer_to_buffer(from, 0, &to, 0, from.size());
                (*n, to)
            })
            .collect();
        self.gpu.queue.submit([encoder.finish()]);
        let mut contents = HashMap::new();
        for (n, buffer) in outputs {
            contents.insert(n, self.read(&buffer).await?);
        }
        self.gpu.health.check()?;
        Ok(contents)
    }

    async fn read(&self, buffer: &Buffer) -> Result<Vec<u8>, PlayerError> {
        let signal = Signal::default();
        let (raise, ticket) = (signal.clone(), signal.reset());
        buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            raise.raise(ticket, result.map_err(|e| e.to_string()));
        });
        let failed = |reason| PlayerError::Device { device: self.gpu.name(), reason };
        poll_fn(|cx| match platform::wait(&self.gpu.device, None) {
            Err(reason) => Poll::Ready(Err(reason)),
            Ok(()) => signal.poll(cx),
        })
        .await
        .map_err(failed)?;
        let view = buffer.slice(..).get_mapped_range().map_err(|e| failed(e.to_string()))?;
        Ok(view.to_vec())
    }
}

/// The floats of an output.
pub fn floats(outputs: &HashMap<u32, Vec<u8>>, binding: u32) -> Vec<f32> {
    words(outputs, binding).into_iter().map(f32::from_bits).collect()
}

/// The words of an output.
pub fn words(outputs: &HashMap<u32, Vec<u8>>, binding: u32) -> Vec<u32> {
    let bytes = outputs.get(&binding).map_or(&[][..], Vec::as_slice);
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|&word| u32::from_le_bytes(word)).collect()
}
