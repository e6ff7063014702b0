//! Weights on their way to the half (or halves) of a split that read them.

use std::ops::Range;
use std::task::{Context, Poll, ready};

use kernels::{Loader, Plan, Player, PlayerError, ReadRows, WeightId};

use super::Split;

/// Sends each weight to the half (or halves) that read it.
pub struct SplitLoader {
    first: Box<dyn Loader>,
    second: Box<dyn Loader>,
    /// For each weight of the whole Plan: its id in either half.
    routes: Vec<(Option<WeightId>, Option<WeightId>)>,
}

impl SplitLoader {
    /// Cuts `plan` before `layer`; `first` and `second` make the loaders of the two parts.
    ///
    /// # Errors
    /// Whatever the two makers report.
    pub fn new(
        plan: &Plan,
        layer: usize,
        first: impl FnOnce(&Plan) -> Result<Box<dyn Loader>, PlayerError>,
        second: impl FnOnce(&Plan) -> Result<Box<dyn Loader>, PlayerError>,
    ) -> Result<SplitLoader, PlayerError> {
        let (head, tail) = plan.split_at(layer);
        let id_in = |part: &Plan, name: &str| {
            part.weights.iter().position(|weight| weight.name == name).map(WeightId)
        };
        let route = |name: &str| (id_in(&head, name), id_in(&tail, name));
        let routes = plan.weights.iter().map(|weight| route(&weight.name)).collect();
        Ok(SplitLoader { first: first(&head)?, second: second(&tail)?, routes })
    }
}

impl Loader for SplitLoader {
    fn write(&mut self, id: WeightId, row: usize, bytes: &[u8]) -> Result<(), PlayerError> {
        let (first, second) = self.routes.get(id.0).copied().unwrap_or_default();
        if let Some(id) = first {
            self.first.write(id, row, bytes)?;
        }
        if let Some(id) = second {
            self.second.write(id, row, bytes)?;
        }
        Ok(())
    }

    fn pull(
        &mut self,
        id: WeightId,
        rows: Range<usize>,
        read: &ReadRows<'_>,
    ) -> Result<bool, PlayerError> {
        match self.routes.get(id.0).copied().unwrap_or_default() {
            (Some(id), None) => self.first.pull(id, rows, read),
            (None, Some(id)) => self.second.pull(id, rows, read),
            // Reading twice costs more than writing twice.
            _ => Ok(false),
        }
    }

    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        ready!(self.first.poll_flushed(cx))?;
        self.second.poll_flushed(cx)
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Player>, PlayerError> {
        let (first, second) = (self.first.finish()?, self.second.finish()?);
        Ok(Box::new(Split::new(first, second)))
    }
}
