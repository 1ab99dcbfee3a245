/*
 * A caller as drivers of paravirtual devices are: one function allocates a handle, private memory and an array for the
 * cookies, and binds; the memory is then used by its address, and all of it is synchronised at once.
 *
 * The attributes are constant, reach up to 64 bits, and the length that is bound is the one that was asked for.
 */

#include "shape_common.h"

struct memory {
    ddi_dma_handle_t handle;
    ddi_acc_handle_t access;
    caddr_t address;
    size_t size, real_size;
    uint_t ncookies;
    ddi_dma_cookie_t *cookies;
};

static const ddi_dma_attr_t attributes = {
    .dma_attr_version = DMA_ATTR_V0,
    .dma_attr_addr_lo = 0x0,
    .dma_attr_addr_hi = 0xFFFFFFFFFFFFFFFF,
    .dma_attr_count_max = 0xFFFFFFFF,
    .dma_attr_align = 16,
    .dma_attr_burstsizes = 1,
    .dma_attr_minxfer = 1,
    .dma_attr_maxxfer = 0xFFFFFFFFFFFFFFFF,
    .dma_attr_seg = 0xFFFFFFFFFFFFFFFF,
    .dma_attr_sgllen = 64,
    .dma_attr_granular = 1,
    .dma_attr_flags = 0,
};

static const ddi_device_acc_attr_t access_attributes = {
    .devacc_attr_version = DDI_DEVICE_ATTR_V1,
    .devacc_attr_endian_flags = DDI_NEVERSWAP_ACC,
    .devacc_attr_dataorder = DDI_STORECACHING_OK_ACC,
    .devacc_attr_access = DDI_DEFAULT_ACC,
};

static void
memory_free(struct memory *memory)
{
    if (memory == NULL)
        return;
    if (memory->cookies != NULL) {
        VERIFY3S(ddi_dma_unbind_handle(memory->handle), ==, DDI_SUCCESS);
        kmem_free(memory->cookies, memory->ncookies * sizeof (ddi_dma_cookie_t));
    }
    if (memory->access != NULL)
        ddi_dma_mem_free(&memory->access);
    if (memory->handle != NULL)
        ddi_dma_free_handle(&memory->handle);
    kmem_free(memory, sizeof (*memory));
}

static struct memory *
memory_alloc(dev_info_t *dip, size_t size, const ddi_dma_attr_t *attr, uint_t how, int kmflags)
{
    int (*wait)(caddr_t) = (kmflags == KM_SLEEP) ? DDI_DMA_SLEEP : DDI_DMA_DONTWAIT;
    struct memory *memory = kmem_zalloc(sizeof (*memory), kmflags);
    ddi_dma_cookie_t cookie;
    uint_t i;

    if (memory == NULL)
        return (NULL);
    memory->size = size;
    if (ddi_dma_alloc_handle(dip, (ddi_dma_attr_t *)attr, wait, NULL, &memory->handle) != DDI_SUCCESS)
        goto failed;
    if (ddi_dma_mem_alloc(memory->handle, size, (ddi_device_acc_attr_t *)&access_attributes,
        how & (DDI_DMA_CONSISTENT | DDI_DMA_STREAMING), wait, NULL, &memory->address, &memory->real_size,
        &memory->access) != DDI_SUCCESS)
        goto failed;
    VERIFY3U(memory->real_size, >=, size);
    bzero(memory->address, memory->real_size);
    if (ddi_dma_addr_bind_handle(memory->handle, NULL, memory->address, size, how, wait, NULL, &cookie,
        &memory->ncookies) != DDI_DMA_MAPPED)
        goto failed;
    VERIFY3U(memory->ncookies, <=, attr->dma_attr_sgllen);
    memory->cookies = kmem_alloc(memory->ncookies * sizeof (ddi_dma_cookie_t), KM_SLEEP);
    memory->cookies[0] = cookie;
    for (i = 1; i < memory->ncookies; i++)
        ddi_dma_nextcookie(memory->handle, &memory->cookies[i]);
    return (memory);

failed:
    memory_free(memory);
    return (NULL);
}

/* The device reads what the CPU wrote, and the CPU what the device wrote. */
static void
share(dev_info_t *dip, struct memory *memory)
{
    unsigned char *expected = malloc(memory->size);
    size_t offset = 0;
    uint_t i;

    XX_CHECK(expected != NULL);
    xx_fill(memory->address, memory->size, 11);
    XX_CHECK(ddi_dma_sync(memory->handle, 0, 0, DDI_DMA_SYNC_FORDEV) == DDI_SUCCESS);
    for (i = 0; i < memory->ncookies; i++) {
        XX_CHECK(memory->cookies[i].dmac_laddress % attributes.dma_attr_align == 0);
        XX_CHECK(shape_device_sees(dip, &memory->cookies[i], (unsigned char *)memory->address, offset));
        offset += memory->cookies[i].dmac_size;
    }
    XX_CHECK(offset == memory->size);

    xx_fill(expected, memory->size, 12);
    for (offset = 0, i = 0; i < memory->ncookies; i++) {
        shape_device_writes(dip, &memory->cookies[i], expected, offset);
        offset += memory->cookies[i].dmac_size;
    }
    XX_CHECK(ddi_dma_sync(memory->handle, 0, 0, DDI_DMA_SYNC_FORCPU) == DDI_SUCCESS);
    XX_CHECK(memcmp(memory->address, expected, memory->size) == 0);
    free(expected);
}

int
main(void)
{
    static const size_t sizes[] = { 16, 1000, 4096, 10001, 65536, 200000 };
    static const uint_t ways[] = { DDI_DMA_RDWR | DDI_DMA_CONSISTENT, DDI_DMA_RDWR | DDI_DMA_STREAMING };
    size_t d, s, w;

    for (d = 0; d < SHAPE_DEVICES; d++) {
        dev_info_t *dip = xx_open(shape_devices[d]);

        for (s = 0; s < sizeof (sizes) / sizeof (sizes[0]); s++) {
            for (w = 0; w < 2; w++) {
                struct memory *memory = memory_alloc(dip, sizes[s], &attributes, ways[w], KM_SLEEP);

                XX_CHECK(memory != NULL);
                share(dip, memory);
                memory_free(memory);
            }
        }
        ddi_dma_close(dip);
    }
    (void) printf("%zu devices share private memory\n", SHAPE_DEVICES);
    return (0);
}
