//! Finding a GPU, opening it, and choosing the kernel forms it can run.

use std::sync::{Arc, Mutex};

use kernels::shader::{Choices, Forms};
use kernels::{Loader, Plan, PlayerConfig, PlayerError};

use crate::check;
use crate::doctor::Record;
use crate::health::Health;
use crate::loader::GpuLoader;
use crate::options::{Backend, Options, Rewrite};
use crate::platform;
use crate::tune::Tuning;

/// What `ingle devices` says about an adapter.
#[derive(Clone, Debug)]
pub struct AdapterSummary {
    /// As the driver names it.
    pub name: String,
    /// "vulkan", "metal", "dx12", "webgpu".
    pub backend: String,
    /// "discrete", "integrated", "virtual", "cpu", "other".
    pub kind: String,
    /// Numbers of the vendor and of the device, as PCI has them; 0 in a browser.
    pub ids: (u32, u32),
    /// Driver and its version.
    pub driver: String,
    /// Bytes of the largest buffer a kernel can read at once.
    pub max_binding_bytes: u64,
    /// Bytes of the largest buffer.
    pub max_buffer_bytes: u64,
    /// Threads of a subgroup, smallest and largest.
    pub subgroup_size: (u32, u32),
    /// Kernel forms it would run.
    pub forms: Forms,
}

impl AdapterSummary {
    fn label(&self) -> String {
        format!("{} ({})", self.name, self.backend)
    }

    fn new(adapter: &wgpu::Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        AdapterSummary {
            // Browsers keep it to themselves.
            name: if info.name.is_empty() { "GPU".to_string() } else { info.name },
            backend: info.backend.to_string(),
            kind: kind_name(info.device_type).to_string(),
            ids: (info.vendor, info.device),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            subgroup_size: (info.subgroup_min_size, info.subgroup_max_size),
            forms: Forms {
                subgroups: platform::REQUESTS_SUBGROUPS
                    && adapter.features().contains(wgpu::Features::SUBGROUP),
                f16: adapter.features().contains(wgpu::Features::SHADER_F16),
            },
        }
    }
}

fn kind_name(kind: wgpu::DeviceType) -> &'static str {
    match kind {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "cpu",
        wgpu::DeviceType::Other => "other",
    }
}

fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle())
}

/// All adapters of the machine, software ones included.
pub async fn list() -> Vec<AdapterSummary> {
    let adapters = platform::adapters(&instance(), wgpu::Backends::all()).await;
    adapters.iter().map(AdapterSummary::new).collect()
}

/// An opened device, ready to load models.
#[derive(Clone)]
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) health: Health,
    pub(crate) forms: Forms,
    pub(crate) choices: Choices,
    pub(crate) limits: wgpu::Limits,
    pub(crate) max_total_bytes: Option<u64>,
    pub(crate) clock_ms: Option<fn() -> f64>,
    /// Forms that were found to be the fastest.
    pub(crate) tuning: Arc<Mutex<Tuning>>,
    /// Where the driver keeps what it compiled, once a host asks for it.
    pub(crate) compiled: Arc<Mutex<Option<wgpu::PipelineCache>>>,
    /// Kernels run with bounds checks, and workgroup memory starts as zeros.
    pub(crate) safe_shaders: bool,
    /// As in [`Options::rewrite`].
    pub(crate) rewrite: Option<Rewrite>,
    /// What was found out about its numbers.
    pub(crate) record: Arc<Mutex<Record>>,
    /// As in [`Options::host`].
    pub(crate) host: String,
    summary: AdapterSummary,
}

