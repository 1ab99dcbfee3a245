/*
 * Example 8-3: private memory that driver and device share, bound as long as the driver is attached.
 *
 * The disk moves blocks into it. Whenever it has done so, the memory is synchronised, and the driver reads it by its
 * address and by its access handle.
 */

#include "xx.h"

struct xxstate {
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    ddi_dma_handle_t iopb_handle;
    caddr_t iopb_array;
    ddi_acc_handle_t acchandle;
};

static ddi_device_acc_attr_t accattr = { DDI_DEVICE_ATTR_V0, DDI_STRUCTURE_LE_ACC, DDI_STRICTORDER_ACC, DDI_DEFAULT_ACC };
static ddi_dma_cookie_t cookie;
static uint_t count;
static size_t real_length;

/* Allocates and binds the memory. */
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

/* The manual's ISA engine. With one entry, private memory is physically contiguous. */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFF, 0xFFFF, 1, 0x7, 1, 0xFFFFFFFF, 0xFFFFF, 1, 512, 0
};

#define SIZE    4096
#define ROUNDS  5

int
main(void)
{
    dev_info_t *dip = xx_open("sim:isa-disk");
    struct xxstate state, *xsp = &state;
    unsigned round;
    size_t i;

    xsp->regp = xx_map(dip, &xsp->access_hdl);
    XX_CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &xsp->iopb_handle) == DDI_SUCCESS);
    XX_CHECK(xxalloc(xsp, SIZE) == DDI_SUCCESS);
    XX_CHECK(count == 1 && real_length >= SIZE && cookie.dmac_size == real_length);

    for (round = 0; round < ROUNDS; round++) {
        xx_fill_disk(dip, round * 8, SIZE, round);
        ddi_put64(xsp->access_hdl, &xsp->regp->block, round * 8);
        ddi_put32(xsp->access_hdl, &xsp->regp->sglist[0].dma_addr, cookie.dmac_address);
        ddi_put32(xsp->access_hdl, &xsp->regp->sglist[0].dma_size, SIZE);
        ddi_put8(xsp->access_hdl, &xsp->regp->csr, START_TRANSFER | TO_MEMORY);
        ddi_dma_sim_settle(dip);
        /* The only mapping that concerns this driver is its own. */
        XX_CHECK(ddi_dma_sync(xsp->iopb_handle, 0, SIZE, DDI_DMA_SYNC_FORKERNEL) == DDI_SUCCESS);
        XX_CHECK(xx_filled(xsp->iopb_array, SIZE, round));
        for (i = 0; i < SIZE; i += 500) {
            uint8_t byte = ddi_get8(xsp->acchandle, (uint8_t *)xsp->iopb_array + i);

            XX_CHECK(byte == (uint8_t)xsp->iopb_array[i]);
        }
    }

    XX_CHECK(ddi_dma_unbind_handle(xsp->iopb_handle) == DDI_SUCCESS);
    ddi_dma_mem_free(&xsp->acchandle);
    ddi_dma_free_handle(&xsp->iopb_handle);
    ddi_regs_map_free(&xsp->access_hdl);
    ddi_dma_close(dip);
    (void) printf("example_8_3: %d times %d bytes read into private memory\n", ROUNDS, SIZE);
    return (0);
}
