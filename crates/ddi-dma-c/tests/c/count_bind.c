/*
 * What one bind + unbind costs in instructions: run under callgrind by `cargo xtask counts`, which compares it with
 * crates/ddi-dma-sim/examples/count_bind_sim.rs.
 *
 * `count_bind ROUNDS` binds a page and unbinds it so many times. Two runs that differ in their rounds alone differ in
 * what these rounds cost.
 */

#include <stdio.h>
#include <stdlib.h>

#include <sys/ddi.h>
#include <sys/sunddi.h>

#include <ddi_dma.h>

/* What the driver of pci64-disk states. */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 1, 0x7F, 1, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 256,
    512, 0
};

#define LENGTH 4096

int
main(int argc, char **argv)
{
    long rounds = (argc > 1) ? strtol(argv[1], NULL, 10) : 1;
    char error[200];
    dev_info_t *dip = ddi_dma_open("sim:pci64-disk", error, sizeof (error));
    ddi_dma_handle_t handle;
    ddi_dma_cookie_t cookie;
    uint_t ccount = 0;
    caddr_t memory;

    if (dip == NULL) {
        (void) fprintf(stderr, "%s\n", error);
        return (1);
    }
    memory = ddi_dma_sim_alloc(dip, LENGTH);
    if (memory == NULL || ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &handle) != DDI_SUCCESS) {
        (void) fprintf(stderr, "%s\n", ddi_dma_last_error());
        return (1);
    }
    for (; rounds > 0; rounds--) {
        if (ddi_dma_addr_bind_handle(handle, NULL, memory, LENGTH, DDI_DMA_WRITE, DDI_DMA_DONTWAIT, NULL, &cookie,
            &ccount) != DDI_DMA_MAPPED || ccount != 1 || ddi_dma_unbind_handle(handle) != DDI_SUCCESS) {
            (void) fprintf(stderr, "%s\n", ddi_dma_last_error());
            return (1);
        }
    }
    ddi_dma_free_handle(&handle);
    ddi_dma_sim_free(dip, memory);
    ddi_dma_close(dip);
    return (0);
}
