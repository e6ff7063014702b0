//! What one rendering may cost: steps, bytes of values, bytes of output.
//!
//! The bounds are those of Jinja templates ([`limits`]); only the unit of a step differs (a node,
//! an operand or a call here).

use super::value::Object;
use crate::error::Error;
use crate::limits;

/// Whether a text of so many bytes may be made.
pub(crate) fn fits(bytes: usize) -> Result<(), Error> {
    if bytes > limits::MAX_OUTPUT_BYTES { Err(Error::OutputLimit) } else { Ok(()) }
}

/// The account of one rendering.
#[derive(Debug)]
pub(crate) struct Meter {
    steps: u64,
    value_bytes: usize,
    read_bytes: usize,
    depth: usize,
    pub out: String,
}

impl Meter {
    /// For a conversation of `n_messages`.
    pub fn new(n_messages: usize) -> Meter {
        let fueled = n_messages.min(limits::MAX_FUELED_MESSAGES) as u64;
        Meter {
            steps: limits::MAX_FUEL + limits::FUEL_PER_MESSAGE * fueled,
            value_bytes: limits::MAX_VALUE_BYTES,
            read_bytes: limits::MAX_READ_BYTES,
            depth: 0,
            out: String::new(),
        }
    }

    /// One step more.
    pub fn step(&mut self) -> Result<(), Error> {
        self.steps = self.steps.checked_sub(1).ok_or(Error::Fuel)?;
        Ok(())
    }

    /// A value of so many bytes was made. None is longer than the longest prompt: what makes one
    /// stops there ([`fits`]), so that heap stays bounded while it is made.
    pub fn make(&mut self, bytes: usize) -> Result<(), Error> {
        fits(bytes)?;
        self.value_bytes = self.value_bytes.checked_sub(bytes).ok_or(Error::OutputLimit)?;
        Ok(())
    }

    /// So many bytes of existing values are read: compared or searched.
    pub fn read(&mut self, bytes: usize) -> Result<(), Error> {
        self.read_bytes = self.read_bytes.checked_sub(bytes).ok_or(Error::Fuel)?;
        Ok(())
    }

    /// The fields of an object are searched or sorted.
    pub fn search(&mut self, object: &Object) -> Result<(), Error> {
        self.read(object.fields.len() * limits::NODE_BYTES)
    }

    /// One level deeper; [`Meter::leave`] goes back.
    pub fn enter(&mut self) -> Result<(), Error> {
        self.step()?;
        self.depth += 1;
        if self.depth > limits::MAX_FRAMES { Err(Error::TemplateDepth) } else { Ok(()) }
    }

    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Appends to the output.
    pub fn write(&mut self, text: &str) -> Result<(), Error> {
        if self.out.len() + text.len() > limits::MAX_OUTPUT_BYTES {
            return Err(Error::OutputLimit);
        }
        self.out.push_str(text);
        Ok(())
    }
}
