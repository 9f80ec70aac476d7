//! The options of what reads sequences.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::error::{Error, Result};
use crate::models::Decoding;

/// How labels of sequences are chosen.
#[derive(Args)]
pub struct DecodingOption {
    /// Of sequences: viterbi, the labels of the largest probability together, or posterior, at each position the most
    /// probable label [default: viterbi]
    #[arg(long, value_enum, value_name = "HOW")]
    pub decode: Option<Decode>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Decode {
    Viterbi,
    Posterior,
}

impl DecodingOption {
    /// As the library takes it.
    pub fn decoding(&self) -> Decoding {
        match self.decode {
            Some(Decode::Posterior) => Decoding::Posterior,
            Some(Decode::Viterbi) | None => Decoding::Viterbi,
        }
    }

    /// Refuses what is about sequences alone.
    pub fn refuse_of_cases(&self) -> Result<()> {
        match self.decode {
            None => Ok(()),
            Some(_) => {
                let detail = "is about the labels of sequences, and this model takes cases one by one: leave it out";
                Err(Error::setting("decode", detail))
            }
        }
    }
}

/// Of `predict`.
#[derive(Args)]
pub struct ReadOptions {
    #[command(flatten)]
    pub decoding: DecodingOption,
    /// Of sequences of pictures: draw the first ones with what is read in them
    #[arg(long, value_name = "FILE.png")]
    pub picture: Option<PathBuf>,
}

impl ReadOptions {
    /// Refuses what is about sequences alone.
    pub fn refuse_of_cases(&self) -> Result<()> {
        self.decoding.refuse_of_cases()?;
        match self.picture {
            None => Ok(()),
            Some(_) => {
                let detail = "draws sequences with what is read in them, and this model takes cases one by one: leave it out";
                Err(Error::setting("picture", detail))
            }
        }
    }
}
