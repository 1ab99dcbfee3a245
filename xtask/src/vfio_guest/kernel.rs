//! The guest's kernel: Debian's own, downloaded once, unpacked and never installed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::module;
use crate::run::program;

/// The package that depends on the current kernel.
const NEWEST: &str = "linux-image-amd64";

/// An unpacked kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    /// Its version, as it calls itself.
    pub(super) release: String,
    /// The kernel as QEMU starts it without a boot loader, in half the time that one takes.
    pub(super) image: PathBuf,
    /// The modules that the guest needs, laid out as under `/lib/modules/RELEASE`.
    pub(super) modules: PathBuf,
}

impl Kernel {
    /// The kernel that is there, or the newest that apt has. For a newer one, remove the folder.
    pub(super) fn cached() -> Result<Self> {
        let cache = target()?.join("kernel");
        if let Some(release) = newest_in(&cache)? {
            return Ok(Kernel::at(&cache, release));
        }
        fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        // On the cache's file system, so that what is complete gets its name at once.
        let scratch = tempfile::tempdir_in(&cache)?;
        let release = unpack(&download(scratch.path())?, scratch.path())?;
        println!("kernel {release} is kept in {}", cache.display());
        let moved = fs::rename(scratch.path().join("done"), cache.join(&release));
        // Another run may have been faster, with the same kernel.
        moved.or_else(|error| if cache.join(&release).exists() { Ok(()) } else { Err(error) })?;
        Ok(Kernel::at(&cache, release))
    }

    fn at(cache: &Path, release: String) -> Self {
        let place = cache.join(&release);
        Kernel { release, image: place.join("vmlinux"), modules: place.join("modules") }
    }
}

/// Where the guest's parts are built and kept: beside what the workspace builds, so that neither waits for the other.
pub(super) fn target() -> Result<PathBuf> {
    let shared = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(shared) => std::path::absolute(shared)?,
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    };
    Ok(shared.join("vfio-guest"))
}

/// The newest kernel in the cache; folders that begin with a dot are incomplete.
fn newest_in(cache: &Path) -> Result<Option<String>> {
    if !cache.exists() {
        return Ok(None);
    }
    let mut releases = Vec::new();
    for entry in fs::read_dir(cache)? {
        releases.push(entry?.file_name().to_string_lossy().into_owned());
    }
    releases.retain(|name| !name.starts_with('.'));
    releases.sort();
    Ok(releases.pop())
}

/// Downloads the package, and compares it with what apt's signed lists say.
fn download(place: &Path) -> Result<PathBuf> {
    let known = program("apt-cache", &format!("depends --important {NEWEST}")).output()?;
    let package = known.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
    let package = package.with_context(|| format!("apt does not know {NEWEST}: apt-get update"))?;
    let download = format!("download linux-image-{package}");
    let known = program("apt-get", "--print-uris").arguments(&download).output()?;
    let [_, file, _, sum] = known.split_whitespace().collect::<Vec<_>>()[..] else {
        bail!("apt-get does not say where linux-image-{package} is: {known}");
    };
    // The user that apt would rather be has no business in the cache.
    let options = "--quiet=2 --option APT::Sandbox::User=root";
    program("apt-get", options).arguments(&download).current_dir(place).run()?;
    let sum = sum.strip_prefix("SHA256:").context("apt knows no SHA256 of the kernel")?;
    let path = place.join(file);
    let found = program("sha256sum", "").path("--binary", &path).output()?;
    ensure!(found.starts_with(sum), "{file} was downloaded with another checksum than {sum}: {found}");
    Ok(path)
}

/// Unpacks what the guest needs into the folder `done`, and tells the kernel's release.
fn unpack(package: &Path, place: &Path) -> Result<String> {
    let (all, done) = (place.join("all"), place.join("done"));
    program("dpkg-deb", "").path("--extract", package).argument(&all).run()?;
    let release = newest_in(&all.join("lib/modules"))?.context("the package has no modules")?;
    fs::create_dir(&done)?;
    let packed = fs::read(all.join(format!("boot/vmlinuz-{release}")))?;
    let payload = done.join("vmlinux.xz");
    fs::write(&payload, payload_of(&packed).context("the kernel is packed in an unknown way")?)?;
    // The length of what is unpacked follows the stream.
    program("xz", "--decompress --single-stream").argument(&payload).run()?;
    module::keep(&all.join("lib/modules").join(&release), &done.join("modules"))?;
    Ok(release)
}

/// The xz stream in a kernel's bzImage, by the fields of its header (Documentation/x86/boot.rst).
fn payload_of(kernel: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| Some(u32::from_le_bytes(kernel.get(at..at + 4)?.try_into().ok()?) as usize);
    let setup_sectors = usize::from(*kernel.get(0x1f1)?);
    let start = (setup_sectors + 1) * 512 + word(0x248)?;
    let payload = kernel.get(start..start.checked_add(word(0x24c)?)?)?;
    payload.starts_with(b"\xfd7zXZ\0").then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel of one setup sector, whose payload is at 0x30 behind it.
    fn packed(payload: &[u8]) -> Vec<u8> {
        let mut kernel = vec![0; 2 * 512 + 0x30];
        kernel[0x1f1] = 1;
        kernel[0x248..0x24c].copy_from_slice(&0x30u32.to_le_bytes());
        kernel[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        kernel.extend(payload);
        kernel.extend(b"what follows");
        kernel
    }

    #[test]
    fn the_payload_is_found() {
        let payload = b"\xfd7zXZ\0 and its stream";
        assert_eq!(payload_of(&packed(payload)), Some(&payload[..]));
    }

    #[test]
    fn another_packing_or_a_short_file_is_none() {
        assert_eq!(payload_of(&packed(b"\x28\xb5\x2f\xfd zstd")), None);
        let whole = packed(b"\xfd7zXZ\0 and its stream");
        for length in [0, 0x1f1, 0x24e, 1024, 1024 + 0x30 + 8] {
            assert_eq!(payload_of(&whole[..length]), None, "{length}");
        }
    }
}
