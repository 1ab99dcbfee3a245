/* Mistakes that have no return code. Each prints the address that it is about, and ends the process. */

#include "io.h"

#include <sched.h>

static struct buf *
told(void *address)
{
    printf("%p", address);
    fflush(stdout);
    return ((struct buf *)address);
}

static void
biodone_twice(void)
{
    struct buf *bp = told(getrbuf(KM_SLEEP));

    biodone(bp);
    biodone(bp);
}

static void
biodone_null(void)
{
    biodone(told(NULL));
}

static void
freerbuf_twice(void)
{
    struct buf *bp = told(getrbuf(KM_SLEEP));

    freerbuf(bp);
    freerbuf(bp);
}

static void
freerbuf_foreign(void)
{
    static struct buf buf;

    bioinit(&buf);
    freerbuf(told(&buf));
}

static void
freerbuf_odd(void)
{
    freerbuf(told((char *)getrbuf(KM_SLEEP) + 1));
}

static struct buf *waited;

static void *
wait_for_it(void *unused)
{
    (void) unused;
    (void) biowait(waited);
    return (NULL);
}

/* The thread waits, or is about to: freeing is tried until it is caught. */
static void
reset_while_waited_for(void)
{
    pthread_t thread;

    waited = told(getrbuf(KM_SLEEP));
    start_thread(&thread, wait_for_it, NULL);
    for (;;) {
        biofini(waited);
        sched_yield();
    }
}

static int
strategy_frees(struct buf *bp)
{
    freerbuf(told(bp));
    return (0);
}

static int
strategy_nests(struct buf *bp)
{
    return (physio(strategy_nests, told(bp), 0, B_READ, minphys, (struct uio *)bp->b_private));
}

static void
physio_with(int (*strategy)(struct buf *))
{
    static char memory[512];
    iovec_t iov = { memory, sizeof (memory) };
    struct uio uio;
    struct buf *bp = getrbuf(KM_NOSLEEP);

    memset(&uio, 0, sizeof (uio));
    uio.uio_iov = &iov;
    uio.uio_iovcnt = 1;
    uio.uio_resid = sizeof (memory);
    bp->b_private = &uio;
    (void) physio(strategy, bp, 0, B_READ, minphys, &uio);
}

static void
physio_freed(void)
{
    physio_with(strategy_frees);
}

static void
physio_nested(void)
{
    physio_with(strategy_nests);
}

static void
physio_null(void)
{
    physio_with(NULL);
}

/* Has a resource callback call `callback`: two handles want a copy buffer that is one's. */
static void
as_callback(int (*callback)(caddr_t))
{
    static ddi_dma_attr_t attr = {
        DMA_ATTR_V0, 0, 0xffffff, 0xffff, PAGESIZE, 1, 1, 0xffffffff, 0xffff, 1, 1, 0,
    };
    char *page = map_pages(1, PROT_READ | PROT_WRITE);
    ddi_dma_handle_t handles[2];
    ddi_dma_cookie_t cookie;
    char error[200];
    uint_t count;
    dev_info_t *dip = ddi_dma_open("sim:isa-disk?copy_buffer=4096&seed=1", error, sizeof (error));
    int i;

    CHECK(dip != NULL, 1);
    for (i = 0; i < 2; i++) {
        CHECK(ddi_dma_alloc_handle(dip, &attr, DDI_DMA_SLEEP, NULL, &handles[i]), DDI_SUCCESS);
        /* What does not start at a page is copied. */
        CHECK(ddi_dma_addr_bind_handle(handles[i], NULL, page + 1, 512, DDI_DMA_WRITE, callback, NULL, &cookie,
            &count), i == 0 ? DDI_DMA_MAPPED : DDI_DMA_NORESOURCES);
    }
    CHECK(ddi_dma_unbind_handle(handles[0]), DDI_SUCCESS);
    ddi_dma_sim_settle(dip);
}

static int
waits(caddr_t unused)
{
    (void) unused;
    return (biowait(told(getrbuf(KM_NOSLEEP))));
}

static void
biowait_in_callback(void)
{
    as_callback(waits);
}

static int
allocates(caddr_t unused)
{
    (void) unused;
    freerbuf(getrbuf(KM_SLEEP));
    return (1);
}

static void
getrbuf_in_callback(void)
{
    as_callback(allocates);
}

static int
does_raw_io(caddr_t unused)
{
    (void) unused;
    physio_with(strategy_frees);
    return (1);
}

static void
physio_in_callback(void)
{
    as_callback(does_raw_io);
}

static void
clone_outside(void)
{
    struct buf *bp = told(getrbuf(KM_SLEEP));

    bp->b_bcount = 512;
    (void) bioclone(bp, 500, 13, 0, 0, NULL, NULL, KM_SLEEP);
}

static void
bioerror_negative(void)
{
    bioerror(told(getrbuf(KM_SLEEP)), -5);
}

