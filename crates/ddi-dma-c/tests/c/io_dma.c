/*
 * Bufs of every kind, bound on every kind of bus: by address, on listed pages, on a shadow list, of locked memory, and
 * from physio. The device writes and reads the bytes of each cookie.
 */

#include "io.h"

#define MEDIUM_BYTES (256 * 1024)

static ddi_dma_attr_t attr = {
    DMA_ATTR_V0, 0, 0xffffffff, 0xffffff, 1, 0x7f, 1, 0xffffffff, 0xffffffff, 17, 1, 0,
};

static dev_info_t *dip;
static unsigned char medium[MEDIUM_BYTES];

/* One cookie's bytes, `at` bytes behind the start of the buf. */
static void
move(const struct buf *bp, const ddi_dma_cookie_t *cookie, size_t at)
{
    unsigned char *there = medium + (size_t)bp->b_lblkno * DEV_BSIZE + at;

    CHECK(at + cookie->dmac_size <= bp->b_bcount, 1);
    if (bp->b_flags & B_READ)
        CHECK(ddi_dma_sim_write(dip, cookie->dmac_laddress, there, cookie->dmac_size), 0);
    else
        CHECK(ddi_dma_sim_read(dip, cookie->dmac_laddress, there, cookie->dmac_size), 0);
}

static int
strategy(struct buf *bp)
{
    uint_t flags = (bp->b_flags & B_READ) ? DDI_DMA_READ : DDI_DMA_WRITE, count, windows = 1, window;
    ddi_dma_handle_t handle;
    ddi_dma_cookie_t cookie;
    size_t moved = 0, length;
    off_t offset;
    int status;

    CHECK(ddi_dma_alloc_handle(dip, &attr, DDI_DMA_SLEEP, NULL, &handle), DDI_SUCCESS);
    status = ddi_dma_buf_bind_handle(handle, bp, flags | DDI_DMA_PARTIAL, DDI_DMA_SLEEP, NULL, &cookie, &count);
    CHECK(status == DDI_DMA_MAPPED || status == DDI_DMA_PARTIAL_MAP, 1);
    if (status == DDI_DMA_PARTIAL_MAP)
        CHECK(ddi_dma_numwin(handle, &windows), DDI_SUCCESS);
    for (window = 0; window < windows; window++) {
        if (window > 0)
            CHECK(ddi_dma_getwin(handle, window, &offset, &length, &cookie, &count), DDI_SUCCESS);
        while (count-- > 0) {
            move(bp, &cookie, moved);
            moved += cookie.dmac_size;
            if (count > 0)
                ddi_dma_nextcookie(handle, &cookie);
        }
    }
    CHECK(moved, bp->b_bcount);
    CHECK(ddi_dma_unbind_handle(handle), DDI_SUCCESS);
    ddi_dma_free_handle(&handle);
    biodone(bp);
    return (0);
}

static void
fill(void *memory, size_t length, unsigned seed)
{
    size_t i;

    for (i = 0; i < length; i++)
        ((unsigned char *)memory)[i] = (unsigned char)(i * 31 + (i >> 8) * 17 + seed);
}

static void
check_filled(const void *memory, size_t length, unsigned seed)
{
    size_t i;

    for (i = 0; i < length; i++)
        CHECK(((const unsigned char *)memory)[i], (unsigned char)(i * 31 + (i >> 8) * 17 + seed));
}

/* Moves the bytes of a buf to the medium and back; the buf says where they are. */
static void
round_trip(struct buf *bp, unsigned seed)
{
    int kind = bp->b_flags & (B_PAGEIO | B_SHADOW | B_PHYS);
    unsigned char *bytes = (unsigned char *)kmem_alloc(bp->b_bcount, KM_SLEEP);
    daddr_t block = 3;

    fill(bytes, bp->b_bcount, seed);
    CHECK(bp_copyout(bytes, bp, 0, bp->b_bcount), 0);
    bp->b_flags = B_BUSY | B_WRITE | kind;
    bp->b_lblkno = block;
    (void) strategy(bp);
    CHECK(biowait(bp), 0);
    check_filled(medium + block * DEV_BSIZE, bp->b_bcount, seed);

    fill(medium + block * DEV_BSIZE, bp->b_bcount, seed + 1);
    bp->b_flags = B_BUSY | B_READ | kind;
    (void) strategy(bp);
    CHECK(biowait(bp), 0);
    CHECK(bp_copyin(bp, bytes, 0, bp->b_bcount), 0);
    check_filled(bytes, bp->b_bcount, seed + 1);
    kmem_free(bytes, bp->b_bcount);
}

