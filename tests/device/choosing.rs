use harmonium::device::{AdapterSummary, DeviceInfo, DeviceKind, adapters, auto_choice, testing};
use harmonium::{Device, Error};

use crate::support;

fn refused(selector: &str) -> String {
    match Device::select(selector) {
        Err(error @ Error::NoAdapter { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(device) => panic!("'{selector}' is {device:?}"),
    }
}

#[test]
fn the_cpu_is_always_there() {
    for selector in ["cpu", "CPU", " cpu "] {
        assert_eq!(Device::select(selector).unwrap().info().kind, DeviceKind::Cpu);
    }
    assert!(Device::cpu().same(&Device::cpu()));
}

#[test]
fn auto_takes_hardware_or_the_cpu() {
    let all = adapters();
    let (index, why) = auto_choice(&all);
    for selector in ["auto", "", "Auto"] {
        let device = Device::select(selector).unwrap();
        match index {
            Some(index) => assert_eq!(*device.info(), all[index].info),
            None => assert_eq!(device.info().kind, DeviceKind::Cpu),
        }
        assert_ne!(device.info().kind, DeviceKind::Software);
    }
    assert!(!why.is_empty());
}

#[test]
fn auto_says_why_an_adapter_did_not_open() {
    let usable: Vec<_> = adapters().into_iter().filter(|a| a.unusable.is_none()).collect();
    for failing in 0..=usable.len() {
        let device = testing::auto_after(failing);
        match usable.get(failing) {
            Some(next) => assert_eq!(*device.info(), next.info),
            None => assert_eq!(device.info().kind, DeviceKind::Cpu),
        }
        let expected: Vec<String> = usable[..failing]
            .iter()
            .map(|a| format!("{} does not open: out of order", a.info))
            .collect();
        assert_eq!(device.notices(), expected);
        assert_eq!(device.clone().notices(), expected, "a clone tells it too");
    }
    assert!(Device::cpu().notices().is_empty());
}

#[test]
fn what_cannot_run_the_kernels_is_named_with_the_limit() {
    let summary = |kind, unusable: Option<&str>| AdapterSummary {
        index: 0,
        info: DeviceInfo {
            name: "Old Card".into(),
            backend: "gl".into(),
            driver: String::new(),
            kind,
        },
        max_storage_binding_bytes: 0,
        max_buffer_bytes: 0,
        max_storage_buffers: 4,
        max_workgroup_invocations: 0,
        max_workgroup_memory_bytes: 0,
        features: Vec::new(),
        unusable: unusable.map(String::from),
    };
    let why = |all: &[AdapterSummary]| auto_choice(all).1;
    let old = summary(DeviceKind::Hardware, Some("it allows 4 storage buffers per kernel"));
    let software = summary(DeviceKind::Software, None);
    for all in [vec![old.clone()], vec![old, software.clone()]] {
        let why = why(&all);
        assert!(why.contains("Old Card") && why.contains("4 storage buffers"), "{why}");
    }
    assert!(why(&[software]).contains("there is no hardware GPU"));
    assert!(why(&[]).contains("no adapter was found"));
}

#[test]
fn adapters_are_found_by_number_backend_and_part_of_the_name() {
    for (position, adapter) in adapters().iter().enumerate() {
        assert_eq!(adapter.index, position);
        if adapter.unusable.is_some() {
            continue;
        }
        let by_number = Device::gpu(&position.to_string()).unwrap();
        assert_eq!(*by_number.info(), adapter.info);
        let by_backend = Device::gpu(&adapter.info.backend.to_uppercase()).unwrap();
        assert_eq!(by_backend.info().backend, adapter.info.backend);
        let part: String = adapter.info.name.chars().take(5).collect();
        let by_name = Device::gpu(&part.to_uppercase()).unwrap();
        assert!(by_name.info().name.starts_with(&part));
        assert!(!by_number.same(&by_name), "two openings are two devices");
    }
}

#[test]
fn what_is_not_there_is_refused_with_a_list() {
    let absent = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
    for selector in ["nonsense", "99", "-1", absent] {
        let text = refused(selector);
        assert!(text.contains(&format!("'{selector}'")), "{text}");
        for gpu in support::gpus() {
            assert!(text.contains(&gpu.info().to_string()), "{text}");
        }
    }
    assert!(matches!(Device::gpu(" "), Err(Error::NoAdapter { .. })));
}
