//! A conditional random field by the library alone: words of digits, of which a quarter shows nothing, read with the chain
//! and without it.

use harmonium::data::{Sequences, load_sequences};
use harmonium::evaluation::sequences::{read, score};
use harmonium::kernels::activation::Activation;
use harmonium::layers::LayerSpec;
use harmonium::models::{Crf, CrfSpec, Decoding};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, Learner, ResidentSequences, Schedule,
};
use harmonium::{Device, Result};

fn resident(device: &Device, part: &Sequences) -> Result<ResidentSequences> {
    ResidentSequences::new(device, part, &[part.cases.width()], 16)
}

/// Trains a net of one hidden layer, with a chain on top or each position by itself.
pub fn train(device: &Device, words: &Sequences, chained: bool, epochs: u64) -> Result<Crf> {
    let labels = words.classes.len();
    let spec = CrfSpec::linear(words.cases.width(), labels).layers(vec![
        LayerSpec::linear(32, Activation::Tanh),
        LayerSpec::linear(labels, Activation::Identity),
    ]);
    let mut crf = Crf::new(device, &spec, 1)?;
    crf.transitions_mut().frozen = !chained;
    let config = BackpropagationConfig::default()
        .batch(16)
        .epochs(epochs)
        .learning_rate(Schedule::constant(0.01));
    let mut trainer = Backpropagation::new(crf, config)?;
    let mut source = resident(device, words)?;
    for _ in 0..epochs {
        trainer.epoch(&mut source)?;
    }
    Ok(trainer.into_network())
}

/// The share of labels that it reads wrongly.
pub fn error(crf: &Crf, words: &Sequences) -> Result<f64> {
    Ok(score(crf, &mut resident(crf.device(), words)?)?.error)
}

fn main() -> Result<()> {
    let device = Device::auto();
    let words = load_sequences("words")?;
    let test = words.test.unwrap_or(words.train.clone());
    for chained in [false, true] {
        let crf = train(&device, &words.train, chained, 8)?;
        let how = if chained { "with the chain" } else { "each position by itself" };
        println!("{how}: {:.1} % of the labels are wrong", 100.0 * error(&crf, &test)?);
        if chained {
            for word in &read(&crf, &mut resident(&device, &test)?, Decoding::Viterbi)?[..5] {
                println!("{:?}, p = {:.3}", word.labels, word.log_probability.exp());
            }
        }
    }
    Ok(())
}
