//! Integrated autocorrelation times against AR(1) chains, of which they are known.

use harmonium::evaluation::autocorrelation::{Autocorrelation, autocorrelation};

use crate::models::exact::normals;

/// x' = φx + √(1 − φ²) z from its stationary distribution, `[steps, chains]`: τ = (1 + φ)/(1 − φ).
fn ar1(phi: f64, steps: usize, chains: usize, seed: u64) -> Vec<f32> {
    let z = normals(seed, steps * chains);
    let mut x = z[..chains].to_vec();
    let mut out: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    for row in z.chunks(chains).skip(1) {
        for (x, z) in x.iter_mut().zip(row) {
            *x = phi * *x + (1.0 - phi * phi).sqrt() * z;
        }
        out.extend(x.iter().map(|&x| x as f32));
    }
    out
}

fn tau(phi: f64) -> f64 {
    (1.0 + phi) / (1.0 - phi)
}

#[test]
fn the_time_of_an_ar1_chain_is_the_known_one() {
    for (phi, steps) in [(-0.5, 5000), (0.0, 5000), (0.5, 5000), (0.9, 20_000), (0.97, 40_000)] {
        for chains in [1, 10] {
            let found = autocorrelation(&ar1(phi, steps, chains, 7), chains).unwrap();
            let Autocorrelation { time, std_error, window, resolved } = found;
            println!("φ {phi}, {chains} chains: {time:.3} ± {std_error:.3}, window {window}");
            assert!(
                resolved && (time - tau(phi)).abs() < 4.0 * std_error,
                "{found:?}, {}",
                tau(phi)
            );
            assert!(std_error < 0.35 * tau(phi));
        }
    }
}

/// Over 200 seeds the stated error is the spread, whose own relative error is 5 %: four of these are allowed, and 5 % for
/// what Madras and Sokal leave out.
#[test]
fn its_error_is_its_spread() {
    let exact = tau(0.8);
    let found: Vec<(f64, f64)> = (0..200)
        .map(|seed| autocorrelation(&ar1(0.8, 2000, 4, 100 + seed), 4).unwrap())
        .map(|a| (a.time - exact, a.std_error))
        .collect();
    let spread = (found.iter().map(|(off, _)| off * off).sum::<f64>() / 200.0).sqrt();
    let stated = (found.iter().map(|(_, error)| error * error).sum::<f64>() / 200.0).sqrt();
    println!("spread {spread:.3}, stated {stated:.3}");
    assert!((stated / spread - 1.0).abs() < 0.25, "{stated} {spread}");
}

/// Chains that stay each in its own mode do not come to rest, however quickly they move within it.
#[test]
fn chains_apart_are_not_resolved() {
    let mut series = ar1(0.0, 1000, 2, 3);
    series.iter_mut().skip(1).step_by(2).for_each(|x| *x += 20.0);
    let found = autocorrelation(&series, 2).unwrap();
    assert!(!found.resolved && found.time > 500.0, "{found:?}");
    // Each alone is resolved.
    let one: Vec<f32> = series.into_iter().step_by(2).collect();
    assert!(autocorrelation(&one, 1).unwrap().resolved);
}

#[test]
fn series_that_make_no_sense_are_refused() {
    let words = |series: &[f32], chains| autocorrelation(series, chains).unwrap_err().to_string();
    assert!(words(&[1.0; 9], 2).contains("9 values of 2 chains"));
    assert!(words(&[1.0, 2.0, 1.0], 1).contains("4 whole steps"));
    assert!(words(&[], 0).contains("0 values"));
    assert!(words(&[1.0, f32::NAN, 2.0, 3.0], 1).contains("NaN"));
    assert!(words(&[1.5; 8], 2).contains("never changes"));
}
