//! Trained models as the commands open them.

use std::path::Path;

use super::args::{ModelOption, Split};
use super::print::tell;
use crate::data::Part;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::{self, Trained};

impl From<Split> for Part {
    fn from(split: Split) -> Self {
        match split {
            Split::Train => Part::Train,
            Split::Test => Part::Test,
        }
    }
}

/// Opens the model that was asked for.
pub fn open(option: &ModelOption, device: &Device) -> Result<Trained> {
    let names = option.map.clone().unwrap_or_default();
    let trained = Trained::open_as(&option.model, device, option.visible, &names)?;
    if option.visible.is_some() && !matches!(trained, Trained::Rbm(_)) {
        let detail = "says what the units of a single machine's file are, and this model's file says it itself: leave it out";
        return Err(Error::setting("visible", detail));
    }
    notes(trained.notices());
    Ok(trained)
}

/// As [`open`], but of a run whose stack became a classifier the stack: what reconstructs and dreams.
pub fn open_stack(option: &ModelOption, device: &Device) -> Result<Trained> {
    let ModelOption { model, visible, map } = option;
    let model = jobs::stack_of(model);
    open(&ModelOption { model, visible: *visible, map: map.clone() }, device)
}

/// Opens a model of which there is nothing to say but where it is.
pub fn open_at(path: &Path, device: &Device) -> Result<Trained> {
    open(&ModelOption { model: path.into(), visible: None, map: None }, device)
}

/// Prints what the user should be told.
pub fn notes(notices: &[String]) {
    notices.iter().for_each(|n| tell(format_args!("note: {n}")));
}
