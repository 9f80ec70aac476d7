//! `harmonium export`: a level of a stack as a file of its own, or a model for other programs.

use std::path::Path;

use super::args::ExportOptions;
use super::print::out;
use super::targets::{check_named, check_out, tell_replaced};
use super::trained;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::{self, Trained};
use crate::run::atomic;
use crate::run::onnx::OPSET;

pub fn run(options: &ExportOptions) -> Result<()> {
    match (&options.onnx, &options.out) {
        (Some(onnx), _) => as_onnx(&options.model, onnx),
        (None, Some(out)) => level(options, out),
        (None, None) => Err(Error::setting(
            "out",
            "say where it goes: --out FILE.safetensors takes a level, --onnx FILE.onnx the model for other programs",
        )),
    }
}

fn as_onnx(model: &Path, onnx: &Path) -> Result<()> {
    check_named("onnx", (onnx, "onnx"), &[("export", Some(model))])?;
    let model = trained::open_at(model, &Device::cpu())?;
    let written = model.onnx()?;
    tell_replaced(onnx);
    atomic::write(onnx, |file| file.write_all(&written.bytes))?;
    out!("onnx, operator set {OPSET}: {}", onnx.display());
    out!("takes {}: values as they are read, before what the training fitted", written.takes);
    out!("gives {}", written.gives);
    Ok(())
}

fn level(options: &ExportOptions, out: &Path) -> Result<()> {
    check_out(out, "safetensors", &[("export", Some(&options.model))])?;
    let mut model = trained::open_at(&jobs::stack_of(&options.model), &Device::cpu())?;
    if options.zero_sum {
        match &mut model {
            Trained::Rbm(machine) => machine.rbm.zero_sum()?,
            other => {
                let detail =
                    format!("is of machines of softmax units, and this is {}", other.kind().one());
                return Err(Error::setting("zero-sum", detail));
            }
        }
    }
    let file = model.level(options.level)?;
    tell_replaced(out);
    file.save(out)?;
    let [visible, hidden] =
        ["b", "a"].map(|name| file.tensors.get(name).map_or(0, |t| t.values.len()));
    let (level, out) = (options.level, out.display());
    out!("level {level}, a machine with {visible} visible and {hidden} hidden units: {out}");
    Ok(())
}
