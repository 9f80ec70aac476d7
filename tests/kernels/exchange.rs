use harmonium::kernels::exchange::proof::case;
use harmonium::kernels::exchange::{Books, Energies, Neighbours, exchange};
use harmonium::kernels::proof::Values;
use harmonium::random::{Draw, uniform};
use harmonium::{Device, Result, Tensor};

use super::{SIZES, assert_passed, on_gpus, ordinary};
use crate::models::support::devices;

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for columns in SIZES {
            assert_passed(gpu, case(gpu, [13, columns], [5, 2], Values::Wide));
        }
        for chains in SIZES {
            assert_passed(gpu, case(gpu, [chains, 6], [2, 0], Values::Ordinary));
        }
        for values in Values::ALL {
            // Words of one block of random numbers and of the next, the lowest pair and the topmost.
            for pair in [0, 3, 4, 7] {
                assert_passed(gpu, case(gpu, [40, 5], [9, pair], values));
            }
        }
    });
}

/// Free energies, states and the ledger of two rungs on a device.
struct Rungs {
    energies: [Tensor; 4],
    lower: Tensor,
    upper: Tensor,
    ledger: Tensor,
    works: Tensor,
}

impl Rungs {
    /// `energies` F(x), F(y), G(y), G(x); x is 1, 2, … and y −1, −2, …
    fn new(device: &Device, energies: [&[f32]; 4], columns: usize, rungs: usize) -> Self {
        let chains = energies[0].len();
        let state = |sign: f32| {
            let x: Vec<f32> = (0..chains * columns).map(|k| sign * (k + 1) as f32).collect();
            Tensor::from_f32(device, &[chains, columns], &x).unwrap()
        };
        Rungs {
            energies: energies.map(|e| Tensor::from_f32(device, &[chains], e).unwrap()),
            lower: state(1.0),
            upper: state(-1.0),
            ledger: Tensor::zeros(device, &[2 * rungs, chains]).unwrap(),
            works: Tensor::zeros(device, &[2, chains]).unwrap(),
        }
    }

    fn exchange(&mut self, pair: usize, draw: &Draw) -> Result<()> {
        let [fx, fy, gy, gx] = &self.energies;
        exchange(
            Neighbours { lower: &mut self.lower, upper: &mut self.upper, pair },
            Energies { lower_own: fx, lower_other: fy, upper_own: gy, upper_other: gx },
            draw,
            Books { ledger: &mut self.ledger, works: &mut self.works, row: 0 },
        )
    }
}

/// The Metropolis rule written out in f64: u < min(1, exp(F(x) + G(y) − F(y) − G(x))).
#[test]
fn a_chain_exchanges_where_metropolis_says() {
    let (chains, columns, pair) = (500, 3, 5);
    let [fx, fy, gy, gx] = [1, 2, 3, 4].map(|seed| ordinary(seed, chains));
    let draw = Draw::new(3, 301).at(7).from_case(11);
    let mut taken = 0;
    for device in devices() {
        let mut rungs = Rungs::new(device, [&fx, &fy, &gy, &gx], columns, 8);
        rungs.exchange(pair, &draw).unwrap();
        let (lower, works) = (rungs.lower.to_vec().unwrap(), rungs.works.to_vec().unwrap());
        let upper = rungs.upper.to_vec().unwrap();
        for c in 0..chains {
            let [fx, fy, gy, gx] = [&fx, &fy, &gy, &gx].map(|e| f64::from(e[c]));
            let p = (fx + gy - fy - gx).exp().min(1.0);
            let u = f64::from(uniform(draw.word(c as u32, pair as u32)));
            assert!((f64::from(works[c]) - (gx - fx)).abs() < 1e-5);
            assert!((f64::from(works[chains + c]) - (gy - fy)).abs() < 1e-5);
            if (u - p).abs() < 1e-4 {
                continue;
            }
            let sign = if u < p { -1.0 } else { 1.0 };
            taken += usize::from(u < p);
            for k in c * columns..(c + 1) * columns {
                assert_eq!(lower[k], sign * (k + 1) as f32, "chain {c} on {}", device.info());
                assert_eq!(upper[k], -sign * (k + 1) as f32, "chain {c} on {}", device.info());
            }
        }
    }
    assert!(taken > 100);
}

/// A free energy that is NaN or a Δ of ∞ − ∞ moves nothing; equal rungs always exchange.
#[test]
fn broken_energies_move_nothing_and_equal_rungs_all() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let draw = Draw::new(3, 301);
    for device in devices() {
        let mut rungs = Rungs::new(
            device,
            [&[nan, inf, 2.0], &[0.0, 0.0, 5.0], &[0.0, 0.0, 5.0], &[0.0, inf, 2.0]],
            1,
            2,
        );
        rungs.exchange(0, &draw).unwrap();
        assert_eq!(rungs.lower.to_vec().unwrap(), [1.0, 2.0, -3.0], "{}", device.info());
        assert_eq!(rungs.upper.to_vec().unwrap(), [-1.0, -2.0, 3.0], "{}", device.info());
    }
}

/// One chain of three rungs whose exchanges are all taken: the state from the bottom is at the top after two, at the
/// bottom again after four.
#[test]
fn the_ledger_counts_exchanges_and_round_trips() {
    let draw = Draw::new(3, 301);
    for device in devices() {
        let zero: &[f32] = &[0.0];
        let mut rungs = Rungs::new(device, [zero; 4], 1, 3);
        let mut trips = Vec::new();
        // Marks the bottom's state, lifts it, lifts it to the top, lowers it, lowers it.
        for pair in [0, 0, 1, 1, 0] {
            rungs.exchange(pair, &draw).unwrap();
            trips.push(rungs.ledger.to_vec().unwrap()[5]);
        }
        assert_eq!(trips, [0.0, 0.0, 0.0, 0.0, 1.0], "{}", device.info());
        assert_eq!(rungs.ledger.to_vec().unwrap()[3..5], [3.0, 2.0], "{}", device.info());
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let device = Device::cpu();
    let zero: &[f32] = &[0.0; 4];
    let fresh = || Rungs::new(&device, [zero; 4], 2, 3);
    let draw = Draw::new(1, 301);
    let mut rungs = fresh();
    let error = rungs.exchange(2, &draw).unwrap_err().to_string();
    assert!(error.contains("the pair is 2"), "{error}");
    rungs.works = Tensor::zeros(&device, &[1, 4]).unwrap();
    let error = rungs.exchange(0, &draw).unwrap_err().to_string();
    assert!(error.contains("no row 1"), "{error}");
    let mut rungs = fresh();
    rungs.upper = Tensor::zeros(&device, &[4, 3]).unwrap();
    assert!(rungs.exchange(0, &draw).is_err());
    let mut rungs = fresh();
    rungs.energies[2] = Tensor::zeros(&device, &[3]).unwrap();
    let error = rungs.exchange(0, &draw).unwrap_err().to_string();
    assert!(error.contains("the upper rung's own energy"), "{error}");
    let mut rungs = fresh();
    rungs.ledger = Tensor::zeros(&device, &[5, 4]).unwrap();
    assert!(rungs.exchange(0, &draw).is_err());
}
