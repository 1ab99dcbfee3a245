/* DMA handles: what each function returns, and what windows and cookies hold, on the device that is named. */

#include "io.h"

#define PAGES 40
#define LENGTH ((size_t)PAGES * 4096)

/* No two bytes of a page and no two pages are alike. */
static unsigned char
byte_at(size_t offset)
{
    return ((unsigned char)(offset * 7 + offset / 4096 * 13 + 1));
}

/* An engine of a short list that reaches everything, so that limits alone cut. */
static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 1, 0x7F, 1, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 3,
    512, 0
};

static dev_info_t *dip;
static ddi_dma_handle_t handle;
static char *memory;
static ddi_dma_cookie_t cookie;
static uint_t count;

static int
bind(char *address, size_t length, uint_t flags)
{
    return (ddi_dma_addr_bind_handle(handle, NULL, address, length, flags, DDI_DMA_DONTWAIT, NULL, &cookie, &count));
}

/* What has a code gets it, and nothing is bound afterwards. */
static void
refusals(void)
{
    ddi_dma_attr_t bad = attributes;
    ddi_dma_handle_t none = NULL;
    uint_t windows = 0;

    bad.dma_attr_align = 3;
    CHECK(ddi_dma_alloc_handle(dip, &bad, DDI_DMA_DONTWAIT, NULL, &none), DDI_DMA_BADATTR);
    CHECK(strstr(ddi_dma_last_error(), "align 0x3 is not a power of two") != NULL, 1);
    CHECK(ddi_dma_alloc_handle(dip, NULL, DDI_DMA_DONTWAIT, NULL, &none), DDI_DMA_BADATTR);
    CHECK_PTR(none, NULL);

    CHECK(bind(NULL, 512, DDI_DMA_READ), DDI_DMA_NOMAPPING);
    CHECK(bind(memory, 0, DDI_DMA_READ), DDI_DMA_NOMAPPING);
    CHECK(bind(memory, 512, DDI_DMA_CONSISTENT), DDI_DMA_NOMAPPING);
    CHECK(bind(memory + 1, LENGTH, DDI_DMA_READ), DDI_DMA_NOMAPPING);
    CHECK(strstr(ddi_dma_last_error(), "run past the end of the memory allocated there") != NULL, 1);

    CHECK(ddi_dma_unbind_handle(handle), DDI_FAILURE);
    CHECK(ddi_dma_numwin(handle, &windows), DDI_FAILURE);
    CHECK(ddi_dma_getwin(handle, 0, NULL, NULL, NULL, NULL), DDI_FAILURE);
    CHECK(ddi_dma_sync(handle, 0, 0, DDI_DMA_SYNC_FORCPU), DDI_FAILURE);
    CHECK(ddi_dma_set_sbus64(handle, 0x7F), DDI_FAILURE);
    CHECK(ddi_dma_burstsizes(NULL), 0);

    CHECK(bind(memory, 512, DDI_DMA_WRITE | DDI_DMA_STREAMING | DDI_DMA_CONSISTENT), DDI_DMA_MAPPED);
    CHECK(bind(memory, 512, DDI_DMA_WRITE), DDI_DMA_INUSE);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    CHECK(ddi_dma_unbind_handle(handle), DDI_FAILURE);
}

/* A range outside and a direction that the bytes do not go are refused. */
static void
syncs(void)
{
    CHECK(bind(memory, 8192, DDI_DMA_READ), DDI_DMA_MAPPED);
    CHECK(ddi_dma_sync(handle, 0, 0, DDI_DMA_SYNC_FORCPU), DDI_SUCCESS);
    CHECK(ddi_dma_sync(handle, 100, 0, DDI_DMA_SYNC_FORKERNEL), DDI_SUCCESS);
    CHECK(ddi_dma_sync(handle, 8000, 192, DDI_DMA_SYNC_FORCPU), DDI_SUCCESS);
    CHECK(ddi_dma_sync(handle, 8000, 193, DDI_DMA_SYNC_FORCPU), DDI_FAILURE);
    CHECK(ddi_dma_sync(handle, -1, 10, DDI_DMA_SYNC_FORCPU), DDI_FAILURE);
    CHECK(ddi_dma_sync(handle, 8, (size_t)-1, DDI_DMA_SYNC_FORCPU), DDI_FAILURE);
    CHECK(ddi_dma_sync(handle, 0, 0, DDI_DMA_SYNC_FORDEV), DDI_FAILURE);
    CHECK(ddi_dma_sync(handle, 0, 0, 3), DDI_FAILURE);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    CHECK(bind(memory, 8192, DDI_DMA_WRITE), DDI_DMA_MAPPED);
    CHECK(ddi_dma_sync(handle, 0, 0, DDI_DMA_SYNC_FORCPU), DDI_FAILURE);
    CHECK(ddi_dma_sync(handle, 0, 0, DDI_DMA_SYNC_FORDEV), DDI_SUCCESS);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    CHECK(bind(memory, 8192, DDI_DMA_RDWR), DDI_DMA_MAPPED);
    CHECK(ddi_dma_sync(handle, 0, 0, DDI_DMA_SYNC_FORCPU), DDI_SUCCESS);
    CHECK(ddi_dma_sync(handle, 0, 0, DDI_DMA_SYNC_FORDEV), DDI_SUCCESS);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
}

