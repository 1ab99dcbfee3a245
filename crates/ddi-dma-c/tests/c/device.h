/* What the tests of devices share: checks, and a disk's registers. */

#ifndef DEVICE_H
#define DEVICE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/types.h>
#include <sys/ddi.h>
#include <sys/sunddi.h>

#include <ddi_dma.h>

#define CHECK(holds) ((holds) ? (void)0 : failed(__FILE__, __LINE__, #holds))

static inline void failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\nlast refusal: %s\n", file, line, what, ddi_dma_last_error());
    exit(1);
}

/* The last refusal of this thread is this text. */
#define CHECK_REFUSAL(text)                                                                            \
    (strcmp(ddi_dma_last_error(), text) == 0 ? (void)0 : failed(__FILE__, __LINE__, "refusal: " text))

static ddi_device_acc_attr_t little_endian = {DDI_DEVICE_ATTR_V0, DDI_STRUCTURE_LE_ACC, DDI_STRICTORDER_ACC,
    DDI_DEFAULT_ACC};

static inline dev_info_t *opened(const char *name)
{
    char error[512];
    dev_info_t *dip = ddi_dma_open(name, error, sizeof error);
    if (dip == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    return dip;
}

/* A disk and its registers. */
struct disk {
    dev_info_t *dip;
    struct ddi_dma_sim_disk *regs;
    ddi_acc_handle_t access;
};

static inline struct disk disk_opened(const char *name)
{
    struct disk disk;
    caddr_t regs;
    disk.dip = opened(name);
    CHECK(ddi_regs_map_setup(disk.dip, 0, &regs, 0, 0, &little_endian, &disk.access) == DDI_SUCCESS);
    disk.regs = (struct ddi_dma_sim_disk *)(void *)regs;
    return disk;
}

static inline void disk_closed(struct disk *disk)
{
    ddi_regs_map_free(&disk->access);
    CHECK(disk->access == NULL);
    ddi_dma_close(disk->dip);
}

/* Where the tests have physical memory of their own, within reach of ISA. */
#define MEMORY 0x100000u

/* Programs one entry and starts it. */
static inline void disk_start(struct disk *disk, uint64_t block, uint32_t address, uint32_t size, uint8_t csr)
{
    ddi_put64(disk->access, &disk->regs->block, block);
    ddi_put32(disk->access, &disk->regs->sglist[0].dma_addr, address);
    ddi_put32(disk->access, &disk->regs->sglist[0].dma_size, size);
    ddi_put8(disk->access, &disk->regs->csr, csr | DDI_DMA_SIM_START_TRANSFER);
}

static inline uint8_t disk_csr(struct disk *disk)
{
    return ddi_get8(disk->access, &disk->regs->csr);
}

static inline void fill(uint8_t *bytes, size_t count, uint8_t seed)
{
    size_t at;
    for (at = 0; at < count; at++)
        bytes[at] = (uint8_t)(seed + at * 7 + at / 256);
}

#endif /* DEVICE_H */
