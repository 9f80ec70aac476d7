//! A device that takes all work and does none of it: wgpu's own, for what the host does. Results on it mean nothing.

use harmonium::{Device, wgpu};

pub fn idle_device() -> Device {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::NOOP;
    descriptor.backend_options.noop.enable = true;
    descriptor.backend_options.noop.limits = Some(wgpu::Limits::default());
    let instance = wgpu::Instance::new(descriptor);
    let wanted = wgpu::RequestAdapterOptions::default();
    let adapter = pollster::block_on(instance.request_adapter(&wanted)).unwrap();
    let descriptor = wgpu::DeviceDescriptor::default();
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
    Device::from_wgpu(&adapter, device, queue).unwrap()
}
