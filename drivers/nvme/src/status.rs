//! What a command came to (section 4.6.1): the status field of its completion, decoded.

use std::fmt;

/// A status other than success.
///
/// # Examples
///
/// ```
/// use nvme_driver::{Code, Retry, Status};
///
/// let status = Status::decode(0x4080).unwrap_err(); // do not retry, LBA out of range
/// assert_eq!(status.code, Code::LbaOutOfRange);
/// assert_eq!(status.retry, Retry::Useless);
/// assert_eq!(status.to_string(), "LBA out of range (type 0, code 0x80; a retry will fail too)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{code} (type {}, code {:#04x}{}{})", .field >> 8 & 7, .field & 0xFF, .more, .retry)]
pub struct Status {
    /// What went wrong.
    pub code: Code,
    /// Whether the controller's error log says more.
    pub more: More,
    /// Whether the same command may succeed later.
    pub retry: Retry,
    /// The status field as it came, without the phase bit.
    pub field: u16,
}

/// Whether the error log page says more about a command (M).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum More {
    /// The status is all there is.
    No,
    /// There is an entry in the error log.
    InLog,
}

/// Whether the same command may succeed later (DNR).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It may.
    Possible,
    /// It is expected to fail again.
    Useless,
}

impl fmt::Display for More {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            More::No => "",
            More::InLog => "; the error log says more",
        })
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Retry::Possible => "; a retry may succeed",
            Retry::Useless => "; a retry will fail too",
        })
    }
}

impl Status {
    /// Decodes a status field of 15 bits: the upper half of a completion's last dword, shifted right by the phase bit.
    ///
    /// # Errors
    ///
    /// The [`Status`], where the field is not that of success.
    pub fn decode(field: u16) -> Result<(), Status> {
        let field = field & 0x7FFF;
        let (kind, code) = ((field >> 8 & 7) as u8, field as u8);
        if (kind, code) == (0, 0) {
            return Ok(());
        }
        let more = if field & 1 << 13 == 0 { More::No } else { More::InLog };
        let retry = if field & 1 << 14 == 0 { Retry::Possible } else { Retry::Useless };
        Err(Status { code: Code::of(kind, code), more, retry, field })
    }
}

macro_rules! codes {
    ($($kind:literal $code:literal $name:ident $text:literal;)*) => {
        /// What went wrong with a command: status code type (SCT) and status code (SC).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!("Type ", $kind, ", code ", $code, ": ", $text, ".")] $name,)*
            /// One that a vendor defined (type 7).
            Vendor(
                /// The status code.
                u8,
            ),
            /// One that the specification 1.4 does not have.
            Unknown {
                /// The status code type.
                kind: u8,
                /// The status code.
                code: u8,
            },
        }

        impl Code {
            fn of(kind: u8, code: u8) -> Self {
                match (kind, code) {
                    $(($kind, $code) => Code::$name,)*
                    (7, code) => Code::Vendor(code),
                    _ => Code::Unknown { kind, code },
                }
            }
        }

        impl fmt::Display for Code {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Code::$name => f.write_str($text),)*
                    Code::Vendor(_) => f.write_str("a status of the vendor's own"),
                    Code::Unknown { .. } => f.write_str("a status that the specification does not have"),
                }
            }
        }
    };
}

