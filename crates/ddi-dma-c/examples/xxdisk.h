/*
 * What a program sees of the block driver xxdisk.c: what a kernel finds in a driver's tables.
 */

#ifndef XXDISK_H
#define XXDISK_H

#include <sys/modctl.h>

#include "xx.h"

/*
 * What the driver states about the engine. Everything else is the same for every disk; a program sets it before it
 * attaches a device.
 */
extern ddi_dma_attr_t xx_dma_attr;

/* attach(9E), detach(9E), and the entry points of a block device. */
extern struct dev_ops xx_dev_ops;

/* What one instance did. */
struct xxcounts {
    uint_t transfers;   /* bufs that are done */
    uint_t requests;    /* requests to the engine */
    uint_t windows;             /* windows that were moved to */
    uint_t waits;               /* times that resources were short */
    uint_t failed;              /* bufs with an error */
};

extern void xx_counts(dev_info_t *dip, struct xxcounts *counts);

#endif /* XXDISK_H */
