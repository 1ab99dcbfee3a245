/* Mistakes with DMA and access handles that have no return code. Each ends the process. */

#include "io.h"

static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0x7F, 1, 0xFFFFFFFF, 0xFFFFFFFF, 17, 1, 0
};
static ddi_device_acc_attr_t access_attributes = { DDI_DEVICE_ATTR_V0, DDI_NEVERSWAP_ACC, DDI_STRICTORDER_ACC, 0 };

static dev_info_t *dip;
static ddi_dma_handle_t handle;
static ddi_acc_handle_t access_handle;
static caddr_t memory;
static ddi_dma_cookie_t cookie;
static uint_t count;

static void
bind_it(void)
{
    CHECK(ddi_dma_addr_bind_handle(handle, NULL, memory, 9000, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &cookie, &count),
        DDI_DMA_MAPPED);
}

static void
null_handle(void)
{
    (void) ddi_dma_unbind_handle(NULL);
}

static void
foreign_handle(void)
{
    (void) ddi_dma_sync((ddi_dma_handle_t)(void *)memory, 0, 0, DDI_DMA_SYNC_FORCPU);
}

/* A handle of another kind. */
static void
device_as_handle(void)
{
    (void) ddi_dma_burstsizes((ddi_dma_handle_t)(void *)dip);
}

static void
freed_handle(void)
{
    ddi_dma_handle_t freed = handle;

    ddi_dma_free_handle(&handle);
    /* The slot is used again: only the generation tells the two apart. */
    CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &handle), DDI_SUCCESS);
    (void) ddi_dma_addr_bind_handle(freed, NULL, memory, 512, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &cookie, &count);
}

static void
freed_twice(void)
{
    ddi_dma_free_handle(&handle);
    ddi_dma_free_handle(&handle);
}

static void
freed_while_bound(void)
{
    bind_it();
    ddi_dma_free_handle(&handle);
}

static void
walked_too_far(void)
{
    bind_it();
    for (uint_t i = 0; i < count; i++)
        ddi_dma_nextcookie(handle, &cookie);
}

static void
walked_unbound(void)
{
    ddi_dma_nextcookie(handle, &cookie);
}

static void
foreign_cookie(void)
{
    bind_it();
    (void) ddi_dma_cookie_iter(handle, &cookie);
}

static void
not_one_cookie(void)
{
    char *scattered = ddi_dma_sim_alloc(dip, 9000);

    CHECK(ddi_dma_addr_bind_handle(handle, NULL, scattered, 9000, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &cookie, &count),
        DDI_DMA_MAPPED);
    CHECK(count, 3);
    (void) ddi_dma_cookie_one(handle);
}

static void
memory_freed_while_bound(void)
{
    bind_it();
    ddi_dma_mem_free(&access_handle);
}

static void
access_after_free(void)
{
    ddi_acc_handle_t freed = access_handle;

    ddi_dma_mem_free(&access_handle);
    (void) ddi_get8(freed, (uint8_t *)memory);
}

static void
freed_access_null(void)
{
    ddi_dma_mem_free(&access_handle);
    ddi_dma_mem_free(&access_handle);
}

static void
access_outside(void)
{
    ddi_put8(access_handle, (uint8_t *)memory - 1, 0);
}

static void
access_misaligned(void)
{
    (void) ddi_get32(access_handle, (uint32_t *)(uintptr_t)((uintptr_t)memory + 2));
}

static void
simulated_freed_while_bound(void)
{
    char *pages = ddi_dma_sim_alloc(dip, 9000);

    CHECK(ddi_dma_addr_bind_handle(handle, NULL, pages, 512, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &cookie, &count),
        DDI_DMA_MAPPED);
    ddi_dma_sim_free(dip, pages);
}

static void
simulated_freed_twice(void)
{
    char *pages = ddi_dma_sim_alloc(dip, 9000);

    ddi_dma_sim_free(dip, pages);
    ddi_dma_sim_free(dip, pages);
}

static void
closed_device(void)
{
    ddi_dma_mem_free(&access_handle);
    ddi_dma_free_handle(&handle);
    ddi_dma_close(dip);
    (void) ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &handle);
}

static void
no_result(void)
{
    (void) ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, NULL);
}

#define CASE(name) { #name, name }

static const struct {
    const char *name;
    void (*makes)(void);
} mistakes[] = {
    CASE(null_handle), CASE(foreign_handle), CASE(device_as_handle), CASE(freed_handle), CASE(freed_twice),
    CASE(freed_while_bound), CASE(walked_too_far), CASE(walked_unbound), CASE(foreign_cookie), CASE(not_one_cookie),
    CASE(memory_freed_while_bound), CASE(access_after_free), CASE(freed_access_null), CASE(access_outside),
    CASE(access_misaligned), CASE(simulated_freed_while_bound), CASE(simulated_freed_twice), CASE(closed_device),
    CASE(no_result),
};

int
main(int argc, char **argv)
{
    size_t real;

    (void) argc;
    dip = ddi_dma_open("sim:pci64-disk", NULL, 0);
    CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &handle), DDI_SUCCESS);
    CHECK(ddi_dma_mem_alloc(handle, 9000, &access_attributes, DDI_DMA_CONSISTENT, DDI_DMA_SLEEP, NULL, &memory, &real,
        &access_handle), DDI_SUCCESS);
    for (size_t i = 0; i < sizeof (mistakes) / sizeof (mistakes[0]); i++) {
        if (strcmp(mistakes[i].name, argv[1]) == 0)
            mistakes[i].makes();
    }
    fprintf(stderr, "%s went unnoticed\n", argv[1]);
    return (1);
}