codes! {
    0 0x01 InvalidOpcode "invalid command opcode";
    0 0x02 InvalidField "invalid field in command";
    0 0x03 CommandIdConflict "command identifier in use already";
    0 0x04 DataTransferError "data transfer error";
    0 0x05 PowerLoss "command aborted, as power is about to be lost";
    0 0x06 InternalError "internal error";
    0 0x07 AbortRequested "command aborted by request";
    0 0x08 QueueDeleted "command aborted, as its submission queue was deleted";
    0 0x09 FusedCommandFailed "command aborted, as the other command of its pair failed";
    0 0x0A FusedCommandMissing "command aborted, as the other command of its pair is missing";
    0 0x0B InvalidNamespaceOrFormat "invalid namespace or format";
    0 0x0C CommandSequenceError "command sequence error";
    0 0x0D InvalidSglSegment "invalid SGL segment descriptor";
    0 0x0E InvalidSglCount "invalid number of SGL descriptors";
    0 0x0F InvalidSglDataLength "data SGL length invalid";
    0 0x10 InvalidSglMetadataLength "metadata SGL length invalid";
    0 0x11 InvalidSglType "SGL descriptor type invalid";
    0 0x12 InvalidControllerMemoryUse "invalid use of the controller memory buffer";
    0 0x13 InvalidPrpOffset "PRP offset invalid";
    0 0x14 AtomicWriteUnitExceeded "atomic write unit exceeded";
    0 0x15 OperationDenied "operation denied";
    0 0x16 InvalidSglOffset "SGL offset invalid";
    0 0x18 HostIdentifierFormat "host identifier of inconsistent format";
    0 0x19 KeepAliveExpired "keep alive timer expired";
    0 0x1A InvalidKeepAlive "keep alive time-out invalid";
    0 0x1B Preempted "command aborted by preempt and abort";
    0 0x1C SanitizeFailed "sanitize failed";
    0 0x1D SanitizeInProgress "sanitize in progress";
    0 0x1E SglGranularity "SGL data block granularity invalid";
    0 0x1F NotForQueueInController "command not supported for a queue in the controller memory buffer";
    0 0x20 WriteProtected "namespace is write protected";
    0 0x21 Interrupted "command interrupted";
    0 0x22 TransportError "transient transport error";
    0 0x80 LbaOutOfRange "LBA out of range";
    0 0x81 CapacityExceeded "capacity exceeded";
    0 0x82 NamespaceNotReady "namespace not ready";
    0 0x83 ReservationConflict "reservation conflict";
    0 0x84 FormatInProgress "format in progress";
    1 0x00 InvalidCompletionQueue "completion queue invalid";
    1 0x01 InvalidQueueIdentifier "invalid queue identifier";
    1 0x02 InvalidQueueSize "invalid queue size";
    1 0x03 AbortLimitExceeded "abort command limit exceeded";
    1 0x05 EventLimitExceeded "asynchronous event request limit exceeded";
    1 0x06 InvalidFirmwareSlot "invalid firmware slot";
    1 0x07 InvalidFirmwareImage "invalid firmware image";
    1 0x08 InvalidInterruptVector "invalid interrupt vector";
    1 0x09 InvalidLogPage "invalid log page";
    1 0x0A InvalidFormat "invalid format";
    1 0x0C InvalidQueueDeletion "invalid queue deletion";
    1 0x0D FeatureNotSaveable "feature identifier not saveable";
    1 0x0E FeatureNotChangeable "feature not changeable";
    1 0x0F FeatureNotOfNamespace "feature not namespace specific";
    1 0x80 ConflictingAttributes "conflicting attributes";
    1 0x81 InvalidProtection "invalid protection information";
    1 0x82 ReadOnlyRange "attempted write to a read-only range";
    2 0x80 WriteFault "write fault";
    2 0x81 UnrecoveredRead "unrecovered read error";
    2 0x82 GuardCheck "end-to-end guard check error";
    2 0x83 ApplicationTagCheck "end-to-end application tag check error";
    2 0x84 ReferenceTagCheck "end-to-end reference tag check error";
    2 0x85 CompareFailure "compare failure";
    2 0x86 AccessDenied "access denied";
    2 0x87 Unwritten "deallocated or unwritten logical block";
    3 0x00 PathError "internal path error";
    3 0x01 AccessLost "asymmetric access persistent loss";
    3 0x02 AccessImpossible "asymmetric access inaccessible";
    3 0x03 AccessChanging "asymmetric access transition";
    3 0x60 ControllerPathError "controller pathing error";
    3 0x70 HostPathError "host pathing error";
    3 0x71 AbortedByHost "command aborted by host";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_no_error_whatever_the_hints_say() {
        assert_eq!(Status::decode(0), Ok(()));
        assert_eq!(Status::decode(0x4000), Ok(()));
    }

    #[test]
    fn types_and_hints_are_told_apart() {
        let status = Status::decode(0x2281).unwrap_err();
        assert_eq!(
            (status.code, status.more, status.retry),
            (Code::UnrecoveredRead, More::InLog, Retry::Possible)
        );
        assert_eq!(Status::decode(0x0181).unwrap_err().code, Code::InvalidProtection);
        assert_eq!(Status::decode(0x07C3).unwrap_err().code, Code::Vendor(0xC3));
        assert_eq!(Status::decode(0x0455).unwrap_err().code, Code::Unknown { kind: 4, code: 0x55 });
    }

    #[test]
    fn the_text_says_what_and_whether_to_retry() {
        let text = Status::decode(0x2280).unwrap_err().to_string();
        assert_eq!(text, "write fault (type 2, code 0x80; the error log says more; a retry may succeed)");
    }
}
