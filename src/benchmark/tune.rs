//! Every loop of the matrix kernels on products that training is made of, and the policy that chooses best between them.

use super::timing::{BenchConfig, sampled};
use crate::device::{Backend, Device, DeviceInfo, Fit, Policy};
use crate::error::{Error, Result};
use crate::kernels::conv2d::{self, Convolution, Finish, conv2d};
use crate::kernels::matmul::{self, Epilogue, Transpose, matmul};
use crate::kernels::proof::Bench;
use crate::kernels::{Tiles, VECTOR_LOOPS, with_tiles, with_vector_loads};

const LOOPS: usize = Tiles::ALL.len();

/// What was measured on one device, and the policy that follows from it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tuning {
    /// The device.
    pub device: DeviceInfo,
    /// The products, as they were measured.
    pub products: Vec<LoopTimes>,
    /// The policy under which the chosen loops take the least time, by the geometric mean over the products.
    pub policy: Policy,
}

/// One product in every loop.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LoopTimes {
    /// Its name, and its sizes m, n and k.
    pub name: String,
    /// Floating-point operations.
    pub flops: f64,
    /// Seconds, the median, in the order of the loops, with loads of vectors of four where sizes and kernel allow them;
    /// none where one call would take too long.
    pub seconds: [Option<f64>; LOOPS],
    /// The same without them; none where there are no such loads.
    pub without_vectors: Option<[Option<f64>; LOOPS]>,
    fits: [(u64, f64); LOOPS],
}

/// No call is to take longer, in seconds: drivers have watchdogs.
const LONGEST: f64 = 0.5;

/// Name, `[m, n, k]` and how they are stored: the three products of a machine's step, for batches of 128 and of 10, and
/// for many chains; an autoencoder's; squares.
const PRODUCTS: [(&str, [usize; 3], Transpose); 14] = [
    ("h from v, batch 10", [10, 500, 784], Transpose::NN),
    ("v from h, batch 10", [10, 784, 500], Transpose::NT),
    ("weights, batch 10", [784, 500, 20], Transpose::TN),
    ("h from v, batch 128", [128, 500, 784], Transpose::NN),
    ("v from h, batch 128", [128, 784, 500], Transpose::NT),
    ("weights, batch 128", [784, 500, 256], Transpose::TN),
    ("h from v, 1000 chains", [1000, 500, 784], Transpose::NN),
    ("autoencoder 784-1000", [1000, 1000, 784], Transpose::NN),
    ("autoencoder 500-250", [1000, 250, 500], Transpose::NN),
    ("autoencoder 250-30", [1000, 30, 250], Transpose::NN),
    ("square", [512, 512, 512], Transpose::NN),
    ("square", [1024, 1024, 1024], Transpose::NN),
    ("square", [2048, 2048, 2048], Transpose::NN),
    ("square", [4096, 4096, 4096], Transpose::NN),
];

/// LeNet-5's first two layers of 128 images: name, maps in and out, side of the picture; the kernel is 5 × 5.
const CONVOLUTIONS: [(&str, [usize; 2], usize); 2] =
    [("LeNet-5 C1, batch 128", [1, 6], 32), ("LeNet-5 C3, batch 128", [6, 16], 14)];

