/*
 * What the tests of <sundev/mbvar.h> share: registers by macros, since a disk of a simulated machine has them behind an
 * access handle, and what a program does where its kernel would have.
 */

#ifndef SUNOS41_H
#define SUNOS41_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/types.h>
#include <sys/buf.h>
#include <sys/ddi.h>
#include <sys/kmem.h>
#include <sys/sunddi.h>
#include <sundev/mbvar.h>
#include <ddi_dma.h>

/* The registers of a driver's device. */
extern ddi_acc_handle_t sx_access;

#define SXPUT8(reg, member, value) ddi_put8(sx_access, &(reg)->member, (uint8_t)(value))
#define SXPUT32(reg, member, value) ddi_put32(sx_access, &(reg)->member, (uint32_t)(value))
#define SXPUT64(reg, member, value) ddi_put64(sx_access, &(reg)->member, (uint64_t)(value))
#define SXGET8(reg, member) ddi_get8(sx_access, &(reg)->member)
#define SXGET64(reg, member) ddi_get64(sx_access, &(reg)->member)

/* Of sunos41_driver.c. */
extern struct mb_driver sxdriver;
extern int sxstrategy();
extern int sxcalls;

/* Ends the program where something does not hold. */
#define CHECK(holds) ((holds) ? (void) 0 : sx_failed(__LINE__, #holds))

static __inline__ void
sx_failed(int line, const char *what)
{
    (void) fprintf(stderr, "line %d: does not hold: %s\n", line, what);
    (void) fprintf(stderr, "last refusal: %s\n", ddi_dma_last_error());
    exit(1);
}

/* Opens a device, and makes its map the one that drivers name. */
static __inline__ dev_info_t *
sx_open(const char *name)
{
    char error[200];
    dev_info_t *dip = ddi_dma_open(name, error, sizeof (error));

    if (dip == NULL) {
        (void) fprintf(stderr, "%s\n", error);
        exit(1);
    }
    dvmamap = ddi_dma_map(dip);
    CHECK(dvmamap != NULL && ddi_dma_map(dip) == dvmamap);
    mb_hd.mh_map = dvmamap;
    return (dip);
}

/* A buf; `way` is B_READ or B_WRITE. */
static __inline__ struct buf *
sx_getbuf(caddr_t memory, size_t length, daddr_t block, int way)
{
    struct buf *bp = getrbuf(KM_SLEEP);

    bp->b_flags = B_BUSY | B_PHYS | way;
    bp->b_un.b_addr = memory;
    bp->b_bcount = length;
    bp->b_blkno = block;
    return (bp);
}

/* Fills memory with what no other seed gives. */
static __inline__ void
sx_fill(char *memory, size_t length, unsigned int seed)
{
    size_t i;

    for (i = 0; i < length; i++) {
        seed = seed * 1664525u + 1013904223u;
        memory[i] = (char)(seed >> 24);
    }
}

#endif /* SUNOS41_H */
