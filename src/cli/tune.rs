//! `harmonium tune`.

use std::fmt::Write;

use super::args::TuneOptions;
use super::device_args::PolicyOption;
use super::open_device;
use super::print::{count, out, tell};
use crate::benchmark::{BenchConfig, LoopTimes, Tuning, tune};
use crate::device::DeviceKind;
use crate::error::{Error, Result};
use crate::kernels::Tiles;
use crate::run::atomic;

pub fn run(options: &TuneOptions) -> Result<()> {
    if !(options.seconds > 0.0 && options.seconds <= 3600.0) {
        let detail = format!("{} are outside (0, 3600]", count(options.seconds, "second"));
        return Err(Error::setting("seconds", detail));
    }
    let device = open_device(&options.device, &PolicyOption::default())?;
    if device.info().kind == DeviceKind::Software {
        tell("note: a software adapter, which runs on the CPU: its times say nothing about GPUs");
    }
    let config = BenchConfig::default().seconds(options.seconds);
    let mut first = true;
    let tuning = tune(&device, &config, &|_| true, &mut |product| {
        if std::mem::take(&mut first) {
            out!("{}", head());
        }
        out!("{}", line(product));
        Ok(())
    })?;
    let mut text = String::new();
    out!("{}", summary(&tuning));
    let written = file(&tuning, &mut text);
    written.map_err(|e| Error::data("policy", e.to_string()))?;
    atomic::write(&options.out, |out| write!(out, "{text}"))?;
    out!("{}", options.out.display());
    Ok(())
}

/// Wide enough for every product's name.
const WIDE: usize = 40;

fn head() -> String {
    let loops: String = Tiles::ALL.iter().map(|tiles| format!("{:>10}", tiles.key())).collect();
    format!("{:<WIDE$}{loops}   (µs){:>5}", "product", "gain")
}

fn line(product: &LoopTimes) -> String {
    let best = product.seconds.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let time = |seconds: &Option<f64>| match seconds {
        None => format!("{:>10}", "-"),
        Some(s) => format!("{:>9.1}{}", s * 1e6, if *s == best { '*' } else { ' ' }),
    };
    let loops: String = product.seconds.iter().map(time).collect();
    let gain = product.vector_gain().map_or("-".into(), |gain| format!("{gain:.2}"));
    format!("{:<WIDE$}{loops}{gain:>12}", product.name)
}

/// What the policy comes to on what was measured.
fn summary(tuning: &Tuning) -> String {
    let (mean, worst) = tuning.loss();
    let mut text = format!(
        "* the fastest; those that the policy takes need {mean:.2} times as long in the geometric mean"
    );
    if let Some((loss, product)) = worst {
        let chosen = product.chosen(&tuning.policy).key();
        text.push_str(&format!(", {loss:.2} times at worst ({}: {chosen})", product.name));
    }
    if let Some(mean) = tuning.vector_gain() {
        text.push_str(&format!(
            "; gain: the fastest loop but that in registers takes {mean:.2} times as long without loads of vectors"
        ));
    }
    text
}

/// The policy with what it was made from, as comments.
fn file(tuning: &Tuning, text: &mut String) -> std::fmt::Result {
    let Tuning { device, products, policy, .. } = tuning;
    let version = env!("CARGO_PKG_VERSION");
    writeln!(text, "# harmonium tune {version} on {device}, driver {}", device.driver)?;
    writeln!(
        text,
        "# How fast each loop of the matrix kernels is, relative to the others, and how many workgroups"
    )?;
    writeln!(
        text,
        "# fill the adapter. harmonium train --policy FILE takes it, or HARMONIUM_POLICY=FILE."
    )?;
    write!(text, "{policy}")?;
    writeln!(text, "\n# {}", head())?;
    products.iter().try_for_each(|product| writeln!(text, "# {}", line(product)))?;
    writeln!(text, "# {}", summary(tuning))
}
