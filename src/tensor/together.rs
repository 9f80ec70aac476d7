//! Tensors that share a buffer: what one kernel changes or reads together takes one binding and one dispatch.

use super::{Element, Storage, Tensor, words};
use crate::device::{Backend, GpuBuffer};
use crate::error::Result;

/// Moves f32 tensors of one GPU into one buffer, in this order; their values stay. Nothing happens on the CPU, nor
/// where the device cannot bind them all at once, nor where they lie so already.
pub(crate) fn house(mut tensors: Vec<&mut Tensor>) -> Result<()> {
    let apart = tensors.iter().any(|t| t.element != Element::F32 || t.shape.is_empty());
    let Some(first) = tensors.first().filter(|_| !apart) else { return Ok(()) };
    let device = first.device.clone();
    let Backend::Gpu(gpu) = device.backend() else { return Ok(()) };
    if pieces(tensors.iter().map(|t| &**t)).is_some() {
        return Ok(());
    }
    let bytes: Vec<u64> =
        tensors.iter().map(|t| words(t.shape.dims(), t.element) as u64 * 4).collect();
    let Some(rooms) = gpu.allocate_together("allocate", &bytes)? else { return Ok(()) };
    for (tensor, room) in tensors.iter_mut().zip(rooms) {
        let (shape, element, storage) = (tensor.shape, tensor.element, Storage::Gpu(room));
        let moved = Tensor { device: device.clone(), shape, element, storage };
        let old = std::mem::replace(&mut **tensor, moved);
        tensor.copy_from(&old)?;
    }
    Ok(())
}

/// The tensors' memory where they lie in one buffer of a GPU, each behind the one before.
pub(crate) fn pieces<'a>(
    tensors: impl IntoIterator<Item = &'a Tensor>,
) -> Option<Vec<&'a GpuBuffer>> {
    let pieces: Vec<&GpuBuffer> =
        tensors.into_iter().map(|t| t.gpu().ok()).collect::<Option<_>>()?;
    let joined = pieces.windows(2).all(|pair| pair[0].precedes(pair[1]));
    (joined && !pieces.is_empty()).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::{house, pieces};
    use crate::device::{Device, with_guard};
    use crate::error::Result;
    use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
    use crate::tensor::Tensor;

    const LENGTHS: [usize; 3] = [3, 70, 64];

    /// Three tensors in one buffer, of the numbers 0, 1, 2, … all through.
    fn housed(device: &Device) -> Result<Vec<Tensor>> {
        let mut first = 0;
        let mut made = Vec::new();
        for length in LENGTHS {
            let values: Vec<f32> = (first..first + length).map(|i| i as f32).collect();
            made.push(Tensor::from_f32(device, &[length], &values)?);
            first += length;
        }
        house(made.iter_mut().collect())?;
        Ok(made)
    }

    fn each(test: impl Fn(&Device, Vec<Tensor>) -> Result<()>) {
        for device in Device::all_gpus().into_iter().flatten().chain([Device::cpu()]) {
            with_guard(|| housed(&device).and_then(|tensors| test(&device, tensors))).unwrap();
        }
    }

    fn values(from: usize, count: usize) -> Vec<f32> {
        (from..from + count).map(|i| i as f32).collect()
    }

    #[test]
    fn values_stay_and_each_is_changed_alone() {
        each(|device, mut all| {
            let together = pieces(&all).is_some();
            assert_eq!(together, device.info().kind != crate::device::DeviceKind::Cpu);
            // Nothing moves a second time.
            house(all.iter_mut().collect())?;
            assert_eq!(all[1].to_vec()?, values(3, 70));
            all[1].upload(&[7.0; 70])?;
            assert_eq!((all[0].to_vec()?, all[2].to_vec()?), (values(0, 3), values(73, 64)));
            all[1].set_zero()?;
            assert_eq!((all[0].to_vec()?, all[2].to_vec()?), (values(0, 3), values(73, 64)));
            assert_eq!(all[1].to_vec()?, [0.0; 70]);
            Ok(())
        });
    }

    /// Devices know buffers as a whole: one that is written in a kernel or a copy is not read in it too.
    #[test]
    fn one_is_made_of_another() {
        each(|_, mut all| {
            let [first, second, third] = all.as_mut_slice() else { unreachable!() };
            second.copy_part(1, third, 2..5)?;
            assert_eq!(second.to_vec()?[..5], [3.0, 75.0, 76.0, 77.0, 7.0]);
            second.copy_part(0, first, 0..3)?;
            assert_eq!(second.to_vec()?[..5], [0.0, 1.0, 2.0, 77.0, 7.0]);
            let mut like = third.try_clone()?;
            let double = Elementwise::Affine(2.0, 1.0);
            elementwise(double, third, None, &mut like)?;
            third.copy_from(&like)?;
            let wanted: Vec<f32> = values(73, 64).iter().map(|x| 2.0 * x + 1.0).collect();
            assert_eq!(third.to_vec()?, wanted);
            // A piece is read where another is changed.
            let mut four = [first.try_clone()?, first.try_clone()?];
            house(four.iter_mut().collect())?;
            let [a, b] = &mut four;
            elementwise_in_place(Elementwise::ADD, a, Some(b))?;
            elementwise_in_place(Elementwise::ADD, b, Some(a))?;
            assert_eq!((a.to_vec()?, b.to_vec()?), (vec![0.0, 2.0, 4.0], vec![0.0, 3.0, 6.0]));
            Ok(())
        });
    }

    #[test]
    fn the_buffer_goes_back_with_the_last() {
        each(|device, mut all| {
            let before = device.memory().used_bytes;
            let last = all.pop();
            drop(all);
            if device.info().kind != crate::device::DeviceKind::Cpu {
                assert_eq!(device.memory().used_bytes, before);
            }
            assert_eq!(last.map(|last| last.to_vec()).transpose()?, Some(values(73, 64)));
            assert!(device.memory().used_bytes < before || before == 0);
            Ok(())
        });
    }
}
