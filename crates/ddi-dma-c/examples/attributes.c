/*
 * The two attribute structures of the manual, and the cookies that each gets: for a DMA engine on an SBus, and for one
 * on an ISA bus.
 */

#include "xx.h"

/* ---- listing: a DMA engine on an SBus in a SPARC machine ---- */
static ddi_dma_attr_t sbus_attributes = {
    DMA_ATTR_V0,        /* Version number */
    0xFF000000, /* low address */
    0xFFFFFFFF, /* high address */
    0xFFFFFFFF, /* counter register max */
    1,          /* byte alignment */
    0x7,                /* burst sizes: 0x1 | 0x2 | 0x4 */
    0x1,                /* minimum transfer size */
    0xFFFFFFFF, /* max xfer size */
    0xFFFFFFFF, /* address register max */
    1,          /* no scatter-gather */
    512,                /* device operates on sectors */
    0,          /* attr flag: set to 0 */
};

/* ---- listing: a DMA engine on an ISA bus in an IA machine ---- */
static ddi_dma_attr_t isa_attributes = {
    DMA_ATTR_V0,        /* Version number */
    0x00000000, /* low address */
    0x00FFFFFF, /* high address */
    0xFFFF,             /* counter register max */
    1,          /* byte alignment */
    0x7,                /* burst sizes */
    0x1,                /* minimum transfer size */
    0xFFFFFFFF, /* max xfer size */
    0x000FFFFF, /* address register max */
    17,         /* scatter-gather */
    512,                /* device operates on sectors */
    0,          /* attr flag: set to 0 */
};
/* ---- end of the listing ---- */

#define LENGTH  200000

/* Binds scattered memory, and checks each cookie against the attributes. Returns how many there are. */
static uint_t
bind(const char *name, ddi_dma_attr_t *attr)
{
    dev_info_t *dip = xx_open(name);
    caddr_t memory = ddi_dma_sim_alloc(dip, LENGTH);
    ddi_dma_handle_t handle;
    ddi_dma_cookie_t cookie;
    uint_t ccount, i;
    uint64_t total = 0;

    XX_CHECK(memory != NULL);
    XX_CHECK(ddi_dma_alloc_handle(dip, attr, DDI_DMA_SLEEP, NULL, &handle) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_addr_bind_handle(handle, NULL, memory, LENGTH, DDI_DMA_WRITE, DDI_DMA_SLEEP, NULL,
        &cookie, &ccount) == DDI_DMA_MAPPED);
    for (i = 0; ; ) {
        uint64_t first = cookie.dmac_laddress, last = first + cookie.dmac_size - 1;

        XX_CHECK(first >= attr->dma_attr_addr_lo && last <= attr->dma_attr_addr_hi);
        XX_CHECK(cookie.dmac_size - 1 <= attr->dma_attr_count_max);
        XX_CHECK((first & ~attr->dma_attr_seg) == (last & ~attr->dma_attr_seg));
        XX_CHECK(cookie.dmac_address == first);
        total += cookie.dmac_size;
        if (++i == ccount)
            break;
        ddi_dma_nextcookie(handle, &cookie);
    }
    XX_CHECK(total == LENGTH);
    XX_CHECK(ddi_dma_unbind_handle(handle) == DDI_SUCCESS);
    ddi_dma_free_handle(&handle);
    ddi_dma_sim_free(dip, memory);
    ddi_dma_close(dip);
    return (ccount);
}

int
main(void)
{
    uint_t sbus = bind("sim:sbus-disk", &sbus_attributes);
    uint_t isa = bind("sim:isa-sg-disk", &isa_attributes);

    /* The IOMMU of an SBus makes one cookie of pages that lie anywhere. */
    XX_CHECK(sbus == 1);
    (void) printf("attributes: %d bytes take %u cookie on the SBus and %u on ISA\n", LENGTH, sbus, isa);
    return (0);
}