/// Measures every loop on a GPU with the products of whose names `wanted` says yes, calls `told` with each as it is
/// done, and fits a policy; a software adapter keeps its own. Products that take too long in every loop are left out.
///
/// # Errors
/// [`Error::Setting`] for the CPU, which has one loop; device errors.
pub fn tune(
    device: &Device,
    config: &BenchConfig,
    wanted: &dyn Fn(&str) -> bool,
    told: &mut dyn FnMut(&LoopTimes) -> Result<()>,
) -> Result<Tuning> {
    let Backend::Gpu(gpu) = device.backend() else {
        let detail =
            "the CPU has one loop, and nothing to choose; name a GPU of `harmonium devices`";
        return Err(Error::setting("device", detail));
    };
    let mut products: Vec<LoopTimes> = Vec::new();
    // FLOP a second of each loop, the best so far.
    let mut rates = [0.0f64; LOOPS];
    let mut none = |_: &str, _: usize, _: &mut dyn FnMut() -> Result<()>| Ok(());
    let numbers = Bench::new(device, &mut none);
    let mut one =
        |name: &str, size: [usize; 3], quads: bool, fits, call: &mut dyn FnMut() -> Result<()>| {
            let mut median = |tiles, vectors| -> Result<f64> {
                let one = || with_tiles(tiles, || sampled(device, config, call));
                let (mut samples, _) = with_vector_loads(vectors, one)?;
                samples.sort_by(f64::total_cmp);
                Ok(samples[samples.len() / 2])
            };
            let [m, n, k] = size;
            let flops = 2.0 * m as f64 * n as f64 * k as f64;
            let mut all = |vectors| -> Result<[Option<f64>; LOOPS]> {
                let mut seconds = [None; LOOPS];
                for (tiles, (seconds, rate)) in
                    Tiles::ALL.into_iter().zip(seconds.iter_mut().zip(&mut rates))
                {
                    if *rate > 0.0 && flops / *rate > LONGEST {
                        continue;
                    }
                    let time = median(tiles, vectors)?;
                    *rate = rate.max(flops / time);
                    *seconds = Some(time);
                }
                Ok(seconds)
            };
            // Without vectors first: what they gain cannot make a call without them too long.
            let without_vectors = if quads { Some(all(false)?) } else { None };
            let seconds = all(true)?;
            if seconds.iter().all(Option::is_none) {
                return Ok(());
            }
            let name = format!("{name}, {m}x{n}x{k}");
            let times = LoopTimes { name, flops, seconds, without_vectors, fits };
            told(&times)?;
            products.push(times);
            Ok(())
        };
    for (name, [m, n, k], t) in PRODUCTS.into_iter().filter(|product| wanted(product.0)) {
        let fits =
            matmul::SHADERS.fits(gpu, [m, n, k])?.map(|Fit { groups, inside }| (groups, inside));
        let x = numbers.random(&if t.a { [k, m] } else { [m, k] }, 1)?;
        let y = numbers.random(&if t.b { [n, k] } else { [k, n] }, 2)?;
        let mut out = numbers.output(&[m, n])?;
        let quads = matmul::rows_are_quads(t, [m, n, k]);
        one(name, [m, n, k], quads, fits, &mut || {
            matmul(&x, &y, t, &Epilogue::default(), &mut out)
        })?;
    }
    for (name, [inputs, outputs], side) in CONVOLUTIONS.into_iter().filter(|c| wanted(c.0)) {
        let places = side - 4;
        let size = [outputs, 128 * places * places, inputs * 25];
        let fits = conv2d::SHADERS.fits(gpu, size)?.map(|Fit { groups, inside }| (groups, inside));
        let x = numbers.random(&[128, inputs, side, side], 1)?;
        let kernel = numbers.random(&[outputs, inputs, 5, 5], 2)?;
        let mut y = numbers.output(&[128, outputs, places, places])?;
        let options = Convolution::default();
        one(name, size, false, fits, &mut || {
            conv2d(&x, &kernel, &options, Finish::default(), &mut y)
        })?;
    }
    // A software adapter's convolutions have loops of their own, which need that of registers to be the only one.
    let policy = match gpu.is_software() {
        true => gpu.policy(),
        false => {
            let known = gpu.policy();
            let pay = vectors_pay(&products).unwrap_or(known.vector_loads);
            fitted(known.with_vector_loads(pay), &products)
        }
    };
    Ok(Tuning { device: device.info().clone(), products, policy })
}

/// Seconds of the fastest of the loops that can load vectors.
fn fastest_with_vectors(seconds: &[Option<f64>; LOOPS]) -> Option<f64> {
    seconds.iter().take(VECTOR_LOOPS).flatten().copied().min_by(f64::total_cmp)
}

/// What loads of vectors gain in the geometric mean, if anything was measured.
fn mean_gain(products: &[LoopTimes]) -> Option<f64> {
    let gains: Vec<f64> = products.iter().filter_map(LoopTimes::vector_gain).collect();
    let sum: f64 = gains.iter().map(|gain| gain.ln()).sum();
    (!gains.is_empty()).then(|| (sum / gains.len() as f64).exp())
}

/// Whether loads of vectors cost no time in that mean.
fn vectors_pay(products: &[LoopTimes]) -> Option<bool> {
    mean_gain(products).map(|gain| gain >= 1.0)
}

impl LoopTimes {
    /// How many times as long the fastest of the loops that can load vectors takes without them.
    pub fn vector_gain(&self) -> Option<f64> {
        Some(fastest_with_vectors(&self.without_vectors?)? / fastest_with_vectors(&self.seconds)?)
    }

