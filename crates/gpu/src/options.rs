//! What a host may ask of the GPU; the defaults are right for products, the rest is for tests.

use kernels::shader::Choices;

/// A way to reach a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Linux, Windows, Android.
    Vulkan,
    /// macOS, iOS.
    Metal,
    /// Windows.
    Dx12,
    /// A browser.
    WebGpu,
}

/// A kernel's name and text to the text that is compiled.
pub type Rewrite = fn(&str, String) -> String;

/// How to choose the adapter and its kernel forms.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only this backend.
    pub backend: Option<Backend>,
    /// Only adapters whose name contains this, ignoring case.
    pub name: Option<String>,
    /// Also take an adapter that computes on the CPU (llvmpipe, SwiftShader). Such an adapter is
    /// correct and slow, so that on a machine without a GPU the CPU player is the better choice.
    pub allow_software: bool,
    /// Subgroup forms: `None` = if the adapter has them. Natively `Some(true)` is an error where it
    /// has not. In a browser wgpu cannot ask for them; the page adds the feature to the device
    /// request itself and then says `Some(true)` here.
    pub allow_subgroups: Option<bool>,
    /// `f16` forms: `None` = if the adapter has them; `Some(true)` is an error where it has not.
    pub allow_f16: Option<bool>,
    /// Which form of each product to run: by default floats everywhere.
    pub choices: Choices,
    /// Keeps the bounds checks of kernels and zeroes workgroup memory, which costs up to 30 %: to
    /// see whether a wrong result comes from leaving them out. A browser always does both.
    pub safe_shaders: bool,
    /// Milliseconds of a monotonic clock, for the time budget of prompt chunks. Natively there is
    /// one already; in a browser the page has it.
    pub clock_ms: Option<fn() -> f64>,
    /// What else a tuning is bound to. Natively the driver's version says it all; a browser keeps
    /// that to itself, so the page says what it can: the adapter's words and its own version.
    pub host: String,
    /// Changes a kernel's text, by its name, before it is compiled: to play a driver that
    /// miscompiles it, in tests.
    pub rewrite: Option<Rewrite>,
    /// Bounds the bytes of one buffer below the adapter's own limit, to test splits.
    pub max_binding_bytes: Option<u64>,
    /// Bounds the bytes of all buffers together; `None` = as the device allows.
    pub max_total_bytes: Option<u64>,
}
