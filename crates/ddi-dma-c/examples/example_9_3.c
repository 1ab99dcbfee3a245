/*
 * Example 9-3: ddi_dma_mem_alloc(9F), on each bus.
 *
 * Its listing is that of example 8-3. Here the driver asks for less than it gets: the real length is what it binds, and
 * all of it is the device's to fill.
 */

#include "xx.h"

struct xxstate {
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    ddi_dma_handle_t iopb_handle;
    caddr_t iopb_array;
    ddi_acc_handle_t acchandle;
};

static ddi_device_acc_attr_t accattr = { DDI_DEVICE_ATTR_V0, DDI_NEVERSWAP_ACC, DDI_STRICTORDER_ACC, DDI_DEFAULT_ACC };
static ddi_dma_cookie_t cookie;
static uint_t count;
static size_t real_length;

static int
xxalloc(struct xxstate *xsp, size_t size)
{
/* ---- listing ---- */
    if (ddi_dma_mem_alloc(xsp->iopb_handle, size, &accattr,
        DDI_DMA_CONSISTENT, DDI_DMA_SLEEP, NULL, &xsp->iopb_array,
        &real_length, &xsp->acchandle) != DDI_SUCCESS) {
        /* error handling */
        goto failure;
    }
    if (ddi_dma_addr_bind_handle(xsp->iopb_handle, NULL,
        xsp->iopb_array, real_length,
        DDI_DMA_READ | DDI_DMA_CONSISTENT, DDI_DMA_SLEEP,
        NULL, &cookie, &count) != DDI_DMA_MAPPED) {
        /* error handling */
        ddi_dma_mem_free(&xsp->acchandle);
        goto failure;
    }
/* ---- end of the listing ---- */
    return (DDI_SUCCESS);
failure:
    return (DDI_FAILURE);
}

static ddi_dma_attr_t isa_attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFF, 0xFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFF, 1, 512, 0
};
static ddi_dma_attr_t sbus_attributes = {
    DMA_ATTR_V0, 0xFF000000, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1, 512, 0
};
/* 32 bits, blocks from multiples of 1 KiB on. */
static ddi_dma_attr_t pci_attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1024, 1, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1, 512, 0
};

/* Has the device write all of the memory, and looks at it. */
static void
run(const char *name, ddi_dma_attr_t *attr, size_t size)
{
    dev_info_t *dip = xx_open(name);
    struct xxstate state, *xsp = &state;

    xsp->regp = xx_map(dip, &xsp->access_hdl);
    XX_CHECK(ddi_dma_alloc_handle(dip, attr, DDI_DMA_SLEEP, NULL, &xsp->iopb_handle) == DDI_SUCCESS);
    XX_CHECK(xxalloc(xsp, size) == DDI_SUCCESS);
    XX_CHECK(real_length >= size && count == 1 && cookie.dmac_size == real_length);
    XX_CHECK(cookie.dmac_laddress % attr->dma_attr_align == 0);

    xx_fill_disk(dip, 40, real_length, 3);
    ddi_put64(xsp->access_hdl, &xsp->regp->block, 40);
    ddi_put16(xsp->access_hdl, &xsp->regp->entries, 1);
    ddi_put32(xsp->access_hdl, &xsp->regp->sglist[0].dma_addr, cookie.dmac_address);
    ddi_put32(xsp->access_hdl, &xsp->regp->sglist[0].dma_size, (uint32_t)cookie.dmac_size);
    ddi_put8(xsp->access_hdl, &xsp->regp->csr, START_TRANSFER | TO_MEMORY);
    ddi_dma_sim_settle(dip);
    XX_CHECK(ddi_get64(xsp->access_hdl, &xsp->regp->residue) == 0);
    XX_CHECK(ddi_dma_unbind_handle(xsp->iopb_handle) == DDI_SUCCESS);
    XX_CHECK(xx_filled(xsp->iopb_array, real_length, 3));

    ddi_dma_mem_free(&xsp->acchandle);
    XX_CHECK(xsp->acchandle == NULL);
    ddi_dma_free_handle(&xsp->iopb_handle);
    ddi_regs_map_free(&xsp->access_hdl);
    ddi_dma_close(dip);
}

int
main(void)
{
    run("sim:isa-disk", &isa_attributes, 1000);
    run("sim:sbus-disk", &sbus_attributes, 20000);
    run("sim:pci-disk", &pci_attributes, 5000);
    (void) printf("example_9_3: private memory of three devices holds what each wrote\n");
    return (0);
}
