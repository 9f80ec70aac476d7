//! A guard over kernels' results: each output is filled with one word before its kernel runs, and whoever
//! reads it sees whether every element was written and nothing behind them. On in `verify` and in debug
//! builds; elsewhere it costs one look at a flag.

use std::cell::Cell;

use super::driver::Driver;
use super::memory::GpuBuffer;
use super::scoped::choosing;
use crate::error::{Error, Result};

/// A signalling NaN: arithmetic on it gives a quiet one, so that no result is this word by itself. A random
/// word is, once in 2³².
const WORD: u32 = 0x7fa5_a5a5;

/// Bytes that one copy fills.
const COPIED: u64 = 1 << 20;

thread_local! {
    static GUARDED: Cell<Option<()>> = const { Cell::new(None) };
}

/// Runs `work` with the results of all kernels that this thread calls in it under guard.
pub fn with_guard<T>(work: impl FnOnce() -> T) -> T {
    choosing(&GUARDED, (), work)
}

/// What results are filled from: the word, over and over.
#[derive(Default)]
pub(super) struct Guard(Option<wgpu::Buffer>);

impl Guard {
    pub fn words(&mut self, driver: &Driver) -> Result<wgpu::Buffer> {
        if let Some(words) = &self.0 {
            return Ok(words.clone());
        }
        let words = vec![WORD; COPIED as usize / 4];
        let made = driver.create_staging("guard", bytemuck::must_cast_slice(&words))?;
        Ok(self.0.insert(made).clone())
    }
}

/// Fills a tensor's memory, with what lies behind its elements.
pub(super) fn fill(encoder: &mut wgpu::CommandEncoder, words: &wgpu::Buffer, to: &GpuBuffer) {
    for start in (0..to.room).step_by(COPIED as usize) {
        let bytes = COPIED.min(to.room - start);
        encoder.copy_buffer_to_buffer(words, 0, to.raw(), to.offset + start, bytes);
    }
}

/// Whether results are guarded now.
pub(super) fn is_on() -> bool {
    cfg!(debug_assertions) || GUARDED.get().is_some()
}

/// Looks at a whole buffer that `op` was to write: `bytes` bytes of elements, and what lies behind them.
pub(super) fn check(op: &'static str, adapter: String, buffer: &[u8], bytes: usize) -> Result<()> {
    let unfinished = |detail| Err(Error::Unfinished { op, adapter, detail });
    let is_guard = |word: &[u8]| word == WORD.to_ne_bytes();
    let (elements, behind) = buffer.split_at(bytes.next_multiple_of(4).min(buffer.len()));
    if let Some(i) = elements.chunks_exact(4).position(is_guard) {
        return unfinished(format!("element {i} of its result was never written"));
    }
    if let Some(i) = behind.chunks_exact(4).position(|word| !is_guard(word)) {
        return unfinished(format!("it wrote word {i} behind the end of its result"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{WORD, check};

    #[test]
    fn what_was_not_written_and_what_lies_behind_are_seen() {
        let seen = |words: &[u32], count: usize| {
            let bytes: &[u8] = bytemuck::must_cast_slice(words);
            check("test", "adapter".into(), bytes, 4 * count).map_err(|e| e.to_string())
        };
        assert_eq!(seen(&[1, 2, WORD, WORD], 2), Ok(()));
        assert_eq!(seen(&[], 0), Ok(()));
        assert!(seen(&[1, WORD, WORD], 2).unwrap_err().contains("element 1 of its result"));
        assert!(seen(&[1, 2, WORD, 3], 2).unwrap_err().contains("word 1 behind the end"));
    }
}
