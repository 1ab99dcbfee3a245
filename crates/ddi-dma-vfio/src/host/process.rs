//! This process: who it runs as, and what it may.

use std::os::unix::fs::MetadataExt;

use super::Host;
use super::tree::Asker;

/// The bits of the capabilities that matter, as `capability.h` numbers them.
const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_IPC_LOCK: u32 = 14;

/// Who this process runs as, and what it may lock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// The user that files are opened as.
    pub user: u32,
    /// The user's name, where there is one.
    pub user_name: Option<String>,
    /// The groups that files are opened as.
    pub groups: Vec<u32>,
    /// How much memory it may lock, which is how much devices may reach at once.
    pub locked_memory: LockedMemory,
    /// The effective capabilities, a bit each.
    capabilities: u64,
}

/// How much memory a process may lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LockedMemory {
    /// Whether the limits hold for it: they do not with `CAP_IPC_LOCK`.
    pub rule: LockRule,
    /// The limit, in bytes (`RLIMIT_MEMLOCK`); `None` where there is none.
    pub limit: Option<u64>,
    /// What the process may raise it to by itself, in bytes; `None` is without end.
    pub hard_limit: Option<u64>,
}

/// Whether a limit on locked memory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockRule {
    /// It does.
    #[default]
    Limited,
    /// The process has `CAP_IPC_LOCK` and locks what it likes.
    Exempt,
}

impl LockedMemory {
    /// The bytes that may be locked; `None` is without end.
    pub fn most(&self) -> Option<u64> {
        match self.rule {
            LockRule::Exempt => None,
            LockRule::Limited => self.limit,
        }
    }
}

/// Whether this process may open a device's node to read and write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Allowed,
    /// It may not.
    Denied {
        /// The permission bits of the node.
        mode: u32,
        /// The user whom the node belongs to.
        owner: u32,
        /// The group that it belongs to.
        group: u32,
    },
    /// There is no such node.
    Missing,
}

impl Process {
    /// Whether it runs as root.
    pub fn is_root(&self) -> bool {
        self.user == 0
    }

    /// A name for the user on a command line.
    pub fn name(&self) -> String {
        match (&self.user_name, self.user) {
            (Some(name), _) => name.clone(),
            (None, 0) => "root".to_owned(),
            (None, user) => user.to_string(),
        }
    }

    /// The user in a sentence.
    pub(super) fn who(&self) -> String {
        match (&self.user_name, self.user) {
            (None, 1..) => format!("user {}", self.user),
            _ => self.name(),
        }
    }

    fn has(&self, capability: u32) -> bool {
        self.capabilities >> capability & 1 == 1
    }
}

impl Host {
    /// Tells who this process is.
    pub fn process(&self) -> Process {
        let status = self.tree.text("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let mut values = status.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            values.next().unwrap_or_default().split_whitespace()
        };
        // Real, effective, saved, and the one that counts for files.
        let id = |name: &str| field(name).nth(3).and_then(|id| id.parse().ok());
        let user = id("Uid").unwrap_or_default();
        let groups = id("Gid").into_iter().chain(field("Groups").filter_map(|id| id.parse().ok()));
        let capabilities = field("CapEff").next().and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let mut process = Process {
            user,
            user_name: self.user_name(user),
            groups: groups.collect(),
            locked_memory: LockedMemory::default(),
            capabilities: capabilities.unwrap_or_default(),
        };
        let rule = if process.has(CAP_IPC_LOCK) { LockRule::Exempt } else { LockRule::Limited };
        let (limit, hard_limit) = self.memlock();
        process.locked_memory = LockedMemory { rule, limit, hard_limit };
        process
    }

    /// Tells whether a process may open `/dev/vfio/vfio`, which containers are made by.
    pub fn container_access(&self, process: &Process) -> Access {
        self.access("/dev/vfio/vfio", process)
    }

    /// Tells whether a process may open the node of a group.
    pub fn group_access(&self, group: u32, process: &Process) -> Access {
        self.access(&format!("/dev/vfio/{group}"), process)
    }

    fn access(&self, path: &str, process: &Process) -> Access {
        let Some(about) = self.tree.metadata(path) else { return Access::Missing };
        let mode = about.mode() & 0o777;
        let denied = Access::Denied { mode, owner: about.uid(), group: about.gid() };
        let allowed = match self.tree.asker() {
            Asker::Kernel => self.tree.kernel_allows(path),
            Asker::Mode => {
                let bits = if about.uid() == process.user {
                    mode >> 6
                } else if process.groups.contains(&about.gid()) {
                    mode >> 3
                } else {
                    mode
                };
                process.has(CAP_DAC_OVERRIDE) || bits & 0o6 == 0o6
            }
        };
        if allowed { Access::Allowed } else { denied }
    }

    /// The limit on locked memory and what it can be raised to.
    fn memlock(&self) -> (Option<u64>, Option<u64>) {
        let limits = self.tree.text("/proc/self/limits").unwrap_or_default();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory")).unwrap_or_default();
        let mut values = line.split_whitespace().map(|word| word.parse().ok());
        (values.next().flatten(), values.next().flatten())
    }

    fn user_name(&self, user: u32) -> Option<String> {
        let passwd = self.tree.text("/etc/passwd")?;
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, id) = (fields.next()?, fields.nth(1)?);
            (id.parse() == Ok(user)).then(|| name.to_owned())
        })
    }
}