static void
by_address(void)
{
    char memory[3001];
    struct buf *bp = getrbuf(KM_SLEEP);

    bp->b_un.b_addr = memory;
    bp->b_bcount = sizeof (memory);
    round_trip(bp, 1);
    freerbuf(bp);
}

/* Pages in the order 4, 0, 1, 3: the second and third lie side by side. Bytes beside the object stay as they are. */
static void
on_pages(int kind)
{
    static const size_t order[4] = { 4, 0, 1, 3 };
    char *pages = map_pages(5, PROT_READ | PROT_WRITE);
    void *addresses[4];
    struct page *list = NULL, *shadow[4];
    struct buf *bp = getrbuf(KM_SLEEP);
    size_t i;

    for (i = 0; i < 4; i++)
        addresses[i] = pages + order[i] * PAGESIZE;
    memset(pages, 'g', 5 * PAGESIZE);
    bp->b_flags = kind;
    if (kind == B_PAGEIO) {
        list = ddi_dma_pages(addresses, 4);
        bp->b_pages = list;
    } else {
        for (i = 0; i < 4; i++)
            shadow[i] = ddi_dma_pages(&addresses[i], 1);
        bp->b_shadow = shadow;
    }
    bp->b_un.b_addr = (caddr_t)(uintptr_t)1001;
    bp->b_bcount = 3 * PAGESIZE + 500;
    round_trip(bp, 7);
    CHECK(pages[4 * PAGESIZE + 1000], 'g');
    CHECK(pages[3 * PAGESIZE + 1501], 'g');
    CHECK(pages[2 * PAGESIZE], 'g');
    freerbuf(bp);
    if (kind == B_PAGEIO) {
        ddi_dma_pages_free(list);
    } else {
        for (i = 0; i < 4; i++)
            ddi_dma_pages_free(shadow[i]);
    }
    unmap_pages(pages, 5);
}

static void
of_locked_memory(void)
{
    char *pages = map_pages(4, PROT_READ | PROT_WRITE);
    ddi_umem_cookie_t cookie;
    struct buf *bp;

    ddi_dma_set_umem_limit(4 * PAGESIZE);
    CHECK(ddi_umem_lock(pages, 4 * PAGESIZE, DDI_UMEMLOCK_READ | DDI_UMEMLOCK_WRITE, &cookie), 0);
    bp = ddi_umem_iosetup(cookie, PAGESIZE + 1, 2 * PAGESIZE, B_READ, 0, 3, NULL, DDI_UMEM_SLEEP);
    round_trip(bp, 21);
    freerbuf(bp);
    ddi_umem_unlock(cookie);
    CHECK(ddi_dma_umem_locked(), 0);
    unmap_pages(pages, 4);
}

static void
from_physio(void)
{
    static char memory[150 * 1024];
    iovec_t iov[2];
    struct uio uio;
    int way;

    fill(memory, sizeof (memory), 33);
    for (way = 0; way < 2; way++) {
        iov[0].iov_base = memory;
        iov[0].iov_len = 100 * 1024;
        iov[1].iov_base = memory + 100 * 1024;
        iov[1].iov_len = 50 * 1024;
        memset(&uio, 0, sizeof (uio));
        uio.uio_iov = iov;
        uio.uio_iovcnt = 2;
        uio.uio_resid = sizeof (memory);
        uio.uio_loffset = 5 * DEV_BSIZE;
        CHECK(physio(strategy, NULL, 0, way == 0 ? B_WRITE : B_READ, minphys, &uio), 0);
        CHECK(uio.uio_resid, 0);
        if (way == 0) {
            check_filled(medium + 5 * DEV_BSIZE, sizeof (memory), 33);
            memset(memory, 0, sizeof (memory));
        }
    }
    check_filled(memory, sizeof (memory), 33);
}

int
main(int argc, char **argv)
{
    char error[200];

    CHECK(argc, 2);
    dip = ddi_dma_open(argv[1], error, sizeof (error));
    if (dip == NULL) {
        fprintf(stderr, "%s\n", error);
        return (1);
    }
    by_address();
    on_pages(B_PAGEIO);
    on_pages(B_SHADOW | B_PHYS);
    of_locked_memory();
    from_physio();
    ddi_dma_close(dip);
    return (0);
}
