//! Where models are computed: the graphics chip of this browser, or its processor.

use kernels::{Loader, Plan, PlayerConfig, PlayerError};

use crate::js::performance_now;

/// One of the two.
pub enum Device {
    /// WebAssembly SIMD.
    Cpu,
    /// WebGPU.
    Gpu(Box<gpu::Gpu>),
}

impl Device {
    /// "gpu", "cpu", or anything else for the first that works. Asked for by name, an adapter that
    /// computes on the processor is taken too.
    ///
    /// # Errors
    /// "gpu" where there is none.
    pub async fn open(wish: &str, host: String, subgroups: bool) -> Result<Device, PlayerError> {
        Ok(match wish {
            "cpu" => Device::Cpu,
            "gpu" => Device::Gpu(open_gpu(host, subgroups, true).await?),
            _ => open_gpu(host, subgroups, false).await.map_or(Device::Cpu, Device::Gpu),
        })
    }

    pub fn gpu(&self) -> Option<&gpu::Gpu> {
        match self {
            Device::Gpu(gpu) => Some(gpu),
            Device::Cpu => None,
        }
    }

    /// Whether the graphics chip is still there.
    ///
    /// # Errors
    /// What happened to it: nothing of this worker can be computed there any more.
    pub fn check(&self) -> Result<(), PlayerError> {
        self.gpu().map_or(Ok(()), gpu::Gpu::check)
    }

    /// The graphics chip, unless it was found to compute wrong in every form.
    pub fn trusted_gpu(&self) -> Option<&gpu::Gpu> {
        self.gpu().filter(|gpu| gpu.trusts(gpu::Part::Device))
    }

    pub fn loader(
        &self,
        plan: &Plan,
        config: PlayerConfig,
    ) -> Result<Box<dyn Loader>, PlayerError> {
        match self.trusted_gpu() {
            None => cpu::loader(plan, config),
            Some(gpu) => gpu.loader(plan, config),
        }
    }

    pub fn kind(&self) -> &'static str {
        if self.trusted_gpu().is_some() { "gpu" } else { "cpu" }
    }

    /// For people. Browsers tell the page's script more about an adapter than wgpu passes on, so
    /// the script says its name.
    pub fn name(&self, adapter: &str) -> String {
        match self.trusted_gpu() {
            None => processor(),
            Some(_) => format!("{adapter} (WebGPU)"),
        }
    }

    /// The optional features in use.
    pub fn features(&self) -> Vec<String> {
        let Some(gpu) = self.gpu() else { return Vec::new() };
        let forms = gpu.summary().forms;
        let all = [("subgroups", forms.subgroups), ("f16", forms.f16)];
        all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.to_owned()).collect()
    }
}

/// The processor as this module uses it, for people.
pub(crate) fn processor() -> String {
    let set = cpu::instruction_sets().first().copied().unwrap_or_default();
    let n = cpu::n_page_threads();
    format!("WebAssembly {set}, {n} {}", if n == 1 { "thread" } else { "threads" })
}

pub(crate) async fn open_gpu(
    host: String,
    subgroups: bool,
    allow_software: bool,
) -> Result<Box<gpu::Gpu>, PlayerError> {
    let allow_subgroups = Some(subgroups);
    // The page's clock keeps prompt chunks inside their time budget.
    let clock_ms: Option<fn() -> f64> = Some(performance_now);
    let options =
        gpu::Options { allow_subgroups, allow_software, clock_ms, host, ..Default::default() };
    gpu::Gpu::open(&options).await.map(Box::new)
}
