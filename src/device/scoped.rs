//! What a thread chooses for the calls within one closure: for tests and for `verify`.

use std::cell::Cell;
use std::thread::LocalKey;

/// A choice; none is the ordinary behaviour.
type Choice<T> = LocalKey<Cell<Option<T>>>;

/// Runs `work` under `choice`, and puts back what was chosen before, also past a panic.
pub(crate) fn choosing<T: Copy + 'static, R>(
    choice: &'static Choice<T>,
    value: T,
    work: impl FnOnce() -> R,
) -> R {
    struct Restore<T: Copy + 'static>(&'static Choice<T>, Option<T>);
    impl<T: Copy + 'static> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(choice, choice.replace(Some(value)));
    work()
}
