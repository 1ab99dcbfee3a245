/*
 * What goes wrong on a disk arrives in the bufs: errors and residuals. The driver goes on with the next.
 */

#include "driver_common.h"

#define LENGTH 200000

int
main(void)
{
    dev_info_t *dip;
    caddr_t memory;
    size_t resid;

    XX_CHECK(_init() == 0);
    dip = driver_attach("sim:isa-disk", &isa_disk);
    memory = ddi_dma_sim_alloc(dip, LENGTH);
    XX_CHECK(memory != NULL);
    xx_fill_disk(dip, 10, LENGTH, 4);

    /* The device stops after so many bytes of a request; the rest of the memory is as it was. */
    (void) memset(memory, 0x77, LENGTH);
    XX_CHECK(ddi_dma_sim_inject(dip, DDI_DMA_SIM_SHORT_TRANSFER, 5000) == 0);
    XX_CHECK(driver_wait(driver_start(dip, memory, 6000, 10, B_READ), &resid) == 0);
    XX_CHECK(resid == 1000 && xx_filled(memory, 5000, 4));
    XX_CHECK(memory[5000] == 0x77 && memory[5999] == 0x77);

    /* The medium fails in the first request of several. */
    XX_CHECK(ddi_dma_sim_inject(dip, DDI_DMA_SIM_MEDIUM_ERROR, 512) == 0);
    XX_CHECK(driver_wait(driver_start(dip, memory, LENGTH, 10, B_READ), &resid) == EIO);
    XX_CHECK(resid == LENGTH - 512);

    /* Blocks that the disk does not have. */
    XX_CHECK(driver_wait(driver_start(dip, memory, LENGTH, 1 << 20, B_WRITE), &resid) == EIO);
    XX_CHECK(resid == LENGTH);

    /* No bytes; no such instance. */
    XX_CHECK(driver_wait(driver_start(dip, memory, 0, 10, B_READ), &resid) == 0 && resid == 0);

    /* The driver goes on. */
    XX_CHECK(driver_wait(driver_start(dip, memory, LENGTH, 10, B_READ), &resid) == 0);
    XX_CHECK(resid == 0 && xx_filled(memory, LENGTH, 4));

    ddi_dma_sim_free(dip, memory);
    driver_detach(dip);
    XX_CHECK(_fini() == 0);
    (void) printf("errors and residuals arrive\n");
    return (0);
}