static ddi_umem_cookie_t
locked(void)
{
    char *page = map_pages(1, PROT_READ | PROT_WRITE);
    ddi_umem_cookie_t cookie;

    ddi_dma_set_umem_limit(PAGESIZE);
    CHECK(ddi_umem_lock(page, PAGESIZE, DDI_UMEMLOCK_READ, &cookie), 0);
    (void) told(cookie);
    return (cookie);
}

static void
unlock_twice(void)
{
    ddi_umem_cookie_t cookie = locked();

    ddi_umem_unlock(cookie);
    ddi_umem_unlock(cookie);
}

static void
iosetup_unlocked(void)
{
    ddi_umem_cookie_t cookie = locked();

    ddi_umem_unlock(cookie);
    (void) ddi_umem_iosetup(cookie, 0, 512, B_WRITE, 0, 0, NULL, KM_SLEEP);
}

static void
free_locked(void)
{
    ddi_umem_free(locked());
}

static void
unlock_allocated(void)
{
    ddi_umem_cookie_t cookie;

    (void) ddi_umem_alloc(1, DDI_UMEM_SLEEP, &cookie);
    (void) told(cookie);
    ddi_umem_unlock(cookie);
}

static void
unlock_null(void)
{
    ddi_umem_unlock((ddi_umem_cookie_t)told(NULL));
}

static void
pages_freed(void)
{
    void *page = map_pages(1, PROT_READ | PROT_WRITE);
    struct page *list = ddi_dma_pages(&page, 1);
    struct buf *bp = getrbuf(KM_SLEEP);

    (void) told(list);
    bp->b_flags = B_PAGEIO;
    bp->b_pages = list;
    bp->b_bcount = 512;
    ddi_dma_pages_free(list);
    clrbuf(bp);
}

static void
pages_short(void)
{
    void *page = map_pages(1, PROT_READ | PROT_WRITE);
    struct buf *bp = getrbuf(KM_SLEEP);

    bp->b_flags = B_PAGEIO;
    bp->b_pages = ddi_dma_pages(&page, 1);
    bp->b_un.b_addr = (caddr_t)(uintptr_t)4095;
    bp->b_bcount = 4098;
    clrbuf(bp);
}

static void
pages_freed_twice(void)
{
    void *page = map_pages(1, PROT_READ | PROT_WRITE);
    struct page *list = ddi_dma_pages(&page, 1);

    (void) told(list);
    ddi_dma_pages_free(list);
    ddi_dma_pages_free(list);
}

static void
shadow_freed(void)
{
    ddi_umem_cookie_t cookie = locked();
    struct buf *bp = ddi_umem_iosetup(cookie, 0, 512, B_WRITE, 0, 0, NULL, KM_SLEEP);

    /* The list is the library's. */
    ddi_dma_pages_free(bp->b_shadow[0]);
}

static void
mapin_scattered(void)
{
    char *memory = map_pages(2, PROT_READ | PROT_WRITE);
    void *pages[2] = { memory + PAGESIZE, memory };
    struct buf *bp = told(getrbuf(KM_SLEEP));

    bp->b_flags = B_PAGEIO;
    bp->b_pages = ddi_dma_pages(pages, 2);
    bp->b_bcount = 2 * PAGESIZE;
    bp_mapin(bp);
}

static const struct {
    const char *name;
    void (*run)(void);
} mistakes[] = {
    { "biodone_twice", biodone_twice },
    { "biodone_null", biodone_null },
    { "freerbuf_twice", freerbuf_twice },
    { "freerbuf_foreign", freerbuf_foreign },
    { "freerbuf_odd", freerbuf_odd },
    { "reset_while_waited_for", reset_while_waited_for },
    { "physio_freed", physio_freed },
    { "physio_nested", physio_nested },
    { "physio_null", physio_null },
    { "biowait_in_callback", biowait_in_callback },
    { "getrbuf_in_callback", getrbuf_in_callback },
    { "physio_in_callback", physio_in_callback },
    { "clone_outside", clone_outside },
    { "bioerror_negative", bioerror_negative },
    { "unlock_twice", unlock_twice },
    { "iosetup_unlocked", iosetup_unlocked },
    { "free_locked", free_locked },
    { "unlock_allocated", unlock_allocated },
    { "unlock_null", unlock_null },
    { "pages_freed", pages_freed },
    { "pages_short", pages_short },
    { "pages_freed_twice", pages_freed_twice },
    { "shadow_freed", shadow_freed },
    { "mapin_scattered", mapin_scattered },
};

int
main(int argc, char **argv)
{
    size_t i;

    for (i = 0; argc == 2 && i < sizeof (mistakes) / sizeof (mistakes[0]); i++) {
        if (strcmp(argv[1], mistakes[i].name) == 0) {
            mistakes[i].run();
            fprintf(stderr, "%s was not told\n", argv[1]);
            return (1);
        }
    }
    fprintf(stderr, "no such mistake\n");
    return (2);
}
