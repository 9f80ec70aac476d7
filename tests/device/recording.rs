use harmonium::data::Cases;
use harmonium::device::{DeviceKind, Timing, testing};
use harmonium::kernels::activation::Activation;
use harmonium::kernels::adam::{Adam, adam};
use harmonium::kernels::bias_update::{BiasPhases, NEVER, Watch, bias_update};
use harmonium::kernels::cd_update::{Phases, Step, cd_update};
use harmonium::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use harmonium::kernels::gather::{Selection, Transform, gather};
use harmonium::kernels::matmul::{Epilogue, Noise, Sampled, Transpose, matmul, matmul_sample};
use harmonium::kernels::proof::Inputs;
use harmonium::kernels::reduce::{Axis, Reduction, reduce};
use harmonium::kernels::sgd::{Sgd, sgd};
use harmonium::kernels::{sample, warm_up};
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::random::Draw;
use harmonium::tensor::Tensor;
use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData, Sparsity, Treatment};
use harmonium::{Device, Error, Result};

use crate::support;

const PLUS_ONE: Elementwise = Elementwise::Affine(1.0, 1.0);

#[test]
fn a_tensor_above_the_binding_limit_is_refused_with_both_sizes() {
    for gpu in support::gpus() {
        let limit = gpu.max_tensor_bytes();
        let elements = limit as usize / 4 + 1;
        if elements > i32::MAX as usize {
            continue;
        }
        match Tensor::for_output(gpu, &[elements]) {
            Err(Error::Limit { asked, limit: named, adapter, .. }) => {
                assert_eq!(named, limit);
                assert!(asked > limit && asked < limit + 64);
                assert_eq!(adapter, gpu.info().to_string());
            }
            other => panic!("{other:?}"),
        }
        // The device works on.
        assert_eq!(Tensor::zeros(gpu, &[3]).unwrap().to_vec().unwrap(), [0.0; 3]);
    }
    let error = Tensor::for_output(&Device::cpu(), &[1 << 20, 1 << 12]).unwrap_err();
    assert!(error.to_string().contains("1048576"), "{error}");
}

#[test]
fn grids_past_65535_workgroups_reach_every_element() {
    for gpu in support::gpus() {
        let n = 17 * 250_001;
        assert!(n > 65_535 * 64);
        let values: Vec<f32> = (0..n).map(|i| (i % 8192) as f32).collect();
        let mut x = Tensor::from_f32(gpu, &[n], &values).unwrap();
        elementwise_in_place(Elementwise::Affine(2.0, 1.0), &mut x, None).unwrap();
        let out = x.to_vec().unwrap();
        let wrong = (0..n).find(|&i| out[i] != 2.0 * (i % 8192) as f32 + 1.0);
        assert_eq!(wrong, None, "{}", gpu.info());
        // One workgroup a line: more than 65,535 rows.
        let sums = reduce(Reduction::Sum, Axis::Rows, 1.0, &x.reshape(&[n / 17, 17]).unwrap());
        let sums = sums.unwrap().to_vec().unwrap();
        for (row, sum) in sums.iter().enumerate() {
            let expected: f32 = out[row * 17..][..17].iter().sum();
            assert!((sum - expected).abs() <= 1.0, "row {row}: {sum}, expected {expected}");
        }
    }
}

#[test]
fn one_buffer_as_input_and_output_is_refused_before_it_is_recorded() {
    for gpu in support::gpus() {
        let mut x = Tensor::from_f32(gpu, &[2], &[1.0, 2.0]).unwrap();
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        let error = testing::record_aliased(gpu).unwrap_err();
        assert!(matches!(error, Error::Shape { op: "aliased", .. }), "{error}");
        // What was recorded before still runs.
        assert_eq!(x.to_vec().unwrap(), [2.0, 3.0], "{}", gpu.info());
    }
}

