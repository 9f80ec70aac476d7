//! The picture of `harmonium bench --plot`: what a device does of small and of large work.

use std::path::Path;

use crate::benchmark::{Measured, growths};
use crate::error::Result;
use crate::run::curves::{Along, Panel, Series, write_svg};

/// One diagram for each thing that grows, with a line for each device.
pub fn write(path: &Path, devices: &[Measured]) -> Result<()> {
    let mut panels: Vec<Panel> = Vec::new();
    for measured in devices {
        for growth in growths(measured) {
            let points = growth.rates.iter().map(|(size, rate)| (size.log2(), rate * 1e-9));
            let series = Series { name: measured.device.to_string(), points: points.collect() };
            let x = Along::Other(format!("{}, as powers of 2", growth.along));
            match panels.iter_mut().find(|panel| panel.x == x) {
                Some(panel) => panel.series.push(series),
                None => {
                    let title = format!("{}: speed over {}", growth.part, growth.along);
                    let y_label = "connections a ns".into();
                    panels.push(Panel { title, x, y_label, series: vec![series] });
                }
            }
        }
    }
    write_svg(path, &panels)
}