/* Ends unless the device finds in a cookie what the object holds from an offset on. */
static size_t
device_sees(const ddi_dma_cookie_t *seen, size_t offset)
{
    unsigned char *found = malloc(seen->dmac_size);

    CHECK(ddi_dma_sim_read(dip, seen->dmac_laddress, found, seen->dmac_size), 0);
    for (size_t i = 0; i < seen->dmac_size; i++)
        CHECK(found[i], byte_at(offset + i));
    free(found);
    CHECK(seen->dmac_type, 0);
    return (seen->dmac_size);
}

/* Without DDI_DMA_PARTIAL all cookies are given, more than the list holds; all four ways of walking give the same. */
static void
cookies(void)
{
    const ddi_dma_cookie_t *walked = NULL;
    uint_t windows = 0;
    size_t offset = 0;

    CHECK(bind(memory, LENGTH, DDI_DMA_WRITE), DDI_DMA_MAPPED);
    CHECK(ddi_dma_ncookies(handle), count);
    CHECK(ddi_dma_numwin(handle, &windows), DDI_FAILURE);
    for (uint_t i = 0; i < count; i++) {
        if (i > 0)
            ddi_dma_nextcookie(handle, &cookie);
        walked = ddi_dma_cookie_iter(handle, walked);
        CHECK_PTR(walked, ddi_dma_cookie_get(handle, i));
        CHECK(walked->dmac_laddress, cookie.dmac_laddress);
        CHECK(walked->dmac_size, cookie.dmac_size);
        CHECK(cookie.dmac_address, (uint32_t)cookie.dmac_laddress);
        offset += device_sees(&cookie, offset);
    }
    CHECK(offset, LENGTH);
    CHECK_PTR(ddi_dma_cookie_iter(handle, walked), NULL);
    CHECK_PTR(ddi_dma_cookie_get(handle, count), NULL);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);

    CHECK(bind(memory, 100, DDI_DMA_WRITE), DDI_DMA_MAPPED);
    CHECK(ddi_dma_cookie_one(handle)->dmac_size, 100);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
}

/* With DDI_DMA_PARTIAL each list is a window, and windows may be had in any order. */
static void
windows(void)
{
    uint_t windows = 0;
    size_t end = 0;
    int bound = bind(memory, LENGTH, DDI_DMA_WRITE | DDI_DMA_PARTIAL);

    CHECK(ddi_dma_numwin(handle, &windows), DDI_SUCCESS);
    CHECK(bound, windows > 1 ? DDI_DMA_PARTIAL_MAP : DDI_DMA_MAPPED);
    for (uint_t win = 0; win < windows; win++) {
        off_t off = -1;
        size_t len = 0;

        CHECK(ddi_dma_getwin(handle, win, &off, &len, &cookie, &count), DDI_SUCCESS);
        CHECK(off, end);
        CHECK(count >= 1 && count <= 3, 1);
        CHECK(win + 1 == windows || len % 512 == 0, 1);
        for (uint_t i = 0; i < count; i++) {
            if (i > 0)
                ddi_dma_nextcookie(handle, &cookie);
            end += device_sees(&cookie, end);
        }
        CHECK(end, (size_t)off + len);
        /* A byte of another window is none of this one. */
        CHECK(ddi_dma_sync(handle, off, len, DDI_DMA_SYNC_FORDEV), DDI_SUCCESS);
        CHECK(ddi_dma_sync(handle, off, len + 1, DDI_DMA_SYNC_FORDEV), DDI_FAILURE);
    }
    CHECK(end, LENGTH);
    CHECK(ddi_dma_getwin(handle, 0, NULL, NULL, &cookie, &count), DDI_SUCCESS);
    end = device_sees(&cookie, 0);
    /* Where there is no such window, the one that there is stays, and so do its cookies. */
    CHECK(ddi_dma_getwin(handle, windows, NULL, NULL, NULL, NULL), DDI_FAILURE);
    for (uint_t i = 1; i < count; i++) {
        ddi_dma_nextcookie(handle, &cookie);
        end += device_sees(&cookie, end);
    }
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);

    /* What goes in one list is mapped, and its only window can be asked for. */
    CHECK(bind(memory, 512, DDI_DMA_WRITE | DDI_DMA_PARTIAL), DDI_DMA_MAPPED);
    CHECK(ddi_dma_numwin(handle, &windows), DDI_SUCCESS);
    CHECK(windows, 1);
    CHECK(ddi_dma_getwin(handle, 0, NULL, NULL, NULL, &count), DDI_SUCCESS);
    CHECK(count, 1);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
}

