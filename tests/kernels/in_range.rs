//! Shaders that are compiled without bounds checks: each is run with every index of an array in storage or workgroup
//! memory compared with the array's length, in the shader itself. One that is not below it is taken to the last
//! element, and from then on whatever its workgroup writes is NaN: so an index shows that is read and made nothing of,
//! near or far.

use harmonium::Device;
use harmonium::device::testing;
use harmonium::error::Result;
use harmonium::kernels::activation::Activation;
use harmonium::kernels::conv2d::proof as conv;
use harmonium::kernels::matmul::Sums;
use harmonium::kernels::proof::Values;
use harmonium::kernels::{Tiles, cd_update, matmul, shaders, with_slices};
use harmonium::verify::Outcome;

/// What the watched shaders have beside their own.
const WATCH: &str = "
var<workgroup> outside: atomic<u32>;
fn watch(i: u32, length: u32) -> u32 {
    if i < length { return i; }
    atomicOr(&outside, 1u);
    return length - 1u;
}
fn poison(x: f32) -> f32 {
    let seen = atomicLoad(&outside);
    if seen == 0u { return x; }
    return bitcast<f32>(0x7fc00000u + seen);
}
fn poison4(x: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(poison(x.x), poison(x.y), poison(x.z), poison(x.w));
}
";

/// An array of a shader.
struct Array {
    name: String,
    /// Its length in WGSL.
    length: String,
    /// What poisons that which is stored in it, where it is a result.
    poison: Option<&'static str>,
}

fn arrays(source: &str) -> Vec<Array> {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let array = |line: &str| {
        let (_, rest) = line.split_once("var<")?;
        let (space, rest) = rest.split_once('>')?;
        let (name, of) = rest.split_once(':')?;
        let name = name.trim().to_string();
        match space {
            "workgroup" => {
                let length = of.trim().strip_suffix(">;")?.rsplit_once(", ")?.1;
                Some(Array { name, length: format!("u32({length})"), poison: None })
            }
            _ if space.starts_with("storage") => {
                let length = format!("arrayLength(&{name})");
                let poison = if of.contains("vec4") { "poison4" } else { "poison" };
                Some(Array { name, length, poison: Some(poison) })
            }
            _ => None,
        }
    };
    lines.filter_map(array).collect()
}

/// The place behind the bracket that closes the one before `from`.
fn closing(text: &str, from: usize) -> usize {
    let mut depth = 1;
    for (i, c) in text[from..].char_indices() {
        depth += i32::from(c == '[') - i32::from(c == ']');
        if depth == 0 {
            return from + i + 1;
        }
    }
    panic!("no closing bracket in {text}");
}

/// A shader's text with all its indices watched.
fn watched(name: &str, source: String) -> String {
    if !shaders().iter().any(|shader| shader.name == name && shader.is_in_range) {
        return source;
    }
    let arrays = arrays(&source);
    assert!(arrays.len() >= 3, "{name}: {} arrays", arrays.len());
    let code: String =
        source.lines().map(|line| format!("{}\n", line.split("//").next().unwrap())).collect();
    let mut text = watched_indices(&code, &arrays);
    let local = text.split("local_invocation_index) ").nth(1).unwrap().split(':').next().unwrap();
    let begin =
        format!(") {{ if {local} == 0u {{ atomicStore(&outside, 0u); }} workgroupBarrier();\n");
    let main = text.find("fn main(").unwrap();
    let body = main + text[main..].find(") {").unwrap();
    text.replace_range(body..body + 3, &begin);
    text + WATCH
}

fn watched_indices(code: &str, arrays: &[Array]) -> String {
    let (mut text, mut at) = (String::new(), 0);
    while at < code.len() {
        let rest = &code[at..];
        let before = code[..at].chars().next_back().unwrap_or(' ');
        let starts = !(before.is_alphanumeric() || before == '_' || before == '.');
        let found = arrays.iter().find(|Array { name, .. }| {
            starts && rest.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('['))
        });
        let Some(Array { name, length, poison }) = found else {
            let c = rest.chars().next().unwrap();
            text.push(c);
            at += c.len_utf8();
            continue;
        };
        let from = at + name.len() + 1;
        let end = closing(code, from);
        let index = watched_indices(&code[from..end - 1], arrays);
        text.push_str(&format!("{name}[watch({index}, {length})]"));
        at = end;
        // What is stored in an output.
        if let Some(value) = code[at..].strip_prefix(" = ")
            && let Some(poison) = poison
        {
            let value = &value[..value.find(';').unwrap()];
            text.push_str(&format!(" = {poison}({})", watched_indices(value, arrays)));
            at += 3 + value.len();
        }
    }
    text
}

