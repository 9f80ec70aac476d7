//! `harmonium bench`.

use super::args::BenchOptions;
use super::bench_plot;
use super::open_device;
use super::print::{count, out, tell};
use super::targets::{check_named, tell_replaced};
use crate::benchmark::{
    BenchConfig, Benchmark, Ceilings, Change, LeftOut, Measured, Outcome, Part, Timed, Verdict,
    ceilings, changes, grows, parts, time,
};
use crate::device::{Device, DeviceKind, Policy};
use crate::error::{Error, Result};
use crate::kernels::proof::Bench;
use crate::run::atomic;

pub fn run(options: &BenchOptions) -> Result<()> {
    if !(options.seconds > 0.0 && options.seconds <= 3600.0) {
        let detail = format!("{} are outside (0, 3600]", count(options.seconds, "second"));
        return Err(Error::setting("seconds", detail));
    }
    let chosen = chosen(&options.work)?;
    if options.list {
        return chosen.iter().try_for_each(|(part, case)| Ok(out!("{part} {case}")));
    }
    // Before hours of measuring.
    if options.plot.is_some() && !chosen.iter().any(|(part, _)| grows(part)) {
        let detail = "nothing that is measured grows: add batch_sizes, layer_sizes or chain_counts to the work";
        return Err(Error::setting("plot", detail));
    }
    if let Some(path) = &options.plot {
        check_named("plot", (path, "svg"), &[])?;
    }
    if let Some(path) = &options.json {
        check_named("json", (path, "json"), &[])?;
    }
    let old = options.compare.as_deref().map(Benchmark::read).transpose()?;
    let devices = match options.device.as_str() {
        "all" => [Ok(Device::cpu())].into_iter().chain(Device::all_gpus()).collect(),
        selector => vec![open_device(selector, &options.policy)],
    };
    let config = BenchConfig::default().seconds(options.seconds);
    let policy = options.policy.policy.as_deref().map(Policy::read).transpose()?;
    let mut measured = Vec::new();
    for device in devices {
        let device = device?;
        policy.into_iter().for_each(|policy| device.set_policy(policy));
        measured.push(measure(&device, &chosen, &config)?);
    }
    if let Some(old) = &old {
        measured.iter().try_for_each(|new| compare(old, new))?;
    }
    if let Some(path) = &options.plot {
        tell_replaced(path);
        bench_plot::write(path, &measured)?;
        out!("{}", path.display());
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&Benchmark::new(measured))
            .map_err(|e| Error::data("benchmark", e.to_string()))?;
        tell_replaced(path);
        atomic::write(path, |out| writeln!(out, "{text}"))?;
        out!("{}", path.display());
    }
    Ok(())
}

/// The cases of which one of these words is in the name; all where there is no word.
fn chosen(work: &[String]) -> Result<Vec<(&'static str, String)>> {
    let mut all = Vec::new();
    // Cases are known to those that prepare them.
    for part in parts() {
        let mut name = |case: &str, _: usize, _: &mut dyn FnMut() -> Result<()>| {
            all.push((part.name, case.to_string()));
            Ok(())
        };
        (part.cases)(&mut Bench::names(&Device::cpu(), &mut name))?;
    }
    let named = |word: &String, (part, case): &(&str, String)| {
        format!("{part} {case}").to_lowercase().contains(&word.to_lowercase())
    };
    for word in work {
        if !all.iter().any(|case| named(word, case)) {
            let names: Vec<&str> = parts().iter().map(|part| part.name).collect();
            let detail = format!("there is no '{word}'; there are {}", names.join(", "));
            return Err(Error::setting("work", detail));
        }
    }
    all.retain(|case| work.is_empty() || work.iter().any(|word| named(word, case)));
    Ok(all)
}

