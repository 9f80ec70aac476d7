//! Settings files of networks, whose mistakes are told with their line.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::error::{Error, Result};
use crate::layers::LayerSpec;

/// Reads settings.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    toml::from_str(&text).map_err(|e| {
        let (span, detail) = wrong_layer(&text).unwrap_or((e.span(), e.message().to_string()));
        let line = span.map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        Error::file(path, format!("line {line}"), detail.replace('\n', "; "))
    })
}

/// The first layer that is none: where it stands, and why. A layer is read in whole before its type decides what
/// else it may say, so the reader itself knows no more than that there is a wrong one.
fn wrong_layer(text: &str) -> Option<(Option<Range<usize>>, String)> {
    #[derive(Deserialize)]
    struct File {
        network: Network,
    }
    #[derive(Deserialize)]
    struct Network {
        layers: Vec<Spanned<toml::Value>>,
    }
    let file: File = toml::from_str(text).ok()?;
    file.network.layers.into_iter().enumerate().find_map(|(at, layer)| {
        let span = layer.span();
        let error = layer.into_inner().try_into::<LayerSpec>().err()?;
        Some((Some(span), format!("layer {}: {}", at + 1, error.message())))
    })
}