    /// Seconds of the loops as they run under a policy.
    fn under(&self, policy: &Policy) -> &[Option<f64>; LOOPS] {
        self.without_vectors.as_ref().filter(|_| !policy.vector_loads).unwrap_or(&self.seconds)
    }

    /// The loop that a policy takes.
    pub fn chosen(&self, policy: &Policy) -> Tiles {
        policy.choose(|tiles| {
            let (groups, inside) = self.fits[tiles as usize];
            Fit { groups, inside }
        })
    }

    /// How many times as long as the fastest loop the one takes that a policy chooses.
    pub fn loss(&self, policy: &Policy) -> f64 {
        let seconds = self.under(policy);
        let best = seconds.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        // One that was too slow to be measured.
        seconds[self.chosen(policy) as usize].map_or(10.0, |seconds| seconds / best)
    }
}

impl Tuning {
    /// How many times as long the fastest loops that can load vectors take without them, in the geometric mean.
    pub fn vector_gain(&self) -> Option<f64> {
        mean_gain(&self.products)
    }

    /// How many times as long as the fastest loops the chosen ones take: the geometric mean, and the worst product.
    pub fn loss(&self) -> (f64, Option<(f64, &LoopTimes)>) {
        let losses = self.products.iter().map(|product| (product.loss(&self.policy), product));
        (mean_loss(&self.policy, &self.products).exp(), losses.max_by(|a, b| a.0.total_cmp(&b.0)))
    }
}

fn mean_loss(policy: &Policy, products: &[LoopTimes]) -> f64 {
    let sum: f64 = products.iter().map(|product| product.loss(policy).ln()).sum();
    sum / products.len().max(1) as f64
}

/// The policy of the least loss, in steps from each loop's best rate: the workgroups that fill the adapter, the ones near
/// those of `known` first, and for each the speeds one by one. Of equals the first stays.
fn fitted(known: Policy, products: &[LoopTimes]) -> Policy {
    const FACTORS: [f64; 10] = [0.9, 1.1, 0.8, 1.25, 0.7, 1.4, 0.6, 1.7, 0.5, 2.0];
    let rate = |tiles: Tiles| {
        let rates =
            products.iter().filter_map(|p| Some(p.flops / p.under(&known)[tiles as usize]?));
        rates.fold(0.0, f64::max)
    };
    let fastest = Tiles::ALL.into_iter().map(rate).fold(f64::MIN_POSITIVE, f64::max);
    let start =
        Tiles::ALL.into_iter().fold(known, |p, t| p.with_speed(t, three(rate(t) / fastest)));
    let mut counts: Vec<u32> = (0..12).flat_map(|i| [2 << i, 3 << i]).collect();
    let far = |n: &u32| (f64::from(*n) / f64::from(known.workgroups)).ln().abs();
    counts.sort_by(|a, b| far(a).total_cmp(&far(b)));
    let mut best = (start, mean_loss(&start, products));
    for count in counts {
        let first = start.with_workgroups(count);
        let mut here = (first, mean_loss(&first, products));
        for _ in 0..3 {
            for (tiles, factor) in Tiles::ALL.into_iter().flat_map(|t| FACTORS.map(|f| (t, f))) {
                let changed = here.0.with_speed(tiles, three(here.0.speed(tiles) * factor));
                let loss = mean_loss(&changed, products);
                // Rounding is no gain.
                if loss < here.1 - 1e-9 {
                    here = (changed, loss);
                }
            }
        }
        if here.1 < best.1 - 1e-9 {
            best = here;
        }
    }
    without_idle(best.0, products)
}

/// Where no product is the better for the loop in registers it is left out, and where all are, the others: then
/// convolutions have loops of their own.
fn without_idle(policy: Policy, products: &[LoopTimes]) -> Policy {
    let registers = products.iter().filter(|p| p.chosen(&policy) == Tiles::Register).count();
    let out = |tiles: &Tiles| match registers {
        0 => *tiles == Tiles::Register,
        n if n == products.len() => *tiles != Tiles::Register,
        _ => false,
    };
    Tiles::ALL.into_iter().filter(out).fold(policy, |policy, tiles| policy.with_speed(tiles, 0.0))
}

