//! scratch
use harmonium::kernels::matmul::*;
use harmonium::*;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let d = Device::select(&args[1]).unwrap();
    println!("{}", d.info());
    let n: usize = args.get(2).map_or(512, |s| s.parse().unwrap());
    for (m, n, k, t) in [(n, n, n, Transpose::NN), (100, 500, 784, Transpose::NN), (100, 784, 500, Transpose::NT), (784, 500, 200, Transpose::TN)] {
        let a: Vec<f32> = (0..m * k).map(|i| ((i * 7919) % 1000) as f32 / 1000. - 0.5).collect();
        let b: Vec<f32> = (0..n * k).map(|i| ((i * 104729) % 1000) as f32 / 1000. - 0.5).collect();
        let (sa, sb) = (if t.a { [k, m] } else { [m, k] }, if t.b { [n, k] } else { [k, n] });
        let (ta, tb) = (Tensor::from_f32(&d, &sa, &a).unwrap(), Tensor::from_f32(&d, &sb, &b).unwrap());
        let mut o = Tensor::for_output(&d, &[m, n]).unwrap();
        let cpu = Device::cpu();
        let (ca, cb) = (Tensor::from_f32(&cpu, &sa, &a).unwrap(), Tensor::from_f32(&cpu, &sb, &b).unwrap());
        let mut co = Tensor::for_output(&cpu, &[m, n]).unwrap();
        matmul(&ca, &cb, t, &Epilogue::default(), &mut co).unwrap();
        matmul(&ta, &tb, t, &Epilogue::default(), &mut o).unwrap();
        let (x, y) = (o.to_vec().unwrap(), co.to_vec().unwrap());
        let worst = x.iter().zip(&y).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        let reps = ((4e8 / (m * n * k) as f64) as usize).max(1);
        let t0 = Instant::now();
        for _ in 0..reps { matmul(&ta, &tb, t, &Epilogue::default(), &mut o).unwrap(); }
        d.synchronize().unwrap();
        let s = t0.elapsed().as_secs_f64();
        println!("{m}x{n}x{k} {t:?}: {:.2} GFLOP/s, worst {worst:e}", 2e-9 * (reps * m * n * k) as f64 / s);
    }
}
