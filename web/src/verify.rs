//! `harmonium verify` in a browser.

use harmonium::verify::{DeviceReport, Report, verify_async};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::{Opened, error};

#[wasm_bindgen]
impl Opened {
    /// Every kernel against the CPU path: the report that `harmonium verify --report` writes. `progress` is called with
    /// each kernel's name, and the promise that it gives is awaited.
    pub async fn verify(&self, progress: Function) -> Result<String, JsError> {
        let outcomes = verify_async(&self.0, async |kernel: &str| {
            let drawn = progress.call1(&JsValue::NULL, &kernel.into());
            if let Some(promise) = drawn.ok().and_then(|drawn| drawn.dyn_into::<Promise>().ok()) {
                let _ = JsFuture::from(promise).await;
            }
        });
        let outcomes = outcomes.await.map_err(error)?;
        let mut report = Report::new();
        report.add(DeviceReport::new(self.0.info(), outcomes));
        report.to_json().map_err(error)
    }
}