/* What a device writes through windows arrives, and a window that is left is brought home. */
static void
reads(void)
{
    uint_t windows = 0;
    size_t end = 0;

    (void) memset(memory, 0, LENGTH);
    CHECK(bind(memory, LENGTH, DDI_DMA_READ | DDI_DMA_PARTIAL) >= 0, 1);
    CHECK(ddi_dma_numwin(handle, &windows), DDI_SUCCESS);
    for (uint_t win = 0; win < windows; win++) {
        CHECK(ddi_dma_getwin(handle, win, NULL, NULL, &cookie, &count), DDI_SUCCESS);
        for (uint_t i = 0; i < count; i++) {
            unsigned char *bytes = malloc(cookie.dmac_size);

            for (size_t at = 0; at < cookie.dmac_size; at++)
                bytes[at] = byte_at(end + at);
            CHECK(ddi_dma_sim_write(dip, cookie.dmac_laddress, bytes, cookie.dmac_size), 0);
            end += cookie.dmac_size;
            free(bytes);
            if (i + 1 < count)
                ddi_dma_nextcookie(handle, &cookie);
        }
    }
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    for (size_t at = 0; at < LENGTH; at++)
        CHECK((unsigned char)memory[at], byte_at(at));
}

/* The property has what takes more than one list refused, as illumos does; windows stay. */
static void
one_list(void)
{
    uint_t lists = 0;

    CHECK(bind(memory, LENGTH, DDI_DMA_WRITE | DDI_DMA_PARTIAL) >= 0, 1);
    CHECK(ddi_dma_numwin(handle, &lists), DDI_SUCCESS);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);

    CHECK(ddi_prop_update_int(DDI_DEV_T_NONE, dip, "ddi-dma-one-list", 1), DDI_PROP_SUCCESS);
    CHECK(bind(memory, LENGTH, DDI_DMA_WRITE), lists > 1 ? DDI_DMA_TOOBIG : DDI_DMA_MAPPED);
    if (lists == 1)
        CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    CHECK(bind(memory, LENGTH, DDI_DMA_WRITE | DDI_DMA_PARTIAL), lists > 1 ? DDI_DMA_PARTIAL_MAP : DDI_DMA_MAPPED);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    CHECK(ddi_prop_remove(DDI_DEV_T_NONE, dip, "ddi-dma-one-list"), DDI_PROP_SUCCESS);
    CHECK(bind(memory, LENGTH, DDI_DMA_WRITE), DDI_DMA_MAPPED);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
}

/* Private memory goes in one list, whole and in part, bound twice at once; words have the declared byte order. */
static void
private_memory(void)
{
    static ddi_device_acc_attr_t big = { DDI_DEVICE_ATTR_V0, DDI_STRUCTURE_BE_ACC, DDI_STRICTORDER_ACC, 0 };
    ddi_dma_handle_t other;
    ddi_acc_handle_t access;
    ddi_dma_cookie_t part;
    uint64_t start;
    uint32_t word;
    size_t real;
    caddr_t address;

    CHECK(ddi_dma_mem_alloc(handle, 10000, &big, DDI_DMA_CONSISTENT, DDI_DMA_SLEEP, NULL, &address, &real, &access),
        DDI_SUCCESS);
    CHECK(real >= 10000, 1);
    CHECK(bind(address, real, DDI_DMA_RDWR | DDI_DMA_CONSISTENT), DDI_DMA_MAPPED);
    CHECK(count, 1);
    start = cookie.dmac_laddress;
    ddi_put32(access, (uint32_t *)(void *)(address + 16), 0x11223344);
    CHECK(ddi_dma_sync(handle, 16, 4, DDI_DMA_SYNC_FORDEV), DDI_SUCCESS);
    CHECK(ddi_dma_sim_read(dip, start + 16, &word, sizeof (word)), 0);
    CHECK(word, 0x44332211);
    CHECK(ddi_get8(access, (uint8_t *)address + 16), 0x11);

    CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &other), DDI_SUCCESS);
    CHECK(ddi_dma_addr_bind_handle(other, NULL, address + 4096, 100, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &part, &count),
        DDI_DMA_MAPPED);
    CHECK(part.dmac_laddress, start + 4096);
    CHECK(part.dmac_size, 100);
    word = 0x55667788;
    CHECK(ddi_dma_sim_write(dip, part.dmac_laddress + 4, &word, sizeof (word)), 0);
    CHECK(ddi_dma_unbind_handle(other), DDI_SUCCESS);
    CHECK(ddi_get32(access, (uint32_t *)(void *)(address + 4096 + 4)), 0x88776655);
    ddi_dma_free_handle(&other);

    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    ddi_dma_mem_free(&access);
    CHECK_PTR(access, NULL);
    big.devacc_attr_version = 9;
    CHECK(ddi_dma_mem_alloc(handle, 100, &big, DDI_DMA_STREAMING, DDI_DMA_SLEEP, NULL, &address, &real, &access),
        DDI_FAILURE);
    big.devacc_attr_version = DDI_DEVICE_ATTR_V0;
    CHECK(ddi_dma_mem_alloc(handle, 0, &big, DDI_DMA_STREAMING, DDI_DMA_SLEEP, NULL, &address, &real, &access),
        DDI_FAILURE);
}