/// Longer loops would end early there, without a word.
#[test]
fn loops_too_long_for_a_software_adapter_are_refused_with_the_limit() {
    for gpu in support::gpus() {
        testing::record_loops(gpu, 64_000).unwrap();
        let result = testing::record_loops(gpu, 64_001);
        if gpu.info().kind == DeviceKind::Software {
            let text = result.unwrap_err().to_string();
            for word in ["64001", "64000", "loop", "--device cpu", &gpu.info().name] {
                assert!(text.contains(word), "'{word}' is not in: {text}");
            }
        } else {
            result.unwrap();
        }
    }
}

#[test]
fn uploads_keep_their_place_among_kernels() {
    for gpu in support::gpus() {
        let mut x = Tensor::from_f32(gpu, &[2], &[1.0, 2.0]).unwrap();
        let mut first = Tensor::zeros(gpu, &[2]).unwrap();
        let mut second = Tensor::zeros(gpu, &[2]).unwrap();
        elementwise(PLUS_ONE, &x, None, &mut first).unwrap();
        x.upload(&[10.0, 20.0]).unwrap();
        elementwise(PLUS_ONE, &x, None, &mut second).unwrap();
        let copy = x.try_clone().unwrap();
        x.set_zero().unwrap();
        assert_eq!(first.to_vec().unwrap(), [2.0, 3.0], "{}", gpu.info());
        assert_eq!(second.to_vec().unwrap(), [11.0, 21.0], "{}", gpu.info());
        assert_eq!(copy.to_vec().unwrap(), [10.0, 20.0]);
        assert_eq!(x.to_vec().unwrap(), [0.0, 0.0]);
    }
}

#[test]
fn parameters_of_thousands_of_calls_do_not_mix() {
    for gpu in support::gpus() {
        // Each call has its own number; more than two rings of 1,024, read once at the end.
        let calls = 2500;
        let outs: Vec<Tensor> = (0..calls)
            .map(|i| {
                let x = Tensor::zeros(gpu, &[1]).unwrap();
                let mut out = Tensor::for_output(gpu, &[1]).unwrap();
                elementwise(Elementwise::Affine(1.0, i as f32), &x, None, &mut out).unwrap();
                out
            })
            .collect();
        for (i, out) in outs.iter().enumerate().rev() {
            assert_eq!(out.to_vec().unwrap(), [i as f32], "{}", gpu.info());
        }
    }
}

#[test]
fn memory_reaches_a_plateau() {
    let devices = support::own_gpus().into_iter().chain([Device::cpu()]);
    for device in devices {
        let mut state = Tensor::zeros(&device, &[30, 7]).unwrap();
        let mut after_warm_up = None;
        for step in 0..10_000u64 {
            let mut noise = Tensor::for_output(&device, &[30, 7]).unwrap();
            sample::uniform(&Draw::new(1, 1).at(step), &mut noise).unwrap();
            elementwise_in_place(Elementwise::Combine(0.5, 0.5), &mut state, Some(&noise)).unwrap();
            let sums = reduce(Reduction::Sum, Axis::Columns, 1.0, &state).unwrap();
            if step % 1000 == 999 {
                assert!(sums.to_vec().unwrap().iter().all(|s| s.is_finite()));
            }
            if step == 200 {
                after_warm_up = Some(device.memory());
            }
            if step == 9_999 {
                let memory = device.memory();
                assert_eq!(Some(memory), after_warm_up, "{}", device.info());
                assert!(memory.peak_bytes < 10_000, "{memory:?}");
            }
        }
        drop(state);
        assert_eq!(device.memory().used_bytes, 0, "{}", device.info());
    }
}

