/*
 * What the examples share: the registers of the simulated disks, and what a program does around a driver.
 */

#ifndef XX_H
#define XX_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/types.h>
#include <sys/kmem.h>
#include <sys/ddi.h>
#include <sys/sunddi.h>
#include <ddi_dma.h>

/* Entries of the scatter/gather list. A disk without a list has the first alone. */
#define SGLLEN                  17

/* Bytes of a block. */
#define XX_BLOCK                512

/* The control and status register. */
#define START_TRANSFER          0x01
#define ENABLE_INTERRUPTS       0x02
#define INTERRUPTING            0x04
#define CLEAR_INTERRUPT         0x08
#define TO_MEMORY               0x10
#define XX_ERROR                0x20
#define XX_RESET                0x80

/* The registers as ddi_regs_map_setup(9F) maps them. */
struct device_reg {
    uint8_t csr;
    uint8_t error;
    uint16_t burst;             /* bytes of a burst */
    uint16_t entries;   /* entries of the list that are filled */
    uint16_t reserved1;
    uint64_t block;             /* first block on the disk */
    uint64_t residue;   /* bytes that were not moved */
    uint64_t reserved2;
    struct sglentry {
        uint32_t dma_addr;      /* starting address for DMA */
        uint32_t dma_size;      /* amount of data to transfer */
    } sglist[SGLLEN];
};

/* The registers lie lowest byte first, and are accessed in the order of the program. */
static ddi_device_acc_attr_t xx_acc_attr = { DDI_DEVICE_ATTR_V0, DDI_STRUCTURE_LE_ACC, DDI_STRICTORDER_ACC, DDI_DEFAULT_ACC };

/* Ends the program where something does not hold. */
#define XX_CHECK(holds) \
    ((holds) ? (void) 0 : xx_failed(__FILE__, __LINE__, #holds))

static inline void
xx_failed(const char *file, int line, const char *what)
{
    (void) fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    (void) fprintf(stderr, "last refusal: %s\n", ddi_dma_last_error());
    exit(1);
}

/* Opens a device, or ends the program saying why there is none. */
static inline dev_info_t *
xx_open(const char *name)
{
    char error[200];
    dev_info_t *dip = ddi_dma_open(name, error, sizeof (error));

    if (dip == NULL) {
        (void) fprintf(stderr, "%s\n", error);
        exit(1);
    }
    return (dip);
}

/* Maps the registers. */
static inline struct device_reg *
xx_map(dev_info_t *dip, ddi_acc_handle_t *access_hdl)
{
    caddr_t addr;

    XX_CHECK(ddi_regs_map_setup(dip, 0, &addr, 0, 0, &xx_acc_attr, access_hdl) == DDI_SUCCESS);
    return ((struct device_reg *)(void *)addr);
}

/* Fills memory with bytes that differ from place to place and from seed to seed. */
static inline void
xx_fill(void *memory, size_t length, unsigned seed)
{
    unsigned char *bytes = memory;
    size_t i;

    for (i = 0; i < length; i++)
        bytes[i] = (unsigned char)((i * 31 + (i >> 8) * 17 + seed * 101) ^ seed);
}

/* Whether memory holds what xx_fill wrote. */
static inline int
xx_filled(const void *memory, size_t length, unsigned seed)
{
    const unsigned char *bytes = memory;
    size_t i;

    for (i = 0; i < length; i++) {
        if (bytes[i] != (unsigned char)((i * 31 + (i >> 8) * 17 + seed * 101) ^ seed))
            return (0);
    }
    return (1);
}

/* Whether the disk holds what xx_fill wrote, from a block on. */
static inline int
xx_on_disk(dev_info_t *dip, uint64_t block, size_t length, unsigned seed)
{
    void *copy = malloc(length);
    int equal;

    XX_CHECK(copy != NULL);
    XX_CHECK(ddi_dma_sim_read_medium(dip, block * XX_BLOCK, copy, length) == 0);
    equal = xx_filled(copy, length, seed);
    free(copy);
    return (equal);
}

/* Writes what xx_fill makes to the disk, past its engine. */
static inline void
xx_fill_disk(dev_info_t *dip, uint64_t block, size_t length, unsigned seed)
{
    void *copy = malloc(length);

    XX_CHECK(copy != NULL);
    xx_fill(copy, length, seed);
    XX_CHECK(ddi_dma_sim_write_medium(dip, block * XX_BLOCK, copy, length) == 0);
    free(copy);
}

/* Memory at no multiple of 16: an engine with an alignment reaches it through the copy buffer alone. */
static inline caddr_t
xx_odd_alloc(size_t length)
{
    return ((caddr_t)kmem_zalloc(length + 8, KM_SLEEP) + 8);
}

static inline void
xx_odd_free(caddr_t memory, size_t length)
{
    kmem_free(memory - 8, length + 8);
}

/* A buf for a transfer of these bytes from this block on. */
static inline struct buf *
xx_getbuf(void *memory, size_t length, daddr_t block, int way)
{
    struct buf *bp = getrbuf(KM_SLEEP);

    bp->b_un.b_addr = memory;
    bp->b_bcount = length;
    bp->b_lblkno = block;
    bp->b_flags |= B_BUSY | way;
    return (bp);
}

#endif /* XX_H */
