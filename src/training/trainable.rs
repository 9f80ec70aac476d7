//! What can be trained by gradients: classifiers, autoencoders, conditional random fields; and what is measured of them.

use super::{Batch, Better, Contents, Figure, Style, Told};
use crate::error::{Error, Result};
use crate::layers::{Parameter, Pass, Sequential, Workspace};
use crate::models::autoencoder::ReconstructionLoss;
use crate::models::network::Tally;
use crate::models::{Autoencoder, Crf, Model, Network};
use crate::tensor::Tensor;

/// The mean loss of an epoch's cases.
pub static TRAIN_LOSS: Figure = Figure {
    key: "train_loss",
    name: "loss",
    of: "training",
    unit: "mean per case",
    says: "In the epoch that was kept, each case with the parameters of its batch's turn.",
    diagram: "What training makes small. Losses of different output units are not to be compared.",
    told: Told::Meanwhile,
    better: Better::Lower,
    ..Figure::NEW
};

/// The share of an epoch's cases that were classified wrongly.
pub static TRAIN_ERROR: Figure = Figure {
    key: "train_error",
    name: "error",
    of: "training",
    unit: "wrong cases, %",
    says: "In the epoch that was kept, each case with the parameters of its batch's turn.",
    diagram: "The share of cases that are classified wrongly. A training curve that falls while that of \
              validation rises means overfitting.",
    column: "wrong in training",
    told: Told::Always,
    style: Style::Percent,
    better: Better::Lower,
    ..Figure::NEW
};

/// The mean loss of an autoencoder over an epoch's cases, without penalties.
pub static TRAIN_RECONSTRUCTION: Figure = Figure {
    key: "train_reconstruction_loss",
    name: "reconstruction loss",
    of: "training",
    unit: "summed over values, mean per case",
    says: "In the epoch that was kept, each case with the parameters of its batch's turn; penalties are not counted.",
    diagram: "What training makes small: cross-entropy in nats, or the squared error.",
    told: Told::Meanwhile,
    better: Better::Lower,
    ..Figure::NEW
};

/// The mean squared error of an autoencoder over an epoch's cases.
pub static TRAIN_SQUARED_ERROR: Figure = Figure {
    key: "train_squared_error",
    name: "squared error",
    of: "training",
    unit: "summed over values, mean per case",
    says: "In the epoch that was kept, each case with the parameters of its batch's turn.",
    diagram: "The squared distance between a case and what comes back, summed over its values.",
    column: "squared error in training",
    told: Told::Always,
    better: Better::Lower,
    ..Figure::NEW
};

/// The mean −ln p of an epoch's sequences.
pub static TRAIN_SEQUENCE_LOSS: Figure = Figure {
    key: "train_sequence_loss",
    name: "loss",
    of: "training",
    unit: "nats per sequence",
    says: "-ln p of the labels, in the epoch that was kept, each sequence with the parameters of its batch's turn.",
    diagram: "What training makes small: -ln p of a sequence's labels.",
    told: Told::Meanwhile,
    better: Better::Lower,
    ..Figure::NEW
};

/// How many labels of a sequence are read wrongly.
pub static TRAIN_WRONG: Figure = Figure {
    key: "train_wrong",
    name: "wrong labels per sequence",
    of: "training",
    unit: "per sequence",
    says: "In the epoch that was kept, each sequence with the parameters of its batch's turn.",
    diagram: "How many labels of a sequence are read wrongly in training, in the mean.",
    told: Told::Meanwhile,
    better: Better::Lower,
    ..Figure::NEW
};

/// What backpropagation trains: a model of layers with a loss.
pub trait Trainable: Model {
    /// The layers.
    fn layers(&self) -> &Sequential;

    /// The same, to be changed.
    fn layers_mut(&mut self) -> &mut Sequential;

