//! One kernel call, as a kernel asks for it.

use super::memory::GpuBuffer;
use super::pipeline::Constants;
use super::{Cost, Shader};

/// How a kernel uses a buffer.
pub(crate) enum Bind<'a> {
    /// It is read.
    Read(&'a GpuBuffer),
    /// All of it is overwritten.
    Write(&'a GpuBuffer),
    /// It is read and written, or only a part of it is written.
    Update(&'a GpuBuffer),
    /// This variant of the kernel does not touch the binding.
    Unused,
}

impl<'a> Bind<'a> {
    pub fn buffer(&self) -> Option<&'a GpuBuffer> {
        match *self {
            Bind::Read(b) | Bind::Write(b) | Bind::Update(b) => Some(b),
            Bind::Unused => None,
        }
    }

    pub fn writes(&self) -> bool {
        matches!(self, Bind::Write(_) | Bind::Update(_))
    }
}

/// One kernel call.
pub(crate) struct Command<'a> {
    pub op: &'static str,
    pub shader: &'static Shader,
    pub constants: Constants<'a>,
    /// The parameter block, 256 bytes at most.
    pub params: &'a [u8],
    /// Storage bindings 1, 2, …
    pub binds: &'a [Bind<'a>],
    /// Iterations of all loops of one invocation, nested ones counted through, at most. Loops of a few dozen
    /// iterations that no size makes longer do not count.
    pub loops: u64,
    /// Workgroups in all; the shader numbers them `wid.x + wid.y * groups.x`.
    pub groups: u64,
    pub cost: Cost,
}
