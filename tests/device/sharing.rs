//! A wgpu device of the program's own, and tensors' buffers in the program's hands.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use harmonium::kernels::matmul::{Epilogue, Transpose, matmul};
use harmonium::tensor::Tensor;
use harmonium::wgpu;
use harmonium::{Device, Error};
use pollster::block_on;

use crate::support;

struct Opened {
    adapter: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// Every adapter, opened by hand with these limits.
fn opened(limits: &wgpu::Limits) -> Vec<Opened> {
    let known = support::gpus().len();
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let open = |adapter: wgpu::Adapter| {
        let required_limits = limits.clone();
        let descriptor = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
        let (device, queue) = block_on(adapter.request_device(&descriptor)).ok()?;
        Some(Opened { adapter, device, queue })
    };
    let found: Vec<Opened> = adapters.into_iter().filter_map(open).collect();
    assert!(found.len() >= known, "{} of {known} adapters opened by hand", found.len());
    found
}

/// The first words of a buffer, read with wgpu alone.
fn read_by_hand(own: &Opened, buffer: &wgpu::Buffer, words: usize) -> Vec<f32> {
    let size = words as u64 * 4;
    let staging = own.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = own.device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, size);
    own.queue.submit([encoder.finish()]);
    staging.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
    own.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let view = staging.get_mapped_range(..).unwrap();
    bytemuck::pod_collect_to_vec(&view)
}

fn product(device: &Device) -> Tensor {
    let a = Tensor::from_f32(device, &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let b = Tensor::from_f32(device, &[3, 2], &[1.0, -1.0, 2.0, 0.0, 3.0, 1.0]).unwrap();
    let bias = Tensor::zeros(device, &[2]).unwrap();
    let mut out = Tensor::for_output(device, &[2, 2]).unwrap();
    let plain = Epilogue::new(&bias, harmonium::kernels::activation::Activation::Identity);
    matmul(&a, &b, Transpose::NN, &plain, &mut out).unwrap();
    out
}

/// 1·1 + 2·2 + 3·3, −1 + 3; 4·1 + 5·2 + 6·3, −4 + 6.
const PRODUCT: [f32; 4] = [14.0, 2.0, 32.0, 2.0];

#[test]
fn a_program_gives_its_wgpu_device_and_takes_the_buffer() {
    for own in opened(&wgpu::Limits::default()) {
        let device =
            Device::from_wgpu(&own.adapter, own.device.clone(), own.queue.clone()).unwrap();
        let name = device.info().to_string();
        assert_eq!(device.info().name, own.adapter.get_info().name);
        assert_eq!(device.max_tensor_bytes(), 128 << 20, "{name}: the device's limit");
        // Recorded and not read: the buffer has the values all the same.
        let mut out = product(&device);
        let part = out.wgpu_buffer().unwrap().unwrap();
        let size = part.size.map(u64::from);
        assert_eq!((part.offset, size), (0, Some(16)), "{name}");
        let buffer = part.buffer;
        assert_eq!(read_by_hand(&own, buffer, 4), PRODUCT, "{name}");
        // What the program writes is what harmonium reads, and goes on with.
        own.queue.write_buffer(buffer, 4, bytemuck::bytes_of(&7.5f32));
        assert_eq!(out.to_vec().unwrap(), [14.0, 7.5, 32.0, 2.0], "{name}");
        out.upload(&[1.0; 4]).unwrap();
        assert_eq!(read_by_hand(&own, out.wgpu_buffer().unwrap().unwrap().buffer, 4), [1.0; 4]);
        // Rows of packed elements begin at whole words.
        let bytes = Tensor::from_u8(&device, [2, 5], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).unwrap();
        let words = read_by_hand(&own, bytes.wgpu_buffer().unwrap().unwrap().buffer, 4);
        let words: Vec<u32> = words.iter().map(|x| x.to_bits()).collect();
        assert_eq!(words, [0x0403_0201, 5, 0x0908_0706, 10], "{name}");
    }
    let on_cpu = product(&Device::cpu());
    assert_eq!(on_cpu.to_vec().unwrap(), PRODUCT);
    assert!(on_cpu.wgpu_buffer().unwrap().is_none());
}

#[test]
fn a_device_with_limits_that_are_too_low_is_refused_by_the_limit() {
    type Lower = fn(&mut wgpu::Limits);
    let cases: [(&str, u64, u64, Lower); 4] = [
        ("storage buffers per kernel", 8, 4, |l| l.max_storage_buffers_per_shader_stage = 4),
        ("invocations per workgroup", 256, 128, |l| l.max_compute_invocations_per_workgroup = 128),
        ("bytes of workgroup memory", 16384, 8192, |l| {
            l.max_compute_workgroup_storage_size = 8192;
        }),
        ("workgroups along a grid", 65535, 1000, |l| {
            l.max_compute_workgroups_per_dimension = 1000;
        }),
    ];
    for (what, needs, has, lower) in cases {
        let mut limits = wgpu::Limits::default();
        lower(&mut limits);
        for own in opened(&limits) {
            match Device::from_wgpu(&own.adapter, own.device, own.queue) {
                Err(Error::Limit { what: named, asked, limit, adapter, .. }) => {
                    assert!(named.contains(what), "{named}");
                    assert_eq!((asked, limit), (needs, has), "{what}");
                    assert!(adapter.contains(&own.adapter.get_info().name), "{adapter}");
                }
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_programs_handler_of_uncaptured_errors_stays_its_own() {
    for own in opened(&wgpu::Limits::default()) {
        let heard = Arc::new(AtomicUsize::new(0));
        let for_handler = heard.clone();
        own.device.on_uncaptured_error(Arc::new(move |_| {
            for_handler.fetch_add(1, Ordering::Relaxed);
        }));
        let device =
            Device::from_wgpu(&own.adapter, own.device.clone(), own.queue.clone()).unwrap();
        // harmonium's own faults do not reach it.
        harmonium::device::testing::allocate_unchecked(&device, 1 << 50).unwrap_err();
        let x = product(&device);
        harmonium::device::testing::break_next_submission(&device).unwrap();
        device.synchronize().unwrap_err();
        assert_eq!(heard.load(Ordering::Relaxed), 0);
        assert!(matches!(x.to_vec(), Err(Error::Poisoned { .. })));
        // The program's do, and are not taken for harmonium's.
        let _ = own.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 1 << 50,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        assert_eq!(heard.load(Ordering::Relaxed), 1);
        assert_eq!(product(&device).to_vec().unwrap(), PRODUCT);
    }
}

#[test]
fn a_loss_is_heard_by_either_callback() {
    for own in opened(&wgpu::Limits::default()) {
        let device =
            Device::from_wgpu(&own.adapter, own.device.clone(), own.queue.clone()).unwrap();
        own.device.destroy();
        assert!(matches!(device.synchronize(), Err(Error::DeviceLost { .. })));
    }
    for own in opened(&wgpu::Limits::default()) {
        let device =
            Device::from_wgpu(&own.adapter, own.device.clone(), own.queue.clone()).unwrap();
        let reasons = Arc::new(Mutex::new(Vec::new()));
        let (for_callback, for_harmonium) = (reasons.clone(), device.clone());
        own.device.set_device_lost_callback(move |_, text| {
            for_harmonium.report_loss(&text);
            for_callback.lock().unwrap().push(text);
        });
        own.device.destroy();
        assert!(matches!(device.synchronize(), Err(Error::DeviceLost { .. })));
        assert_eq!(reasons.lock().unwrap().len(), 1);
    }
}