/* Memory that was bound before is free to go while other memory is bound by the same handle. */
static void
other_memory(void)
{
    static char plain[3000];
    static ddi_device_acc_attr_t native = { DDI_DEVICE_ATTR_V0, DDI_NEVERSWAP_ACC, DDI_STRICTORDER_ACC, 0 };
    char *simulated = ddi_dma_sim_alloc(dip, 3000);
    ddi_acc_handle_t access;
    caddr_t address;
    size_t real;

    CHECK(bind(simulated, 3000, DDI_DMA_READ), DDI_DMA_MAPPED);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    CHECK(bind(plain, sizeof (plain), DDI_DMA_READ), DDI_DMA_MAPPED);
    ddi_dma_sim_free(dip, simulated);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);

    CHECK(ddi_dma_mem_alloc(handle, 3000, &native, DDI_DMA_STREAMING, DDI_DMA_SLEEP, NULL, &address, &real, &access),
        DDI_SUCCESS);
    CHECK(bind(address, 3000, DDI_DMA_READ), DDI_DMA_MAPPED);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    CHECK(bind(plain, sizeof (plain), DDI_DMA_READ), DDI_DMA_MAPPED);
    ddi_dma_mem_free(&access);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
}

/* Pages that a refused bind named are not those of the next one. */
static void
refused_pages(void)
{
    char *mapped = map_pages(3, PROT_READ | PROT_WRITE);
    void *apart[] = { mapped + 2 * PAGESIZE, mapped };
    struct page *pages = ddi_dma_pages(apart, 2);
    struct buf *bp = getrbuf(KM_SLEEP);

    bp->b_flags |= B_PAGEIO | B_READ;
    bp->b_pages = pages;
    bp->b_bcount = 2 * PAGESIZE;
    CHECK(ddi_dma_buf_bind_handle(handle, bp, 0, DDI_DMA_SLEEP, NULL, &cookie, &count), DDI_DMA_NOMAPPING);
    CHECK(bind(NULL, 0, DDI_DMA_READ), DDI_DMA_NOMAPPING);
    CHECK(ddi_dma_buf_bind_handle(handle, bp, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &cookie, &count), DDI_DMA_MAPPED);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    freerbuf(bp);
    ddi_dma_pages_free(pages);
    unmap_pages(mapped, 3);
}

int
main(int argc, char **argv)
{
    char error[256] = "";
    struct ddi_dma_statistics statistics;

    (void) argc;
    dip = ddi_dma_open(argv[1], error, sizeof (error));
    if (dip == NULL) {
        fprintf(stderr, "%s\n", error);
        return (1);
    }
    CHECK(ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &handle), DDI_SUCCESS);
    memory = ddi_dma_sim_alloc(dip, LENGTH);
    for (size_t at = 0; at < LENGTH; at++)
        memory[at] = (char)byte_at(at);
    refusals();
    syncs();
    cookies();
    windows();
    reads();
    one_list();
    private_memory();
    other_memory();
    refused_pages();
    ddi_dma_statistics(dip, &statistics);
    CHECK(statistics.quarantined_bytes, 0);
    ddi_dma_sim_free(dip, memory);
    ddi_dma_free_handle(&handle);
    ddi_dma_close(dip);
    return (0);
}
