//! The comparison itself, and the standard set on every adapter.

use harmonium::device::testing;
use harmonium::kernels::catalogue;
use harmonium::kernels::proof::Check;
use harmonium::verify::{
    DeviceReport, Outcome, Report, kernels, verify, verify_async, verify_kernels,
};

use super::{assert_passed, on_gpus};

#[test]
fn the_standard_set_passes_on_every_adapter() {
    on_gpus(|gpu| {
        let start = std::time::Instant::now();
        let mut names = Vec::new();
        let outcomes = verify(gpu, |name| names.push(name.to_string())).unwrap();
        println!("{} cases on {} in {:.1?}", outcomes.len(), gpu.info(), start.elapsed());
        for kernel in &names {
            let of = outcomes.iter().filter(|o| o.kernel == kernel);
            let worst = of.map(|o| o.worst).fold(0.0, f64::max);
            println!("  {kernel}: worst error is {worst:.3} of its tolerance");
        }
        assert_eq!(names.len(), catalogue().len());
        assert!(outcomes.len() > 200);
        outcomes.into_iter().for_each(|outcome| assert_passed(gpu, Ok(outcome)));
    });
}

/// The shaders of every kernel with the slip that its proof names.
fn made_wrong(shader: &str, source: String) -> String {
    let loops = ["_large", "_medium", "_small", "_narrow", "_register"];
    let kernel = loops.iter().find_map(|l| shader.strip_suffix(l)).unwrap_or(shader);
    let Some(entry) = catalogue().iter().find(|entry| entry.name == kernel) else { return source };
    let [right, wrong] = entry.slip;
    assert!(source.contains(right), "{shader} has no {right:?}");
    source.replace(right, wrong)
}

/// Not kernels that compute nothing: each is out by a little, and its own cases have to see it. In passes, as a browser needs
/// it, the same is found.
#[test]
fn every_kernel_wrong_on_purpose_is_rejected() {
    // It is the comparison that is tested, and that is the host's: one adapter is enough.
    let Some(gpu) = crate::support::own_gpus().into_iter().next() else { return };
    testing::patch_shaders(&gpu, made_wrong);
    let outcomes = verify(&gpu, |_| {}).unwrap();
    for kernel in catalogue().iter().map(|entry| entry.name) {
        let rejected = outcomes.iter().any(|o| o.kernel == kernel && !o.passed());
        assert!(rejected, "{kernel} is wrong, and passes on {}", gpu.info());
    }
    let mut names = Vec::new();
    let other = verify_async(&gpu, async |name: &str| names.push(name.to_string()));
    assert_eq!(pollster::block_on(other).unwrap(), outcomes);
    assert_eq!(names.len(), catalogue().len());
    assert!(outcomes.iter().any(Outcome::passed) && !outcomes.iter().all(Outcome::passed));
}

