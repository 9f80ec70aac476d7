//! What a deep Boltzmann machine makes of one picture.

use super::trained::TrainedDbm;
use crate::error::Result;
use crate::jobs::Chosen;
use crate::jobs::rows::upload_rows;
use crate::run::features::{Answer, LayerPicture, Maps, features};
use crate::run::png_file::Picture;

impl TrainedDbm {
    /// The mean field of every hidden layer for one of the cases, what comes back of it, and the class where there is a
    /// classifier, on a sheet with this title.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) where there is no such case; where it cannot be drawn; device errors.
    pub fn features(&self, chosen: &Chosen, case: usize, title: &str) -> Result<Picture> {
        chosen.check_case(case)?;
        let dbm = &self.dbm;
        let v = upload_rows(dbm.device(), &chosen.cases, case, 1)?;
        let (height, width) = self.image_shape().unwrap_or((1, dbm.visible_count()));
        let picture = |values: Vec<f32>| Maps { count: 1, height, width, values };
        let posterior = dbm.posterior(&v, self.mean_field)?;
        let rounds = posterior.rounds().to_vec()?.first().copied().unwrap_or(0.0);
        let mut layers = Vec::new();
        for layer in 1..=dbm.hidden_layers() {
            let values = posterior.means(layer).to_vec()?;
            let units = values.len();
            layers.push(LayerPicture {
                title: format!("layer {layer}, means after {rounds} rounds"),
                maps: Maps { count: units, height: 1, width: 1, values },
                ..LayerPicture::default()
            });
        }
        let mut again = dbm.mean_v(posterior.means(1))?.to_vec()?;
        self.for_picture(&mut again)?;
        layers.push(LayerPicture {
            title: "Given the first layer's means".into(),
            maps: picture(again),
            ..LayerPicture::default()
        });
        let mut values = v.to_vec()?;
        self.for_picture(&mut values)?;
        let answer = match &self.classifier {
            None => None,
            Some(_) => {
                let found = self.predict(&chosen.cases.select(&[case as u32])?, None)?;
                let names = self.origin.classes.clone();
                let said = found.predicted.first().map(|&class| class as usize);
                Some(Answer {
                    predicted: said.filter(|&class| class < names.len()),
                    names,
                    probabilities: found.probabilities,
                    truth: chosen.labels.as_ref().and_then(|l| Some(*l.get(case)? as usize)),
                })
            }
        };
        features(title, &picture(values), &layers, answer.as_ref())
    }
}
