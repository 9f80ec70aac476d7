//! The bundled sequences: words of the 8×8 digits whose labels follow a Markov chain, some of their pictures blotted.

use super::bundled;
use super::cases::Cases;
use super::sequences::{SequenceSplits, Sequences, WORDS};
use super::set::{DataSet, ImageShape};
use super::values::Values;
use crate::error::Result;
use crate::random::{Draw, PhiloxRng, stream, uniform};

/// Words of each part.
const COUNTS: [usize; 2] = [600, 200];
/// Positions of a word.
const SHORTEST: u32 = 3;
const LONGEST: u32 = 9;
const DIGITS: u32 = 10;
/// After digit d comes 3 d + 1 with this probability, 3 d + 2 with the next one, and any digit with the rest.
const LIKELY: [f32; 2] = [0.6, 0.3];
/// The share of pictures of which nothing is to be seen: of those nine in ten are misread without the neighbours.
const BLOTTED: f32 = 0.25;

/// Words of the digits' training part, and words of its test part. Which ones never changes.
pub(super) fn words() -> Result<SequenceSplits> {
    let digits = bundled::digits()?;
    let train = part(&digits.train, 0)?;
    let test = digits.test.map(|test| part(&test, 1)).transpose()?;
    Ok(SequenceSplits { train, test })
}

fn part(digits: &DataSet, number: usize) -> Result<Sequences> {
    let mut rng = PhiloxRng::new(Draw::new(1, stream::WORDS).at(number as u64));
    let labels = digits.labels.clone().unwrap_or_default();
    let mut pictures = vec![Vec::new(); DIGITS as usize];
    for (picture, &label) in labels.iter().enumerate() {
        pictures[label as usize].push(picture);
    }
    let (Values::U8 { values, scale }, width) = (digits.cases.values(), digits.cases.width())
    else {
        return Err(crate::error::Error::data(WORDS, "the digits are no bytes"));
    };
    let (mut pixels, mut read, mut starts) = (Vec::new(), Vec::new(), vec![0]);
    for _ in 0..COUNTS[number] {
        let length = SHORTEST + rng.below(LONGEST - SHORTEST + 1);
        let mut digit = rng.below(DIGITS);
        for _ in 0..length {
            let own = &pictures[digit as usize];
            let picture = own[rng.below(own.len() as u32) as usize];
            let blotted = uniform(rng.word()) < BLOTTED;
            let picture = &values[picture * width..(picture + 1) * width];
            pixels.extend(picture.iter().map(|&x| if blotted { 8 } else { x }));
            read.push(digit);
            digit = match uniform(rng.word()) {
                u if u < LIKELY[0] => (3 * digit + 1) % DIGITS,
                u if u < LIKELY[0] + LIKELY[1] => (3 * digit + 2) % DIGITS,
                _ => rng.below(DIGITS),
            };
        }
        starts.push(read.len());
    }
    let name = if number == 0 { WORDS.to_string() } else { format!("{WORDS} (test)") };
    let cases = Cases::new(Values::U8 { values: pixels, scale: *scale }, read.len(), width)?;
    let sequences = Sequences::new(name, cases, starts)?;
    let image = Some(ImageShape { height: 8, width: 8 });
    Ok(Sequences { labels: Some(read), classes: digits.classes.clone(), image, ..sequences })
}
