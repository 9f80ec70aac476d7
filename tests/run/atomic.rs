//! The old file or the new one, never half of either.

use std::fs;
use std::io;

use harmonium::run::atomic;

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_and_its_replacement_leave_nothing_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bin");
    atomic::write(&path, |out| out.write_all(b"one")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    atomic::write(&path, |out| out.write_all(b"two, longer")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two, longer");
    assert_eq!(names(folder.path()), ["x.bin"]);
}

#[test]
fn a_failing_writer_leaves_the_old_file_and_no_temporary_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bin");
    fs::write(&path, b"old").unwrap();
    let error = atomic::write(&path, |out| {
        out.write_all(&[7; 100_000])?;
        Err(io::Error::other("the disk is full"))
    })
    .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("x.bin") && text.contains("the disk is full"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["x.bin"]);
}

#[test]
fn a_panicking_writer_leaves_the_old_file_and_no_temporary_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bin");
    fs::write(&path, b"old").unwrap();
    let caught = std::panic::catch_unwind(|| atomic::write(&path, |_| panic!("injected")));
    assert!(caught.is_err());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["x.bin"]);
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/x.bin");
    let text = atomic::write(&missing, |_| Ok(())).unwrap_err().to_string();
    assert!(text.contains("cannot write") && text.contains("no/such/x.bin"), "{text}");
    let text = atomic::write(folder.path(), |_| Ok(())).unwrap_err().to_string();
    assert!(text.contains("it is a folder"), "{text}");
    assert!(names(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_folder_without_write_permission_keeps_the_old_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bin");
    fs::write(&path, b"old").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write everywhere; then there is nothing to refuse.
    let may_write = fs::write(folder.path().join("probe"), b"").is_ok();
    let result = atomic::write(&path, |out| out.write_all(b"new"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(result.is_ok(), may_write);
    assert_eq!(fs::read(&path).unwrap(), if may_write { b"new" } else { b"old" });
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_permissions_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, b"old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    atomic::write(&link, |out| out.write_all(b"new")).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[cfg(unix)]
#[test]
fn what_is_no_plain_file_is_written_through_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let null = std::path::Path::new("/dev/null");
    atomic::write(null, |out| out.write_all(b"gone")).unwrap();
    assert!(fs::metadata(null).unwrap().file_type().is_char_device());
}
