//! A buffer that a job fills and that is read with its results.
//!
//! The last job's bytes are asked for when it is submitted, and read once, when they are there. A
//! job that is not waited for gives its buffer back at once; its callback then raises nothing.

use std::task::{Context, Poll};

use wgpu::{Buffer, BufferUsages};

use crate::adapter::Gpu;
use crate::signal::Signal;

/// See the module's header.
pub struct ReadBack {
    buffer: Buffer,
    signal: Signal,
    /// Bytes on their way; 0: none.
    asked: u64,
}

impl ReadBack {
    /// Room for `size` bytes.
    pub fn new(gpu: &Gpu, label: &'static str, size: u64) -> ReadBack {
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        ReadBack { buffer, signal: Signal::default(), asked: 0 }
    }

    /// Where a job copies to.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Asks for the first bytes of what the submitted job copied; nothing happens for none.
    pub fn request(&mut self, n_bytes: u64) {
        if n_bytes > 0 {
            let (signal, ticket) = (self.signal.clone(), self.signal.reset());
            self.buffer.slice(..n_bytes).map_async(wgpu::MapMode::Read, move |result| {
                signal.raise(ticket, result.map_err(|e| e.to_string()));
            });
            self.asked = n_bytes;
        }
    }

    /// Forgets what was asked for.
    pub fn abandon(&mut self) {
        if std::mem::take(&mut self.asked) > 0 {
            self.signal.reset();
            self.buffer.unmap();
        }
    }

    /// Ready when `read` has seen the bytes; at once where none were asked for.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&[u8]),
    ) -> Poll<Result<(), String>> {
        if self.asked == 0 {
            return Poll::Ready(Ok(()));
        }
        let done = std::task::ready!(self.signal.poll(cx));
        let n_bytes = std::mem::take(&mut self.asked);
        Poll::Ready(done.and_then(|()| {
            let slice = self.buffer.slice(..n_bytes);
            read(&slice.get_mapped_range().map_err(|e| e.to_string())?);
            self.buffer.unmap();
            Ok(())
        }))
    }
}