#[test]
fn devices_and_tensors_go_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    for gpu in support::gpus() {
        let x = Tensor::from_f32(gpu, &[3], &[1.0, 2.0, 3.0]).unwrap();
        shared(gpu);
        shared(&x);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let x = &x;
                scope.spawn(move || {
                    for i in 0..50 {
                        let shift = (thread * 1000 + i) as f32;
                        let mut y = Tensor::for_output(gpu, &[3]).unwrap();
                        let f = Elementwise::Affine(1.0, shift);
                        elementwise(f, x, None, &mut y).unwrap();
                        let expected = [1.0 + shift, 2.0 + shift, 3.0 + shift];
                        assert_eq!(y.to_vec().unwrap(), expected, "{}", gpu.info());
                    }
                });
            }
        });
        let moved = std::thread::spawn(move || x.to_vec().unwrap());
        assert_eq!(moved.join().unwrap(), [1.0, 2.0, 3.0]);
    }
}

#[test]
fn profiles_count_every_call() {
    let devices = support::own_gpus().into_iter().chain([Device::cpu()]);
    for device in devices {
        let mut x = Tensor::zeros(&device, &[100, 100]).unwrap();
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        assert!(device.profile().unwrap().is_empty());
        device.start_profile().unwrap();
        for _ in 0..7 {
            elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        }
        for _ in 0..3 {
            reduce(Reduction::Sum, Axis::Rows, 1.0, &x).unwrap();
        }
        // More calls than one submission holds.
        let mut small = Tensor::zeros(&device, &[1]).unwrap();
        for _ in 0..1100 {
            sample::uniform(&Draw::new(1, 1), &mut small).unwrap();
        }
        let rows = device.profile().unwrap();
        let calls = |kernel: &str| rows.iter().find(|r| r.kernel == kernel).map(|r| r.calls);
        let name = device.info().to_string();
        assert_eq!(calls("elementwise"), Some(7), "{name}");
        assert_eq!(calls("reduce"), Some(3), "{name}");
        assert_eq!(calls("sample"), Some(1100), "{name}");
        assert_eq!(rows.len(), 3, "{name}");
        assert!(rows.iter().all(|r| r.seconds >= 0.0 && r.bytes > 0 && r.flops > 0), "{name}");
        let whole: f64 = rows.iter().map(|r| r.seconds).sum();
        assert!(whole > 0.0 && whole < 60.0, "{name}: {whole} s by {:?}", device.timing());
        if device.info().backend == "cpu" {
            assert_eq!(device.timing(), Timing::Clock);
        }
        // The results of profiled kernels are those of any others.
        assert_eq!(x.to_vec().unwrap(), vec![8.0; 10_000]);
        // Starting again starts from nothing.
        device.start_profile().unwrap();
        assert!(device.profile().unwrap().is_empty());
    }
}

/// The kernels of one CD-1 step of a Bernoulli machine on data as they are.
fn step(gpu: &Device) -> Result<()> {
    let [b, i, j] = [4, 6, 5];
    let fill = |dims: &[usize]| Tensor::from_f32(gpu, dims, &vec![0.5; dims.iter().product()]);
    let source = Tensor::from_u8(gpu, [b, i], &[1; 24])?;
    let indices = Tensor::from_u32(gpu, &[b], &[0, 1, 2, 3])?;
    let (mut w, mut dw) = (fill(&[i, j])?, fill(&[i, j])?);
    let (a, mut bias, mut db) = (fill(&[j])?, fill(&[i])?, fill(&[i])?);
    let (mut v0, mut vk) = (fill(&[b, i])?, fill(&[b, i])?);
    let (mut p0, mut pk, mut h) = (fill(&[b, j])?, fill(&[b, j])?, fill(&[b, j])?);
    let mut status = Tensor::from_u32(gpu, &[1], &[NEVER])?;
    let pick = Selection { indices: &indices, first_index: 0, rows: b, first_row: 0 };
    gather(&source, pick, &Transform::default(), &mut v0)?;
    let draw = Draw::new(1, 1);
    let hidden = Epilogue::new(&a, Activation::Sigmoid);
    let sampled = Sampled::new(Noise::Bernoulli, &draw, &mut h).with_mean(&mut p0);
    matmul_sample(&v0, &w, Transpose::NN, &hidden, sampled)?;
    let visible = Epilogue::new(&bias, Activation::Sigmoid);
    let sampled = Sampled::new(Noise::Bernoulli, &draw, &mut vk);
    matmul_sample(&h, &w, Transpose::NT, &visible, sampled)?;
    matmul(&vk, &w, Transpose::NN, &hidden, &mut pk)?;
    let scales = [0.25, 0.25];
    let phases = Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales, offsets: None };
    let step = Step { rate: 0.1, momentum: 0.5, decay: 0.0 };
    cd_update(&phases, step, &mut w, &mut dw)?;
    let phases = BiasPhases { x0: &v0, xk: &vk, scales };
    bias_update(&phases, step, &mut bias, &mut db, Watch::new(&mut status, 1))
}

