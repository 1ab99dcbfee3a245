//! The files in which a kernel tells about itself, below a root that need not be `/`.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD};

/// A root with `sys`, `proc`, `dev` and what else there is below it.
///
/// Every look is answered by what there is, and `None` or nothing stands for what is absent or cannot be read: a kernel
/// without a feature has no file for it.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: PathBuf,
    asker: Asker,
}

/// Who decides whether this process may open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// The kernel, which knows more than the file's mode (access lists, file systems mounted read-only).
    Kernel,
    /// The file's mode and the process that the tree shows: the tree is of another machine.
    Mode,
}

impl Tree {
    pub(super) fn new(root: &Path, asker: Asker) -> Self {
        Tree { root: root.to_owned(), asker }
    }

    pub(super) fn asker(&self) -> Asker {
        self.asker
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What a file says, without white space around it.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// A file's bytes, as many as this process is shown.
    pub(super) fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.path(path)).ok()
    }

    /// The names in a directory, in order.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Where a symbolic link leads, as it is written.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        fs::read_link(self.path(path)).ok()?.into_os_string().into_string().ok()
    }

    /// The last name of where a symbolic link leads.
    pub(super) fn link_name(&self, path: &str) -> Option<String> {
        self.link(path)?.rsplit('/').next().map(str::to_owned)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    pub(super) fn metadata(&self, path: &str) -> Option<Metadata> {
        fs::metadata(self.path(path)).ok()
    }

    /// Whether the kernel lets this process read and write a file.
    pub(super) fn kernel_allows(&self, path: &str) -> bool {
        let both = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
        rustix::fs::accessat(CWD, self.path(path), both, AtFlags::EACCESS).is_ok()
    }
}