impl Gpu {
    /// Opens the best adapter that `options` allow: discrete before integrated before the rest.
    ///
    /// # Errors
    /// [`PlayerError::Unsupported`] if there is none, or it lacks a form that was demanded;
    /// [`PlayerError::Device`] if the driver refuses.
    pub async fn open(options: &Options) -> Result<Gpu, PlayerError> {
        let adapter = choose(options).await?;
        let summary = AdapterSummary::new(&adapter);
        let forms = choose_forms(options, &summary)?;
        let mut features = wgpu::Features::empty();
        features.set(wgpu::Features::SUBGROUP, forms.subgroups && platform::REQUESTS_SUBGROUPS);
        features.set(wgpu::Features::SHADER_F16, forms.f16);
        features |= adapter.features() & (platform::TIMERS | platform::KEEPS_PIPELINES);
        let units = forms.f16 && platform::has_matrix_units(&adapter);
        features.set(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX, units);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("ingle"),
            required_features: features,
            required_limits: adapter.limits(),
            experimental_features: platform::experiments(units),
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|e| {
            PlayerError::Device { device: summary.name.clone(), reason: e.to_string() }
        })?;
        let health = Health::default();
        health.watch(&device, &summary.label());
        let mut limits = device.limits();
        if let Some(bound) = options.max_binding_bytes {
            limits.max_storage_buffer_binding_size =
                limits.max_storage_buffer_binding_size.min(bound);
        }
        let max_total_bytes = options.max_total_bytes;
        let clock_ms = options.clock_ms.or(platform::CLOCK);
        let choices = options.choices.clone();
        let mut gpu = Gpu {
            device,
            queue,
            health,
            forms,
            choices,
            limits,
            max_total_bytes,
            clock_ms,
            tuning: Arc::default(),
            compiled: Arc::default(),
            safe_shaders: options.safe_shaders,
            rewrite: options.rewrite,
            record: Arc::default(),
            host: options.host.clone(),
            summary,
        };
        if forms.subgroups && !check::reduction_works(&gpu).await {
            gpu.forms.subgroups = false;
        }
        Ok(gpu)
    }

    /// The adapter, with the forms that are chosen now.
    pub fn summary(&self) -> AdapterSummary {
        AdapterSummary { forms: self.trusted_forms(), ..self.summary.clone() }
    }

    /// "llvmpipe (vulkan)".
    pub fn name(&self) -> String {
        self.summary.label()
    }

    /// Whether the device is of use.
    ///
    /// # Errors
    /// The first thing that went wrong since it was opened: it is lost, or had no memory.
    pub fn check(&self) -> Result<(), PlayerError> {
        self.health.check()
    }

    /// Prepares the memory of a model; its weights are written to the result.
    ///
    /// # Errors
    /// If the device has not enough memory, the Plan needs something the kernels do not have, or
    /// the device was found to compute wrong in every form.
    pub fn loader(
        &self,
        plan: &Plan,
        config: PlayerConfig,
    ) -> Result<Box<dyn Loader>, PlayerError> {
        Ok(Box::new(GpuLoader::new(self.trusted()?, plan, config)?))
    }

    /// A buffer with these bytes. Not `create_buffer_init`, which panics on a device that is gone.
    pub(crate) fn filled(&self, contents: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (contents.len() as u64).next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT),
            usage: usage | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let whole = contents.len() / 4 * 4;
        self.queue.write_buffer(&buffer, 0, &contents[..whole]);
        if whole < contents.len() {
            let mut last = [0; 4];
            last[..contents.len() - whole].copy_from_slice(&contents[whole..]);
            self.queue.write_buffer(&buffer, whole as u64, &last);
        }
        buffer
    }

    /// Gives the device back now instead of when the last user is gone.
    pub fn destroy(&self) {
        self.health.fail(PlayerError::DeviceLost { reason: "it was given back".into() });
        self.device.destroy();
    }
}

async fn choose(options: &Options) -> Result<wgpu::Adapter, PlayerError> {
    let backends = match options.backend {
        None => wgpu::Backends::all(),
        Some(Backend::Vulkan) => wgpu::Backends::VULKAN,
        Some(Backend::Metal) => wgpu::Backends::METAL,
        Some(Backend::Dx12) => wgpu::Backends::DX12,
        Some(Backend::WebGpu) => wgpu::Backends::BROWSER_WEBGPU,
    };
    let wanted = options.name.as_deref().unwrap_or_default().to_lowercase();
    let mut found = platform::adapters(&instance(), backends).await;
    found.retain(|adapter| {
        let info = adapter.get_info();
        let software = info.device_type == wgpu::DeviceType::Cpu;
        (options.allow_software || !software) && info.name.to_lowercase().contains(&wanted)
    });
    found.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => 2,
        wgpu::DeviceType::Cpu => 3,
    });
    found.into_iter().next().ok_or_else(|| PlayerError::Unsupported {
        device: "gpu".into(),
        what: "a GPU adapter with Vulkan, Metal, DirectX 12 or WebGPU".into(),
    })
}

fn choose_forms(options: &Options, summary: &AdapterSummary) -> Result<Forms, PlayerError> {
    let choose = |asked: Option<bool>, has: bool, what: &str| match asked {
        Some(true) if !has => Err(PlayerError::Unsupported {
            device: summary.name.clone(),
            what: format!("the feature {what}"),
        }),
        asked => Ok(asked.unwrap_or(has)),
    };
    let asked = options.allow_subgroups;
    Ok(Forms {
        subgroups: if platform::REQUESTS_SUBGROUPS {
            choose(asked, summary.forms.subgroups, "subgroups")?
        } else {
            asked == Some(true)
        },
        f16: choose(options.allow_f16, summary.forms.f16, "shader-f16")?,
    })
}
