//! What every learner says in the same words.

/// The short methods of a [`Learner`](super::Learner) that has a `clock`, a `config` with seed and batch, and its model in the field of this
/// name.
macro_rules! stands {
    ($model:ident) => {
        fn clock(&self) -> Clock {
            self.clock
        }

        fn clock_mut(&mut self) -> &mut Clock {
            &mut self.clock
        }

        fn order(&self) -> Order {
            Order { seed: self.config.seed, batch: self.config.batch }
        }

        fn model(&mut self) -> &mut dyn Model {
            &mut self.$model
        }
    };
}

pub(super) use stands;
