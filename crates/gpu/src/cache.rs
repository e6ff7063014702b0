//! Rows of the cache, from the device and back, in the order everybody knows
//! ([`kernels::KvShape`]).
//!
//! Plain numbers lie on the device as they leave it. A Q8_0 cache has its codes first and its
//! scales behind them, a whole word each ([`CACHE_SCALE_BYTES`]), so these are put together and
//! taken apart here.

use kernels::check::Bounds;
use kernels::{KvPart, KvShape, KvSpan, KvType, PlayerError};

use crate::flight::Outcome;
use crate::player::GpuPlayer;
use crate::store::{CACHE_SCALE_BYTES, MAX_ROWS};

/// Codes that share a scale.
const BLOCK: usize = 32;
/// A block of a Q8_0 row: an f16 scale, then the codes.
const BLOCK_BYTES: usize = 2 + BLOCK;

/// Where the rows of one part lie in its buffer: byte offset and bytes of the codes (or numbers),
/// and of the scales.
struct Places {
    codes: (u64, u64),
    scales: (u64, u64),
}

impl GpuPlayer {
    fn check_rows(
        &self,
        shape: &KvShape,
        span: &KvSpan,
        n_bytes: Option<usize>,
    ) -> Result<(), PlayerError> {
        self.gpu.health.check()?;
        let GpuPlayer { plan, config, name, .. } = self;
        let bounds = Bounds { plan, config, max_rows: MAX_ROWS, device: name };
        bounds.check_span(shape, span, n_bytes)
    }

    /// Bytes of a position on the device, all layers together.
    pub(crate) fn device_position_bytes(&self) -> u64 {
        let layers = self.kv_shape.iter().flat_map(|shape| &shape.layers);
        let numbers = |width: usize| match self.config.kv {
            KvType::F32 => 4 * width,
            KvType::F16 => 2 * width,
            KvType::Q8_0 => width + width / BLOCK * CACHE_SCALE_BYTES,
        };
        layers.map(|heads| 2 * numbers(heads.n_kv_heads * heads.head_dim) as u64).sum()
    }

    fn places(&self, span: &KvSpan, part: &KvPart) -> Places {
        let width = part.heads.n_kv_heads * part.heads.head_dim;
        let first = (self.base(span.slot) as usize + span.positions.start) as u64;
        let (n, all) = (span.positions.len() as u64, self.config.n_ctx * self.config.n_slots);
        let plain = |row_bytes: usize| (first * row_bytes as u64, n * row_bytes as u64);
        match self.config.kv {
            KvType::F32 => Places { codes: plain(4 * width), scales: (0, 0) },
            KvType::F16 => Places { codes: plain(2 * width), scales: (0, 0) },
            KvType::Q8_0 => {
                let (at, n_bytes) = plain(width / BLOCK * CACHE_SCALE_BYTES);
                let scales = ((all * width) as u64 + at, n_bytes);
                Places { codes: plain(width), scales }
            }
        }
    }

    fn buffer(&self, part: &KvPart) -> &wgpu::Buffer {
        let layer = &self.store.kv[part.layer];
        if part.is_keys { &layer.k } else { &layer.v }
    }

    /// Has the rows of `span` copied to the read-back; false where nothing of the cache is kept.
    pub(crate) fn read_rows(&mut self, span: &KvSpan) -> Result<bool, PlayerError> {
        let Some(shape) = self.kv_shape.clone() else { return Ok(false) };
        self.check_rows(&shape, span, None)?;
        self.settle();
        let started_ms = self.now_ms();
        let outcome = Outcome::Rows { n: span.positions.len() };
        self.reserve(outcome)?;
        let to = self.readback(self.outcome_bytes(outcome)).clone();
        let (mut encoder, mut end) = (self.encoder(), 0);
        for part in shape.parts(span.positions.len()) {
            let Places { codes, scales } = self.places(span, &part);
            for (at, n_bytes) in [codes, scales].into_iter().filter(|place| place.1 > 0) {
                encoder.copy_buffer_to_buffer(self.buffer(&part), at, &to, end, n_bytes);
                end += n_bytes;
            }
        }
        self.submit_encoder(encoder);
        self.request(outcome, 1, started_ms);
        self.gpu.health.check().map(|()| true)
    }

    /// What came back of `n` positions, in the order of the shape.
    pub(crate) fn take_rows(&mut self, n: usize, raw: &[u8]) {
        let Some(shape) = &self.kv_shape else { return };
        self.kv_rows.clear();
        if self.config.kv != KvType::Q8_0 {
            self.kv_rows.extend_from_slice(raw);
            return;
        }
        let mut rest = raw;
        for part in shape.parts(n) {
            let n_codes = n * part.heads.n_kv_heads * part.heads.head_dim;
            let (codes, behind) = rest.split_at(n_codes);
            let (scales, behind) = behind.split_at(n_codes / BLOCK * CACHE_SCALE_BYTES);
            rest = behind;
            for (codes, scale) in codes.as_chunks::<BLOCK>().0.iter().zip(scales.as_chunks().0) {
                // It is an f16 value already.
                let scale = half::f16::from_f32(f32::from_le_bytes(*scale));
                self.kv_rows.extend_from_slice(&scale.to_le_bytes());
                self.kv_rows.extend_from_slice(codes);
            }
        }
    }

    /// Has rows written to `span`; false where nothing of the cache is kept.
    pub(crate) fn write_rows(&mut self, span: &KvSpan, rows: &[u8]) -> Result<bool, PlayerError> {
        let Some(shape) = self.kv_shape.clone() else { return Ok(false) };
        self.check_rows(&shape, span, Some(rows.len()))?;
        self.settle();
        let started_ms = self.now_ms();
        let (mut codes, mut scales) = (Vec::new(), Vec::new());
        for part in shape.parts(span.positions.len()) {
            let places = self.places(span, &part);
            let rows = &rows[part.bytes.clone()];
            let buffer = self.buffer(&part);
            if self.config.kv != KvType::Q8_0 {
                self.gpu.queue.write_buffer(buffer, places.codes.0, rows);
                continue;
            }
            codes.clear();
            scales.clear();
            for block in rows.as_chunks::<BLOCK_BYTES>().0 {
                let scale = half::f16::from_le_bytes([block[0], block[1]]).to_f32();
                scales.extend_from_slice(&scale.to_le_bytes());
                codes.extend_from_slice(&block[2..]);
            }
            self.gpu.queue.write_buffer(buffer, places.codes.0, &codes);
            self.gpu.queue.write_buffer(buffer, places.scales.0, &scales);
        }
        let encoder = self.encoder();
        self.submit_encoder(encoder);
        self.request(Outcome::Nothing, 1, started_ms);
        self.gpu.health.check().map(|()| true)
    }

    /// What runs is given up: this is no job of a chain.
    fn settle(&mut self) {
        self.abandon();
        self.stop_measuring();
        self.chain = None;
    }
}
