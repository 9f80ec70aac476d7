//! Binding a call to its memory, the first time that it is recorded.

use std::sync::Arc;

use super::calls::Ready;
use super::check::PARAMETERS;
use super::command::{Bind, Command};
use super::driver::{Driver, binding};
use super::memory::{GpuBuffer, Span};
use super::pipeline::Pipeline;
use super::recorder::Recorder;
use crate::error::Result;

impl Recorder {
    /// Binds what the kernel uses, with copies of what it may not use in its place.
    pub(super) fn make_ready(
        &mut self,
        driver: &Driver,
        command: &Command<'_>,
        pipeline: Arc<Pipeline>,
    ) -> Result<Ready> {
        let apart = self.set_apart(driver, command, &pipeline)?;
        let Some(params) = &self.params_buffer else {
            return Err(driver.fault(command.op, "there is no parameter buffer"));
        };
        let mut writable_dummies = self.dummies.iter().skip(1);
        let mut spans = Vec::with_capacity(command.binds.len());
        for (i, (bind, &writes)) in command.binds.iter().zip(&pipeline.writes).enumerate() {
            let copy = apart.iter().find(|(of, _)| *of == i).map(|(_, copy)| copy);
            let span = match copy {
                Some(copy) => Span::of(&[copy]),
                None => bind.span(),
            };
            spans.push(match span {
                Some(span) => span,
                None => {
                    let dummy = if writes { writable_dummies.next() } else { self.dummies.first() };
                    let raw =
                        dummy.ok_or_else(|| driver.fault(command.op, "too many unused outputs"))?;
                    Span { raw, id: 0, offset: 0, bytes: 256 }
                }
            });
        }
        let params = binding(params, 0, PARAMETERS as u64);
        let group = driver.bind_group(command.op, &pipeline, params, &spans)?;
        let ready = Ready { pipeline, group };
        if apart.is_empty() {
            driver.calls().keep(command, ready.clone());
        }
        Ok(ready)
    }

    /// Copies of what is read from a buffer that the same kernel writes another piece of, with the numbers of their
    /// bindings: devices know buffers as a whole.
    fn set_apart(
        &mut self,
        driver: &Driver,
        command: &Command<'_>,
        pipeline: &Pipeline,
    ) -> Result<Vec<(usize, GpuBuffer)>> {
        let binds = || command.binds.iter().zip(&pipeline.writes).enumerate();
        let mut apart = Vec::new();
        for (i, (bind, _)) in binds().filter(|(_, (_, writes))| !**writes) {
            let Some(span) = bind.span() else { continue };
            let written = |(_, (other, writes)): (usize, (&Bind<'_>, &bool))| {
                *writes && other.span().is_some_and(|o| o.shares(&span))
            };
            if binds().any(written) {
                let copy = driver.room(command.op, span.bytes)?;
                self.pass = None;
                let encoder = self.encoder(driver);
                let bytes = span.bytes;
                encoder.copy_buffer_to_buffer(span.raw, span.offset, copy.raw(), 0, bytes);
                apart.push((i, copy));
            }
        }
        Ok(apart)
    }
}
