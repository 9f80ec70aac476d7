//! A whole CD-1 update of a restricted Boltzmann machine, batch 100; elements are connections times cases.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::models::{Rbm, Units};
use harmonium::training::{CdConfig, CdTrainer};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for (name, visible, hidden, centered) in [
            ("64-100", 64, 100, false),
            ("784-500", 784, 500, false),
            ("784-500 centred", 784, 500, true),
        ] {
            let v = support::random(&device, &[100, visible], 1);
            let rbm =
                Rbm::new(&device, Units::bernoulli(visible), Units::bernoulli(hidden), 1).unwrap();
            let config = CdConfig::default().centered(centered);
            let mut trainer = CdTrainer::new(rbm, config, &vec![0.5; visible]).unwrap();
            let work = 100 * visible * hidden;
            support::bench(c, &device, ("rbm_step", name), work, || {
                trainer.update(&v, 1).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