#[test]
fn a_report_tells_each_kernels_worst_case() {
    let case = |kernel, case: &str, worst| {
        let detail = (worst > 1.0).then(|| "out[3] is 2, expected 1".to_string());
        Outcome { kernel, case: case.into(), worst, detail }
    };
    let info = harmonium::Device::cpu().info().clone();
    let mut report = Report::new();
    report.add(DeviceReport::new(
        &info,
        vec![case("sgd", "a", 0.5), case("sgd", "b", 0.75), case("adam", "c", f64::INFINITY)],
    ));
    report.add(DeviceReport::new(&info, vec![case("sgd", "a", 1.0)]));
    let lost = harmonium::Error::DeviceLost { adapter: "X".into(), detail: "gone".into() };
    report.add(DeviceReport::failed(None, &lost));
    let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(json["harmonium"], env!("CARGO_PKG_VERSION"));
    assert!(json["unix_time"].as_u64().unwrap() > 1_700_000_000);
    let [first, second, third] = [0, 1, 2].map(|i| &json["devices"][i]);
    assert_eq!((&first["verdict"], &first["backend"]), (&"failed".into(), &"cpu".into()));
    let [sgd, adam] = [0, 1].map(|i| &first["kernels"][i]);
    assert_eq!(
        (&sgd["kernel"], &sgd["cases"], &sgd["failed"]),
        (&"sgd".into(), &2.into(), &0.into())
    );
    assert_eq!((&sgd["worst"], &sgd["worst_case"]), (&0.75.into(), &"b".into()));
    assert!(sgd.get("detail").is_none());
    assert_eq!((&adam["failed"], &adam["detail"]), (&1.into(), &"out[3] is 2, expected 1".into()));
    assert!(adam["worst"].is_null());
    assert_eq!(adam["allowed"], 0);
    // A case that WGSL leaves to the device is no excuse for another one.
    report.add(DeviceReport::new(
        &info,
        vec![
            case("dot", "9 NonFinite", f64::INFINITY),
            case("dot", "9 Wide", 2.0),
            case("dot", "9 Subnormal", 1.5),
            case("sgd", "9 Subnormal", 1.5),
        ],
    ));
    let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    let [dot, sgd] = [0, 1].map(|i| &json["devices"][3]["kernels"][i]);
    assert_eq!((&dot["failed"], &dot["allowed"]), (&3.into(), &2.into()));
    assert_eq!((&dot["worst"], &dot["worst_case"]), (&2.0.into(), &"9 Wide".into()));
    assert_eq!((&sgd["failed"], &sgd["allowed"]), (&1.into(), &1.into()));
    assert_eq!(second["verdict"], "passed");
    assert_eq!(third["verdict"], "error");
    assert!(third["error"].as_str().unwrap().contains("gone"));
}

/// Kernels that leave one element as it was, or add one behind the end, and agree with the CPU everywhere else.
#[test]
fn what_a_kernel_did_not_write_is_seen_on_every_adapter() {
    let slips: [fn(&str, String) -> String; 2] = [
        |shader, source| match shader {
            "elementwise" => source.replace("    out[i] = r;", "    if i != 2u { out[i] = r; }"),
            "rbf_grad_input" => {
                source.replace("    dx[at] = sum;", "    if at != 0u { dx[at] = sum; }")
            }
            _ => source,
        },
        |shader, source| match shader {
            // Binding sizes are whole 16 bytes.
            "elementwise" => source.replace(
                "    out[i] = r;",
                "    out[i] = r;\n    if i + 1u == params.count { out[i + 1u] = r; }",
            ),
            _ => source,
        },
    ];
    for (slip, words) in slips.into_iter().zip(["was never written", "behind the end"]) {
        for gpu in crate::support::own_gpus() {
            testing::patch_shaders(&gpu, slip);
            let some = kernels(&["elementwise", "rbf_grad_input", "affine"]).unwrap();
            let outcomes = verify_kernels(&gpu, &some, |_| {}).unwrap();
            let of = |kernel| outcomes.iter().filter(move |o| o.kernel == kernel && !o.passed());
            let details: Vec<_> = of("elementwise").filter_map(|o| o.detail.clone()).collect();
            assert!(details.iter().any(|d| d.contains(words)), "{details:?} on {}", gpu.info());
            let patched = ["elementwise", "rbf_grad_input"];
            // Kernels after those are verified all the same.
            assert!(outcomes.iter().all(|o| o.passed() || patched.contains(&o.kernel)));
            assert!(outcomes.iter().any(|o| o.kernel == "affine"));
        }
    }
}

