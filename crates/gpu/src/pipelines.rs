//! Pipelines by kernel key, each with the bind group layout that its own text declares.
//!
//! The layout is read from the `@group(0) @binding(n)` lines of the composed WGSL and not kept in a
//! second table: the text is the truth, and explicit layouts are needed because the two uniforms
//! are bound with dynamic offsets.

use std::collections::HashMap;

use kernels::PlayerError;
use kernels::shader::{Forms, Kernel};

use crate::adapter::Gpu;
use crate::platform;

/// Bytes between two uniform structs: the largest alignment that WebGPU allows a device to ask.
pub const UNIFORM_STRIDE: u64 = 256;

/// How a kernel uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Uniform,
    Read,
    ReadWrite,
}

/// The bindings declared in a WGSL text.
pub fn bindings(wgsl: &str) -> Vec<(u32, Access)> {
    let parse = |line: &str| {
        let (number, rest) = line.strip_prefix("@group(0) @binding(")?.split_once(") var<")?;
        let access = match rest.split_once('>')?.0 {
            "uniform" => Access::Uniform,
            "storage, read_write" => Access::ReadWrite,
            _ => Access::Read,
        };
        Some((number.parse().ok()?, access))
    };
    wgsl.lines().filter_map(parse).collect()
}

/// A compiled kernel.
pub struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    pub kernel: Kernel,
    pub bindings: Vec<(u32, Access)>,
}

/// The pipelines of one model.
#[derive(Default)]
pub struct Pipelines {
    index: HashMap<Kernel, usize>,
    list: Vec<Pipeline>,
}

impl Pipelines {
    pub fn get(&self, id: usize) -> &Pipeline {
        &self.list[id]
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The kernel with its form, for people.
    pub fn name(&self, id: usize, forms: Forms) -> String {
        self.list.get(id).map_or_else(String::new, |pipeline| pipeline.kernel.name(forms))
    }

    pub fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.index.keys()
    }

    /// The pipeline of `kernel`, compiled at its first use.
    pub fn id(&mut self, gpu: &Gpu, kernel: Kernel) -> Result<usize, PlayerError> {
        if let Some(&id) = self.index.get(&kernel) {
            return Ok(id);
        }
        self.list.push(compile(gpu, kernel)?);
        self.index.insert(kernel, self.list.len() - 1);
        Ok(self.list.len() - 1)
    }
}

fn compile(gpu: &Gpu, kernel: Kernel) -> Result<Pipeline, PlayerError> {
    let wgsl = kernel
        .wgsl(gpu.forms, platform::DIALECT)
        .map_err(|e| PlayerError::Device { device: gpu.name(), reason: e.to_string() })?;
    let name = kernel.name(gpu.forms);
    let wgsl = gpu.rewrite.map_or(wgsl.clone(), |rewrite| rewrite(&name, wgsl));
    let bindings = bindings(&wgsl);
    let entries: Vec<_> = bindings.iter().map(|&(n, access)| layout_entry(n, access)).collect();
    let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(&name),
        entries: &entries,
    });
    let pipeline_layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(&name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let module = platform::shader_module(
        &gpu.device,
        wgpu::ShaderModuleDescriptor {
            label: Some(&name),
            source: wgpu::ShaderSource::Wgsl(wgsl.into()),
        },
        gpu.safe_shaders,
    );
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(&name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        // Kernels write workgroup memory before they read it.
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: gpu.safe_shaders,
            ..Default::default()
        },
        cache: gpu.compiled().as_ref(),
    });
    Ok(Pipeline { pipeline, layout, kernel, bindings })
}

fn layout_entry(binding: u32, access: Access) -> wgpu::BindGroupLayoutEntry {
    let ty = match access {
        Access::Uniform => wgpu::BufferBindingType::Uniform,
        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
        Access::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
    };
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: access == Access::Uniform,
            min_binding_size: None,
        },
        count: None,
    }
}
