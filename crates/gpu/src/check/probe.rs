//! Does the device's reduction form give right sums? Tried when the device is opened.
//!
//! Errors are caught in a scope of their own: in a browser the page may have promised subgroups
//! that the device does not have, and then the plain form is simply the one to use.

use kernels::PlayerError;
use kernels::shader::Kernel;
use kernels::shader::params::Step;

use super::run::{Checker, Run, floats};
use crate::adapter::Gpu;

/// True if workgroups of all sizes in use sum right in the forms of `gpu`.
pub(crate) async fn reduction_works(gpu: &Gpu) -> bool {
    let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let mut works = true;
    for wg in [32, 64, 128] {
        works &= try_one(gpu, wg).await.unwrap_or(false);
    }
    scope.pop().await.is_none() && works
}

async fn try_one(gpu: &Gpu, wg: u32) -> Result<bool, PlayerError> {
    let mut checker = Checker::new(gpu, "");
    let zeros = vec![0; 4 * wg as usize];
    let run = Run {
        kernel: Kernel::Probe { wg },
        params: 0u32,
        step: Step::default(),
        buffers: vec![(4, &zeros)],
        outputs: vec![4],
        grid: [1, 1],
    };
    let got = floats(&checker.run(run).await?, 4);
    let n = f64::from(wg);
    // Both sums are below 2^24, hence exact in f32 in any order.
    let sums = [n * (n + 1.0) / 2.0, (n - 1.0) * n * (2.0 * n - 1.0) / 6.0];
    Ok(got.len() == wg as usize
        && got.iter().enumerate().all(|(i, &sum)| f64::from(sum) == sums[i & 1]))
}