/// The same call outside `verify`: in release builds nothing looks, and nothing is filled.
#[test]
fn the_guard_is_on_where_it_is_asked_for() {
    use harmonium::Tensor;
    use harmonium::device::with_guard;
    use harmonium::kernels::activation::{Activation, activate};
    for gpu in crate::support::own_gpus() {
        testing::patch_shaders(&gpu, |_, source| {
            source.replace(
                "if i >= params.count { return; }",
                "if i >= params.count || i == 3u { return; }",
            )
        });
        let call = || {
            let x = Tensor::from_f32(&gpu, &[5], &[1.0; 5])?;
            let mut y = Tensor::from_f32(&gpu, &[5], &[7.0; 5])?;
            activate(Activation::Identity, &x, &mut y)?;
            y.to_vec()
        };
        let seen = with_guard(call).unwrap_err().to_string();
        assert!(seen.contains("activation") && seen.contains("element 3 of its result"), "{seen}");
        if !cfg!(debug_assertions) {
            assert_eq!(call().unwrap(), [1.0, 1.0, 1.0, 7.0, 1.0]);
        }
    }
}

/// The verdict on two short lists with a tolerance of 0.1.
fn worst(expected: &[f32], found: &[f32]) -> f64 {
    let mut check = Check::default();
    check.compare("x", expected, found, |_| 0.1);
    check.outcome("test", String::new()).worst
}

#[test]
fn the_comparison_rejects_what_is_wrong() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    assert_eq!(worst(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
    assert!((worst(&[1.0, 2.0], &[1.0, 2.05]) - 0.5).abs() < 1e-5);
    assert!(worst(&[1.0, 2.0], &[1.0, 2.2]) > 1.9);
    // The bad element comes before a good one.
    assert!(worst(&[1.0, 2.0], &[1.3, 2.0]) > 1.0);
    assert_eq!(worst(&[1.0, 2.0], &[1.0]), f64::INFINITY);
    for (expected, found) in
        [(NAN, 1.0), (1.0, NAN), (INF, 1.0), (1.0, INF), (INF, -INF), (INF, NAN), (NAN, INF)]
    {
        assert_eq!(worst(&[expected], &[found]), f64::INFINITY, "{expected} {found}");
    }
    assert_eq!(worst(&[NAN, INF, -INF], &[NAN, INF, -INF]), 0.0);

    let zero = |found: f32| {
        let mut check = Check::default();
        check.compare("x", &[1.0], &[found], |_| 0.0);
        check.outcome("test", String::new())
    };
    assert!(zero(1.0).passed());
    assert!(!zero(1.0 + f32::EPSILON).passed());
    assert!(zero(2.0).detail.unwrap().contains("x[0] is 2e0, expected 1e0"));
}

#[test]
fn exact_comparisons_reject_one_bit() {
    let exact = |expected: &[f32], found: &[f32]| {
        let mut check = Check::default();
        check.exact_f32("x", expected, found);
        check.outcome("test", String::new()).worst
    };
    assert_eq!(exact(&[1.0, f32::NAN], &[1.0, f32::NAN]), 0.0);
    assert_eq!(exact(&[1.0], &[1.0 + f32::EPSILON]), f64::INFINITY);
    assert_eq!(exact(&[0.0], &[-0.0]), f64::INFINITY);
    assert_eq!(exact(&[0.0], &[]), f64::INFINITY);
}

#[test]
fn sampled_bits_may_differ_only_where_the_probability_is_uncertain() {
    let draws = |p: f32, u: f32, found: f32| {
        let mut check = Check::default();
        check.bernoulli(&[p], &[u], &[found], |_| 0.01);
        check.outcome("test", String::new()).passed()
    };
    assert!(draws(0.5, 0.3, 1.0) && draws(0.5, 0.7, 0.0));
    assert!(!draws(0.5, 0.3, 0.0) && !draws(0.5, 0.7, 1.0));
    assert!(draws(0.5, 0.495, 0.0) && draws(0.5, 0.505, 1.0));
    assert!(!draws(0.5, 0.495, 0.5), "only 0 and 1 are draws");
    assert!(draws(f32::NAN, 0.3, 0.0) && !draws(f32::NAN, 0.3, 1.0), "NaN never fires");
}
