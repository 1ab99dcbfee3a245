/*
 * `struct uio`, a process' request (uio(9S)), beside the C library's <sys/uio.h>.
 *
 * Its `struct iovec` is the C library's, whose iov_base is a `void *`. Left out: asynchronous and zero-copy requests.
 */
#ifndef DDI_DMA_SYS_UIO_H
#define DDI_DMA_SYS_UIO_H

#include <sys/types.h>

#include_next <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct iovec iovec_t;

/* Whose addresses the iovecs hold. */
typedef enum uio_seg {
    UIO_USERSPACE,
    UIO_SYSSPACE,
    UIO_USERISPACE
} uio_seg_t;

typedef enum uio_rw {
    UIO_READ,
    UIO_WRITE
} uio_rw_t;

typedef struct uio {
    iovec_t *uio_iov;
    int uio_iovcnt;
    lloff_t _uio_offset;
    uio_seg_t uio_segflg;
    uint16_t uio_fmode;
    uint16_t uio_extflg;
    lloff_t _uio_limit;
    ssize_t uio_resid;
} uio_t;

#define uio_loffset _uio_offset._f
#define uio_offset uio_loffset
#define uio_llimit _uio_limit._f
#define uio_limit uio_llimit

#define UIO_COPY_DEFAULT 0x0000
#define UIO_COPY_CACHED 0x0001

/* Moves bytes between `address` and the request, and advances the request. 0, or EFAULT. */
extern int uiomove(void *address, size_t nbytes, enum uio_rw rwflag, uio_t *uio_p);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_UIO_H */
