//! `harmonium features`: what a network makes of one picture.

use super::open::Opened;
use crate::cli::apply::check_folder;
use crate::cli::args::FeaturesOptions;
use crate::cli::open_device;
use crate::cli::print::out;
use crate::error::{Error, Result};
use crate::layers::{LayerSpec, StageView, Workspace};
use crate::run::features::{Answer, LayerPicture, Maps, features};
use crate::tensor::Tensor;

pub fn run(options: &FeaturesOptions) -> Result<()> {
    if !options.out.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
        let detail = format!("{} does not end in .png", options.out.display());
        return Err(Error::setting("out", detail));
    }
    check_folder(&options.out)?;
    let device = open_device(&options.device.device)?;
    let opened = Opened::open(&options.model, &device)?;
    let chosen = opened.choose(options.data.as_deref(), options.split, None)?;
    let (case, all) = (options.case, chosen.cases.len());
    if case >= all {
        let detail = format!(
            "{case} is past the last; the {} part has the cases 0 to {}",
            chosen.part_name(),
            all - 1
        );
        return Err(Error::setting("case", detail));
    }
    let one = chosen.cases.select(&[case as u32])?;
    let [c, h, w] = opened.network.spec().input;
    let x = Tensor::from_f32(&device, &[1, c, h, w], &opened.file.input.values(&one))?;
    let mut space = Workspace::new();
    let scores = opened.network.scores_in(&x, &mut space)?;
    let classes = opened.file.classes.len();
    let mut said = opened.network.classes_of(&scores)?.into_iter().map(|class| class as usize);
    let answer = Answer {
        names: opened.file.classes.clone(),
        predicted: said.find(|&class| class < classes),
        probabilities: opened.network.probabilities_of(scores)?.to_vec()?,
        truth: chosen.labels.as_ref().map(|labels| labels[case] as usize),
    };
    let layers = opened.network.layers();
    let mut specs = opened.file.spec.layers.iter();
    let mut pictures: Vec<LayerPicture> = Vec::new();
    for (i, stage) in layers.stages().enumerate() {
        if stage.name == "flatten" {
            if matches!(specs.as_slice().first(), Some(LayerSpec::Flatten)) {
                specs.next();
            }
            continue;
        }
        let spec = specs.next();
        let Some(value) = space.value(i) else { continue };
        pictures.push(LayerPicture {
            title: format!("{}: {}", stage.name, spec.map_or(String::new(), described)),
            kernels: kernels(&stage)?,
            inputs: inputs(&stage),
            maps: maps(stage.output, value.to_vec()?),
        });
    }
    let input = Maps { count: c, height: h, width: w, values: opened.file.input.values(&one) };
    let title = format!("{}, {} case {case}", chosen.data, chosen.part_name());
    features(&title, &input, &pictures, Some(&answer))?.save(&options.out)?;
    out!("{title}: {}", options.out.display());
    Ok(())
}

fn maps(dims: &[usize], values: Vec<f32>) -> Maps {
    match *dims {
        [count, height, width] => Maps { count, height, width, values },
        _ => Maps { count: values.len(), height: 1, width: 1, values },
    }
}

/// What a layer does here, in words.
fn described(spec: &LayerSpec) -> String {
    match spec {
        LayerSpec::Dropout { .. } => "dropout (nothing dropped)".into(),
        spec => spec.words(),
    }
}

fn kernels(stage: &StageView<'_>) -> Result<Option<Maps>> {
    let Some(kernel) = stage.parameters.iter().find(|p| p.name.ends_with(".kernel")) else {
        return Ok(None);
    };
    let &[outputs, inputs, height, width] = kernel.value.shape().dims() else { return Ok(None) };
    Ok(Some(Maps { count: outputs * inputs, height, width, values: kernel.value.to_vec()? }))
}

fn inputs(stage: &StageView<'_>) -> usize {
    let kernel = stage.parameters.iter().find(|p| p.name.ends_with(".kernel"));
    kernel.map_or(0, |p| p.value.shape().dims().get(1).copied().unwrap_or(0))
}
