//! The page's side of harmonium: devices, a machine that learns while it is looked at, a classifier, and `verify`.
//!
//! Calls of one object must follow each other: the page awaits each before the next.

mod classifier;
mod lab;
mod verify;

use harmonium::Device;
use wasm_bindgen::prelude::*;

/// An error of the crate as a JavaScript one, with the crate's own words.
fn error(error: harmonium::Error) -> JsError {
    JsError::new(&error.to_string())
}

/// A device, opened.
#[wasm_bindgen]
pub struct Opened(Device);

#[wasm_bindgen]
impl Opened {
    /// `auto` (a GPU of the browser, else the CPU), `cpu`, or `webgpu` for any adapter that the browser has, software
    /// too.
    pub async fn open(selector: String) -> Result<Opened, JsError> {
        Ok(Opened(Device::select_async(&selector).await.map_err(error)?))
    }

    /// What it is called; browsers keep some adapters' names to themselves.
    pub fn name(&self) -> String {
        let mut info = self.0.info().clone();
        if info.name.trim().is_empty() {
            info.name = "an adapter of this browser".into();
        }
        info.to_string()
    }

    /// `cpu`, `hardware` or `software`.
    pub fn kind(&self) -> String {
        let kind = serde_json::to_value(self.0.info().kind).unwrap_or_default();
        kind.as_str().unwrap_or("unknown").into()
    }

    /// Why a GPU was passed over, line by line; empty where none was.
    pub fn notices(&self) -> String {
        self.0.notices().join("\n")
    }
}
