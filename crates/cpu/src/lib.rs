//! Plays a Plan on the CPU: packed weights, 8-bit activations, SIMD, threads.

mod format;
mod kernels;
mod memory;
mod pack;
mod pool;
mod raw;
