//! What a deep belief net makes of one picture.

use super::trained::TrainedDbn;
use crate::error::Result;
use crate::jobs::Chosen;
use crate::jobs::rows::upload_rows;
use crate::run::features::{Answer, LayerPicture, Maps, features};
use crate::run::png_file::Picture;

impl TrainedDbn {
    /// The means of every level for one of the cases, what comes back of it, and the class where labels are joined, on a
    /// sheet with this title.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) where there is no such case; where it cannot be drawn; device errors.
    pub fn features(&self, chosen: &Chosen, case: usize, title: &str) -> Result<Picture> {
        chosen.check_case(case)?;
        let (net, device) = (&self.net, self.net.device());
        let v = upload_rows(device, &chosen.cases, case, 1)?;
        let (height, width) = self.image_shape().unwrap_or((1, net.visible_count()));
        let picture = |values: Vec<f32>| Maps { count: 1, height, width, values };
        let mut layers = Vec::new();
        for (level, rbm) in (1..).zip(net.levels()) {
            let values = net.up_means(&v, level)?.to_vec()?;
            let (reads, units) = (rbm.visible().features().count(), values.len());
            layers.push(LayerPicture {
                title: format!("level{level}: {reads} to {units} units, means"),
                maps: Maps { count: units, height: 1, width: 1, values },
                ..LayerPicture::default()
            });
        }
        let mut again = net.reconstruct(&v)?.to_vec()?;
        self.for_picture(&mut again)?;
        layers.push(LayerPicture {
            title: "Back through all levels, by means".into(),
            maps: picture(again),
            ..LayerPicture::default()
        });
        let mut values = v.to_vec()?;
        self.for_picture(&mut values)?;
        let answer = match net.classes() {
            None => None,
            Some(classes) => {
                let found = self.predict(&chosen.cases.select(&[case as u32])?, None)?;
                let said = found.predicted.first().map(|&class| class as usize);
                Some(Answer {
                    names: self.origin.classes.clone(),
                    predicted: said.filter(|&class| class < classes),
                    probabilities: found.probabilities,
                    truth: chosen.labels.as_ref().and_then(|l| Some(*l.get(case)? as usize)),
                })
            }
        };
        features(title, &picture(values), &layers, answer.as_ref())
    }
}