/// Three significant digits, so that a file says all of it.
fn three(x: f64) -> f64 {
    format!("{x:.2e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::{LOOPS, LoopTimes, fitted, mean_loss, three, vectors_pay};
    use crate::device::{Policy, Tiles};

    /// Products of a machine that is just as a policy says, in loops that are squares of these sides.
    fn products(truth: &Policy) -> Vec<LoopTimes> {
        let sizes =
            [[10, 500], [30, 30], [100, 500], [128, 784], [784, 500], [1000, 30], [1000, 1000]];
        let squares = [[512, 512], [1024, 1024], [2048, 2048], [4096, 4096]];
        let sides = [128.0f64, 64.0, 32.0, 16.0, 8.0];
        let product = |[m, n]: [usize; 2]| {
            let flops = 2.0 * (m * n * 500) as f64;
            let fits: [(u64, f64); LOOPS] = sides.map(|side| {
                let groups = (m as f64 / side).ceil() * (n as f64 / side).ceil();
                (groups as u64, (m * n) as f64 / (groups * side * side))
            });
            let seconds = std::array::from_fn(|i| {
                let (groups, inside) = fits[i];
                let filled = (groups as f64 / f64::from(truth.workgroups)).min(1.0);
                let speed = truth.speed(Tiles::ALL[i]) * inside * filled;
                (speed > 0.0).then(|| flops * 1e-12 / speed)
            });
            LoopTimes { name: format!("{m}x{n}"), flops, seconds, without_vectors: None, fits }
        };
        sizes.into_iter().chain(squares).map(product).collect()
    }

    fn policy(workgroups: u32, speeds: [f64; LOOPS]) -> Policy {
        let text = "workgroups = 1\nlarge = 0\nmedium = 0\nsmall = 0\nnarrow = 0\nregister = 0";
        let zero: Policy = toml::from_str(text).unwrap();
        let speeds = Tiles::ALL.into_iter().zip(speeds);
        speeds.fold(zero.with_workgroups(workgroups), |p, (t, s)| p.with_speed(t, s))
    }

    #[test]
    fn a_policy_is_found_that_chooses_as_well_as_the_true_one() {
        let known = policy(128, [1.0, 0.75, 0.45, 0.25, 0.0]);
        for truth in [
            policy(40, [1.0, 0.6, 0.3, 0.1, 0.0]),
            policy(500, [1.0, 0.9, 0.7, 0.5, 0.0]),
            policy(264, [0.3, 1.0, 0.5, 0.4, 0.0]),
        ] {
            let products = products(&truth);
            assert_eq!(mean_loss(&truth, &products), 0.0);
            // The known one is worse, so that there is something to find.
            assert!(mean_loss(&known, &products) > 0.01);
            let found = fitted(known, &products);
            let loss = mean_loss(&found, &products);
            assert!(loss < 0.005, "{loss} of\n{found}");
            assert_eq!(found.register, 0.0);
        }
    }

    #[test]
    fn where_registers_are_the_fastest_the_others_are_left_out() {
        let known = policy(256, [1.0, 0.75, 0.45, 0.25, 0.0]);
        let products = products(&policy(1, [0.1, 0.1, 0.1, 0.1, 1.0]));
        let found = fitted(known, &products);
        assert!(found.is_only(Tiles::Register), "{found}");
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.123456, 1234.0, 0.0].map(three), [0.123, 1230.0, 0.0]);
    }

    /// Where loads of vectors lose, the policy leaves them out and its speeds are those of the loops without them.
    #[test]
    fn loads_of_vectors_stay_unless_they_lose() {
        let truth = policy(128, [1.0, 0.75, 0.45, 0.25, 0.0]);
        let with = |gain: f64| {
            let mut all = products(&truth);
            for product in &mut all {
                product.without_vectors =
                    Some(product.seconds.map(|seconds| seconds.map(|s| s * gain)));
            }
            all
        };
        assert_eq!(vectors_pay(&products(&truth)), None);
        assert_eq!([2.0, 0.5].map(|gain| vectors_pay(&with(gain))), [Some(true), Some(false)]);
        let (all, without) = (with(0.5), truth.with_vector_loads(false));
        assert_eq!(all[0].under(&without)[0], all[0].seconds[0].map(|s| s * 0.5));
        assert_eq!(all[0].under(&truth), &all[0].seconds);
        assert!(!fitted(without, &all).vector_loads);
    }
}