fn measure(
    device: &Device,
    chosen: &[(&'static str, String)],
    config: &BenchConfig,
) -> Result<Measured> {
    let info = device.info();
    out!("{info} {}", info.driver);
    if info.kind == DeviceKind::Software {
        tell("note: a software adapter, which runs on the CPU: it says nothing about GPUs");
    }
    let top = ceilings(device, config)?;
    out!(
        "  at most {} GFLOP/s of products and sums in registers, {} GB/s copying {} MiB",
        three(top.flops * 1e-9),
        three(top.bytes * 1e-9),
        top.copied >> 20
    );
    let wide = chosen.iter().map(|(part, case)| part.len() + case.len() + 1).max().unwrap_or(0);
    out!(
        "  {:<wide$} {:>11} {:>15} {:>9} {:>8}  of at most",
        "work",
        "median",
        "half within",
        "GFLOP/s",
        "GB/s"
    );
    let mut measured = Measured::new(device, top);
    let named = |part: &Part| chosen.iter().any(|(name, _)| *name == part.name);
    for part in parts().iter().filter(|part| named(part)) {
        let wanted = |case: &str| chosen.iter().any(|(name, of)| *name == part.name && of == case);
        time(device, part, config, &wanted, &mut |outcome| {
            match outcome {
                Outcome::Timed(timed) => {
                    out!("  {}", line(&timed, &top, wide));
                    measured.results.push(timed);
                }
                Outcome::LeftOut(case) => {
                    out!("  {}", without_time(&case, wide));
                    measured.not_measured.push(case);
                }
            }
            Ok(())
        })?;
    }
    out!("");
    Ok(measured)
}

fn line(timed: &Timed, top: &Ceilings, wide: usize) -> String {
    let name = format!("{} {}", timed.part, timed.case);
    let (share, arithmetic) = top.reached(timed);
    let half = timed.quartiles.map(|at| 100.0 * (at / timed.seconds - 1.0));
    let within = format!("{:+.0} to {:+.0} %", half[0], half[1]);
    let rates = timed.counts.iter().map(|(what, each)| {
        // A whole number of nanoseconds would say little of a small step.
        let (rate, unit) = match each / timed.seconds {
            rate if rate >= 1e8 => (rate * 1e-9, "ns"),
            rate if rate >= 1e5 => (rate * 1e-6, "µs"),
            rate => (rate, "s"),
        };
        format!("; {} {what} a {unit}", three(rate))
    });
    format!(
        "{name:<wide$} {:>11} {within:>15} {:>9} {:>8}  {:.0} % of {}{}",
        duration(timed.seconds),
        three(timed.flop_rate() * 1e-9),
        three(timed.byte_rate() * 1e-9),
        100.0 * share,
        if arithmetic { "arithmetic" } else { "memory" },
        rates.collect::<String>()
    )
}

fn without_time(case: &LeftOut, wide: usize) -> String {
    let name = format!("{} {}", case.part, case.case);
    format!("{name:<wide$} not measured: one call would take about {}", duration(case.seconds))
}

/// What changed on a device that the old file has too.
fn compare(old: &Benchmark, new: &Measured) -> Result<()> {
    let same = |old: &&Measured| {
        let (old, new) = (&old.device, &new.device);
        (&old.name, &old.backend) == (&new.name, &new.backend)
    };
    let Some(before) = old.devices.iter().find(same) else {
        let names: Vec<String> = old.devices.iter().map(|d| d.device.to_string()).collect();
        out!("{}: the old file has no such device; it has {}", new.device, names.join(", "));
        return Ok(());
    };
    let changes = changes(before, new);
    if changes.is_empty() {
        out!("{}: nothing that was measured now is in the old file", new.device);
        return Ok(());
    }
    out!("{} since {}: {}", new.device, old.harmonium, count(changes.len(), "case"));
    let is = |verdict: Verdict| move |change: &&Change| change.verdict == verdict;
    for (verdict, word) in [(Verdict::Faster, "faster"), (Verdict::Slower, "slower")] {
        for change in changes.iter().filter(is(verdict)) {
            let times =
                if verdict == Verdict::Faster { change.speedup } else { 1.0 / change.speedup };
            out!("  {} {}: {times:.2} times {word}", change.part, change.case);
        }
    }
    let same = changes.iter().filter(is(Verdict::Same)).count();
    if same > 0 {
        out!("  {}: no change beyond noise", count(same, "case"));
    }
    Ok(())
}

/// Three significant digits.
fn three(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v >= 0.9995 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{} s", three(s)),
        s if s >= 1e-3 => format!("{} ms", three(s * 1e3)),
        s => format!("{} µs", three(s * 1e6)),
    }
}