#[test]
fn after_the_warm_up_a_step_compiles_nothing() {
    for gpu in support::own_gpus() {
        assert_eq!(testing::pipelines(&gpu), 0);
        warm_up(&gpu).unwrap();
        let warm = testing::pipelines(&gpu);
        assert!(warm > 5);
        step(&gpu).unwrap();
        assert_eq!(testing::pipelines(&gpu), warm, "{}", gpu.info());
    }
}

/// How a machine may be trained: every way alone, and with both kinds of visible units.
fn ways() -> Vec<(UnitKind, CdConfig)> {
    let change: [fn(&mut CdConfig); 6] = [
        |_| (),
        |config| config.steps = 3,
        |config| config.persistent = true,
        |config| config.centered = true,
        |config| config.sparsity = Some(Sparsity::new(0.1, 0.1)),
        |config| config.exact_gradient = true,
    ];
    let kinds = [UnitKind::Bernoulli, UnitKind::Gaussian];
    let all = kinds.into_iter().flat_map(|kind| change.map(|change| (kind, change)));
    all.map(|(kind, change)| {
        let mut config = CdConfig::new(kind, UnitKind::Bernoulli).batch(4);
        change(&mut config);
        (kind, config)
    })
    .collect()
}

/// The pipelines that `work` adds to those that there are.
fn added(gpu: &Device, work: impl FnOnce() -> Result<()>) -> Vec<String> {
    let before = testing::pipeline_names(gpu);
    work().unwrap();
    let mut after = testing::pipeline_names(gpu);
    after.retain(|name| !before.contains(name));
    after
}

#[test]
fn after_the_warm_up_no_epoch_of_a_machine_compiles_anything() {
    for gpu in support::own_gpus() {
        warm_up(&gpu).unwrap();
        let values = Inputs::new(1).probabilities(8 * 12);
        let data = Cases::new(harmonium::data::Values::F32(values), 8, 12).unwrap();
        for (kind, config) in ways() {
            let said = format!("{kind:?}, {config:?}, {}", gpu.info());
            let found = added(&gpu, || {
                let rbm = Rbm::new(&gpu, Units::new(kind, 12)?, Units::bernoulli(7), 1)?;
                let mut trainer = CdTrainer::new(rbm, config, &[0.5; 12])?;
                let mut source = ResidentData::new(&gpu, &data, Treatment::default())?;
                trainer.epoch(&mut source).map(drop)
            });
            assert!(found.is_empty(), "{found:?} for {said}");
        }
    }
}

#[test]
fn after_the_warm_up_the_optimizers_compile_nothing() {
    for gpu in support::own_gpus() {
        warm_up(&gpu).unwrap();
        let tensor = || Tensor::from_f32(&gpu, &[3], &[0.5, 1.0, 2.0]);
        let found = added(&gpu, || {
            let step = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.0 };
            sgd(&step, &tensor()?, &mut tensor()?, &mut tensor()?)?;
            let (learning_rate, beta1, beta2, epsilon) = (0.1, 0.9, 0.999, 1e-8);
            let step = Adam { learning_rate, beta1, beta2, epsilon, weight_decay: 0.0, update: 1 };
            adam(&step, &tensor()?, &mut tensor()?, &mut tensor()?, &mut tensor()?)
        });
        assert!(found.is_empty(), "{found:?} on {}", gpu.info());
    }
}

