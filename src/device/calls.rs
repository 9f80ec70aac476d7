//! What a call needs of the driver, found again where the same kernel runs on the same memory: its pipeline, and the group
//! of its bindings. Steps repeat their calls with other numbers in the parameter block, so a look-up is all that they cost.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex};

use super::command::{Bind, Command};
use super::memory::Holds;
use super::pipeline::Pipeline;
use super::profile::lock;

/// Calls kept; past that all are made anew.
const MOST: usize = 4096;

/// What is ready for a call.
#[derive(Clone)]
pub(super) struct Ready {
    pub pipeline: Arc<Pipeline>,
    pub group: wgpu::BindGroup,
}

/// How a binding is used, and its buffer, offset and bytes.
type Bound = (u8, u64, u64, u64);

fn bound(bind: &Bind<'_>) -> Bound {
    let how = match bind {
        Bind::Unused => 0,
        Bind::Read(_) | Bind::ReadAll(_) => 1,
        Bind::Write(_) => 2,
        Bind::Update(_) | Bind::UpdateAll(_) => 3,
    };
    bind.span().map_or((how, 0, 0, 0), |span| (how, span.id, span.offset, span.bytes))
}

struct Call {
    shader: usize,
    constants: Vec<(&'static str, u32)>,
    bound: Vec<Bound>,
    ready: Ready,
}

/// Shaders are statics: a shader's place is its name.
fn place(command: &Command<'_>) -> usize {
    std::ptr::from_ref(command.shader).addr()
}

impl Call {
    fn is(&self, command: &Command<'_>) -> bool {
        let same = |a: &(&str, u32), b: &(&str, u32)| {
            // A call's names are the same text at the same place, as a rule.
            a.1 == b.1 && (std::ptr::eq(a.0, b.0) || a.0 == b.0)
        };
        self.shader == place(command)
            && self.constants.len() == command.constants.len()
            && self.constants.iter().zip(command.constants).all(|(a, b)| same(a, b))
            && self.bound.len() == command.binds.len()
            && self.bound.iter().zip(command.binds).all(|(a, b)| *a == bound(b))
    }
}

/// The calls of which everything is ready.
#[derive(Default)]
pub(super) struct Calls {
    by_hash: HashMap<u64, Vec<Call>, BuildHasherDefault<Hashed>>,
    kept: usize,
    made: u64,
}

impl Holds for Mutex<Calls> {
    fn let_go(&self) {
        lock(self).clear();
    }
}

impl Calls {
    pub fn find(&self, command: &Command<'_>) -> Option<&Ready> {
        let found = self.by_hash.get(&hash(command))?;
        found.iter().find(|call| call.is(command)).map(|call| &call.ready)
    }

    /// Remembers what was made.
    pub fn keep(&mut self, command: &Command<'_>, ready: Ready) {
        if self.kept >= MOST {
            self.clear();
        }
        self.kept += 1;
        self.by_hash.entry(hash(command)).or_default().push(Call {
            shader: place(command),
            constants: command.constants.to_vec(),
            bound: command.binds.iter().map(bound).collect(),
            ready,
        });
    }

    /// Forgets all: they keep their buffers alive.
    pub fn clear(&mut self) {
        self.by_hash.clear();
        self.kept = 0;
    }

    /// Counts a group of bindings that was made.
    pub fn count(&mut self) {
        self.made += 1;
    }

    /// Groups of bindings made so far.
    pub fn made(&self) -> u64 {
        self.made
    }
}

/// Mixed by one product a word: what is hashed are addresses, names of buffers and flags, of nobody's choosing.
fn hash(command: &Command<'_>) -> u64 {
    let mix =
        |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let mut found = mix(0, place(command) as u64);
    for (_, number) in command.constants {
        found = mix(found, u64::from(*number));
    }
    for bind in command.binds {
        let (how, id, offset, bytes) = bound(bind);
        found = mix(mix(found, id ^ u64::from(how) << 56), offset ^ bytes.rotate_left(32));
    }
    // A table takes the place of an entry from the lowest bits, and its mark from the highest.
    found ^ found >> 32
}

/// A hash that is one already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
