//! One kernel call, as a kernel asks for it.

use super::memory::{GpuBuffer, Span};
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
    /// As `Read`, of pieces of one buffer that follow each other.
    ReadAll(&'a [&'a GpuBuffer]),
    /// As `Update`, of pieces of one buffer that follow each other.
    UpdateAll(&'a [&'a GpuBuffer]),
    /// This variant of the kernel does not touch the binding.
    Unused,
}

impl<'a> Bind<'a> {
    /// The buffer, or the pieces of one; none where the binding is unused.
    pub fn buffers(&self) -> &[&'a GpuBuffer] {
        match self {
            Bind::Read(b) | Bind::Write(b) | Bind::Update(b) => std::slice::from_ref(b),
            Bind::ReadAll(pieces) | Bind::UpdateAll(pieces) => pieces,
            Bind::Unused => &[],
        }
    }

    /// What is bound.
    pub(super) fn span(&self) -> Option<Span<'a>> {
        Span::of(self.buffers())
    }

    pub fn writes(&self) -> bool {
        matches!(self, Bind::Write(_) | Bind::Update(_) | Bind::UpdateAll(_))
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