/// Cases with sizes that no tile divides, and with rows that are whole vectors of four; in slices a few are enough, since
/// only where sums begin and end differs.
fn cases(gpu: &Device, sliced: bool) -> Result<Vec<Outcome>> {
    let products: &[[usize; 3]] = match sliced {
        true => &[[17, 33, 65]],
        false => &[[5, 3, 0], [17, 33, 65], [130, 67, 31], [20, 36, 68], [134, 68, 28]],
    };
    let updates: &[[usize; 4]] = match sliced {
        true => &[[17, 33, 16, 15]],
        false => &[[5, 7, 0, 3], [17, 33, 16, 15], [131, 67, 17, 9], [132, 68, 17, 9]],
    };
    let pictures = if sliced { &conv::FORMS[6..] } else { &conv::FORMS[..] };
    let mut outcomes = Vec::new();
    for tiles in Tiles::ALL {
        for form in matmul::proof::FORMS {
            for &dims in products {
                outcomes.push(matmul::proof::case(gpu, tiles, form, dims, Values::Ordinary)?);
            }
        }
        for (of, dims) in
            [(Sums::OfA, [18, 33, 17]), (Sums::OfB, [17, 36, 9]), (Sums::OfB, [20, 36, 9])]
        {
            outcomes.push(matmul::sums_proof::sums_case(gpu, tiles, of, dims)?);
        }
        for form in cd_update::proof::FORMS {
            for &dims in updates {
                outcomes.push(cd_update::proof::case(gpu, tiles, form, dims, Values::Ordinary)?);
            }
        }
        for &form in pictures {
            for kernel in [
                conv::Kernel::Forward(Activation::Tanh),
                conv::Kernel::GradInput,
                conv::Kernel::GradKernel(true),
            ] {
                outcomes.push(conv::case(gpu, tiles, kernel, form, Values::Ordinary)?);
            }
        }
    }
    Ok(outcomes)
}

#[test]
fn shaders_without_checks_stay_inside_their_arrays() {
    for gpu in crate::support::own_gpus() {
        testing::patch_shaders(&gpu, watched);
        let outcomes = cases(&gpu, false).unwrap();
        let sliced = with_slices(7, || cases(&gpu, true)).unwrap();
        let outcomes = outcomes.into_iter().chain(sliced);
        for outcome in outcomes {
            assert!(outcome.passed(), "{outcome:?} on {}", gpu.info());
        }
        let names = testing::pipeline_names(&gpu);
        let mut count = 0;
        for shader in shaders().into_iter().filter(|shader| shader.is_in_range) {
            let name = format!("{} ", shader.name);
            let ran = names.iter().any(|n| n.starts_with(&name));
            assert!(ran, "{name} never ran");
            count += 1;
        }
        assert_eq!(count, 5 * Tiles::ALL.len() + 2 * Tiles::Register as usize);
    }
}

/// A shader of the product, with a slip, watched.
fn slipped(name: &str, source: String, [right, wrong]: [&str; 2]) -> String {
    match name.starts_with("matmul") && source.contains(right) {
        true => watched(name, source.replace(right, wrong)),
        false => source,
    }
}

/// Slips that write, or that read what no result is made of.
#[test]
fn indices_outside_are_seen_whether_their_values_count_or_not() {
    type Slip = fn(&str, String) -> String;
    let slips: [(&[Tiles], [usize; 3], Slip); 8] = [
        (&Tiles::ALL[..4], [17, 33, 8], |name, source| {
            slipped(name, source, ["if row + 1u < params.m {", "if row < params.m {"])
        }),
        (&Tiles::ALL[..4], [17, 33, 8], |name, source| {
            slipped(name, source, ["if column + 3u < params.n {", "if column < params.n {"])
        }),
        (&Tiles::ALL[..4], [17, 33, 8], |name, source| {
            let right = "tiles[base + own.y * STRIDE + own.x] = piece";
            slipped(
                name,
                source,
                [right, "tiles[base + own.y * STRIDE + own.x + 2u * B_AT] = piece"],
            )
        }),
        (&Tiles::ALL[..4], [18, 36, 8], |name, source| {
            slipped(name, source, ["if row + 3u < params.m { x[3]", "if row < params.m { x[3]"])
        }),
        (&Tiles::ALL[..4], [16, 36, 8], |name, source| {
            slipped(name, source, ["|| column >= params.n { return x; }", "{ return x; }"])
        }),
        (&Tiles::ALL[..4], [16, 36, 8], |name, source| {
            let right = "let at = base + own.y * STRIDE + own.x;";
            slipped(name, source, [right, "let at = base + own.y * STRIDE + own.x + 2u * B_AT;"])
        }),
        (&Tiles::ALL[4..], [17, 33, 8], |name, source| {
            slipped(name, source, ["load_a(min(row + 7u, last_row), k)", "load_a(row + 7u, k)"])
        }),
        (&Tiles::ALL, [16, 33, 8], |name, source| {
            slipped(name, source, ["min(4u, width - min(width, column))", "(4u + row * 0u)"])
        }),
    ];
    for (loops, dims, slip) in slips {
        for gpu in crate::support::own_gpus() {
            testing::patch_shaders(&gpu, slip);
            for &tiles in loops {
                let plain = matmul::proof::PLAIN;
                let outcome = matmul::proof::case(&gpu, tiles, plain, dims, Values::Ordinary);
                assert!(!outcome.unwrap().passed(), "{tiles:?}, {dims:?} on {}", gpu.info());
            }
        }
    }
}