#[test]
fn sizes_of_zero_are_no_error() -> Result<()> {
    for gpu in support::gpus() {
        let empty = Tensor::from_f32(gpu, &[0, 5], &[])?;
        assert!(empty.to_vec()?.is_empty());
        assert!(empty.try_clone()?.to_vec()?.is_empty());
        assert!(Tensor::from_bits(gpu, [3, 0], &[])?.to_words()?.is_empty());
    }
    Ok(())
}

#[test]
fn parts_of_tensors_are_copied_in_order_with_kernels() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(support::gpus()) {
        let name = device.info().to_string();
        let mut x = Tensor::from_f32(device, &[2, 3], &[1., 2., 3., 4., 5., 6.]).unwrap();
        let mut to = Tensor::zeros(device, &[4]).unwrap();
        to.copy_part(1, &x, 2..4).unwrap();
        // What comes later changes only what is copied later.
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        to.copy_part(3, &x, 5..6).unwrap();
        to.copy_part(4, &x, 3..3).unwrap();
        assert_eq!(to.to_vec().unwrap(), [0.0, 3.0, 4.0, 7.0], "{name}");
        // Bits stay, whatever they mean.
        let odd = [f32::from_bits(0x7fc0_1234), -0.0, f32::from_bits(1), f32::NEG_INFINITY];
        let odd = Tensor::from_f32(device, &[4], &odd).unwrap();
        to.copy_part(0, &odd, 0..4).unwrap();
        assert_eq!(to.to_words().unwrap(), odd.to_words().unwrap(), "{name}");

        let bits = Tensor::from_bits(device, [1, 4], &[1, 0, 1, 1]).unwrap();
        let words = Tensor::from_u32(device, &[4], &[1, 2, 3, 4]).unwrap();
        for (at, from, part, said) in [
            (3, &x, 0..2, "[4] has no room for 2 elements from element 3 on"),
            (usize::MAX, &x, 0..2, "no room"),
            (0, &x, 5..7, "elements 5 to 7 of [2, 3]"),
            (0, &bits, 0..1, "expected f32 or u32"),
            (0, &words, 0..1, "expected f32 or u32"),
        ] {
            let error = to.copy_part(at, from, part).unwrap_err().to_string();
            assert!(error.contains(said), "{name}: {error}");
        }
        assert_eq!(to.to_words().unwrap(), odd.to_words().unwrap(), "{name}");
    }
}

#[test]
fn a_part_does_not_heal_what_was_never_computed() {
    for gpu in support::own_gpus() {
        let good = Tensor::from_f32(&gpu, &[2], &[1.0, 2.0]).unwrap();
        let mut bad = Tensor::zeros(&gpu, &[2]).unwrap();
        gpu.synchronize().unwrap();
        elementwise(PLUS_ONE, &good, None, &mut bad).unwrap();
        testing::break_next_submission(&gpu).unwrap();
        assert!(bad.to_vec().is_err());
        let error = bad.copy_part(0, &good, 0..1).unwrap_err();
        assert!(matches!(error, Error::Poisoned { .. }), "{error}");
        bad.copy_from(&good).unwrap();
        bad.copy_part(0, &good, 1..2).unwrap();
        assert_eq!(bad.to_vec().unwrap(), [2.0, 2.0], "{}", gpu.info());
    }
}

/// Rows whose first element's number wraps around to one that there is.
#[test]
fn rows_that_are_not_there_are_refused() {
    let x = Tensor::from_f32(&Device::cpu(), &[3, 2], &[0.0; 6]).unwrap();
    for (start, end) in [(2, 9), (3, 1), (4, 4), (1 << 63, (1 << 63) + 1), (0, usize::MAX)] {
        let error = x.rows(start..end).unwrap_err().to_string();
        assert!(error.contains(&format!("rows {start} to {end} of [3, 2]")), "{error}");
    }
    assert!(x.rows(3..3).unwrap().to_vec().unwrap().is_empty());
}
