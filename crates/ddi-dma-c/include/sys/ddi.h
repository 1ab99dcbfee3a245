/*
 * Functions that drivers of any Unix of this line may call: time, device numbers, pages, and headers of bufs.
 *
 * Left out: drv_getparm(9F) and drv_setparm(9F), STREAMS, and numbers of SVR3.
 */
#ifndef DDI_DMA_SYS_DDI_H
#define DDI_DMA_SYS_DDI_H

#include <sys/buf.h>
#include <sys/param.h>
#include <sys/stream.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In C++ they would break the library's own. */
#ifndef __cplusplus
#undef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#undef max
#define max(a, b) ((a) < (b) ? (b) : (a))
#endif

extern void drv_usecwait(clock_t microsecs);
extern clock_t drv_usectohz(clock_t microsecs);
extern clock_t drv_hztousec(clock_t hertz);
extern void delay(clock_t ticks);

/* A header of a buf, without memory. NULL where there is none and `sleepflag` is KM_NOSLEEP. */
extern struct buf *getrbuf(int sleepflag);
extern void freerbuf(struct buf *bp);

/* Device numbers of the DDI, which are not those of the C library: the major number is the upper half. */
static inline major_t getmajor(dev_t dev)
{
    return ((major_t)(dev >> 32));
}

static inline minor_t getminor(dev_t dev)
{
    return ((minor_t)(dev & 0xfffffffful));
}

static inline major_t getemajor(dev_t dev)
{
    return (getmajor(dev));
}

static inline minor_t geteminor(dev_t dev)
{
    return (getminor(dev));
}

static inline dev_t makedevice(major_t majnum, minor_t minnum)
{
    return (((dev_t)majnum << 32) | (dev_t)minnum);
}

/* Bytes of pages, and pages of bytes: rounded down, and rounded up. */
static inline unsigned long ptob(unsigned long numpages)
{
    return (numpages << MMU_PAGESHIFT);
}

static inline unsigned long btop(unsigned long numbytes)
{
    return (numbytes >> MMU_PAGESHIFT);
}

static inline unsigned long btopr(unsigned long numbytes)
{
    return ((numbytes >> MMU_PAGESHIFT) + ((numbytes & MMU_PAGEOFFSET) != 0));
}

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DDI_H */
