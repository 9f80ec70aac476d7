//! What a Vulkan driver made of the shaders, kept in the user's cache folder from one process to the next.
//!
//! The folder is `$XDG_CACHE_HOME/harmonium` (`~/.cache/harmonium`), on macOS `~/Library/Caches/harmonium`, on Windows
//! `%LOCALAPPDATA%\harmonium`; where there is none, or it cannot be written, nothing is kept. A file belongs to one make of
//! adapter; the driver itself refuses what another version of it wrote, and a checksum shows a damaged one.

use std::fs;
use std::path::{Path, PathBuf};

use super::raw;

/// A file begins with it; the checksum of the rest follows, then the rest, wgpu's own.
const MAGIC: &[u8; 22] = b"harmonium pipelines 1\n";

/// More is nothing that this crate wrote.
const MOST_BYTES: u64 = 256 << 20;

/// A cache of pipelines, and where it is kept.
pub(super) struct Kept {
    pub cache: wgpu::PipelineCache,
    file: PathBuf,
    /// The checksum of what was read.
    read: Option<u32>,
}

impl Kept {
    /// What is kept for a device; none where its driver has no such cache, or the user no such folder.
    pub fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let name = wgpu::util::pipeline_cache_key(info)?;
        let file = dirs::cache_dir()?.join("harmonium").join(name);
        let data = read(&file);
        let cache = raw::pipeline_cache(device, data.as_deref());
        Some(Kept { cache, file, read: data.map(|data| crc32fast::hash(&data)) })
    }

    /// Writes what there is now, if it is something else. Whoever cannot keep it is slower the next time, no more.
    pub fn keep(&self) {
        let Some(data) = self.cache.get_data() else { return };
        if self.read != Some(crc32fast::hash(&data)) {
            let _ = write(&self.file, &data);
        }
    }
}

fn read(file: &Path) -> Option<Vec<u8>> {
    if fs::metadata(file).ok()?.len() > MOST_BYTES {
        return None;
    }
    let bytes = fs::read(file).ok()?;
    let (checksum, data) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*checksum) == crc32fast::hash(data)).then(|| data.to_vec())
}

/// Beside the file first, since others may read or write it meanwhile.
fn write(file: &Path, data: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = file.with_extension(format!("{}.part", std::process::id()));
    let content = [&MAGIC[..], &crc32fast::hash(data).to_le_bytes(), data].concat();
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn what_was_damaged_or_is_not_ours_is_ignored() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("cache").join("key");
        assert_eq!(read(&file), None);
        write(&file, b"pipelines")?;
        write(&file, b"other pipelines")?;
        assert_eq!(read(&file).as_deref(), Some(&b"other pipelines"[..]));
        let whole = std::fs::read(&file)?;
        for (at, what) in
            [(0, "the beginning"), (23, "the checksum"), (whole.len() - 1, "the data")]
        {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, damaged)?;
            assert_eq!(read(&file), None, "{what}");
        }
        for length in [0, 10, 24, whole.len() - 1] {
            std::fs::write(&file, &whole[..length])?;
            assert_eq!(read(&file), None, "{length} bytes");
        }
        // Nothing is left beside it.
        assert_eq!(std::fs::read_dir(folder.path().join("cache"))?.count(), 1);
        Ok(())
    }
}
