/*
 * What the shapes of callers share: the devices they run on, and the device's side of cookies.
 */

#ifndef SHAPE_COMMON_H
#define SHAPE_COMMON_H

#include <sys/debug.h>

#include "../../examples/xx.h"

/* Every kind of bus, with an IOMMU and without, in one piece and in many. */
static const char *const shape_devices[] = {
    "sim:isa-disk",
    "sim:isa-sg-disk",
    "sim:isa-master",
    "sim:pci-disk",
    "sim:pci64-disk",
    "sim:latch-disk",
    "sim:sbus-disk",
    "sim:sbus-ether",
    "sim:floppy",
    "sim:pci-disk?iommu=on",
    "sim:pci64-disk?iommu=on&seed=9",
    "sim:pci-disk?seed=3&page_size=8K",
};

#define SHAPE_DEVICES (sizeof (shape_devices) / sizeof (shape_devices[0]))

/* Writes to one cookie what an object is to hold from an offset on, as the device does. */
static inline void
shape_device_writes(dev_info_t *dip, const ddi_dma_cookie_t *cookie, const unsigned char *expected, size_t offset)
{
    XX_CHECK(ddi_dma_sim_write(dip, cookie->dmac_laddress, expected + offset, cookie->dmac_size) == 0);
}

/* Whether the device finds in one cookie what an object holds from an offset on. */
static inline int
shape_device_sees(dev_info_t *dip, const ddi_dma_cookie_t *cookie, const unsigned char *expected, size_t offset)
{
    unsigned char *found = malloc(cookie->dmac_size);
    int equal;

    XX_CHECK(found != NULL);
    XX_CHECK(ddi_dma_sim_read(dip, cookie->dmac_laddress, found, cookie->dmac_size) == 0);
    equal = memcmp(found, expected + offset, cookie->dmac_size) == 0;
    free(found);
    return (equal);
}

#endif /* SHAPE_COMMON_H */
