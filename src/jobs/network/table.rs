//! A network in a settings file.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::{Spanned, Value};

use crate::data::PictureInput;
use crate::error::{Error, Result};
use crate::layers::{Initialization, LayerSpec};
use crate::models::network::OutputSpec;
use crate::run::settings::{Mistake, SettingValue, canonical_as};

/// A network in a settings file, `[network]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTable {
    /// Where weights start; by the activations, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) initialization: Option<Initialization>,
    #[serde(default)]
    pub(super) output: OutputSpec,
    pub(super) layers: Vec<LayerSpec>,
}

impl NetworkTable {
    /// Its layers, where weights start, and that the units behind the last one are softmax ones, which is what a chain of
    /// labels comes after too.
    ///
    /// # Errors
    /// [`Error::Setting`] for other output units, and where there is no layer.
    pub(in crate::jobs) fn scoring(&self) -> Result<(&[LayerSpec], Option<Initialization>)> {
        if self.output != OutputSpec::default() {
            let detail = "the chain takes the place of the output units; leave `output` out";
            return Err(Error::setting("network", detail));
        }
        if self.layers.is_empty() {
            let detail = "there is no layer; give at least one [[network.layers]]";
            return Err(Error::setting("network", detail));
        }
        Ok((&self.layers, self.initialization))
    }
}

/// Types that stand in files alone.
macro_rules! in_files {
    ($($type:ty),*) => { $(
        impl SettingValue for $type {
            fn parse(_: &str) -> std::result::Result<Value, String> {
                Err("it stands in a file".into())
            }

            fn canonical(value: Value) -> std::result::Result<Value, String> {
                canonical_as::<$type>(value)
            }
        }
    )* };
}

in_files!(PictureInput, NetworkTable);

/// The first layer of a file that is none: where it stands, and why. A layer is read in whole before its type decides
/// what else it may say, so the reader itself knows no more than that there is a wrong one.
pub(in crate::jobs) fn wrong_layer(text: &str) -> Option<Mistake> {
    #[derive(Deserialize)]
    struct File {
        network: Network,
    }
    #[derive(Deserialize)]
    struct Network {
        layers: Vec<Spanned<Value>>,
    }
    let file: File = toml::from_str(text).ok()?;
    file.network.layers.into_iter().enumerate().find_map(|(at, layer)| {
        let span: Range<usize> = layer.span();
        let error = layer.into_inner().try_into::<LayerSpec>().err()?;
        Some((Some(span), format!("layer {}: {}", at + 1, error.message())))
    })
}
