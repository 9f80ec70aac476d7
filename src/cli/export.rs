//! `harmonium export`: a level of a stack as a file of its own.

use super::args::ExportOptions;
use super::print::out;
use super::targets::check_folder;
use super::trained;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::{self, Trained};

pub fn run(options: &ExportOptions) -> Result<()> {
    if !options.out.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors")) {
        let detail = format!("{} does not end in .safetensors", options.out.display());
        return Err(Error::setting("out", detail));
    }
    check_folder(&options.out)?;
    let mut model = trained::open_at(&jobs::stack_of(&options.model), &Device::cpu())?;
    if options.zero_sum {
        match &mut model {
            Trained::Machine(machine) => machine.rbm.zero_sum()?,
            other => {
                let detail =
                    format!("is of machines of softmax units, and this is a {}", other.kind());
                return Err(Error::setting("zero-sum", detail));
            }
        }
    }
    let file = model.level(options.level)?;
    file.save(&options.out)?;
    let [visible, hidden] =
        ["b", "a"].map(|name| file.tensors.get(name).map_or(0, |t| t.values.len()));
    let (level, out) = (options.level, options.out.display());
    out!("level {level}, a machine with {visible} visible and {hidden} hidden units: {out}");
    Ok(())
}
