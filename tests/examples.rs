//! The examples do what they say.

use crate::models::support::{monte_carlo_floor, on_each, total_variation};

#[path = "../examples/gibbs.rs"]
#[allow(dead_code)]
mod gibbs;
#[path = "../examples/train_rbm.rs"]
#[allow(dead_code)]
mod train_rbm;

#[test]
fn gibbs_samples_what_it_computes() {
    on_each(|device| {
        let (sampled, exact): (Vec<f64>, Vec<f64>) =
            gibbs::compare(device, 20_000).unwrap().into_iter().unzip();
        assert!((exact.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(total_variation(&sampled, &exact) < monte_carlo_floor(&exact, 20_000));
    });
}

#[test]
fn train_rbm_learns() {
    on_each(|device| {
        let errors = train_rbm::train(device, 3).unwrap();
        assert_eq!(errors.len(), 4);
        assert!(errors[3] < 0.8 * errors[0], "{errors:?}");
    });
}