    /// All parameters, in the order of their gradients: those of the layers, then what else there is.
    fn parameters(&self) -> Vec<&Parameter> {
        self.layers().parameters().collect()
    }

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        self.layers_mut().parameters_mut().collect()
    }

    /// The gradient of a batch's mean loss, into [`Workspace::gradients`], and each case's loss and error into
    /// `tally`. `x` are the batch's cases, perhaps distorted. Where the batch has weights, each case's part of the mean is
    /// multiplied by its own; what is in the tally is not.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) for a batch without the labels that it needs;
    /// [`Error::Shape`](crate::Error::Shape); device errors.
    fn gradient(
        &self,
        batch: Batch<'_>,
        x: &Tensor,
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()>;

    /// Checks that it can learn from what a source has.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) naming a class or a value that it cannot.
    fn check_contents(&self, _contents: &Contents) -> Result<()> {
        Ok(())
    }

    /// What the gradient is of besides the mean of the tally's losses: penalties, in the same pass over the batch. The device
    /// is waited for where there are any.
    ///
    /// # Errors
    /// As [`Trainable::gradient`].
    fn penalty(&self, _batch: Batch<'_>, _pass: Pass) -> Result<f64> {
        Ok(0.0)
    }

    /// The setting that makes the gradient of a batch more than the mean of its cases' gradients, if one does.
    fn couples_cases(&self) -> Option<&'static str> {
        None
    }

    /// Parameters that are the same numbers, by their places in [`Trainable::parameters`], the earlier first: both
    /// have the gradient by what they share.
    fn tied(&self) -> Vec<[usize; 2]> {
        Vec::new()
    }

    /// What the means of an epoch's losses and errors are.
    fn figures(&self) -> [&'static Figure; 2];
}

impl Trainable for Network {
    fn layers(&self) -> &Sequential {
        Network::layers(self)
    }

    fn layers_mut(&mut self) -> &mut Sequential {
        Network::layers_mut(self)
    }

    fn gradient(
        &self,
        batch: Batch<'_>,
        x: &Tensor,
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        Network::gradient_weighted(self, (x, batch.weights), batch.labelled()?, pass, tally, space)
    }

    fn check_contents(&self, contents: &Contents) -> Result<()> {
        contents.check_classes(self.spec().classes)
    }

    fn figures(&self) -> [&'static Figure; 2] {
        [&TRAIN_LOSS, &TRAIN_ERROR]
    }
}

impl Trainable for Autoencoder {
    fn layers(&self) -> &Sequential {
        Autoencoder::layers(self)
    }

    fn layers_mut(&mut self) -> &mut Sequential {
        Autoencoder::layers_mut(self)
    }

    fn gradient(
        &self,
        batch: Batch<'_>,
        x: &Tensor,
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        self.gradient_weighted((x, batch.weights), pass, tally, space)
    }

    fn check_contents(&self, contents: &Contents) -> Result<()> {
        match self.spec().loss {
            ReconstructionLoss::CrossEntropy => {
                contents.check_range("units of the cross-entropy", (0.0, 1.0))
            }
            _ => Ok(()),
        }
    }

    fn penalty(&self, batch: Batch<'_>, pass: Pass) -> Result<f64> {
        self.penalty_in((batch.cases, batch.weights), pass)
    }

    fn couples_cases(&self) -> Option<&'static str> {
        self.spec().penalties.sparse.map(|_| "sparse")
    }

    fn tied(&self) -> Vec<[usize; 2]> {
        Autoencoder::tied(self)
    }

    fn figures(&self) -> [&'static Figure; 2] {
        [&TRAIN_RECONSTRUCTION, &TRAIN_SQUARED_ERROR]
    }
}

impl Trainable for Crf {
    fn layers(&self) -> &Sequential {
        Crf::layers(self)
    }

    fn layers_mut(&mut self) -> &mut Sequential {
        Crf::layers_mut(self)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        Crf::parameters(self)
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        Crf::parameters_mut(self)
    }

    fn gradient(
        &self,
        batch: Batch<'_>,
        x: &Tensor,
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        let labels = [batch.labelled()?, batch.sequences()?];
        if batch.weights.is_some() {
            let detail = "sequences have none; a field counts them alike";
            return Err(Error::setting("weights", detail));
        }
        Crf::gradient(self, x, labels, pass, tally, space)
    }

    fn check_contents(&self, contents: &Contents) -> Result<()> {
        contents.check_classes(self.spec().labels)
    }

    fn figures(&self) -> [&'static Figure; 2] {
        [&TRAIN_SEQUENCE_LOSS, &TRAIN_WRONG]
    }
}
